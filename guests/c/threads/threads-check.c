/*
 * What POSIX threads promise, each promise with a check; says what was broken,
 * and exits with how many were.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static atomic_int broken;

#define CHECK(what)                                                            \
    do {                                                                       \
        if (!(what)) {                                                         \
            broken++;                                                          \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
        }                                                                      \
    } while (0)

#define N 8

static pthread_t begin(void* (*start)(void*), void* arg)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, start, arg);
    if (error != 0) {
        fprintf(stderr, "pthread_create: %s\n", strerror(error));
        exit(100);
    }
    return thread;
}

static void* end(pthread_t thread)
{
    void* result = NULL;
    CHECK(pthread_join(thread, &result) == 0);
    return result;
}

static struct timespec in_ms(clockid_t clock, long ms)
{
    struct timespec at;
    clock_gettime(clock, &at);
    at.tv_nsec += ms % 1000 * 1000000;
    at.tv_sec += ms / 1000 + at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

/* ---- creating and joining ---- */

static void* doubled(void* arg)
{
    return (void*)(2 * (intptr_t)arg);
}

static void* exits(void* arg)
{
    pthread_exit(arg);
}

static void* itself(void* arg)
{
    *(pthread_t*)arg = pthread_self();
    return NULL;
}

static void* spawns(void* arg)
{
    intptr_t depth = (intptr_t)arg;
    if (depth == 0) {
        return (void*)1;
    }
    return (void*)(1 + (intptr_t)end(begin(spawns, (void*)(depth - 1))));
}

static void creating(void)
{
    pthread_t threads[N];
    for (intptr_t i = 0; i < N; i++) {
        threads[i] = begin(doubled, (void*)i);
    }
    for (intptr_t i = 0; i < N; i++) {
        CHECK((intptr_t)end(threads[i]) == 2 * i);
    }
    CHECK((intptr_t)end(begin(exits, (void*)7)) == 7);
    pthread_t own = NULL;
    pthread_t thread = begin(itself, &own);
    end(thread);
    CHECK(pthread_equal(own, thread));
    CHECK(!pthread_equal(pthread_self(), thread));
    CHECK(pthread_join(pthread_self(), NULL) == EDEADLK);
    CHECK((intptr_t)end(begin(spawns, (void*)5)) == 6);
}

static atomic_int detached_ran;

static void* runs_detached(void* arg)
{
    (void)arg;
    detached_ran++;
    return NULL;
}

static void detaching(void)
{
    pthread_attr_t attr;
    CHECK(pthread_attr_init(&attr) == 0);
    CHECK(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0);
    CHECK(pthread_attr_setstacksize(&attr, 100) == EINVAL);
    CHECK(pthread_attr_setstacksize(&attr, 64 << 10) == 0);
    size_t size = 0;
    CHECK(pthread_attr_getstacksize(&attr, &size) == 0 && size == 64 << 10);
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, &attr, runs_detached, NULL) == 0);
        thread = begin(runs_detached, NULL);
        CHECK(pthread_detach(thread) == 0);
    }
    while (detached_ran < 40) {
        usleep(1000);
    }
}

/* ---- thread-local storage, and what the library keeps for each thread ---- */

static _Thread_local int local = 5;
static _Thread_local char text[100] = "as it was";

static void* has_its_own(void* arg)
{
    CHECK(local == 5);
    CHECK(strcmp(text, "as it was") == 0);
    local = (int)(intptr_t)arg;
    snprintf(text, sizeof text, "%d", local);
    errno = local;
    usleep(2000);
    CHECK(errno == local);
    /* The C library's errno, too, is this thread's. */
    CHECK(close(1000 + local) == -1 && errno == EBADF);
    CHECK(local == (int)(intptr_t)arg && atoi(text) == local);
    return NULL;
}

static void locals(void)
{
    local = -1;
    errno = 1234;
    pthread_t threads[N];
    for (intptr_t i = 0; i < N; i++) {
        threads[i] = begin(has_its_own, (void*)(100 + i));
    }
    for (int i = 0; i < N; i++) {
        end(threads[i]);
    }
    CHECK(local == -1 && errno == 1234);
}

static pthread_key_t key, second;
static atomic_int destroyed, rounds;

static void destroys(void* value)
{
    destroyed += (int)(intptr_t)value;
    CHECK(pthread_getspecific(key) == NULL);
}

static void sets_again(void* value)
{
    (void)value;
    /* Twice: then the destructors have nothing to do any more. */
    if (rounds++ % 2 == 0) {
        pthread_setspecific(second, (void*)1);
    }
}

