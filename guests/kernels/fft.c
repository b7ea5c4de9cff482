/* Fourier transform of 4096 complex doubles, forth and back, n times. */
#include "kernel.h"

#define BITS 12
#define SIZE (1 << BITS)

static double re[SIZE];
static double im[SIZE];
static double cosine[SIZE / 2];
static double sine[SIZE / 2];

/* By halving the angle: cos and sin of 2 pi / SIZE from those of pi, then by
 * multiplication. */
static void make_roots(void)
{
    double c = -1;
    double s = 0;
    for (int i = 1; i < BITS; i++) {
        double half = __builtin_sqrt((1 + c) / 2);
        s = i == 1 ? 1 : s / (2 * half);
        c = half;
    }
    cosine[0] = 1;
    sine[0] = 0;
    for (int i = 1; i < SIZE / 2; i++) {
        cosine[i] = cosine[i - 1] * c - sine[i - 1] * s;
        sine[i] = cosine[i - 1] * s + sine[i - 1] * c;
    }
}

static void reorder(void)
{
    for (uint32_t i = 0; i < SIZE; i++) {
        uint32_t j = 0;
        for (int bit = 0; bit < BITS; bit++) {
            j |= (i >> bit & 1) << (BITS - 1 - bit);
        }
        if (i < j) {
            double swapped = re[i];
            re[i] = re[j];
            re[j] = swapped;
            swapped = im[i];
            im[i] = im[j];
            im[j] = swapped;
        }
    }
}

static void transform(double direction)
{
    reorder();
    for (int len = 2; len <= SIZE; len *= 2) {
        int stride = SIZE / len;
        for (int start = 0; start < SIZE; start += len) {
            for (int k = 0; k < len / 2; k++) {
                double wr = cosine[k * stride];
                double wi = direction * sine[k * stride];
                int a = start + k;
                int b = a + len / 2;
                double xr = re[b] * wr - im[b] * wi;
                double xi = re[b] * wi + im[b] * wr;
                re[b] = re[a] - xr;
                im[b] = im[a] - xi;
                re[a] += xr;
                im[a] += xi;
            }
        }
    }
}

int64_t run(int32_t n)
{
    make_roots();
    uint64_t seed = 23;
    for (int i = 0; i < SIZE; i++) {
        re[i] = (double)(int64_t)(next_random(&seed) >> 44) / (1 << 20);
        im[i] = 0;
    }
    for (int32_t round = 0; round < n; round++) {
        transform(1);
        re[round % SIZE] += 1;
        transform(-1);
        for (int i = 0; i < SIZE; i++) {
            re[i] /= SIZE;
            im[i] /= SIZE;
        }
    }
    uint64_t sum = 0;
    for (int i = 0; i < SIZE; i++) {
        sum = mix_double(mix_double(sum, re[i]), im[i]);
    }
    return (int64_t)sum;
}
