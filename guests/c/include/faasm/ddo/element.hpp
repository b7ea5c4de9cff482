// What vectors and matrices hold, and how an object says what is wrong with it.
#ifndef FAASM_DDO_ELEMENT_HPP
#define FAASM_DDO_ELEMENT_HPP

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <faasm/core.h>
#include <faasm/ddo.h>

namespace faasm {

// An element's type, as a matrix' shape names it.
template <typename T> struct ElementName;
template <> struct ElementName<float> { static constexpr char name[4] = "f32"; };
template <> struct ElementName<double> { static constexpr char name[4] = "f64"; };
template <> struct ElementName<std::int32_t> { static constexpr char name[4] = "i32"; };
template <> struct ElementName<std::int64_t> { static constexpr char name[4] = "i64"; };

template <typename T>
concept Element = requires { ElementName<T>::name; } && sizeof(T) <= 8;

namespace detail {

// Ends the call: the object is not what it is taken for.
[[noreturn]] inline void fail(const std::string& key, const char* what)
{
    std::fprintf(stderr, "state %s: %s\n", key.c_str(), what);
    std::abort();
}

template <Element T> FaasmShape shapeOf(std::uint32_t kind, std::size_t rows, std::size_t columns)
{
    FaasmShape shape{};
    std::memcpy(shape.type, ElementName<T>::name, sizeof shape.type);
    shape.kind = kind;
    shape.rows = rows;
    shape.columns = columns;
    return shape;
}

// The shape of a matrix that is there, with elements of this type.
template <Element T> FaasmShape readShape(const std::string& key, std::uint32_t kind)
{
    FaasmShape shape{};
    if (faasmReadShape(key.c_str(), kind, &shape) != 0) {
        fail(key, kind == FAASM_DENSE ? "no dense matrix" : "no sparse matrix");
    }
    if (std::memcmp(shape.type, ElementName<T>::name, sizeof shape.type) != 0) {
        fail(key, "a matrix with elements of another type");
    }
    return shape;
}

} // namespace detail
} // namespace faasm

#endif