static void* sets(void* arg)
{
    CHECK(pthread_getspecific(key) == NULL);
    CHECK(pthread_setspecific(key, arg) == 0);
    CHECK(pthread_setspecific(second, arg) == 0);
    CHECK(pthread_getspecific(key) == arg);
    return NULL;
}

static void keys(void)
{
    CHECK(pthread_key_create(&key, destroys) == 0);
    CHECK(pthread_key_create(&second, sets_again) == 0);
    pthread_setspecific(key, (void*)1000);
    for (intptr_t i = 1; i <= 4; i++) {
        end(begin(sets, (void*)i));
    }
    CHECK(destroyed == 1 + 2 + 3 + 4);
    CHECK(rounds == 8);
    CHECK(pthread_getspecific(key) == (void*)1000);
    CHECK(pthread_key_delete(key) == 0);
    CHECK(pthread_key_delete(second) == 0);
    CHECK(pthread_key_delete(5000) == EINVAL);
    pthread_key_t many[PTHREAD_KEYS_MAX + 1];
    int made = 0;
    while (made <= PTHREAD_KEYS_MAX && pthread_key_create(&many[made], NULL) == 0) {
        made++;
    }
    CHECK(made == PTHREAD_KEYS_MAX);
    while (made > 0) {
        pthread_key_delete(many[--made]);
    }
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_int times;

static void init(void)
{
    usleep(2000);
    times++;
}

static void* runs_once(void* arg)
{
    CHECK(pthread_once(&once, init) == 0);
    CHECK(times == 1);
    return arg;
}

static void only_once(void)
{
    pthread_t threads[N];
    for (int i = 0; i < N; i++) {
        threads[i] = begin(runs_once, NULL);
    }
    for (int i = 0; i < N; i++) {
        end(threads[i]);
    }
    CHECK(times == 1);
}

/* ---- mutexes ---- */

#define ROUNDS 5000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_spinlock_t spin;
static int counted, spun;

static void* counts(void* arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        counted++;
        pthread_mutex_unlock(&mutex);
        pthread_spin_lock(&spin);
        spun++;
        pthread_spin_unlock(&spin);
    }
    return arg;
}

static void* tries(void* arg)
{
    pthread_mutex_t* held = arg;
    CHECK(pthread_mutex_trylock(held) == EBUSY);
    struct timespec at = in_ms(CLOCK_REALTIME, 5);
    CHECK(pthread_mutex_timedlock(held, &at) == ETIMEDOUT);
    return NULL;
}

static void* unlocks(void* arg)
{
    CHECK(pthread_mutex_unlock(arg) == EPERM);
    return NULL;
}

static void mutexes(void)
{
    pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
    pthread_t threads[N];
    for (int i = 0; i < N; i++) {
        threads[i] = begin(counts, NULL);
    }
    for (int i = 0; i < N; i++) {
        end(threads[i]);
    }
    CHECK(counted == N * ROUNDS);
    CHECK(spun == N * ROUNDS);
    pthread_mutex_lock(&mutex);
    end(begin(tries, &mutex));
    pthread_mutex_unlock(&mutex);
    CHECK(pthread_mutex_trylock(&mutex) == 0);
    pthread_mutex_unlock(&mutex);

    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    CHECK(pthread_mutexattr_settype(&attr, 77) == EINVAL);
    CHECK(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE) == 0);
    pthread_mutex_t again;
    pthread_mutex_init(&again, &attr);
    CHECK(pthread_mutex_lock(&again) == 0 && pthread_mutex_lock(&again) == 0);
    CHECK(pthread_mutex_trylock(&again) == 0);
    CHECK(pthread_mutex_unlock(&again) == 0 && pthread_mutex_unlock(&again) == 0);
    end(begin(tries, &again));
    CHECK(pthread_mutex_unlock(&again) == 0);
    CHECK(pthread_mutex_unlock(&again) == EPERM);

    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_t checked;
    pthread_mutex_init(&checked, &attr);
    CHECK(pthread_mutex_lock(&checked) == 0);
    CHECK(pthread_mutex_lock(&checked) == EDEADLK);
    end(begin(unlocks, &checked));
    CHECK(pthread_mutex_unlock(&checked) == 0);
    pthread_mutex_destroy(&checked);
}

/* ---- condition variables: a small queue between makers and takers ---- */

static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER;
static int queue[4], queued;
static atomic_int taken;

static void* makes(void* arg)
{
    for (int i = 1; i <= 500; i++) {
        pthread_mutex_lock(&mutex);
        while (queued == 4) {
            pthread_cond_wait(&not_full, &mutex);
        }
        queue[queued++] = i;
        pthread_cond_signal(&not_empty);
        pthread_mutex_unlock(&mutex);
    }
    return arg;
}

