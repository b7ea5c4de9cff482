// Integers that all calls on all hosts share: counters, atomic integers, barriers.
// They are in the global tier alone: each operation is one there.
#ifndef FAASM_DDO_INTEGERS_HPP
#define FAASM_DDO_INTEGERS_HPP

#include <cstdint>
#include <utility>

#include <faasm/ddo/element.hpp>

namespace faasm {

// A sum that begins at 0. Calls that add at once wait for nobody.
class Counter {
  public:
    explicit Counter(std::string key)
      : key_(std::move(key))
    {}

    // Adds; the sum behind that.
    std::int64_t add(std::int64_t n = 1) { return faasmIntAdd(key_.c_str(), n); }
    std::int64_t get() const { return faasmIntGet(key_.c_str()); }
    void reset() { faasmIntSet(key_.c_str(), 0); }

  protected:
    const char* key() const { return key_.c_str(); }

  private:
    std::string key_;
};

// An integer that begins at 0; it lies as a Counter does.
class AtomicInt : public Counter {
  public:
    using Counter::Counter;

    void set(std::int64_t value) { faasmIntSet(key(), value); }

    // Sets it to `desired` if it is `expected`; whether it was.
    bool compareAndSwap(std::int64_t expected, std::int64_t desired)
    {
        return faasmIntCompareAndSwap(key(), expected, desired) != 0;
    }

    operator std::int64_t() const { return get(); }
    std::int64_t operator+=(std::int64_t n) { return add(n); }
    std::int64_t operator-=(std::int64_t n) { return add(-n); }
    std::int64_t operator++() { return add(1); }
    std::int64_t operator--() { return add(-1); }
};

// Where `n` calls wait for one another, again and again. A call that waits is
// suspended. One that ends before it comes holds the others up until they end.
class Barrier {
  public:
    Barrier(std::string key, std::uint32_t n)
      : key_(std::move(key))
      , n_(n)
    {}

    // Waits until `n` have come; which of them this one was.
    std::int64_t wait()
    {
        const std::int64_t which = faasmBarrierWait(key_.c_str(), n_);
        if (which < 0) {
            detail::fail(key_, "no barrier: it is for no call, or its key is too long");
        }
        return which;
    }

  private:
    std::string key_;
    std::uint32_t n_;
};

} // namespace faasm

#endif
