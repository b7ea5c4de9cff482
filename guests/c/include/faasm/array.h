// An array that is a state value, in C++: the original's name.
#ifndef FAASM_ARRAY_H
#define FAASM_ARRAY_H

#include <cstddef>
#include <string>

#include <faasm/core.h>
#include <faasm/state.h>

namespace faasm {

// All Faaslets of a host that have an array of this key see one memory; what they
// write through `[]` is marked, so that `push` sends it to the global tier.
// Elements are plain types. Nothing orders two Faaslets' accesses to an element
// but a lock or a call.
template <typename T> class AsyncArray {
  public:
    AsyncArray(const char* key, std::size_t size)
      : key_(key)
      , size_(size)
    {}

    // Makes the value, of zeros, and maps it.
    void zero()
    {
        zeroState(key_.c_str(), bytes());
        pullLazy();
    }

    // Maps the value; parts are fetched as they are touched.
    void pullLazy()
    {
        elements_ = reinterpret_cast<T*>(faasmReadStatePtr(key_.c_str(), length()));
    }

    // Fetches the value from the global tier, and maps it.
    void pull()
    {
        faasmPullState(key_.c_str(), length());
        pullLazy();
    }

    // Sends what was written to the global tier.
    void push() { faasmPushStatePartial(key_.c_str()); }

    // An element, which counts as written from here on.
    T& operator[](std::size_t index)
    {
        faasmFlagStateOffsetDirty(
          key_.c_str(), length(), static_cast<long>(index * sizeof(T)), sizeof(T));
        return elements_[index];
    }

    T* data() { return elements_; }

    std::size_t size() const { return size_; }

  private:
    std::size_t bytes() const { return size_ * sizeof(T); }
    long length() const { return static_cast<long>(bytes()); }

    std::string key_;
    std::size_t size_;
    T* elements_ = nullptr;
};

} // namespace faasm

#endif
