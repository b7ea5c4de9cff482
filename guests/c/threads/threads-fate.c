/*
 * Input: how the call and its threads shall fare. Each line of the list below
 * is one.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <faasm/core.h>

static atomic_int counter;
static atomic_int never;
static pthread_mutex_t mutexes[2] = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER };
static char table[1 << 16];

FAASM_ZYGOTE()
{
    memset(table, 'z', sizeof table);
    return 0;
}

static void* counts(void* arg)
{
    for (int i = 0; i < 1000; i++) {
        counter++;
        table[(uintptr_t)arg * 997 % sizeof table]++;
    }
    return arg;
}

static void* traps(void* arg)
{
    (void)arg;
    usleep(1000);
    __builtin_trap();
}

static void* exits(void* arg)
{
    usleep(1000);
    exit((int)(intptr_t)arg);
}

static void* spins(void* arg)
{
    while (never == 0) {
    }
    return arg;
}

static void* waits(void* arg)
{
    __builtin_wasm_memory_atomic_wait32((int*)&never, 0, -1);
    return arg;
}

static void* sleeps(void* arg)
{
    sleep(1000);
    return arg;
}

static void* locks_both(void* arg)
{
    int first = (int)(intptr_t)arg;
    pthread_mutex_lock(&mutexes[first]);
    counter++;
    while (counter < 2) {
        usleep(100);
    }
    pthread_mutex_lock(&mutexes[1 - first]);
    return arg;
}

static void* outputs(void* arg)
{
    char text[32];
    int len = snprintf(text, sizeof text, "of thread %d", (int)(intptr_t)arg);
    faasmSetOutput(text, len);
    printf("printed by %d\n", (int)(intptr_t)arg);
    return arg;
}

static void* chains(void* arg)
{
    char text[32];
    int len = snprintf(text, sizeof text, "echoed for %d", (int)(intptr_t)arg);
    for (int i = 0; i < 5; i++) {
        char* output = NULL;
        int output_len = 0;
        unsigned id = faasmChainNamed("echo", (uint8_t*)text, len);
        if (faasmAwaitCallOutput(id, &output, &output_len) != 0 ||
            output_len != len || memcmp(output, text, (size_t)len) != 0) {
            return (void*)1;
        }
        free(output);
    }
    return NULL;
}

static void* writes_state(void* arg)
{
    long at = (long)(intptr_t)arg;
    uint8_t byte = (uint8_t)('a' + at);
    faasmWriteStateOffset("threads", 8, at, &byte, 1);
    return NULL;
}

static uint8_t* mapped;

static void* writes_mapped(void* arg)
{
    mapped[(intptr_t)arg] = (uint8_t)('A' + (intptr_t)arg);
    return NULL;
}

static pthread_t begin(void* (*start)(void*), intptr_t arg)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, start, (void*)arg) != 0) {
        faasmSetOutput("no thread", 9);
        exit(100);
    }
    return thread;
}

/* Runs eight and joins them; how many returned something else than NULL. */
static int eight(void* (*start)(void*))
{
    pthread_t threads[8];
    int others = 0;
    for (intptr_t i = 0; i < 8; i++) {
        threads[i] = begin(start, i);
    }
    for (int i = 0; i < 8; i++) {
        void* result;
        pthread_join(threads[i], &result);
        others += result != NULL;
    }
    return others;
}

static void all_but_the_main_one(void)
{
    begin(spins, 0);
    begin(waits, 0);
    begin(sleeps, 0);
}

static void say(int number)
{
    char text[32];
    faasmSetOutput(text, snprintf(text, sizeof text, "%d", number));
}

int main(void)
{
    char* fate = faasmGetInputCopy(NULL);
    if (strcmp(fate, "count") == 0) {
        eight(counts);
        int changed = 0;
        for (size_t i = 0; i < sizeof table; i++) {
            changed += table[i] != 'z';
        }
        char text[64];
        faasmSetOutput(text, snprintf(text, sizeof text, "%d %d", (int)counter, changed));
    } else if (strcmp(fate, "trap") == 0) {
        all_but_the_main_one();
        pthread_join(begin(traps, 0), NULL);
    } else if (strcmp(fate, "trap while the main thread spins") == 0) {
        all_but_the_main_one();
        begin(traps, 0);
        spins(NULL);
    } else if (strcmp(fate, "exit") == 0) {
        all_but_the_main_one();
        pthread_join(begin(exits, 7), NULL);
    } else if (strcmp(fate, "return") == 0) {
        all_but_the_main_one();
        usleep(2000);
        return 3;
    } else if (strcmp(fate, "trap of the main thread") == 0) {
        all_but_the_main_one();
        usleep(2000);
        __builtin_trap();
    } else if (strcmp(fate, "deadlock") == 0) {
        all_but_the_main_one();
        pthread_t other = begin(locks_both, 1);
        locks_both(NULL);
        pthread_join(other, NULL);
    } else if (strcmp(fate, "thousand") == 0) {
        for (int i = 0; i < 125; i++) {
            eight(counts);
        }
        say(counter);
    } else if (strcmp(fate, "limit") == 0) {
        pthread_attr_t attr;
        pthread_attr_init(&attr);
        pthread_attr_setstacksize(&attr, 16 << 10);
        int made = 0;
        pthread_t thread;
        while (made < 5000 && pthread_create(&thread, &attr, waits, NULL) == 0) {
            made++;
        }
        say(made);
    } else if (strcmp(fate, "output") == 0) {
        eight(outputs);
    } else if (strcmp(fate, "chain") == 0) {
        say(eight(chains));
    } else if (strcmp(fate, "state") == 0) {
        eight(writes_state);
        uint8_t text[8];
        faasmReadState("threads", text, 8);
        faasmSetOutput((char*)text, 8);
    } else if (strcmp(fate, "map") == 0) {
        /* Before the first thread: then all see it. */
        mapped = faasmReadStatePtr("mapped", 100000);
        int before = mapped[0];
        eight(writes_mapped);
        uint8_t text[9] = { (uint8_t)(before == 0 ? '-' : before) };
        faasmReadStateOffset("mapped", 100000, 0, text + 1, 8);
        faasmSetOutput((char*)text, 9);
        faasmFlagStateDirty("mapped", 100000);
    } else if (strcmp(fate, "map too late") == 0) {
        begin(waits, 0);
        mapped = faasmReadStatePtr("mapped", 100000);
    } else if (strcmp(fate, "leave") == 0) {
        pthread_detach(begin(counts, 1));
        pthread_exit(NULL);
    } else {
        return 99;
    }
    return 0;
}
