// MobileNet as a function. Its snapshot is taken when model and interpreter are
// there. Input: a number, of which an image is made. Output: "CLASS PROBABILITY" of the three best.
#include <cstdlib>

#include <faasm/core.h>
#include <faasm/input.h>

#include "mobilenet.h"

FAASM_ZYGOTE()
{
    return prepare() ? 0 : 1;
}

int main()
{
    const std::string answer = classify(static_cast<uint32_t>(std::atoi(faasm::getStringInput("0"))));
    faasm::setStringOutput(answer.c_str());
    return answer.empty() ? 1 : 0;
}
