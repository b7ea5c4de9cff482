// Whole files in C++: the original's names.
#ifndef FAASM_FILES_H
#define FAASM_FILES_H

#include <cstddef>
#include <cstdio>

namespace faasm {

// Its size in bytes; -1 where it cannot be opened.
inline long getFileLength(const char* path)
{
    std::FILE* file = std::fopen(path, "rb");
    if (file == nullptr) {
        return -1;
    }
    const long len = std::fseek(file, 0, SEEK_END) == 0 ? std::ftell(file) : -1;
    std::fclose(file);
    return len;
}

// Its contents with a NUL behind them, in an array that the caller deletes; NULL
// where it cannot be read.
inline char* readFileToString(const char* path)
{
    const long len = getFileLength(path);
    std::FILE* file = len < 0 ? nullptr : std::fopen(path, "rb");
    if (file == nullptr) {
        return nullptr;
    }
    char* text = new char[static_cast<std::size_t>(len) + 1];
    const std::size_t got = std::fread(text, 1, static_cast<std::size_t>(len), file);
    std::fclose(file);
    text[got] = '\0';
    return text;
}

} // namespace faasm

#endif
