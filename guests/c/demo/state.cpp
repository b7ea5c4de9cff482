// State, through the calls of faasm/core.h and what faasm/state.h, array.h and
// counter.h make of them. See check.h for input and output.
#include <cstdint>
#include <string>

#include <faasm/array.h>
#include <faasm/core.h>
#include <faasm/counter.h>
#include <faasm/state.h>

#include "check.h"

namespace {

const uint8_t* bytes(const char* text)
{
    return reinterpret_cast<const uint8_t*>(text);
}

std::string read(const char* key, long len)
{
    std::string text(static_cast<size_t>(len), '?');
    faasmReadState(key, BYTES(text.data()), len);
    return text;
}

unsigned int chain(int (*function)(), uint8_t number)
{
    return faasmChain(function, &number, 1);
}

uint8_t own_number()
{
    uint8_t number = 0;
    faasmGetInput(&number, 1);
    return number;
}

// ---- Chained: what other Faaslets do ----

int write_whole()
{
    faasmWriteState("state.async", bytes("written elsewhere"), 17);
    return 0;
}

int write_own_part()
{
    const uint8_t number = own_number();
    const uint8_t part[4] = {number, number, number, number};
    faasmWriteStateOffset("state.parts", 40, number * 4, part, 4);
    return 0;
}

int write_shared()
{
    volatile uint8_t* value = faasmReadStatePtr("state.shared", 100);
    value[own_number()] = own_number();
    return 0;
}

int write_shared_part()
{
    const uint8_t number = own_number();
    uint8_t* part = faasmReadStateOffsetPtr("state.shared-parts", 200000, number * 20000L, 20000);
    memset(part, number + 1, 20000);
    return 0;
}

int append_number()
{
    const uint32_t number = own_number();
    faasmAppendState("state.append", reinterpret_cast<const uint8_t*>(&number), 4);
    return 0;
}

// Adds slowly, so that without the lock some of it would be lost.
int add_under_lock()
{
    auto* total = reinterpret_cast<volatile uint32_t*>(faasmReadStatePtr("state.lock", 4));
    for (int i = 0; i < 50; i++) {
        faasmLockStateWrite("state.lock");
        const uint32_t before = *total;
        faasmReadStateSize("state.lock");
        *total = before + 1;
        faasmUnlockStateWrite("state.lock");
    }
    return 0;
}

int count()
{
    faasm::incrementCounter("state.counter");
    return faasm::incrementCounter("state.counter", 2, false) > 0 ? 0 : 1;
}

bool all_ten(int (*function)())
{
    unsigned int calls[10];
    for (uint8_t i = 0; i < 10; i++) {
        calls[i] = chain(function, i);
    }
    bool good = true;
    for (const unsigned int call : calls) {
        good = faasmAwaitCall(call) == 0 && good;
    }
    return good;
}

// ---- Checks ----

void async()
{
    faasmWriteState("state.async", bytes("before           "), 17);
    CHECK(faasmAwaitCall(chain(write_whole, 0)) == 0);
    CHECK(read("state.async", 17) == "written elsewhere");
}

void sizes()
{
    CHECK(faasmReadStateSize("state.nothing") == 0);
    faasmWriteState("state.size", bytes("abc"), 3);
    CHECK(faasmReadStateSize("state.size") == 3);
    faasmWriteState("state.size", bytes("xyz"), 3);
    CHECK(read("state.size", 3) == "xyz");
    faasm::zeroState("state.zero", 1000);
    CHECK(faasmReadStateSize("state.zero") == 1000);
    CHECK(read("state.zero", 1000) == std::string(1000, '\0'));
}

void offsets()
{
    faasm::zeroState("state.parts", 40);
    CHECK(all_ten(write_own_part));
    uint8_t all[40];
    faasmReadState("state.parts", all, 40);
    bool right = true;
    for (int i = 0; i < 40; i++) {
        right = right && all[i] == i / 4;
    }
    CHECK(right);
    uint8_t last = 0;
    faasmReadStateOffset("state.parts", 40, 39, &last, 1);
    CHECK(last == 9);
}

void shared_write()
{
    faasm::zeroState("state.shared", 100);
    volatile uint8_t* value = faasmReadStatePtr("state.shared", 100);
    value[50] = 50;
    CHECK(all_ten(write_shared));
    bool right = true;
    for (int i = 0; i < 100; i++) {
        right = right && value[i] == (i < 10 || i == 50 ? i : 0);
    }
    CHECK(right);
}

void shared_offsets()
{
    faasm::zeroState("state.shared-parts", 200000);
    CHECK(all_ten(write_shared_part));
    const volatile uint8_t* value = faasmReadStatePtr("state.shared-parts", 200000);
    bool right = true;
    for (int i = 0; i < 200000; i++) {
        right = right && value[i] == i / 20000 + 1;
    }
    CHECK(right);
}

void appended()
{
    faasmClearAppendedState("state.append");
    CHECK(all_ten(append_number));
    uint32_t numbers[10] = {};
    faasmReadAppendedState("state.append", BYTES(numbers), sizeof numbers, 10);
    uint32_t seen = 0;
    for (const uint32_t number : numbers) {
        seen |= 1u << number;
    }
    CHECK(seen == 0x3ff);
    faasmClearAppendedState("state.append");
    chain(append_number, 7);
    CHECK(faasmAwaitCall(chain(append_number, 7)) == 0);
    faasmReadAppendedState("state.append", BYTES(numbers), 4, 1);
    CHECK(numbers[0] == 7);
}

void locks()
{
    faasm::zeroState("state.lock", 4);
    CHECK(all_ten(add_under_lock));
    faasmLockStateRead("state.lock");
    faasmLockStateRead("state.other");
    uint32_t total = 0;
    faasmReadState("state.lock", BYTES(&total), 4);
    CHECK(total == 500);
    faasmUnlockStateRead("state.other");
    faasmUnlockStateRead("state.lock");
}

void counters()
{
    faasm::initCounter("state.counter");
    CHECK(faasm::getCounter("state.counter") == 0);
    CHECK(all_ten(count));
    CHECK(faasm::getCounter("state.counter") == 30);
}

// A value from a file, which is this call's own.
void from_file()
{
    const std::string text(5000, 'f');
    FILE* file = fopen("/state.txt", "wb");
    CHECK(file != nullptr && fwrite(text.data(), 1, text.size(), file) == text.size() && fclose(file) == 0);
    CHECK(faasmWriteStateFromFile("state.file", "/state.txt") == text.size());
    CHECK(faasmReadStateSize("state.file") == text.size());
    CHECK(read("state.file", static_cast<long>(text.size())) == text);
}

// The global tier has what was pushed, and no more: a pull takes back the rest.
void tiers()
{
    faasmWriteState("state.tiers", bytes("AAAABBBB"), 8);
    faasmPushState("state.tiers");
    uint8_t* value = faasmReadStatePtr("state.tiers", 8);
    memcpy(value, "xxxx", 4);
    faasmFlagStateOffsetDirty("state.tiers", 8, 0, 4);
    faasmPushStatePartial("state.tiers");
    faasmPullState("state.tiers", 8);
    CHECK(read("state.tiers", 8) == "xxxxBBBB");
}

// Of what was written, only the doubles that the mask names are pushed.
void masks()
{
    faasm::AsyncArray<double> values("state.masked", 4);
    values.zero();
    faasmPushState("state.masked");
    for (int i = 0; i < 4; i++) {
        values[i] = i + 1.5;
    }
    unsigned int mask[8] = {};
    faasm::maskDouble(mask, 1);
    faasm::maskDouble(mask, 3);
    faasmWriteState("state.mask", BYTES(mask), sizeof mask);
    faasmPushStatePartialMask("state.masked", "state.mask");
    values.pull();
    const volatile double* now = values.data();
    CHECK(now[0] == 0 && now[1] == 2.5 && now[2] == 0 && now[3] == 4.5);
}

void arrays()
{
    faasm::AsyncArray<uint32_t> numbers("state.array", 1000);
    numbers.zero();
    for (int i = 0; i < 1000; i++) {
        numbers[i] = static_cast<uint32_t>(i) * 3;
    }
    numbers.push();
    faasm::AsyncArray<uint32_t> same("state.array", 1000);
    same.pull();
    CHECK(same[999] == 2997 && same.data() == numbers.data());
}

const Check checks[] = {
    {"state-async", async}, {"state-size", sizes}, {"state-offset", offsets},
    {"state-shared-write", shared_write}, {"state-shared-write-offset", shared_offsets},
    {"state-append", appended}, {"lock", locks}, {"counter", counters}, {"tiers", tiers},
    {"mask", masks}, {"array", arrays}, {"state-file", from_file},
};

} // namespace

CHECKS_MAIN(checks)
