// Vectors: arrays of numbers that are state values.
#ifndef FAASM_DDO_VECTOR_HPP
#define FAASM_DDO_VECTOR_HPP

#include <cstddef>
#include <span>
#include <utility>

#include <faasm/ddo/element.hpp>

namespace faasm {

// A vector whose owner knows what it writes: `push` sends all of it, or the part
// that is named. Elements are read and written in place.
template <Element T> class Vector {
  public:
    // One that is there.
    explicit Vector(std::string key)
      : key_(std::move(key))
      , size_(faasmArraySize(key_.c_str(), sizeof(T)))
    {
        map();
    }

    // One of so many elements: zeros, where it is not there.
    Vector(std::string key, std::size_t size)
      : key_(std::move(key))
      , size_(size)
    {
        map();
    }

    T& operator[](std::size_t index) { return data_[index]; }
    const T& operator[](std::size_t index) const { return data_[index]; }
    T* data() { return data_; }
    const T* data() const { return data_; }
    std::size_t size() const { return size_; }
    T* begin() { return data_; }
    T* end() { return data_ + size_; }
    const T* begin() const { return data_; }
    const T* end() const { return data_ + size_; }
    operator std::span<T>() { return {data_, size_}; }
    operator std::span<const T>() const { return {data_, size_}; }

    // Sends all of it to the global tier.
    void push()
    {
        faasmArrayMark(key_.c_str(), sizeof(T), size_, 0, size_);
        faasmPushState(key_.c_str());
    }

    // Sends the elements from `begin` to `end`, and what was marked before.
    void push(std::size_t begin, std::size_t end)
    {
        if (begin > end || end > size_) {
            detail::fail(key_, "a part that is not in the vector");
        }
        faasmArrayMark(key_.c_str(), sizeof(T), size_, begin, end);
        faasmPushStatePartial(key_.c_str());
    }

    // Fetches it from the global tier, in place of what was not pushed.
    void pull() { faasmPullState(key_.c_str(), static_cast<long>(size_ * sizeof(T))); }

  private:
    void map()
    {
        data_ = static_cast<T*>(faasmArrayMap(key_.c_str(), sizeof(T), size_));
        if (data_ == nullptr) {
            detail::fail(key_, "no vector");
        }
    }

    std::string key_;
    std::size_t size_;
    T* data_ = nullptr;
};

// A vector that many write at once (HOGWILD): what is written is there for all of
// this host at once, and `push` sends the elements that this object wrote, and no
// others. Two that write one element leave one of both values.
template <Element T> class VectorAsync {
  public:
    explicit VectorAsync(std::string key)
      : VectorAsync(Vector<T>(key), key)
    {}

    VectorAsync(std::string key, std::size_t size)
      : VectorAsync(Vector<T>(key, size), key)
    {}

    VectorAsync(const VectorAsync&) = delete;
    VectorAsync& operator=(const VectorAsync&) = delete;
    ~VectorAsync() { faasmWrittenFree(&written_); }

    // An element: reading it is reading memory, writing it marks it too.
    class Reference {
      public:
        operator T() const { return vector_.data_[index_]; }
        T operator=(T value)
        {
            vector_.set(index_, value);
            return value;
        }
        T operator=(const Reference& other) { return *this = static_cast<T>(other); }
        T operator+=(T value) { return *this = static_cast<T>(*this + value); }
        T operator-=(T value) { return *this = static_cast<T>(*this - value); }
        T operator*=(T value) { return *this = static_cast<T>(*this * value); }

      private:
        friend class VectorAsync;
        Reference(VectorAsync& vector, std::size_t index)
          : vector_(vector)
          , index_(index)
        {}

        VectorAsync& vector_;
        std::size_t index_;
    };

    Reference operator[](std::size_t index) { return {*this, index}; }
    T operator[](std::size_t index) const { return data_[index]; }
    std::size_t size() const { return vector_.size(); }

    // The memory, to read. What is written through it is to be marked.
    T* data() { return data_; }
    const T* data() const { return data_; }

    void set(std::size_t index, T value)
    {
        data_[index] = value;
        faasmWrittenSet(written_, index);
    }

    void mark(std::size_t begin, std::size_t end)
    {
        for (; begin < end && begin < size(); begin++) {
            faasmWrittenSet(written_, begin);
        }
    }

    // Sends what this object wrote since the last time.
    void push() { faasmArrayPushWritten(key_.c_str(), sizeof(T), written_); }

    // Fetches all of it, in place of what anybody on this host has not pushed.
    void pull() { vector_.pull(); }

  private:
    VectorAsync(Vector<T> vector, std::string key)
      : key_(std::move(key))
      , vector_(std::move(vector))
      , data_(vector_.data())
      , written_(faasmWrittenMake(vector_.size()))
    {
        if (written_.words == nullptr) {
            detail::fail(key_, "no memory for the marks");
        }
    }

    std::string key_;
    Vector<T> vector_;
    T* data_;
    FaasmWritten written_;
};

} // namespace faasm

#endif
