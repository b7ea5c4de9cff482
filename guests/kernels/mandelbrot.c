/* The Mandelbrot set on n x n points, at most 100 iterations each. */
#include "kernel.h"

int64_t run(int32_t n)
{
    uint64_t sum = 0;
    for (int y = 0; y < n; y++) {
        double ci = 2.0 * y / n - 1.0;
        for (int x = 0; x < n; x++) {
            double cr = 3.0 * x / n - 2.0;
            double zr = 0;
            double zi = 0;
            uint32_t i = 0;
            while (i < 100 && zr * zr + zi * zi <= 4.0) {
                double next = zr * zr - zi * zi + cr;
                zi = 2.0 * zr * zi + ci;
                zr = next;
                i++;
            }
            sum = mix(sum, i);
        }
    }
    return (int64_t)sum;
}
