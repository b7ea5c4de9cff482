// A function's input and output in C++: the original's names.
#ifndef FAASM_INPUT_H
#define FAASM_INPUT_H

#include <cstdlib>
#include <cstring>

#include <faasm/core.h>

namespace faasm {

// The input as a value of a plain type, or this one where there is no input.
template <typename T> T getTypedInput(T otherwise)
{
    if (faasmGetInputSize() == 0) {
        return otherwise;
    }
    T value{};
    faasmGetInput(BYTES(&value), sizeof value);
    return value;
}

// The input as a C string that lives as long as the call, or this one.
inline const char* getStringInput(const char* otherwise)
{
    return faasmGetInputSize() == 0 ? otherwise : faasmGetInputCopy(nullptr);
}

inline void setStringOutput(const char* text)
{
    faasmSetOutput(text, static_cast<long>(std::strlen(text)));
}

// So many whole numbers, separated by white space, in an array that the caller
// deletes; NULL where the text is something else.
inline int* parseStringToIntArray(const char* text, int expected)
{
    int* numbers = new int[static_cast<std::size_t>(expected > 0 ? expected : 0)];
    for (int i = 0; i < expected; i++) {
        char* end = nullptr;
        numbers[i] = static_cast<int>(std::strtol(text, &end, 10));
        if (end == text) {
            delete[] numbers;
            return nullptr;
        }
        text = end;
    }
    return numbers;
}

} // namespace faasm

#endif
