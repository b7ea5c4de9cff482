/* Counts n words in a hash table of strings: hashing, comparing, chasing. */
#include "kernel.h"

#define SLOTS 16384
#define WORDS 6000
#define MAX_WORD 12

struct Entry {
    int32_t word; /* index plus one, 0 where empty */
    uint32_t hash;
    uint32_t count;
};

static char words[WORDS][MAX_WORD];
static struct Entry table[SLOTS];

static uint32_t hash_of(const char* word)
{
    uint32_t hash = 2166136261u;
    for (; *word != '\0'; word++) {
        hash = (hash ^ (uint8_t)*word) * 16777619u;
    }
    return hash;
}

static int same(const char* a, const char* b)
{
    while (*a == *b) {
        if (*a == '\0') {
            return 1;
        }
        a++;
        b++;
    }
    return 0;
}

static void count(int32_t word)
{
    uint32_t hash = hash_of(words[word]);
    uint32_t slot = hash % SLOTS;
    while (table[slot].word != 0 &&
           !(table[slot].hash == hash && same(words[table[slot].word - 1], words[word]))) {
        slot = (slot + 1) % SLOTS;
    }
    if (table[slot].word == 0) {
        table[slot].word = word + 1;
        table[slot].hash = hash;
    }
    table[slot].count++;
}

int64_t run(int32_t n)
{
    uint64_t seed = 17;
    for (int i = 0; i < WORDS; i++) {
        int len = 2 + (int)(next_random(&seed) % (MAX_WORD - 3));
        for (int j = 0; j < len; j++) {
            words[i][j] = (char)('a' + next_random(&seed) % 26);
        }
        words[i][len] = '\0';
    }
    for (int i = 0; i < SLOTS; i++) {
        table[i] = (struct Entry){0, 0, 0};
    }
    for (int32_t i = 0; i < n; i++) {
        count((int32_t)(next_random(&seed) % WORDS));
    }
    uint64_t sum = 0;
    for (int i = 0; i < SLOTS; i++) {
        sum = mix(sum, (uint64_t)table[i].hash << 32 | table[i].count);
    }
    return (int64_t)sum;
}
