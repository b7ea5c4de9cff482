/* A small machine with registers interprets n rounds of a loop: a branch table
 * in the hot path. */
#include "kernel.h"

enum Op { ADD, SUB, MUL, XOR, SHIFT, LOAD, STORE, LOADI, JNZ, MOVE, HALT };

struct Instruction {
    uint8_t op;
    uint8_t to;
    uint8_t a;
    uint8_t b;
    int32_t value;
};

static uint32_t memory[1024];

static const struct Instruction program[] = {
    /*  0 */ {LOADI, 1, 0, 0, 1},
    /*  1 */ {LOADI, 2, 0, 0, 0x1234567},
    /*  2 */ {MUL, 3, 2, 2, 0},
    /*  3 */ {SHIFT, 3, 3, 0, 13},
    /*  4 */ {XOR, 2, 2, 3, 0},
    /*  5 */ {ADD, 2, 2, 0, 0},
    /*  6 */ {LOAD, 4, 2, 0, 0},
    /*  7 */ {ADD, 4, 4, 3, 0},
    /*  8 */ {STORE, 4, 3, 0, 0},
    /*  9 */ {MOVE, 5, 4, 0, 0},
    /* 10 */ {SUB, 5, 5, 1, 0},
    /* 11 */ {XOR, 6, 6, 5, 0},
    /* 12 */ {SUB, 0, 0, 1, 0},
    /* 13 */ {JNZ, 0, 0, 0, 2},
    /* 14 */ {HALT, 0, 0, 0, 0},
};

static uint32_t interpret(uint32_t rounds)
{
    uint32_t r[8] = {rounds, 0, 0, 0, 0, 0, 0, 0};
    const struct Instruction* at = program;
    for (;; at++) {
        switch ((enum Op)at->op) {
        case ADD: r[at->to] = r[at->a] + r[at->b]; break;
        case SUB: r[at->to] = r[at->a] - r[at->b]; break;
        case MUL: r[at->to] = r[at->a] * (r[at->b] | 1); break;
        case XOR: r[at->to] = r[at->a] ^ r[at->b]; break;
        case SHIFT: r[at->to] = r[at->a] << at->value | r[at->a] >> (32 - at->value); break;
        case LOAD: r[at->to] = memory[r[at->a] & 1023]; break;
        case STORE: memory[r[at->a] & 1023] = r[at->to]; break;
        case LOADI: r[at->to] = (uint32_t)at->value; break;
        case MOVE: r[at->to] = r[at->a]; break;
        case JNZ:
            if (r[at->a] != 0) {
                at = program + at->value - 1;
            }
            break;
        case HALT: return r[6];
        }
    }
}

int64_t run(int32_t n)
{
    for (int i = 0; i < 1024; i++) {
        memory[i] = (uint32_t)i * 2654435761u;
    }
    uint64_t sum = mix(0, interpret((uint32_t)n));
    for (int i = 0; i < 1024; i++) {
        sum = mix(sum, memory[i]);
    }
    return (int64_t)sum;
}
