// Time in C++: the original's names.
#ifndef FAASM_TIME_H
#define FAASM_TIME_H

#include <cstdio>
#include <ctime>

// Prints how long it took from one to the other, if WASM_PROF is 1.
#if defined(WASM_PROF) && WASM_PROF == 1
#define FAASM_PROF_START(name) const double faasm_prof_##name = faasm::getSecondsSinceEpoch();
#define FAASM_PROF_END(name)                                                                       \
    std::printf("TIME: %s %.3f ms\n",                                                              \
                #name,                                                                             \
                (faasm::getSecondsSinceEpoch() - faasm_prof_##name) * 1000);
#else
#define FAASM_PROF_START(name)
#define FAASM_PROF_END(name)
#endif

namespace faasm {

inline double getSecondsSinceEpoch()
{
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

} // namespace faasm

#endif
