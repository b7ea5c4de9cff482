/* What the language itself promises on this machine. See check.h for input and
 * output. Linked with -lc-printscan-long-double, which wasi-libc wants for %Lf. */
#include <ctype.h>
#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <wchar.h>

#include <faasm/core.h>

#include "check.h"

/* Not known at compile time, and not to be inlined. */
static volatile int one = 1;
#define APART __attribute__((noinline))

static APART void write_through(int** place, int* other)
{
    **place += 1;
    *place = other;
}

static void pointer_to_pointer(void)
{
    int a = 5 * one;
    int b = 9 * one;
    int* at = &a;
    write_through(&at, &b);
    CHECK(a == 6 && at == &b && *at == 9);
    int** indirect = &at;
    int*** twice = &indirect;
    ***twice = 11;
    CHECK(b == 11 && *indirect == &b);
}

static void long_double(void)
{
    long double third = 1.0L / (3 * one);
    char text[128];
    snprintf(text, sizeof text, "%.30Lf", third);
    CHECK(strcmp(text, "0.333333333333333333333333333333") == 0);
    snprintf(text, sizeof text, "%Lg %La", 1e300L * one, 1.5L * one);
    CHECK(strcmp(text, "1e+300 0x1.8p+0") == 0);
    long double read = 0;
    CHECK(sscanf("2.718281828459045235360287471352662", "%Lf", &read) == 1);
    CHECK(fabsl(read - 2.718281828459045235360287471352662L) < 1e-32L);
    CHECK(sizeof(long double) == 16 && LDBL_MANT_DIG == 113);
    CHECK(sqrtl(2.0L * one) * sqrtl(2.0L * one) - 2.0L < 1e-30L);
}

static void sizes(void)
{
    CHECK(sizeof(char) == 1 && sizeof(short) == 2 && sizeof(int) == 4);
    CHECK(sizeof(long) == 4 && sizeof(long long) == 8 && sizeof(void*) == 4);
    CHECK(sizeof(size_t) == 4 && sizeof(float) == 4 && sizeof(double) == 8);
    CHECK(sizeof(wchar_t) == 4 && sizeof(__int128) == 16 && _Alignof(max_align_t) == 16);
    CHECK(CHAR_MIN == -128 && LONG_MAX == 2147483647L);
}

static APART uintptr_t address_deeper(int depth)
{
    volatile char here[64];
    here[0] = (char)depth;
    uintptr_t below = depth == 0 ? (uintptr_t)here : address_deeper(depth - 1);
    here[1] = 1;
    return below;
}

static int in_data = 3;

/* The stack grows down, and lies below data and heap (-Wl,--stack-first). */
static void stack_and_heap(void)
{
    int local = one;
    int* heap = malloc(sizeof *heap);
    CHECK(heap != NULL);
    uintptr_t stack = (uintptr_t)&local;
    CHECK(address_deeper(4) < stack && stack - address_deeper(4) >= 4 * 64);
    CHECK(stack < (uintptr_t)&in_data && (uintptr_t)&in_data < (uintptr_t)heap);
    free(heap);
}

static APART double sum_of(int n, ...)
{
    va_list list;
    va_list again;
    va_start(list, n);
    va_copy(again, list);
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += i % 2 == 0 ? va_arg(list, int) : va_arg(list, double);
    }
    CHECK(va_arg(again, int) == 1);
    va_end(again);
    va_end(list);
    return sum;
}

static APART int format(char* out, size_t size, const char* how, ...)
{
    va_list list;
    va_start(list, how);
    int len = vsnprintf(out, size, how, list);
    va_end(list);
    return len;
}

