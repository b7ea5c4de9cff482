// Small help with state in C++: the original's names.
#ifndef FAASM_STATE_H
#define FAASM_STATE_H

#include <cstddef>
#include <vector>

#include <faasm/core.h>

#define BIT_MASK_8 0xffu
#define BIT_MASK_32 0xffffffffu

namespace faasm {

// Sets the bits of the double number `index` in a mask for
// faasmPushStatePartialMask, which has two words for each double.
inline void maskDouble(unsigned int* mask, unsigned long index)
{
    mask[2 * index] |= BIT_MASK_32;
    mask[2 * index + 1] |= BIT_MASK_32;
}

// Makes a value of so many zeros.
inline void zeroState(const char* key, std::size_t len)
{
    const std::vector<uint8_t> zeros(len);
    faasmWriteState(key, zeros.data(), static_cast<long>(len));
}

} // namespace faasm

#endif