static void* takes(void* arg)
{
    for (int i = 0; i < 500; i++) {
        pthread_mutex_lock(&mutex);
        while (queued == 0) {
            pthread_cond_wait(&not_empty, &mutex);
        }
        taken += queue[--queued];
        pthread_cond_signal(&not_full);
        pthread_mutex_unlock(&mutex);
    }
    return arg;
}

static bool go;
static int gone;
static pthread_cond_t start = PTHREAD_COND_INITIALIZER;

static void* waits_for_all(void* arg)
{
    pthread_mutex_lock(&mutex);
    while (!go) {
        pthread_cond_wait(&start, &mutex);
    }
    gone++;
    pthread_mutex_unlock(&mutex);
    return arg;
}

static void conditions(void)
{
    pthread_t threads[N];
    for (int i = 0; i < N; i++) {
        threads[i] = begin(i % 2 ? makes : takes, NULL);
    }
    for (int i = 0; i < N; i++) {
        end(threads[i]);
    }
    CHECK(taken == N / 2 * (500 * 501 / 2));
    for (int i = 0; i < N; i++) {
        threads[i] = begin(waits_for_all, NULL);
    }
    usleep(3000);
    pthread_mutex_lock(&mutex);
    go = true;
    pthread_cond_broadcast(&start);
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < N; i++) {
        end(threads[i]);
    }
    CHECK(gone == N);

    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_t timed;
    pthread_cond_init(&timed, &attr);
    pthread_mutex_lock(&mutex);
    struct timespec before, after, at = in_ms(CLOCK_MONOTONIC, 20);
    clock_gettime(CLOCK_MONOTONIC, &before);
    CHECK(pthread_cond_timedwait(&timed, &mutex, &at) == ETIMEDOUT);
    clock_gettime(CLOCK_MONOTONIC, &after);
    CHECK((after.tv_sec - before.tv_sec) * 1000000000LL +
              (after.tv_nsec - before.tv_nsec) >= 19 * 1000000LL);
    at = in_ms(CLOCK_REALTIME, -1000);
    CHECK(pthread_cond_timedwait(&not_full, &mutex, &at) == ETIMEDOUT);
    at.tv_nsec = 1000000000;
    CHECK(pthread_cond_timedwait(&not_full, &mutex, &at) == EINVAL);
    pthread_mutex_unlock(&mutex);
}

/* ---- read-write locks, barriers, semaphores ---- */

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static int shared[2];
static atomic_int readers, most_readers;

static void* reads(void* arg)
{
    for (int i = 0; i < 500; i++) {
        pthread_rwlock_rdlock(&rwlock);
        int now = ++readers, most = most_readers;
        while (now > most && !atomic_compare_exchange_weak(&most_readers, &most, now)) {
        }
        CHECK(shared[0] == shared[1]);
        readers--;
        pthread_rwlock_unlock(&rwlock);
    }
    return arg;
}

static void* writes(void* arg)
{
    for (int i = 0; i < 500; i++) {
        pthread_rwlock_wrlock(&rwlock);
        CHECK(readers == 0);
        shared[0]++;
        shared[1]++;
        pthread_rwlock_unlock(&rwlock);
    }
    return arg;
}

static void* tries_rwlock(void* arg)
{
    CHECK(pthread_rwlock_trywrlock(&rwlock) == EBUSY);
    CHECK(pthread_rwlock_tryrdlock(&rwlock) == (arg != NULL ? EBUSY : 0));
    if (arg == NULL) {
        pthread_rwlock_unlock(&rwlock);
    }
    struct timespec at = in_ms(CLOCK_REALTIME, 5);
    CHECK(pthread_rwlock_timedwrlock(&rwlock, &at) == ETIMEDOUT);
    return NULL;
}

static pthread_barrier_t barrier;
static atomic_int arrived, serial;

static void* meets(void* arg)
{
    for (int i = 1; i <= 50; i++) {
        arrived++;
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) {
            serial++;
        }
        CHECK(arrived >= i * N);
        pthread_barrier_wait(&barrier);
        CHECK(arrived == i * N);
        pthread_barrier_wait(&barrier);
    }
    return arg;
}

static sem_t semaphore;
static atomic_int inside, most_inside;

static void* passes(void* arg)
{
    for (int i = 0; i < 50; i++) {
        sem_wait(&semaphore);
        int now = ++inside, most = most_inside;
        while (now > most && !atomic_compare_exchange_weak(&most_inside, &most, now)) {
        }
        inside--;
        sem_post(&semaphore);
    }
    return arg;
}

