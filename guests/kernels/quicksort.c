/* Sorts n numbers (up to 2^20) with a quicksort that ends in insertion sorts. */
#include "kernel.h"

#define MAX (1 << 20)

static int32_t numbers[MAX];

static void insertion_sort(int32_t* a, int32_t len)
{
    for (int32_t i = 1; i < len; i++) {
        int32_t value = a[i];
        int32_t j = i;
        for (; j > 0 && a[j - 1] > value; j--) {
            a[j] = a[j - 1];
        }
        a[j] = value;
    }
}

static void sort(int32_t* a, int32_t len)
{
    while (len > 16) {
        int32_t pivot = a[len / 2];
        int32_t i = -1;
        int32_t j = len;
        for (;;) {
            while (a[++i] < pivot) {
            }
            while (a[--j] > pivot) {
            }
            if (i >= j) {
                break;
            }
            int32_t swapped = a[i];
            a[i] = a[j];
            a[j] = swapped;
        }
        sort(a, j + 1);
        a += j + 1;
        len -= j + 1;
    }
    insertion_sort(a, len);
}

int64_t run(int32_t n)
{
    n = n > MAX ? MAX : n;
    uint64_t seed = 5;
    for (int32_t i = 0; i < n; i++) {
        numbers[i] = (int32_t)(next_random(&seed) >> 33);
    }
    sort(numbers, n);
    uint64_t sum = 0;
    for (int32_t i = 0; i < n; i++) {
        sum = mix(sum, (uint64_t)numbers[i]);
    }
    return (int64_t)sum;
}
