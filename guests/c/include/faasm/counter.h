// Counters in state, in C++: the original's names.
#ifndef FAASM_COUNTER_H
#define FAASM_COUNTER_H

#include <faasm/core.h>

#define COUNTER_KEY "atomic_counter"

namespace faasm {

inline void initCounter(const char* key)
{
    const int zero = 0;
    faasmWriteState(key, reinterpret_cast<const uint8_t*>(&zero), sizeof zero);
}

inline int getCounter(const char* key)
{
    int count = 0;
    faasmReadState(key, BYTES(&count), sizeof count);
    return count;
}

// Adds, and returns the sum: under this host's lock, or, if `globally`, under the
// global tier's, with the value fetched before and sent behind.
inline int incrementCounter(const char* key, int increment, bool globally)
{
    if (globally) {
        faasmLockStateGlobal(key);
        faasmPullState(key, sizeof(int));
    } else {
        faasmLockStateWrite(key);
    }
    const int count = getCounter(key) + increment;
    faasmWriteState(key, reinterpret_cast<const uint8_t*>(&count), sizeof count);
    if (globally) {
        faasmPushState(key);
        faasmUnlockStateGlobal(key);
    } else {
        faasmUnlockStateWrite(key);
    }
    return count;
}

inline void incrementCounter(const char* key)
{
    incrementCounter(key, 1, false);
}

// The counter that is called COUNTER_KEY.
class AtomicInt {
  public:
    int operator+=(int other) { return incrementCounter(COUNTER_KEY, other, false); }
    int get() const { return getCounter(COUNTER_KEY); }
    void reset() { initCounter(COUNTER_KEY); }
};

} // namespace faasm

#endif
