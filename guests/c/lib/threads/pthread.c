/*
 * POSIX threads on `wasi-threads`: a thread is an instance of this module that
 * the host starts at `wasi_thread_start`, with the same memory.
 *
 * What must be known of a thread is a `struct __pthread`, at the top of a block
 * that also holds its stack and its thread-local storage:
 *
 *     | stack, downwards | thread-local storage | struct __pthread |
 *
 * Nothing guards the end of the stack: give threads with deep frames a larger
 * one (pthread_attr_setstacksize).
 *
 * Waiting is `memory.atomic.wait32` on a word (a futex). A word's owner must
 * not be gone when it is notified: so the end of a thread is told by the last
 * instruction that it executes on its stack, and its block is freed by another
 * thread.
 *
 * Not here: cancellation (ENOSYS), priorities, processes.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "threads.h"

#define KEYS 128
#ifndef SEM_VALUE_MAX
#define SEM_VALUE_MAX INT_MAX
#endif
#define DEFAULT_STACK (256 << 10)
#define MIN_STACK (16 << 10)

__attribute__((import_module("wasi"), import_name("thread-spawn"))) int32_t
host_thread_spawn(void* start);

__attribute__((import_module("env"), import_name("__faasm_thread_exit"),
               noreturn)) void
host_thread_exit(void);

enum { JOINABLE, DETACHED, JOINED };

struct __pthread {
    /* What `wasi_thread_start` reads: first. */
    void* stack_top;
    void* tls;
    void* (*start)(void*);
    void* arg;
    void* result;
    /* Who may free the block; whoever changes it to something but JOINABLE. */
    atomic_int fate;
    /* 1 when the thread's stack is not used any more. A futex. */
    atomic_int gone;
    int32_t tid;
    /* Of the finished threads that nobody joins. */
    struct __pthread* next;
    void* block;
    size_t stack_size;
    /* Set where pthread_setspecific was called. */
    bool has_values;
    void* values[KEYS];
};

static struct __pthread main_thread = { .fate = DETACHED };
static _Thread_local struct __pthread* self;

/* ---- futexes ---- */

void __faasm_wait(atomic_int* word, int expected)
{
    __builtin_wasm_memory_atomic_wait32((int*)word, expected, -1);
}

void __faasm_wake(atomic_int* word, int count)
{
    __builtin_wasm_memory_atomic_notify((int*)word, (unsigned)count);
}

/* The time until `at` on the clock, in nanoseconds, not below 0. */
static int64_t time_until(clockid_t clock, const struct timespec* at)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0) {
        return 0;
    }
    /* Far away is as good as never. */
    if (at->tv_sec - now.tv_sec > INT32_MAX) {
        return (int64_t)INT32_MAX * 1000000000;
    }
    int64_t left = (at->tv_sec - now.tv_sec) * 1000000000LL +
                   (at->tv_nsec - now.tv_nsec);
    return left < 0 ? 0 : left;
}

static bool is_time(const struct timespec* at)
{
    return at->tv_nsec >= 0 && at->tv_nsec < 1000000000;
}

/* Waits while the word is as expected; ETIMEDOUT if that took too long. */
static int wait_until(atomic_int* word, int expected, clockid_t clock,
                      const struct timespec* at)
{
    if (at == NULL) {
        __faasm_wait(word, expected);
        return 0;
    }
    int64_t left = time_until(clock, at);
    if (left == 0) {
        return ETIMEDOUT;
    }
    int how =
        __builtin_wasm_memory_atomic_wait32((int*)word, expected, left);
    return how == 2 ? ETIMEDOUT : 0;
}

/* ---- the plain lock: 0 free, 1 taken, 2 taken and waited for ---- */

