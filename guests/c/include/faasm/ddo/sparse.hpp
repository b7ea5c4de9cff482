// Sparse matrices in compressed columns.
#ifndef FAASM_DDO_SPARSE_HPP
#define FAASM_DDO_SPARSE_HPP

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <faasm/ddo/element.hpp>

namespace faasm {

// A column of a sparse matrix: rows, ascending, and the values in them.
template <typename T> struct SparseColumn {
    std::size_t index;
    std::span<const std::int32_t> rows;
    std::span<const T> values;

    std::size_t size() const { return rows.size(); }
};

// Columns of a sparse matrix, in shared memory.
template <typename T> class SparseColumns {
  public:
    SparseColumns(const FaasmSparseColumns& columns, std::size_t first, std::size_t size)
      : columns_(columns)
      , first_(first)
      , size_(size)
    {}

    std::size_t size() const { return size_; }
    std::size_t stored() const { return columns_.stored; }

    // The column with this number in the matrix.
    SparseColumn<T> operator[](std::size_t column) const { return at(column - first_); }

    struct Iterator {
        const SparseColumns* columns;
        std::size_t at;
        SparseColumn<T> operator*() const { return columns->at(at); }
        Iterator& operator++()
        {
            at++;
            return *this;
        }
        bool operator!=(const Iterator& other) const { return at != other.at; }
    };

    Iterator begin() const { return {this, 0}; }
    Iterator end() const { return {this, size_}; }

  private:
    SparseColumn<T> at(std::size_t i) const
    {
        const auto from = static_cast<std::size_t>(columns_.outer[i] - columns_.outer[0]);
        const auto n = static_cast<std::size_t>(columns_.nonzeros[i]);
        return {first_ + i, {columns_.rows + from, n}, {static_cast<const T*>(columns_.values) + from, n}};
    }

    FaasmSparseColumns columns_;
    std::size_t first_;
    std::size_t size_;
};

// A sparse matrix of which columns are read, and fetched as they are.
template <Element T> class SparseMatrixReadOnly {
  public:
    explicit SparseMatrixReadOnly(std::string key)
      : key_(std::move(key))
      , shape_(detail::readShape<T>(key_, FAASM_SPARSE))
    {}

    std::size_t rows() const { return static_cast<std::size_t>(shape_.rows); }
    std::size_t columns() const { return static_cast<std::size_t>(shape_.columns); }
    std::size_t nonzeros() const { return static_cast<std::size_t>(shape_.nonzeros); }

    // The columns from `begin` to `end`, which is not one of them.
    SparseColumns<T> columns(std::size_t begin, std::size_t end) const
    {
        FaasmSparseColumns columns{};
        if (begin != end && faasmSparseColumns(key_.c_str(), &shape_, begin, end, &columns) != 0) {
            detail::fail(key_, "columns that are not in the matrix");
        }
        return {columns, begin, end - begin};
    }

  private:
    std::string key_;
    FaasmShape shape_;
};

// Makes a sparse matrix, column by column; `finish` writes and pushes it.
template <Element T> class SparseMatrixBuilder {
  public:
    SparseMatrixBuilder(std::string key, std::size_t rows)
      : key_(std::move(key))
      , height_(rows)
    {}

    // An element of the present column; rows must ascend.
    void add(std::int32_t row, T value)
    {
        rows_.push_back(row);
        values_.push_back(value);
    }

    // The present column is complete.
    void endColumn() { outer_.push_back(static_cast<std::int32_t>(rows_.size())); }

    void finish()
    {
        FaasmShape shape = detail::shapeOf<T>(FAASM_SPARSE, height_, outer_.size() - 1);
        shape.nonzeros = values_.size();
        if (faasmWriteSparse(key_.c_str(), &shape, outer_.data(), rows_.data(), values_.data()) != 0) {
            detail::fail(key_, "not a sparse matrix: rows do not ascend, or it is too large");
        }
    }

  private:
    std::string key_;
    std::size_t height_;
    std::vector<std::int32_t> outer_{0};
    std::vector<std::int32_t> rows_;
    std::vector<T> values_;
};

} // namespace faasm

#endif