static void varargs(void)
{
    CHECK(sum_of(5, 1, 0.5, 2, 0.25, 4) == 7.75);
    char text[64];
    CHECK(format(text, sizeof text, "%c|%5d|%-5s|%05.1f|%" PRIx64, 'a', 42, "xy", 2.25,
                 UINT64_C(0xfedcba9876543210)) == 36);
    CHECK(strcmp(text, "a|   42|xy   |002.2|fedcba9876543210") == 0);
    CHECK(format(text, 4, "%s", "longer") == 6 && strcmp(text, "lon") == 0);
}

static APART uint32_t fibonacci(uint32_t n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static void recursion(void)
{
    CHECK(fibonacci(20 * (uint32_t)one) == 6765);
}

/* A long computation whose last bit is known: doubles are IEEE 754. */
static void floats(void)
{
    double x = 0.5 * one;
    for (int i = 0; i < 1000; i++) {
        x = 3.75 * x * (1 - x);
    }
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    double again = 0.5;
    for (volatile int i = 0; i < 1000; i++) {
        volatile double left = 3.75 * again;
        volatile double right = 1 - again;
        again = left * right;
    }
    CHECK(memcmp(&again, &x, sizeof x) == 0);
    CHECK(isnan(0.0 / (one - 1)) && isinf(1.0 / (one - 1)));
    CHECK(nextafter(1.0 * one, 2) - 1 == DBL_EPSILON);
    CHECK((float)(16777217 * one) == 16777216.0f);
    CHECK(fma(1e308 * one, 10, -INFINITY) == -INFINITY);
    CHECK(fabs(sin(1e6 * one) - -0.349993502171292952) < 1e-15);
    CHECK(lround(2.5 * one) == 3 && nearbyint(2.5 * one) == 2);
    CHECK((int)(-2.9 * one) == -2 && fmod(-7.5 * one, 2) == -1.5);
}

static void integers(void)
{
    __int128 big = (__int128)0x7fffffffffffffffLL * 1000003 * one;
    CHECK((int64_t)(big % 1000000007) == 9223372036854775807LL % 1000000007 * 1000003 % 1000000007);
    CHECK((uint32_t)-one == 0xffffffffu && -7 / (2 * one) == -3 && -7 % (2 * one) == -1);
    CHECK(__builtin_clz((unsigned)one) == 31 && __builtin_popcountll(~0ull * (unsigned)one) == 64);
    int sum;
    CHECK(__builtin_add_overflow(INT_MAX * one, 1, &sum) && sum == INT_MIN);
    struct {
        unsigned low : 3;
        unsigned high : 13;
    } fields = {.low = 5, .high = 4097};
    fields.low += (unsigned)one * 4;
    CHECK(fields.low == 1 && fields.high == 4097);
}

static int by_length(const void* a, const void* b)
{
    const char* const* left = a;
    const char* const* right = b;
    return (int)strlen(*left) - (int)strlen(*right);
}

static void strings(void)
{
    char text[64];
    strcpy(text, "the quick brown fox");
    const char* words[8];
    int n = 0;
    for (char* word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
        words[n++] = word;
    }
    CHECK(n == 4);
    words[3] = "by";
    qsort(words, 4, sizeof *words, by_length);
    CHECK(strcmp(words[0], "by") == 0 && strcmp(words[1], "the") == 0);
    CHECK(strtol("-0x1fz", NULL, 16) == -31 && strtod("1e-3", NULL) == 0.001);
    CHECK(strcasecmp("STRASSE", "strasse") == 0 && toupper('q') == 'Q');
    CHECK(strstr("haystack with needle", "needle") != NULL);
    setlocale(LC_ALL, "");
    wchar_t wide = 0;
    CHECK(mbtowc(&wide, "\xc3\xa9", 2) == 2 && wide == 0xe9);
}

static const struct Check checks[] = {
    {"ptr-ptr", pointer_to_pointer},
    {"long-double", long_double},
    {"sizes", sizes},
    {"stackheap", stack_and_heap},
    {"va-arg", varargs},
    {"fibonacci", recursion},
    {"float", floats},
    {"integers", integers},
    {"string", strings},
};

CHECKS_MAIN(checks)
