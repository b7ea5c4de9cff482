// The C++ library, in the Proto and in calls. See check.h for input and output.
#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <iomanip>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <ranges>
#include <regex>
#include <sstream>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include <faasm/core.h>

#include "check.h"

namespace {

int made = 0;
int gone = 0;

struct Counted {
    Counted() { made++; }
    Counted(const Counted&) { made++; }
    Counted& operator=(const Counted&) = default;
    virtual ~Counted() { gone++; }
    virtual int kind() const { return 1; }
};

struct Derived final : Counted {
    std::string name = "derived";
    int kind() const override { return 2; }
};

// A constructor that ran before the Proto was taken; calls start from its result.
const std::map<std::string, int> table = {{"one", 1}, {"two", 2}, {"three", 3}};
int zygote_saw = 0;

void objects()
{
    made = gone = 0;
    {
        std::vector<std::unique_ptr<Counted>> all;
        all.push_back(std::make_unique<Counted>());
        all.push_back(std::make_unique<Derived>());
        CHECK(all[0]->kind() + all[1]->kind() == 3);
        CHECK(dynamic_cast<Derived*>(all[1].get()) != nullptr);
        CHECK(dynamic_cast<Derived*>(all[0].get()) == nullptr);
        auto* many = new Counted[10];
        delete[] many;
        const auto shared = std::make_shared<Derived>();
        const std::weak_ptr<Derived> weak = shared;
        CHECK(weak.lock()->name == "derived");
        CHECK(shared.use_count() == 1);
    }
    CHECK(made == 13 && gone == 13);
    void* (*volatile get)(std::size_t, const std::nothrow_t&) = operator new;
    CHECK(get(0xf0000000u, std::nothrow) == nullptr);
}

void containers()
{
    CHECK(zygote_saw == 3 && table.at("three") == 3);
    std::unordered_map<std::string, std::vector<int>> groups;
    for (int i = 0; i < 1000; i++) {
        groups[std::to_string(i % 7)].push_back(i);
    }
    CHECK(groups.size() == 7 && groups["3"].size() == 143 && groups["3"][10] == 73);
    std::vector<int> numbers(1000);
    std::iota(numbers.begin(), numbers.end(), 0);
    std::ranges::sort(numbers, std::greater{});
    auto even = numbers | std::views::filter([](int n) { return n % 2 == 0; }) | std::views::take(3);
    CHECK(std::ranges::equal(even, std::array{998, 996, 994}));
    const std::variant<int, std::string> either = std::string("text");
    CHECK(std::visit([](const auto& value) { return sizeof value > 4; }, either));
    std::function<int(int)> factorial = [&](int n) { return n < 2 ? 1 : n * factorial(n - 1); };
    CHECK(factorial(10) == 3628800);
}

void text()
{
    std::ostringstream out;
    out << std::hex << 255 << ' ' << std::fixed << std::setprecision(3) << 2.0 / 3 << ' ' << std::boolalpha << true;
    CHECK(out.str() == "ff 0.667 true");
    std::istringstream in("12 word 3.5");
    int whole = 0;
    std::string word;
    double real = 0;
    in >> whole >> word >> real;
    CHECK(whole == 12 && word == "word" && real == 3.5 && in.eof());
    std::smatch match;
    const std::string date = "on 2026-11-26.";
    CHECK(std::regex_search(date, match, std::regex(R"((\d{4})-(\d\d)-(\d\d))")) && match[2] == "11");
    double parsed = 0;
    const std::string digits = "0.1";
    std::from_chars(digits.data(), digits.data() + 3, parsed);
    CHECK(parsed == 0.1);
}

const Check checks[] = {{"new-obj", objects}, {"containers", containers}, {"text", text}};

} // namespace

FAASM_ZYGOTE()
{
    zygote_saw = static_cast<int>(table.size());
    return 0;
}

CHECKS_MAIN(checks)
