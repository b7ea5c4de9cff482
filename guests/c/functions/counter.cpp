// A function in C++ with the SDK. Counts its calls in a state value, through a
// pointer. Input: the state key. Output: the count.
#include <cstdint>
#include <string>

#include <faasm/core.h>

namespace {

std::string input()
{
    std::string text(static_cast<std::size_t>(faasmGetInputSize()), '\0');
    faasmGetInput(reinterpret_cast<uint8_t*>(text.data()), static_cast<long>(text.size()));
    return text;
}

} // namespace

int main()
{
    const std::string key = input();
    if (key.empty()) {
        return 1;
    }
    constexpr uint64_t zero = 0;
    if (faasmReadStateSize(key.c_str()) != sizeof zero) {
        faasmWriteState(key.c_str(), reinterpret_cast<const uint8_t*>(&zero), sizeof zero);
    }
    auto* count = reinterpret_cast<uint64_t*>(faasmReadStatePtr(key.c_str(), sizeof zero));
    const std::string text = std::to_string(++*count);
    faasmSetOutput(text.data(), static_cast<long>(text.size()));
    return 0;
}
