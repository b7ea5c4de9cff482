/*
 * Loads libraries and checks what they are to each other; 0 if all is well,
 * else the line of the first check that fails.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <faasm/core.h>

int program_counter = 3;

int program_twice(int x)
{
    return 2 * x;
}

#define CHECK(what)                                                            \
    do {                                                                       \
        if (!(what)) {                                                         \
            const char* error = dlerror();                                     \
            printf("line %d: %s (%s)\n",                                       \
                   __LINE__,                                                   \
                   #what,                                                      \
                   error ? error : "no error");                                \
            return __LINE__;                                                   \
        }                                                                      \
    } while (0)

static int said(const char* expected)
{
    const char* error = dlerror();
    if (error == NULL || strstr(error, expected) == NULL) {
        printf("dlerror: %s\n", error ? error : "nothing");
        return 0;
    }
    return dlerror() == NULL;
}

int main(void)
{
    CHECK(dlerror() == NULL);
    void* a = dlopen("liba.so", RTLD_NOW);
    CHECK(a != NULL);
    CHECK(program_counter == 321);
    CHECK(dlopen("liba.so", RTLD_LAZY) == a);

    int (*run)(int) = (int (*)(int))dlsym(a, "a_run");
    CHECK(run != NULL);
    /* 40 + 4, then 10 + 6 + 45, then 10 + 6 */
    CHECK(run(5) == 44 + 61 + 16);
    int (*same)(int (*)(int), int*) =
      (int (*)(int (*)(int), int*))dlsym(a, "a_same");
    CHECK(same(program_twice, &program_counter) == 1);
    char* (*text)(const char*) = (char* (*)(const char*))dlsym(a, "a_text");
    char* hello = text("library");
    CHECK(strcmp(hello, "hello, library") == 0);
    free(hello);

    int* data = dlsym(a, "a_data");
    CHECK(data != NULL && *data == 40);
    *data = 50;
    CHECK(run(0) == 50 + 4 + 0 + 1 + 50 + 0 + 1);

    /* What liba.so needs is its own, until it is loaded for all. */
    int (*add)(int) = (int (*)(int))dlsym(a, "b_add");
    CHECK(add != NULL && add(1) == 2);
    CHECK(dlsym(RTLD_DEFAULT, "b_add") == NULL && said("b_add"));
    CHECK(dlopen("libb.so", RTLD_NOW | RTLD_GLOBAL) != NULL);
    CHECK(dlsym(RTLD_DEFAULT, "b_add") == (void*)add);
    void* self = dlopen(NULL, RTLD_NOW);
    CHECK(dlsym(self, "program_twice") == (void*)program_twice);
    CHECK(dlsym(self, "program_counter") == &program_counter);
    CHECK(program_counter == 321);

    int (*count)(void) = (int (*)(void))dlsym(a, "b_count");
    CHECK(count() == 11 && count() == 12);
    void* whole = dlopen("libwhole.so", RTLD_NOW);
    CHECK(whole != NULL);
    CHECK(((int (*)(const char*))dlsym(whole, "whole_len"))("four") == 10);

    void* shapes = dlopen("libshapes.so", RTLD_NOW | RTLD_LOCAL);
    CHECK(shapes != NULL);
    int (*area)(void) = (int (*)(void))dlsym(shapes, "shapes_area");
    CHECK(area() == 9 + 12);

    CHECK(dlopen("libmissing.so", RTLD_NOW) == NULL);
    CHECK(said("libmissing.so needs the symbol nobody_has_this"));
    CHECK(dlopen("libmissing.so", RTLD_LAZY) != NULL);
    CHECK(dlopen("libnone.so", RTLD_NOW) == NULL);
    CHECK(said("libnone.so: no such library"));
    CHECK(dlsym(a, "a_nothing") == NULL && said("a_nothing"));
    CHECK(dlopen("libnone.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
    CHECK(said("not loaded"));
    CHECK(dlclose(a) == 0 && dlclose(shapes) == 0);
    CHECK(run(0) == 106);
    CHECK(dlclose((void*)99) != 0 && said("99"));

    printf("all is well\n");
    faasmSetOutput("all is well", 11);
    return 0;
}
