/*
 * Loads a library when it is initialised; each call then counts in the library's
 * data from where the initialisation left it. With an input, it loads another
 * one, which the next call must not find.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <faasm/core.h>

int program_counter;

int program_twice(int x)
{
    return 2 * x;
}

static int (*run)(int);
static int* data;

FAASM_ZYGOTE()
{
    void* a = dlopen("liba.so", RTLD_NOW);
    if (a == NULL) {
        printf("%s\n", dlerror());
        return 1;
    }
    run = (int (*)(int))dlsym(a, "a_run");
    data = dlsym(a, "a_data");
    *data = 7;
    return run(0) == 7 + 4 + 0 + 1 + 7 + 0 + 1 ? 0 : 2;
}

int main(void)
{
    char answer[64];
    void* shapes = dlopen("libshapes.so", RTLD_NOW | RTLD_NOLOAD);
    if (shapes == NULL && faasmGetInputSize() > 0) {
        shapes = dlopen("libshapes.so", RTLD_NOW);
        int (*area)(void) = (int (*)(void))dlsym(shapes, "shapes_area");
        *data += area();
        int len = snprintf(answer, sizeof(answer), "loaded, %d", *data);
        faasmSetOutput(answer, len);
        return 0;
    }
    *data += 1;
    int len = snprintf(answer,
                       sizeof(answer),
                       "%s, %d, %d",
                       shapes == NULL ? "not there" : "there",
                       *data,
                       run(1));
    faasmSetOutput(answer, len);
    return 0;
}