int __faasm_lock_until(atomic_int* lock, clockid_t clock,
                       const struct timespec* at)
{
    int seen = 0;
    if (atomic_compare_exchange_strong(lock, &seen, 1)) {
        return 0;
    }
    for (int spin = 0; spin < 100 && seen != 2; spin++) {
        seen = 0;
        if (atomic_compare_exchange_weak(lock, &seen, 1)) {
            return 0;
        }
    }
    while (atomic_exchange(lock, 2) != 0) {
        int error = wait_until(lock, 2, clock, at);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

void __faasm_lock(atomic_int* lock)
{
    __faasm_lock_until(lock, CLOCK_REALTIME, NULL);
}

bool __faasm_trylock(atomic_int* lock)
{
    int seen = 0;
    return atomic_compare_exchange_strong(lock, &seen, 1);
}

void __faasm_unlock(atomic_int* lock)
{
    if (atomic_exchange(lock, 0) == 2) {
        __faasm_wake(lock, 1);
    }
}

/* ---- threads ---- */

static struct __pthread* current(void)
{
    return self != NULL ? self : &main_thread;
}

/* Threads beside the main one whose stacks are in use. A futex. */
static atomic_int running;
static atomic_int finished_lock;
static struct __pthread* finished;

static void free_thread(struct __pthread* thread)
{
    free(thread->block);
}

/* Frees what detached threads have left. */
static void reap(void)
{
    __faasm_lock(&finished_lock);
    struct __pthread** at = &finished;
    struct __pthread* dead = NULL;
    while (*at != NULL) {
        struct __pthread* thread = *at;
        if (atomic_load(&thread->gone)) {
            *at = thread->next;
            thread->next = dead;
            dead = thread;
        } else {
            at = &thread->next;
        }
    }
    __faasm_unlock(&finished_lock);
    while (dead != NULL) {
        struct __pthread* next = dead->next;
        free_thread(dead);
        dead = next;
    }
}

static void leave_to_reaper(struct __pthread* thread)
{
    __faasm_lock(&finished_lock);
    thread->next = finished;
    finished = thread;
    __faasm_unlock(&finished_lock);
}

static void run_destructors(struct __pthread* thread);

/* All that a thread does at its end but telling so; where to tell it. */
static atomic_int* end_thread(struct __pthread* thread, void* result)
{
    thread->result = result;
    run_destructors(thread);
    /* A thread that is detached from now on is left to the reaper by whoever
     * detaches it. */
    if (atomic_load(&thread->fate) == DETACHED) {
        leave_to_reaper(thread);
    }
    if (atomic_fetch_sub(&running, 1) == 1) {
        __faasm_wake(&running, INT_MAX);
    }
    return &thread->gone;
}

/* Called with the thread's own stack. */
atomic_int* __faasm_thread_main(int32_t tid, struct __pthread* thread)
{
    __wasm_init_tls(thread->tls);
    self = thread;
    thread->tid = tid;
    return end_thread(thread, thread->start(thread->arg));
}

/*
 * The entry: sets the stack pointer, runs the thread, and then, when nothing
 * of its stack is needed any more, says that it is gone.
 */
__asm__(".globaltype __stack_pointer, i32\n"
        ".functype __faasm_thread_main (i32, i32) -> (i32)\n"
        ".globl wasi_thread_start\n"
        ".export_name wasi_thread_start, wasi_thread_start\n"
        ".type wasi_thread_start,@function\n"
        "wasi_thread_start:\n"
        ".functype wasi_thread_start (i32, i32) -> ()\n"
        "local.get 1\n"
        "i32.load 0\n"
        "global.set __stack_pointer\n"
        "local.get 0\n"
        "local.get 1\n"
        "call __faasm_thread_main\n"
        "local.tee 0\n"
        "i32.const 1\n"
        "i32.atomic.store 0\n"
        "local.get 0\n"
        "i32.const -1\n"
        "memory.atomic.notify 0\n"
        "drop\n"
        "end_function\n");

struct attributes {
    size_t stack_size;
    int detached;
};

static struct attributes* attributes(const pthread_attr_t* attr)
{
    _Static_assert(sizeof(struct attributes) <= sizeof(pthread_attr_t), "");
    return (struct attributes*)attr;
}

static size_t round_up(size_t bytes, size_t to)
{
    return (bytes + to - 1) / to * to;
}

int pthread_create(pthread_t* restrict out, const pthread_attr_t* restrict attr,
                   void* (*start)(void*), void* restrict arg)
{
    reap();
    __faasm_libc_has_threads();
    size_t stack = DEFAULT_STACK;
    int fate = JOINABLE;
    if (attr != NULL) {
        stack = attributes(attr)->stack_size;
        fate = attributes(attr)->detached ? DETACHED : JOINABLE;
    }
    size_t align = __builtin_wasm_tls_align();
    align = align < 16 ? 16 : align;
    stack = round_up(stack, align);
    size_t tls = round_up(__builtin_wasm_tls_size(), align);
    char* block = aligned_alloc(align, round_up(stack + tls + sizeof(struct __pthread), align));
    if (block == NULL) {
        return EAGAIN;
    }
    struct __pthread* thread = (struct __pthread*)(block + stack + tls);
    memset(thread, 0, sizeof *thread);
    thread->stack_top = block + stack;
    thread->tls = block + stack;
    thread->start = start;
    thread->arg = arg;
    thread->block = block;
    thread->stack_size = stack;
    atomic_init(&thread->fate, fate);
    atomic_fetch_add(&running, 1);
    /* It may run, and even end, before this returns. */
    *out = thread;
    int32_t tid = host_thread_spawn(thread);
    if (tid < 0) {
        atomic_fetch_sub(&running, 1);
        free(block);
        return EAGAIN;
    }
    return 0;
}

int pthread_join(pthread_t thread, void** result)
{
    if (thread == current()) {
        return EDEADLK;
    }
    int fate = JOINABLE;
    if (!atomic_compare_exchange_strong(&thread->fate, &fate, JOINED)) {
        return EINVAL;
    }
    while (atomic_load(&thread->gone) == 0) {
        __faasm_wait(&thread->gone, 0);
    }
    if (result != NULL) {
        *result = thread->result;
    }
    free_thread(thread);
    return 0;
}

int pthread_detach(pthread_t thread)
{
    int fate = JOINABLE;
    if (!atomic_compare_exchange_strong(&thread->fate, &fate, JOINED)) {
        return EINVAL;
    }
    leave_to_reaper(thread);
    return 0;
}

pthread_t pthread_self(void)
{
    return current();
}

int(pthread_equal)(pthread_t a, pthread_t b)
{
    return a == b;
}

void pthread_exit(void* result)
{
    struct __pthread* thread = current();
    if (thread == &main_thread) {
        run_destructors(thread);
        int left;
        while ((left = atomic_load(&running)) != 0) {
            __faasm_wait(&running, left);
        }
        exit(0);
    }
    atomic_int* gone = end_thread(thread, result);
    atomic_store(gone, 1);
    __faasm_wake(gone, INT_MAX);
    host_thread_exit();
}

int pthread_cancel(pthread_t thread)
{
    (void)thread;
    return ENOSYS;
}

void pthread_testcancel(void)
{
}

int pthread_setcancelstate(int state, int* old)
{
    if (state < 0 || state > 2) {
        return EINVAL;
    }
    if (old != NULL) {
        *old = PTHREAD_CANCEL_ENABLE;
    }
    return 0;
}

int pthread_setcanceltype(int type, int* old)
{
    if (type < 0 || type > 1) {
        return EINVAL;
    }
    if (old != NULL) {
        *old = PTHREAD_CANCEL_DEFERRED;
    }
    return 0;
}

int pthread_attr_init(pthread_attr_t* attr)
{
    *attributes(attr) = (struct attributes){ .stack_size = DEFAULT_STACK };
    return 0;
}

int pthread_attr_destroy(pthread_attr_t* attr)
{
    (void)attr;
    return 0;
}

int pthread_attr_setstacksize(pthread_attr_t* attr, size_t size)
{
    if (size < MIN_STACK || size > SIZE_MAX / 4) {
        return EINVAL;
    }
    attributes(attr)->stack_size = size;
    return 0;
}

int pthread_attr_getstacksize(const pthread_attr_t* restrict attr,
                              size_t* restrict size)
{
    *size = attributes(attr)->stack_size;
    return 0;
}

int pthread_attr_setdetachstate(pthread_attr_t* attr, int state)
{
    if (state != PTHREAD_CREATE_JOINABLE && state != PTHREAD_CREATE_DETACHED) {
        return EINVAL;
    }
    attributes(attr)->detached = state == PTHREAD_CREATE_DETACHED;
    return 0;
}

int pthread_attr_getdetachstate(const pthread_attr_t* attr, int* state)
{
    *state = attributes(attr)->detached ? PTHREAD_CREATE_DETACHED
                                        : PTHREAD_CREATE_JOINABLE;
    return 0;
}

/* ---- values of threads ---- */

static atomic_int keys_lock;
static bool key_used[KEYS];
static void (*key_destructor[KEYS])(void*);

/* A key without a destructor has this one, so that all keys look alike. */
static void no_destructor(void* value)
{
    (void)value;
}

int pthread_key_create(pthread_key_t* key, void (*destructor)(void*))
{
    int error = EAGAIN;
    __faasm_lock(&keys_lock);
    for (unsigned i = 0; i < KEYS; i++) {
        if (!key_used[i]) {
            key_used[i] = true;
            key_destructor[i] = destructor != NULL ? destructor : no_destructor;
            *key = i;
            error = 0;
            break;
        }
    }
    __faasm_unlock(&keys_lock);
    return error;
}

int pthread_key_delete(pthread_key_t key)
{
    if (key >= KEYS) {
        return EINVAL;
    }
    /* The values of a deleted key must not be those of the next one with its
     * number: those of other threads are theirs to forget, so the number's
     * values are cleared here only for this one, as POSIX asks the program to
     * have done for the others. */
    current()->values[key] = NULL;
    __faasm_lock(&keys_lock);
    key_used[key] = false;
    key_destructor[key] = NULL;
    __faasm_unlock(&keys_lock);
    return 0;
}

int pthread_setspecific(pthread_key_t key, const void* value)
{
    if (key >= KEYS) {
        return EINVAL;
    }
    struct __pthread* thread = current();
    thread->values[key] = (void*)value;
    thread->has_values = true;
    return 0;
}

void* pthread_getspecific(pthread_key_t key)
{
    return key < KEYS ? current()->values[key] : NULL;
}

static void run_destructors(struct __pthread* thread)
{
    for (int round = 0; round < PTHREAD_DESTRUCTOR_ITERATIONS; round++) {
        if (!thread->has_values) {
            return;
        }
        thread->has_values = false;
        for (unsigned i = 0; i < KEYS; i++) {
            void* value = thread->values[i];
            thread->values[i] = NULL;
            __faasm_lock(&keys_lock);
            void (*destructor)(void*) = key_destructor[i];
            __faasm_unlock(&keys_lock);
            if (value != NULL && destructor != NULL) {
                destructor(value);
            }
        }
    }
}

/* ---- once ---- */

int pthread_once(pthread_once_t* control, void (*init)(void))
{
    enum { NEW, BUSY, DONE };
    atomic_int* state = (atomic_int*)control;
    for (;;) {
        int seen = NEW;
        if (atomic_load(state) == DONE) {
            return 0;
        }
        if (atomic_compare_exchange_strong(state, &seen, BUSY)) {
            init();
            atomic_store(state, DONE);
            __faasm_wake(state, INT_MAX);
            return 0;
        }
        if (seen == BUSY) {
            __faasm_wait(state, BUSY);
        }
    }
}

/* ---- mutexes ---- */

struct mutex {
    int type;
    atomic_int lock;
    _Atomic(struct __pthread*) owner;
    /* Of the owner. */
    int depth;
};

static struct mutex* mutex_of(pthread_mutex_t* mutex)
{
    _Static_assert(sizeof(struct mutex) <= sizeof(pthread_mutex_t), "");
    return (struct mutex*)mutex;
}

int pthread_mutexattr_init(pthread_mutexattr_t* attr)
{
    attr->__attr = PTHREAD_MUTEX_DEFAULT;
    return 0;
}

int pthread_mutexattr_destroy(pthread_mutexattr_t* attr)
{
    (void)attr;
    return 0;
}

int pthread_mutexattr_settype(pthread_mutexattr_t* attr, int type)
{
    if (type < PTHREAD_MUTEX_NORMAL || type > PTHREAD_MUTEX_ERRORCHECK) {
        return EINVAL;
    }
    attr->__attr = (unsigned)type;
    return 0;
}

int pthread_mutexattr_gettype(const pthread_mutexattr_t* restrict attr,
                              int* restrict type)
{
    *type = (int)attr->__attr;
    return 0;
}

int pthread_mutex_init(pthread_mutex_t* restrict mutex,
                       const pthread_mutexattr_t* restrict attr)
{
    memset(mutex, 0, sizeof *mutex);
    mutex_of(mutex)->type = attr != NULL ? (int)attr->__attr : 0;
    return 0;
}

int pthread_mutex_destroy(pthread_mutex_t* mutex)
{
    (void)mutex;
    return 0;
}

/* What a thread finds that has the mutex already; -1 if it has not. */
static int lock_again(struct mutex* mutex)
{
    if (mutex->type == PTHREAD_MUTEX_NORMAL ||
        atomic_load_explicit(&mutex->owner, memory_order_relaxed) !=
            current()) {
        return -1;
    }
    if (mutex->type == PTHREAD_MUTEX_ERRORCHECK) {
        return EDEADLK;
    }
    if (mutex->depth == INT_MAX) {
        return EAGAIN;
    }
    mutex->depth++;
    return 0;
}

static void own(struct mutex* mutex)
{
    mutex->depth = 1;
    atomic_store_explicit(&mutex->owner, current(), memory_order_relaxed);
}

int pthread_mutex_timedlock(pthread_mutex_t* restrict given,
                            const struct timespec* restrict at)
{
    struct mutex* mutex = mutex_of(given);
    int again = lock_again(mutex);
    if (again >= 0) {
        return again;
    }
    if (at != NULL && !is_time(at) && atomic_load(&mutex->lock) != 0) {
        return EINVAL;
    }
    int error = __faasm_lock_until(&mutex->lock, CLOCK_REALTIME, at);
    if (error == 0) {
        own(mutex);
    }
    return error;
}

int pthread_mutex_lock(pthread_mutex_t* mutex)
{
    return pthread_mutex_timedlock(mutex, NULL);
}

int pthread_mutex_trylock(pthread_mutex_t* given)
{
    struct mutex* mutex = mutex_of(given);
    int again = lock_again(mutex);
    if (again >= 0) {
        return again == EDEADLK ? EBUSY : again;
    }
    if (!__faasm_trylock(&mutex->lock)) {
        return EBUSY;
    }
    own(mutex);
    return 0;
}

int pthread_mutex_unlock(pthread_mutex_t* given)
{
    struct mutex* mutex = mutex_of(given);
    if (mutex->type != PTHREAD_MUTEX_NORMAL) {
        if (atomic_load_explicit(&mutex->owner, memory_order_relaxed) !=
            current()) {
            return EPERM;
        }
        if (--mutex->depth > 0) {
            return 0;
        }
    }
    atomic_store_explicit(&mutex->owner, NULL, memory_order_relaxed);
    __faasm_unlock(&mutex->lock);
    return 0;
}

/* ---- condition variables: a word that every signal changes ---- */

struct condition {
    atomic_int changes;
    atomic_int waiting;
    clockid_t clock;
};

static struct condition* condition_of(pthread_cond_t* condition)
{
    _Static_assert(sizeof(struct condition) <= sizeof(pthread_cond_t), "");
    return (struct condition*)condition;
}

static clockid_t clock_by(int number)
{
    return number == 1 ? CLOCK_MONOTONIC : CLOCK_REALTIME;
}

int pthread_condattr_init(pthread_condattr_t* attr)
{
    attr->__attr = 0;
    return 0;
}

int pthread_condattr_destroy(pthread_condattr_t* attr)
{
    (void)attr;
    return 0;
}

int pthread_condattr_setclock(pthread_condattr_t* attr, clockid_t clock)
{
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC) {
        return EINVAL;
    }
    attr->__attr = clock == CLOCK_MONOTONIC;
    return 0;
}

int pthread_condattr_getclock(const pthread_condattr_t* restrict attr,
                              clockid_t* restrict clock)
{
    *clock = clock_by((int)attr->__attr);
    return 0;
}

int pthread_cond_init(pthread_cond_t* restrict condition,
                      const pthread_condattr_t* restrict attr)
{
    memset(condition, 0, sizeof *condition);
    condition_of(condition)->clock = clock_by(attr != NULL ? (int)attr->__attr : 0);
    return 0;
}

int pthread_cond_destroy(pthread_cond_t* condition)
{
    (void)condition;
    return 0;
}

int pthread_cond_timedwait(pthread_cond_t* restrict given,
                           pthread_mutex_t* restrict mutex,
                           const struct timespec* restrict at)
{
    struct condition* condition = condition_of(given);
    struct mutex* held = mutex_of(mutex);
    if (at != NULL && !is_time(at)) {
        return EINVAL;
    }
    if (held->type != PTHREAD_MUTEX_NORMAL &&
        atomic_load(&held->owner) != current()) {
        return EPERM;
    }
    /* One that was initialised statically has no clock. */
    clockid_t clock =
        condition->clock != NULL ? condition->clock : CLOCK_REALTIME;
    atomic_fetch_add(&condition->waiting, 1);
    int seen = atomic_load(&condition->changes);
    /* A recursive mutex is given up whole. */
    int depth = held->depth;
    held->depth = 1;
    pthread_mutex_unlock(mutex);
    int error = wait_until(&condition->changes, seen, clock, at);
    atomic_fetch_sub(&condition->waiting, 1);
    pthread_mutex_lock(mutex);
    held->depth = depth;
    return error;
}

int pthread_cond_wait(pthread_cond_t* restrict condition,
                      pthread_mutex_t* restrict mutex)
{
    return pthread_cond_timedwait(condition, mutex, NULL);
}

static void change(struct condition* condition, int count)
{
    if (atomic_load(&condition->waiting) > 0) {
        atomic_fetch_add(&condition->changes, 1);
        __faasm_wake(&condition->changes, count);
    }
}

int pthread_cond_signal(pthread_cond_t* condition)
{
    change(condition_of(condition), 1);
    return 0;
}

int pthread_cond_broadcast(pthread_cond_t* condition)
{
    change(condition_of(condition), INT_MAX);
    return 0;
}

/* ---- read-write locks: readers that have it, or WRITER ---- */

#define WRITER INT_MAX

struct rwlock {
    atomic_int state;
    atomic_int waiting;
};

static struct rwlock* rwlock_of(pthread_rwlock_t* lock)
{
    _Static_assert(sizeof(struct rwlock) <= sizeof(pthread_rwlock_t), "");
    return (struct rwlock*)lock;
}

int pthread_rwlockattr_init(pthread_rwlockattr_t* attr)
{
    memset(attr, 0, sizeof *attr);
    return 0;
}

int pthread_rwlockattr_destroy(pthread_rwlockattr_t* attr)
{
    (void)attr;
    return 0;
}

int pthread_rwlock_init(pthread_rwlock_t* restrict lock,
                        const pthread_rwlockattr_t* restrict attr)
{
    (void)attr;
    memset(lock, 0, sizeof *lock);
    return 0;
}

int pthread_rwlock_destroy(pthread_rwlock_t* lock)
{
    (void)lock;
    return 0;
}

int pthread_rwlock_tryrdlock(pthread_rwlock_t* lock)
{
    atomic_int* state = &rwlock_of(lock)->state;
    int seen = atomic_load(state);
    do {
        if (seen == WRITER) {
            return EBUSY;
        }
        if (seen == WRITER - 1) {
            return EAGAIN;
        }
    } while (!atomic_compare_exchange_weak(state, &seen, seen + 1));
    return 0;
}

int pthread_rwlock_trywrlock(pthread_rwlock_t* lock)
{
    int seen = 0;
    atomic_int* state = &rwlock_of(lock)->state;
    return atomic_compare_exchange_strong(state, &seen, WRITER) ? 0 : EBUSY;
}

static int rwlock_until(pthread_rwlock_t* given, const struct timespec* at,
                        int (*try)(pthread_rwlock_t*))
{
    struct rwlock* lock = rwlock_of(given);
    for (;;) {
        int seen = atomic_load(&lock->state);
        int error = try(given);
        if (error != EBUSY) {
            return error;
        }
        if (at != NULL && !is_time(at)) {
            return EINVAL;
        }
        if (seen == 0 || (try == pthread_rwlock_tryrdlock && seen != WRITER)) {
            continue;
        }
        atomic_fetch_add(&lock->waiting, 1);
        error = wait_until(&lock->state, seen, CLOCK_REALTIME, at);
        atomic_fetch_sub(&lock->waiting, 1);
        if (error != 0) {
            return error;
        }
    }
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t* restrict lock,
                               const struct timespec* restrict at)
{
    return rwlock_until(lock, at, pthread_rwlock_tryrdlock);
}

int pthread_rwlock_rdlock(pthread_rwlock_t* lock)
{
    return pthread_rwlock_timedrdlock(lock, NULL);
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t* restrict lock,
                               const struct timespec* restrict at)
{
    return rwlock_until(lock, at, pthread_rwlock_trywrlock);
}

int pthread_rwlock_wrlock(pthread_rwlock_t* lock)
{
    return pthread_rwlock_timedwrlock(lock, NULL);
}

int pthread_rwlock_unlock(pthread_rwlock_t* given)
{
    struct rwlock* lock = rwlock_of(given);
    int seen = atomic_load(&lock->state);
    int next;
    do {
        if (seen == 0) {
            return EPERM;
        }
        next = seen == WRITER ? 0 : seen - 1;
    } while (!atomic_compare_exchange_weak(&lock->state, &seen, next));
    /* A writer waits for each number of readers that it has seen. */
    if (atomic_load(&lock->waiting) > 0) {
        __faasm_wake(&lock->state, INT_MAX);
    }
    return 0;
}

/* ---- barriers ---- */

struct barrier {
    int count;
    atomic_int arrived;
    atomic_int round;
    atomic_int inside;
};

static struct barrier* barrier_of(pthread_barrier_t* barrier)
{
    _Static_assert(sizeof(struct barrier) <= sizeof(pthread_barrier_t), "");
    return (struct barrier*)barrier;
}

int pthread_barrier_init(pthread_barrier_t* restrict barrier,
                         const pthread_barrierattr_t* restrict attr,
                         unsigned count)
{
    (void)attr;
    if (count == 0 || count > INT_MAX) {
        return EINVAL;
    }
    memset(barrier, 0, sizeof *barrier);
    barrier_of(barrier)->count = (int)count;
    return 0;
}

int pthread_barrier_destroy(pthread_barrier_t* given)
{
    /* Those who are still on their way out look at it once more. */
    struct barrier* barrier = barrier_of(given);
    int inside;
    while ((inside = atomic_load(&barrier->inside)) != 0) {
        __faasm_wait(&barrier->inside, inside);
    }
    return 0;
}

int pthread_barrier_wait(pthread_barrier_t* given)
{
    struct barrier* barrier = barrier_of(given);
    atomic_fetch_add(&barrier->inside, 1);
    int round = atomic_load(&barrier->round);
    int result = 0;
    if (atomic_fetch_add(&barrier->arrived, 1) + 1 == barrier->count) {
        atomic_store(&barrier->arrived, 0);
        atomic_fetch_add(&barrier->round, 1);
        __faasm_wake(&barrier->round, INT_MAX);
        result = PTHREAD_BARRIER_SERIAL_THREAD;
    } else {
        while (atomic_load(&barrier->round) == round) {
            __faasm_wait(&barrier->round, round);
        }
    }
    if (atomic_fetch_sub(&barrier->inside, 1) == 1) {
        __faasm_wake(&barrier->inside, INT_MAX);
    }
    return result;
}

int pthread_barrierattr_init(pthread_barrierattr_t* attr)
{
    attr->__attr = 0;
    return 0;
}

int pthread_barrierattr_destroy(pthread_barrierattr_t* attr)
{
    (void)attr;
    return 0;
}

/* ---- spin locks ---- */

int pthread_spin_init(pthread_spinlock_t* lock, int shared)
{
    (void)shared;
    atomic_store((atomic_int*)lock, 0);
    return 0;
}

int pthread_spin_destroy(pthread_spinlock_t* lock)
{
    (void)lock;
    return 0;
}

int pthread_spin_trylock(pthread_spinlock_t* lock)
{
    return __faasm_trylock((atomic_int*)lock) ? 0 : EBUSY;
}

int pthread_spin_lock(pthread_spinlock_t* lock)
{
    for (int spin = 1; !__faasm_trylock((atomic_int*)lock); spin++) {
        if (spin % 64 == 0) {
            sched_yield();
        }
    }
    return 0;
}

int pthread_spin_unlock(pthread_spinlock_t* lock)
{
    atomic_store((atomic_int*)lock, 0);
    return 0;
}

/* ---- semaphores ---- */

static atomic_int* value_of(sem_t* semaphore)
{
    return (atomic_int*)&semaphore->__val[0];
}

static atomic_int* waiting_of(sem_t* semaphore)
{
    return (atomic_int*)&semaphore->__val[1];
}

static int fail(int error)
{
    errno = error;
    return -1;
}

int sem_init(sem_t* semaphore, int shared, unsigned value)
{
    (void)shared;
    if (value > SEM_VALUE_MAX) {
        return fail(EINVAL);
    }
    atomic_store(value_of(semaphore), (int)value);
    atomic_store(waiting_of(semaphore), 0);
    return 0;
}

int sem_destroy(sem_t* semaphore)
{
    (void)semaphore;
    return 0;
}

int sem_trywait(sem_t* semaphore)
{
    int seen = atomic_load(value_of(semaphore));
    do {
        if (seen == 0) {
            return fail(EAGAIN);
        }
    } while (!atomic_compare_exchange_weak(value_of(semaphore), &seen,
                                           seen - 1));
    return 0;
}

int sem_timedwait(sem_t* restrict semaphore, const struct timespec* restrict at)
{
    int saved = errno;
    while (sem_trywait(semaphore) != 0) {
        if (at != NULL && !is_time(at)) {
            return fail(EINVAL);
        }
        atomic_fetch_add(waiting_of(semaphore), 1);
        int error = wait_until(value_of(semaphore), 0, CLOCK_REALTIME, at);
        atomic_fetch_sub(waiting_of(semaphore), 1);
        if (error != 0) {
            return fail(error);
        }
    }
    errno = saved;
    return 0;
}

int sem_wait(sem_t* semaphore)
{
    return sem_timedwait(semaphore, NULL);
}

int sem_post(sem_t* semaphore)
{
    int seen = atomic_load(value_of(semaphore));
    do {
        if (seen == SEM_VALUE_MAX) {
            return fail(EOVERFLOW);
        }
    } while (!atomic_compare_exchange_weak(value_of(semaphore), &seen,
                                           seen + 1));
    if (atomic_load(waiting_of(semaphore)) > 0) {
        __faasm_wake(value_of(semaphore), 1);
    }
    return 0;
}

int sem_getvalue(sem_t* restrict semaphore, int* restrict value)
{
    *value = atomic_load(value_of(semaphore));
    return 0;
}
