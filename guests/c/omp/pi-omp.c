/*
 * Input: how many steps, and how many threads if not as many as there are
 * processors. Output: pi, by adding up rectangles in parallel, and the team's
 * size.
 */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include <faasm/core.h>

int main(void)
{
    char* rest = NULL;
    long steps = strtol(faasmGetInputCopy(NULL), &rest, 10);
    long threads = strtol(rest, NULL, 10);
    if (threads > 0) {
        omp_set_num_threads((int)threads);
    }
    double sum = 0;
    int team = 0;
#pragma omp parallel reduction(+ : sum)
    {
#pragma omp single nowait
        team = omp_get_num_threads();
#pragma omp for schedule(guided)
        for (long i = 0; i < steps; i++) {
            double x = ((double)i + 0.5) / (double)steps;
            sum += 4 / (1 + x * x);
        }
    }
    char text[64];
    faasmSetOutput(text, snprintf(text, sizeof text, "%.10f by %d", sum / (double)steps, team));
    return 0;
}
