// The small headers beside core.h: input, files, compare, print, time, memory.
// Input: "10 -20 30 a:b", which the checks read in several ways. See check.h for
// the output.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <faasm/compare.h>
#include <faasm/faasm.h>
#include <faasm/files.h>
#include <faasm/input.h>
#include <faasm/memory.h>
#include <faasm/migrate.h>
#include <faasm/print.h>
#include <faasm/time.h>

#include "check.h"

namespace {

// Its input is four bytes; its output a text.
int typed()
{
    const uint32_t number = faasm::getTypedInput<uint32_t>(7);
    faasm::setStringOutput(number == 0x01020304u ? "typed" : "not so");
    return 0;
}

int untyped()
{
    const bool good = faasm::getTypedInput<double>(2.5) == 2.5 &&
                      std::string(faasm::getStringInput("nothing")) == "nothing";
    return good ? 0 : 1;
}

int text()
{
    return std::string(faasm::getStringInput("nothing")) == "with:colon " ? 0 : 1;
}

void input()
{
    const uint32_t number = 0x01020304;
    char* output = nullptr;
    int len = 0;
    const unsigned int call = faasmChain(typed, reinterpret_cast<const uint8_t*>(&number), 4);
    CHECK(faasmAwaitCallOutput(call, &output, &len) == 0);
    CHECK(std::string(output, static_cast<size_t>(len)) == "typed");
    free(output);
    CHECK(faasmAwaitCall(faasmChain(untyped, nullptr, 0)) == 0);
    CHECK(faasmAwaitCall(faasmChain(text, reinterpret_cast<const uint8_t*>("with:colon "), 11)) == 0);
    const std::unique_ptr<int[]> numbers(faasm::parseStringToIntArray(" 10 -20\t30", 3));
    CHECK(numbers && numbers[0] == 10 && numbers[1] == -20 && numbers[2] == 30);
    CHECK(faasm::parseStringToIntArray("1 2", 3) == nullptr);
    CHECK(faasm::parseStringToIntArray("1 x 3", 3) == nullptr);
}

void arrays()
{
    int a[] = {1, 2, 3};
    int b[] = {1, 2, 4};
    CHECK(faasm::compareArrays(a, b, 2) && !faasm::compareArrays(a, b, 3));
    faasm::printArray(a, 3);
}

void files()
{
    CHECK(faasm::getFileLength("/no/such/file") == -1);
    CHECK(faasm::readFileToString("/no/such/file") == nullptr);
    FILE* file = std::fopen("/helpers.txt", "wb");
    CHECK(file != nullptr && std::fputs("twelve bytes", file) >= 0 && std::fclose(file) == 0);
    CHECK(faasm::getFileLength("/helpers.txt") == 12);
    const std::unique_ptr<char[]> text(faasm::readFileToString("/helpers.txt"));
    CHECK(text && std::string(text.get()) == "twelve bytes");
}

void time()
{
    const double before = faasm::getSecondsSinceEpoch();
    CHECK(before > 1.7e9 && faasm::getSecondsSinceEpoch() >= before);
    FAASM_PROF_START(nothing)
    FAASM_PROF_END(nothing)
}

const Check checks[] = {
    {"input", input}, {"arrays", arrays}, {"files", files}, {"time", time},
};

} // namespace

CHECKS_MAIN(checks)