static void others(void)
{
    pthread_t threads[N];
    for (int i = 0; i < N; i++) {
        threads[i] = begin(i < 2 ? writes : reads, NULL);
    }
    for (int i = 0; i < N; i++) {
        end(threads[i]);
    }
    CHECK(shared[0] == 1000 && most_readers >= 1);
    pthread_rwlock_rdlock(&rwlock);
    end(begin(tries_rwlock, NULL));
    pthread_rwlock_unlock(&rwlock);
    pthread_rwlock_wrlock(&rwlock);
    end(begin(tries_rwlock, &rwlock));
    pthread_rwlock_unlock(&rwlock);
    CHECK(pthread_rwlock_unlock(&rwlock) == EPERM);

    CHECK(pthread_barrier_init(&barrier, NULL, 0) == EINVAL);
    CHECK(pthread_barrier_init(&barrier, NULL, N) == 0);
    for (int i = 0; i < N; i++) {
        threads[i] = begin(meets, NULL);
    }
    for (int i = 0; i < N; i++) {
        end(threads[i]);
    }
    CHECK(serial == 50);
    pthread_barrier_destroy(&barrier);

    CHECK(sem_init(&semaphore, 0, 3) == 0);
    for (int i = 0; i < N; i++) {
        threads[i] = begin(passes, NULL);
    }
    for (int i = 0; i < N; i++) {
        end(threads[i]);
    }
    CHECK(most_inside >= 1 && most_inside <= 3);
    int value = 0;
    CHECK(sem_getvalue(&semaphore, &value) == 0 && value == 3);
    sem_wait(&semaphore), sem_wait(&semaphore), sem_wait(&semaphore);
    CHECK(sem_trywait(&semaphore) == -1 && errno == EAGAIN);
    struct timespec at = in_ms(CLOCK_REALTIME, 5);
    CHECK(sem_timedwait(&semaphore, &at) == -1 && errno == ETIMEDOUT);
}

/* ---- the C library ---- */

static void* allocates(void* arg)
{
    unsigned seed = (unsigned)(intptr_t)arg;
    unsigned char* kept[64] = { 0 };
    size_t sizes[64] = { 0 };
    for (int i = 0; i < 3000; i++) {
        seed = seed * 1103515245 + 12345;
        int at = (int)(seed >> 8) % 64;
        for (size_t b = 0; b < sizes[at]; b += 97) {
            CHECK(kept[at][b] == (unsigned char)(at + (int)b));
        }
        size_t size = (seed >> 4) % 20 == 0 ? (seed >> 9) % 200000 : (seed >> 9) % 900;
        if (seed >> 30 == 0) {
            free(kept[at]);
            kept[at] = aligned_alloc(256, size);
            CHECK((uintptr_t)kept[at] % 256 == 0);
        } else {
            kept[at] = realloc(kept[at], size + 1);
        }
        CHECK(kept[at] != NULL);
        sizes[at] = size;
        for (size_t b = 0; b < size; b += 97) {
            kept[at][b] = (unsigned char)(at + (int)b);
        }
    }
    for (int i = 0; i < 64; i++) {
        free(kept[i]);
    }
    char* zeros = calloc(1000, 3);
    for (int i = 0; i < 3000; i++) {
        CHECK(zeros[i] == 0);
    }
    free(zeros);
    return NULL;
}

static FILE* file;

static void* prints(void* arg)
{
    for (int i = 0; i < 100; i++) {
        fprintf(file, "%d says %d %s\n", (int)(intptr_t)arg, i, "and ends its line");
    }
    return NULL;
}

static void library(void)
{
    /* Through a pointer: the compiler knows what malloc does, and what not. */
    void* (*volatile allocate)(size_t) = malloc;
    CHECK(allocate(SIZE_MAX / 2 + 1) == NULL && errno == ENOMEM);
    pthread_t threads[N];
    for (intptr_t i = 0; i < N; i++) {
        threads[i] = begin(allocates, (void*)(i + 1));
    }
    for (int i = 0; i < N; i++) {
        end(threads[i]);
    }
    char* text = NULL;
    size_t len = 0;
    file = open_memstream(&text, &len);
    for (intptr_t i = 0; i < N; i++) {
        threads[i] = begin(prints, (void*)i);
    }
    for (int i = 0; i < N; i++) {
        end(threads[i]);
    }
    fclose(file);
    int next[N] = { 0 }, lines = 0;
    for (char* line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        int who = -1, what = -1, read = 0;
        CHECK(sscanf(line, "%d says %d and ends its line%n", &who, &what, &read) == 2 && read > 0);
        CHECK(who >= 0 && who < N && what == next[who]++);
        lines++;
    }
    CHECK(lines == N * 100);
    free(text);
}

int main(void)
{
    creating();
    detaching();
    locals();
    keys();
    only_once();
    mutexes();
    conditions();
    others();
    library();
    if (broken == 0) {
        printf("threads: all as promised\n");
    }
    return broken;
}
