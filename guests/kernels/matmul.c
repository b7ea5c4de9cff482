/* Product of two matrices of n x n doubles, n up to 512. */
#include "kernel.h"

#define MAX 512

static double a[MAX][MAX];
static double b[MAX][MAX];
static double c[MAX][MAX];

int64_t run(int32_t n)
{
    n = n > MAX ? MAX : n;
    uint64_t seed = 3;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            a[i][j] = (double)(int64_t)(next_random(&seed) >> 40) / 1024;
            b[i][j] = (double)(int64_t)(next_random(&seed) >> 40) / 1024;
            c[i][j] = 0;
        }
    }
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < n; k++) {
            double factor = a[i][k];
            for (int j = 0; j < n; j++) {
                c[i][j] += factor * b[k][j];
            }
        }
    }
    uint64_t sum = 0;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            sum = mix_double(sum, c[i][j]);
        }
    }
    return (int64_t)sum;
}
