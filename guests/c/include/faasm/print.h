// Printing arrays in C++: the original's name.
#ifndef FAASM_PRINT_H
#define FAASM_PRINT_H

#include <cstddef>
#include <iostream>

namespace faasm {

// "[a, b, c]" and a new line, to stdout.
template <typename T> void printArray(const T* data, std::size_t size)
{
    std::cout << '[';
    for (std::size_t i = 0; i < size; i++) {
        std::cout << (i == 0 ? "" : ", ") << data[i];
    }
    std::cout << "]\n";
}

} // namespace faasm

#endif
