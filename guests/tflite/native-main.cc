// The same on the machine itself: a line for each argument.
#include <cstdio>
#include <cstdlib>

#include "mobilenet.h"

int main(int argc, char** argv)
{
    if (!prepare()) {
        return 1;
    }
    for (int i = 1; i < argc; i++) {
        std::puts(classify(static_cast<uint32_t>(std::atoi(argv[i]))).c_str());
    }
    return 0;
}
