/* Polybench's jacobi-2d: n steps of a five-point stencil over 250 x 250 doubles. */
#include "kernel.h"

#define SIZE 250

static double a[SIZE][SIZE];
static double b[SIZE][SIZE];

static void step(double (*restrict to)[SIZE], double (*restrict from)[SIZE])
{
    for (int i = 1; i < SIZE - 1; i++) {
        for (int j = 1; j < SIZE - 1; j++) {
            to[i][j] = 0.2 * (from[i][j] + from[i][j - 1] + from[i][j + 1] + from[i + 1][j] +
                              from[i - 1][j]);
        }
    }
}

int64_t run(int32_t n)
{
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < SIZE; j++) {
            a[i][j] = ((double)i * (j + 2) + 2) / SIZE;
            b[i][j] = ((double)i * (j + 3) + 3) / SIZE;
        }
    }
    for (int32_t t = 0; t < n; t++) {
        step(b, a);
        step(a, b);
    }
    uint64_t sum = 0;
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < SIZE; j++) {
            sum = mix_double(sum, a[i][j]);
        }
    }
    return (int64_t)sum;
}
