// C++ exceptions, which WebAssembly's own carry. Built with -fwasm-exceptions and
// the library that cxx-exceptions.sh makes. See check.h for input and output.
#include <exception>
#include <map>
#include <new>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <vector>

#include <faasm/core.h>

#include "check.h"

namespace {

std::string trace;

struct Leaving {
    char letter;
    ~Leaving() { trace += letter; }
};

struct Base {
    virtual ~Base() = default;
    virtual int code() const { return 1; }
};

struct Special : Base {
    int code() const override { return 7; }
};

__attribute__((noinline)) void descend(int depth, int what)
{
    const Leaving leaving{static_cast<char>('a' + depth)};
    if (depth > 0) {
        descend(depth - 1, what);
        return;
    }
    switch (what) {
        case 0: throw 42;
        case 1: throw std::runtime_error("thrown");
        case 2: throw Special();
        case 3: static_cast<void>(std::vector<int>(3).at(9)); break;
        case 4: static_cast<void>(std::stoi("not a number")); break;
        case 5: static_cast<void>(std::string(0xf0000000u, 'x').size()); break;
        default: throw "text";
    }
}

std::string caught(int what)
{
    trace.clear();
    try {
        descend(3, what);
    } catch (int number) {
        return "int " + std::to_string(number);
    } catch (const Base& base) {
        return "code " + std::to_string(base.code());
    } catch (const std::out_of_range&) {
        return "out of range";
    } catch (const std::length_error&) {
        return "too long";
    } catch (const std::exception& error) {
        return std::string("exception ") + error.what();
    } catch (...) {
        return "something";
    }
    return "nothing";
}

void catching()
{
    CHECK(caught(0) == "int 42" && trace == "abcd");
    CHECK(caught(1) == "exception thrown" && trace == "abcd");
    CHECK(caught(2) == "code 7");
    CHECK(caught(3) == "out of range");
    CHECK(caught(4).starts_with("exception stoi"));
    CHECK(caught(5) == "too long");
    CHECK(caught(6) == "something");
}

void rethrowing()
{
    std::string path;
    try {
        try {
            descend(1, 1);
        } catch (const std::exception&) {
            path += "inner ";
            throw;
        }
    } catch (const std::runtime_error& error) {
        path += error.what();
    }
    CHECK(path == "inner thrown");
    std::exception_ptr kept;
    try {
        descend(0, 2);
    } catch (...) {
        kept = std::current_exception();
    }
    int code = 0;
    try {
        std::rethrow_exception(kept);
    } catch (const Special& special) {
        code = special.code();
    }
    CHECK(code == 7);
    std::string nested;
    try {
        try {
            throw std::logic_error("below");
        } catch (...) {
            std::throw_with_nested(std::runtime_error("above"));
        }
    } catch (const std::exception& error) {
        nested = error.what();
        try {
            std::rethrow_if_nested(error);
        } catch (const std::exception& cause) {
            nested += std::string(" ") + cause.what();
        }
    }
    CHECK(nested == "above below");
}

struct Throws {
    Leaving before{'1'};
    Throws() { throw std::bad_typeid(); }
    ~Throws() { trace += '!'; }
};

void constructors()
{
    trace.clear();
    bool seen = false;
    try {
        const Throws never;
    } catch (const std::bad_typeid&) {
        seen = true;
    }
    CHECK(seen && trace == "1" && std::uncaught_exceptions() == 0);
}

void many()
{
    int sum = 0;
    for (int i = 0; i < 1000; i++) {
        try {
            descend(i % 4, 0);
        } catch (int number) {
            sum += number;
        }
    }
    CHECK(sum == 42000);
}

// Its return code says that the exception was caught by the chained call itself.
int in_a_chained_call()
{
    try {
        descend(2, 1);
    } catch (const std::exception&) {
        return 9;
    }
    return 0;
}

int uncaught()
{
    descend(2, 1);
    return 0;
}

void chained()
{
    CHECK(faasmAwaitCall(faasmChain(in_a_chained_call, nullptr, 0)) == 9);
    CHECK(faasmAwaitCall(faasmChain(uncaught, nullptr, 0)) == 1);
}

const Check checks[] = {
    {"exception", catching}, {"rethrow", rethrowing}, {"constructors", constructors},
    {"many", many}, {"chained", chained},
};

} // namespace

CHECKS_MAIN(checks)
