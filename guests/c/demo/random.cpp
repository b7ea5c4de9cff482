// Random numbers: from the host, from C, from C++'s generators, and by faasm/random.h.
// See check.h for input and output.
#include <cmath>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <unistd.h>

#include <faasm/random.h>

#include "check.h"

namespace {

void from_the_host()
{
    uint64_t a[4] = {};
    uint64_t b[4] = {};
    CHECK(getentropy(a, sizeof a) == 0 && getentropy(b, sizeof b) == 0);
    CHECK(memcmp(a, b, sizeof a) != 0);
    unsigned char large[257];
    CHECK(getentropy(large, sizeof large) == -1);
    std::random_device device;
    std::set<unsigned> seen;
    for (int i = 0; i < 16; i++) {
        seen.insert(device());
    }
    CHECK(seen.size() > 10);
}

void from_c()
{
    srand(1);
    const int first = rand();
    const int second = rand();
    CHECK(first != second && first >= 0 && second >= 0);
    srand(1);
    CHECK(rand() == first && rand() == second);
}

void floats()
{
    double sum = 0;
    for (int i = 0; i < 1000; i++) {
        const float value = faasm::randomFloat();
        CHECK(value >= 0 && value < 1);
        sum += value;
    }
    CHECK(sum > 400 && sum < 600);
}

// The standard fixes what these generators give, to the last bit.
void mersenne_twister()
{
    std::mt19937 twister;
    std::mt19937_64 twister64;
    twister.discard(9999);
    twister64.discard(9999);
    CHECK(twister() == 4123659995u);
    CHECK(twister64() == 9981545732273789042ull);
    std::mt19937 a(7);
    std::mt19937 b(8);
    CHECK(a() != b());
}

void logarithms()
{
    std::mt19937 generator(3);
    std::uniform_real_distribution<double> values(1e-6, 1e6);
    for (int i = 0; i < 200; i++) {
        const double value = values(generator);
        CHECK(std::fabs(std::exp(std::log(value)) - value) <= value * 1e-13);
        CHECK(std::fabs(std::log2(value) - std::log(value) / std::log(2.0)) < 1e-12);
    }
    CHECK(std::isinf(std::log(0.0)) && std::isnan(std::log(-1.0)));
}

void helpers()
{
    std::set<int> seen;
    for (int i = 0; i < 1000; i++) {
        seen.insert(faasm::randomInteger(-2, 2));
    }
    CHECK(seen == std::set<int>({-2, -1, 0, 1, 2}));
    int* range = faasm::randomIntRange(50);
    CHECK(std::set<int>(range, range + 50).size() == 50);
    CHECK(*std::set<int>(range, range + 50).rbegin() == 49);
    delete[] range;
    const std::string text = faasm::randomString(40);
    CHECK(text.size() == 40 && text != faasm::randomString(40));
}

const Check checks[] = {
    {"random", from_the_host}, {"rand", from_c}, {"random-float", floats},
    {"mt-difference", mersenne_twister}, {"log-difference", logarithms}, {"helpers", helpers},
};

} // namespace

CHECKS_MAIN(checks)
