// Dense matrices: columns one behind the other, as most libraries have them.
#ifndef FAASM_DDO_MATRIX_HPP
#define FAASM_DDO_MATRIX_HPP

#include <span>
#include <utility>

#include <faasm/ddo/element.hpp>

namespace faasm {

// Columns of a dense matrix, in shared memory.
template <typename T> class Columns {
  public:
    Columns(T* data, std::size_t rows, std::size_t first, std::size_t size)
      : data_(data)
      , rows_(rows)
      , first_(first)
      , size_(size)
    {}

    // The column with this number in the matrix.
    std::span<T> operator[](std::size_t column) const
    {
        return {data_ + (column - first_) * rows_, rows_};
    }

    T& operator()(std::size_t row, std::size_t column) const { return (*this)[column][row]; }
    std::size_t rows() const { return rows_; }
    std::size_t first() const { return first_; }
    std::size_t size() const { return size_; }

    struct Iterator {
        T* at;
        std::size_t rows;
        std::span<T> operator*() const { return {at, rows}; }
        Iterator& operator++()
        {
            at += rows;
            return *this;
        }
        bool operator!=(const Iterator& other) const { return at != other.at; }
    };

    Iterator begin() const { return {data_, rows_}; }
    Iterator end() const { return {data_ + size_ * rows_, rows_}; }

  private:
    T* data_;
    std::size_t rows_;
    std::size_t first_;
    std::size_t size_;
};

// A matrix of which parts are read, and fetched as they are: `columns(a, b)`.
template <Element T> class MatrixReadOnly {
  public:
    explicit MatrixReadOnly(std::string key)
      : key_(std::move(key))
      , shape_(detail::readShape<T>(key_, FAASM_DENSE))
    {}

    std::size_t rows() const { return static_cast<std::size_t>(shape_.rows); }
    std::size_t columns() const { return static_cast<std::size_t>(shape_.columns); }

    // The columns from `begin` to `end`, which is not one of them.
    Columns<const T> columns(std::size_t begin, std::size_t end) const
    {
        const void* data = begin == end ? nullptr : faasmMatrixColumns(key_.c_str(), &shape_, begin, end);
        if (data == nullptr && begin != end) {
            detail::fail(key_, "columns that are not in the matrix");
        }
        return {static_cast<const T*>(data), rows(), begin, end - begin};
    }

    std::span<const T> column(std::size_t column) const
    {
        return columns(column, column + 1)[column];
    }

  private:
    std::string key_;
    FaasmShape shape_;
};

// A matrix that is written in place; `push` and `pushColumns` send it.
template <Element T> class Matrix {
  public:
    explicit Matrix(std::string key)
      : key_(std::move(key))
      , shape_(detail::readShape<T>(key_, FAASM_DENSE))
    {
        map();
    }

    // One of this shape: zeros, where it is not there.
    Matrix(std::string key, std::size_t rows, std::size_t columns)
      : key_(std::move(key))
      , shape_(detail::shapeOf<T>(FAASM_DENSE, rows, columns))
    {
        shape_.nonzeros = shape_.rows * shape_.columns;
        map();
        if (faasmWriteShape(key_.c_str(), &shape_) != 0) {
            detail::fail(key_, "a matrix that is too large");
        }
    }

    std::size_t rows() const { return static_cast<std::size_t>(shape_.rows); }
    std::size_t columns() const { return static_cast<std::size_t>(shape_.columns); }
    T* data() { return data_; }
    T& operator()(std::size_t row, std::size_t column) { return data_[column * rows() + row]; }
    std::span<T> column(std::size_t column) { return {data_ + column * rows(), rows()}; }
    Columns<T> all() { return {data_, rows(), 0, columns()}; }

    void push()
    {
        faasmArrayMark(key_.c_str(), sizeof(T), size(), 0, size());
        faasmPushState(key_.c_str());
    }

    void pushColumns(std::size_t begin, std::size_t end)
    {
        if (begin > end || end > columns()) {
            detail::fail(key_, "columns that are not in the matrix");
        }
        faasmArrayMark(key_.c_str(), sizeof(T), size(), begin * rows(), end * rows());
        faasmPushStatePartial(key_.c_str());
    }

    void pull() { faasmPullState(key_.c_str(), static_cast<long>(size() * sizeof(T))); }

  private:
    std::size_t size() const { return static_cast<std::size_t>(shape_.nonzeros); }

    void map()
    {
        data_ = static_cast<T*>(faasmArrayMap(key_.c_str(), sizeof(T), size()));
        if (data_ == nullptr) {
            detail::fail(key_, "a matrix that is empty or too large");
        }
    }

    std::string key_;
    FaasmShape shape_;
    T* data_ = nullptr;
};

} // namespace faasm

#endif
