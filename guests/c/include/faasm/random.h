// Random numbers in C++: the original's names. The generator is seeded anew in
// every call, by the host.
#ifndef FAASM_RANDOM_H
#define FAASM_RANDOM_H

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <random>
#include <string>

namespace faasm {

// The call's generator. A static of a function: no two calls share it, unless the
// zygote uses it, whose snapshot it would then be in.
inline std::mt19937& randomGenerator()
{
    static std::mt19937 generator{std::random_device{}()};
    return generator;
}

// From the first to the last, both of which may come.
inline int randomInteger(int first, int last)
{
    return std::uniform_int_distribution<int>(first, last)(randomGenerator());
}

// From 0 up to 1, which does not come.
inline float randomFloat()
{
    return static_cast<float>(randomGenerator()() >> 8) * 0x1p-24f;
}

inline void shuffleArray(int* array, std::size_t len)
{
    std::shuffle(array, array + len, randomGenerator());
}

// 0 to len - 1 in random order, in an array that the caller deletes.
inline int* randomIntRange(int len)
{
    int* numbers = new int[static_cast<std::size_t>(len)];
    std::iota(numbers, numbers + len, 0);
    shuffleArray(numbers, static_cast<std::size_t>(len));
    return numbers;
}

// Letters and digits.
inline std::string randomString(int len)
{
    constexpr char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    std::string text;
    for (int i = 0; i < len; i++) {
        text += letters[randomInteger(0, sizeof letters - 2)];
    }
    return text;
}

} // namespace faasm

#endif
