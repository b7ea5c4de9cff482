/* n steps of five bodies under gravity: sqrt, divisions, dependent doubles. */
#include "kernel.h"

#define BODIES 5

static double position[BODIES][3];
static double velocity[BODIES][3];
static double mass[BODIES];

static void fill(void)
{
    uint64_t seed = 11;
    for (int i = 0; i < BODIES; i++) {
        for (int k = 0; k < 3; k++) {
            position[i][k] = (double)(int64_t)(next_random(&seed) >> 44) / (1 << 16) - 8 + 7 * i;
            velocity[i][k] = (double)(int64_t)(next_random(&seed) >> 44) / (1 << 20) - 0.5;
        }
        mass[i] = i == 0 ? 40 : 0.03 * (i + 1);
    }
}

static void step(double dt)
{
    for (int i = 0; i < BODIES; i++) {
        for (int j = i + 1; j < BODIES; j++) {
            double dx = position[i][0] - position[j][0];
            double dy = position[i][1] - position[j][1];
            double dz = position[i][2] - position[j][2];
            double square = dx * dx + dy * dy + dz * dz + 0.01;
            double force = dt / (square * __builtin_sqrt(square));
            velocity[i][0] -= dx * mass[j] * force;
            velocity[i][1] -= dy * mass[j] * force;
            velocity[i][2] -= dz * mass[j] * force;
            velocity[j][0] += dx * mass[i] * force;
            velocity[j][1] += dy * mass[i] * force;
            velocity[j][2] += dz * mass[i] * force;
        }
    }
    for (int i = 0; i < BODIES; i++) {
        for (int k = 0; k < 3; k++) {
            position[i][k] += dt * velocity[i][k];
        }
    }
}

int64_t run(int32_t n)
{
    fill();
    for (int32_t i = 0; i < n; i++) {
        step(0.001);
    }
    uint64_t sum = 0;
    for (int i = 0; i < BODIES; i++) {
        for (int k = 0; k < 3; k++) {
            sum = mix_double(mix_double(sum, position[i][k]), velocity[i][k]);
        }
    }
    return (int64_t)sum;
}
