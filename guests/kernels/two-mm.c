/* D := alpha A B C + beta D, as Polybench's 2mm does it (inner products, with
 * strides across rows), for n x n doubles, n up to 320. */
#include "kernel.h"

#define MAX 320

static double a[MAX][MAX];
static double b[MAX][MAX];
static double c[MAX][MAX];
static double d[MAX][MAX];
static double product[MAX][MAX];

static void fill(int n)
{
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            a[i][j] = (double)((i * j + 1) % n) / n;
            b[i][j] = (double)(i * (j + 1) % n) / n;
            c[i][j] = (double)((i * (j + 3) + 1) % n) / n;
            d[i][j] = (double)(i * (j + 2) % n) / n;
        }
    }
}

int64_t run(int32_t n)
{
    n = n > MAX ? MAX : n;
    const double alpha = 1.5;
    const double beta = 1.2;
    fill(n);
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            product[i][j] = 0;
            for (int k = 0; k < n; k++) {
                product[i][j] += alpha * a[i][k] * b[k][j];
            }
        }
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            d[i][j] *= beta;
            for (int k = 0; k < n; k++) {
                d[i][j] += product[i][k] * c[k][j];
            }
        }
    }
    uint64_t sum = 0;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            sum = mix_double(sum, d[i][j]);
        }
    }
    return (int64_t)sum;
}
