/*
 * The OpenMP runtime that clang's `-fopenmp` calls (`__kmpc_*`), on the POSIX
 * threads of this folder.
 *
 * A parallel region is run by a team: its master, who came to the region, and
 * workers, who wait in a pool between regions and stay until the call ends. A
 * region inside a region is run by its thread alone. If no more threads can be
 * had, teams are smaller.
 *
 * Every thread has a stack of frames, one for each region that it is in. Only
 * the frame's team is shared; numbers that count its work-sharing constructs
 * are each thread's own and equal when they come to the same construct.
 *
 * Not here: tasks that run later than where they are made, cancellation,
 * several teams, offloading, doacross loops.
 */
#include <limits.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "threads.h"

__attribute__((import_module("env"), import_name("__faasm_processors")))
uint32_t host_processors(void);

typedef struct ident ident;
typedef void (*microtask)(int32_t*, int32_t*, ...);
typedef int32_t critical_name[8];

/* ---- teams ---- */

/* A loop whose iterations are handed out while it runs. */
struct loop {
    /* The number of the loop whose turn it is to use this. A futex. */
    atomic_int turn;
    /* The first iteration that nobody has. */
    _Atomic(uint64_t) next;
    /* Threads that have come to its end. */
    atomic_int ended;
    /* The iteration whose ordered region may run; its low half is a futex. */
    _Atomic(uint64_t) ordered;
    atomic_int ordered_changes;
};

/* Loops without a barrier behind them that a thread may be ahead of others. */
#define LOOPS 4

struct team {
    int size;
    microtask task;
    int argc;
    void** args;
    /* Workers that have not ended the region. A futex. */
    atomic_int left;
    /* The barrier. */
    atomic_int arrived;
    atomic_int round;
    /* How many `single`s somebody has taken. */
    atomic_int singles;
    void* copied;
    struct loop loops[LOOPS];
};

/* A thread's place in a region. */
struct frame {
    struct frame* outer;
    struct team* team;
    int id;
    int level;
    int active_level;
    int singles;
    /* The present loop, and how many there were. */
    int loops;
    uint64_t trip;
    uint64_t chunk;
    uint64_t lower;
    int64_t step;
    int schedule;
    bool is_ordered;
    /* Of static schedules: chunks that this thread had. */
    uint64_t turns;
    /* The iteration that it is in, and whether its ordered region has run. */
    uint64_t at;
    bool passed;
    bool is_own;
};

struct worker {
    /* A futex: 1 when there is a team for it. */
    atomic_int go;
    struct team* team;
    int id;
    int level;
    /* Its age: the oldest come first in the pool, so that the threads of two
     * regions of one size have the same numbers in both. */
    int serial;
    struct worker* next;
};

static struct team alone = { .size = 1 };
static _Thread_local struct frame first = { .team = &alone };
static _Thread_local struct frame* top;
static _Thread_local int number = -1;
static _Thread_local int pushed_threads;
static atomic_int numbers;

/* What the environment or the program has set, for the program as a whole. */
static atomic_int max_threads;
static atomic_int thread_limit;
static atomic_int run_schedule;
static atomic_int run_chunk;
static atomic_int is_dynamic;
static atomic_int max_levels = 1;

static atomic_int pool_lock;
static struct worker* pool;
static int workers;
static atomic_int serials;

static struct frame* frame(void)
{
    if (top == NULL) {
        first.team = &alone;
        top = &first;
    }
    return top;
}

static int positive(const char* text)
{
    long value = text != NULL ? strtol(text, NULL, 10) : 0;
    return value > 0 && value <= INT_MAX ? (int)value : 0;
}

enum {
    STATIC_CHUNKED = 33,
    STATIC = 34,
    DYNAMIC = 35,
    GUIDED = 36,
    RUNTIME = 37,
    AUTO = 38,
    BALANCED_CHUNKED = 45,
    ORDERED = 32,
    DISTRIBUTE_CHUNKED = 91,
    DISTRIBUTE = 92,
    MODIFIERS = 3 << 29,
};

static void read_schedule(const char* text)
{
    run_schedule = STATIC;
    if (text == NULL) {
        return;
    }
    const char* colon = strchr(text, ':');
    text = colon != NULL ? colon + 1 : text;
    const char* comma = strchr(text, ',');
    run_chunk = comma != NULL ? positive(comma + 1) : 0;
    if (strncmp(text, "dynamic", 7) == 0) {
        run_schedule = DYNAMIC;
    } else if (strncmp(text, "guided", 6) == 0) {
        run_schedule = GUIDED;
    } else if (run_chunk > 0) {
        run_schedule = STATIC_CHUNKED;
    }
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void read_environment(void)
{
    int threads = positive(getenv("OMP_NUM_THREADS"));
    int limit = positive(getenv("OMP_THREAD_LIMIT"));
    if (max_threads == 0) {
        max_threads = threads > 0 ? threads : (int)host_processors();
    }
    thread_limit = limit > 0 ? limit : INT_MAX;
    if (run_schedule == 0) {
        read_schedule(getenv("OMP_SCHEDULE"));
    }
}

static void begin_runtime(void)
{
    pthread_once(&once, read_environment);
}

static void enter(struct frame* in, struct team* team, int id, int level)
{
    struct frame* outer = frame();
    *in = (struct frame){
        .outer = outer,
        .team = team,
        .id = id,
        .level = level,
        .active_level = outer->active_level + (team->size > 1),
    };
    top = in;
}

static void leave(void)
{
    top = top->outer;
}

/* ---- calling a region ---- */

#include "microtask.inc"

#define CALL(n)                                                                \
    case n:                                                                    \
        ((void (*)(TYPES_##n))(void*)task)(GIVEN_##n);                         \
        break;

static void call(microtask task, int32_t* gtid, int32_t* btid, int argc,
                 void** args)
{
    switch (argc) {
        ALL_CALLS
        default:
            fprintf(stderr, "OpenMP: a parallel region has %d variables, and 64 is the most\n", argc);
            abort();
    }
}

static int my_number(void)
{
    if (number < 0) {
        number = atomic_fetch_add(&numbers, 1);
    }
    return number;
}

static void run_region(struct team* team, int id, int level)
{
    struct frame own;
    enter(&own, team, id, level);
    int32_t gtid = my_number(), btid = id;
    call(team->task, &gtid, &btid, team->argc, team->args);
    leave();
}

static void* work(void* arg)
{
    struct worker* self = arg;
    for (;;) {
        while (atomic_load(&self->go) == 0) {
            __faasm_wait(&self->go, 0);
        }
        atomic_store(&self->go, 0);
        struct team* team = self->team;
        run_region(team, self->id, self->level);
        __faasm_lock(&pool_lock);
        struct worker** at = &pool;
        while (*at != NULL && (*at)->serial < self->serial) {
            at = &(*at)->next;
        }
        self->next = *at;
        *at = self;
        __faasm_unlock(&pool_lock);
        if (atomic_fetch_sub(&team->left, 1) == 1) {
            __faasm_wake(&team->left, 1);
        }
    }
    return NULL;
}

/* A worker from the pool, or a new one; NULL if there are no more. */
static struct worker* take_worker(void)
{
    __faasm_lock(&pool_lock);
    struct worker* worker = pool;
    if (worker != NULL) {
        pool = worker->next;
    }
    bool is_full = worker == NULL && workers + 1 >= thread_limit;
    workers += worker == NULL && !is_full;
    __faasm_unlock(&pool_lock);
    if (worker != NULL || is_full) {
        return worker;
    }
    worker = calloc(1, sizeof *worker);
    if (worker != NULL) {
        worker->serial = atomic_fetch_add(&serials, 1);
    }
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    if (worker == NULL || pthread_create(&thread, &attr, work, worker) != 0) {
        free(worker);
        __faasm_lock(&pool_lock);
        workers--;
        __faasm_unlock(&pool_lock);
        return NULL;
    }
    return worker;
}

static void run_team(microtask task, int argc, void** args, int wanted)
{
    struct frame* outer = frame();
    struct team team = { .size = 1, .task = task, .argc = argc, .args = args };
    struct worker* taken = NULL;
    while (team.size < wanted) {
        struct worker* worker = take_worker();
        if (worker == NULL) {
            break;
        }
        worker->id = team.size++;
        worker->next = taken;
        taken = worker;
    }
    for (int i = 0; i < LOOPS; i++) {
        atomic_init(&team.loops[i].turn, i);
    }
    atomic_init(&team.left, team.size - 1);
    int level = outer->level + 1;
    while (taken != NULL) {
        struct worker* worker = taken;
        taken = worker->next;
        worker->team = &team;
        worker->level = level;
        atomic_store(&worker->go, 1);
        __faasm_wake(&worker->go, 1);
    }
    run_region(&team, 0, level);
    int left;
    while ((left = atomic_load(&team.left)) != 0) {
        __faasm_wait(&team.left, left);
    }
}

static int team_size(void)
{
    begin_runtime();
    int wanted = pushed_threads > 0 ? pushed_threads : max_threads;
    pushed_threads = 0;
    if (frame()->active_level >= max_levels || frame()->active_level >= 1) {
        return 1;
    }
    return wanted < thread_limit ? wanted : thread_limit;
}

void __kmpc_fork_call(ident* at, int32_t argc, microtask task, ...)
{
    (void)at;
    void* args[argc > 0 ? argc : 1];
    va_list given;
    va_start(given, task);
    for (int i = 0; i < argc; i++) {
        args[i] = va_arg(given, void*);
    }
    va_end(given);
    run_team(task, argc, args, team_size());
}

void __kmpc_fork_call_if(ident* at, int32_t argc, microtask task,
                         int32_t condition, void* arg)
{
    (void)at;
    int size = team_size();
    run_team(task, argc > 0, &arg, condition ? size : 1);
}

void __kmpc_fork_teams(ident* at, int32_t argc, microtask task, ...)
{
    (void)at;
    void* args[argc > 0 ? argc : 1];
    va_list given;
    va_start(given, task);
    for (int i = 0; i < argc; i++) {
        args[i] = va_arg(given, void*);
    }
    va_end(given);
    int32_t gtid = my_number(), btid = 0;
    call(task, &gtid, &btid, argc, args);
}

void __kmpc_push_num_teams(ident* at, int32_t gtid, int32_t teams,
                           int32_t threads)
{
    (void)at, (void)gtid, (void)teams;
    pushed_threads = threads;
}

void __kmpc_serialized_parallel(ident* at, int32_t gtid)
{
    (void)at, (void)gtid;
    pushed_threads = 0;
    struct frame* own = malloc(sizeof *own);
    struct team* team = calloc(1, sizeof *team);
    if (own == NULL || team == NULL) {
        abort();
    }
    team->size = 1;
    for (int i = 0; i < LOOPS; i++) {
        atomic_init(&team->loops[i].turn, i);
    }
    enter(own, team, 0, frame()->level + 1);
}

void __kmpc_end_serialized_parallel(ident* at, int32_t gtid)
{
    (void)at, (void)gtid;
    struct frame* own = top;
    leave();
    free(own->team);
    free(own);
}

void __kmpc_push_num_threads(ident* at, int32_t gtid, int32_t threads)
{
    (void)at, (void)gtid;
    pushed_threads = threads;
}

void __kmpc_push_num_threads_strict(ident* at, int32_t gtid, int32_t threads,
                                    int severity, const char* message)
{
    (void)severity, (void)message;
    __kmpc_push_num_threads(at, gtid, threads);
}

void __kmpc_push_proc_bind(ident* at, int32_t gtid, int32_t bind)
{
    (void)at, (void)gtid, (void)bind;
}

int32_t __kmpc_global_thread_num(ident* at)
{
    (void)at;
    return my_number();
}

int32_t __kmpc_global_num_threads(ident* at)
{
    (void)at;
    return workers + 1;
}

int32_t __kmpc_bound_thread_num(ident* at)
{
    (void)at;
    return frame()->id;
}

int32_t __kmpc_bound_num_threads(ident* at)
{
    (void)at;
    return frame()->team->size;
}

int32_t __kmpc_in_parallel(ident* at)
{
    (void)at;
    return frame()->active_level > 0;
}

int32_t __kmpc_ok_to_fork(ident* at)
{
    (void)at;
    return 1;
}

void __kmpc_begin(ident* at, int32_t flags)
{
    (void)at, (void)flags;
}

void __kmpc_end(ident* at)
{
    (void)at;
}

/* ---- meeting, and exclusion ---- */

static void meet(struct team* team)
{
    if (team->size == 1) {
        return;
    }
    int round = atomic_load(&team->round);
    if (atomic_fetch_add(&team->arrived, 1) + 1 == team->size) {
        atomic_store(&team->arrived, 0);
        atomic_fetch_add(&team->round, 1);
        __faasm_wake(&team->round, INT_MAX);
        return;
    }
    for (int spin = 0; spin < 200; spin++) {
        if (atomic_load(&team->round) != round) {
            return;
        }
    }
    while (atomic_load(&team->round) == round) {
        __faasm_wait(&team->round, round);
    }
}

void __kmpc_barrier(ident* at, int32_t gtid)
{
    (void)at, (void)gtid;
    meet(frame()->team);
}

int32_t __kmpc_cancel_barrier(ident* at, int32_t gtid)
{
    __kmpc_barrier(at, gtid);
    return 0;
}

int32_t __kmpc_cancel(ident* at, int32_t gtid, int32_t kind)
{
    (void)at, (void)gtid, (void)kind;
    return 0;
}

int32_t __kmpc_cancellationpoint(ident* at, int32_t gtid, int32_t kind)
{
    (void)at, (void)gtid, (void)kind;
    return 0;
}

void __kmpc_flush(ident* at)
{
    (void)at;
    atomic_thread_fence(memory_order_seq_cst);
}

int32_t __kmpc_masked(ident* at, int32_t gtid, int32_t filter)
{
    (void)at, (void)gtid;
    return frame()->id == filter;
}

void __kmpc_end_masked(ident* at, int32_t gtid)
{
    (void)at, (void)gtid;
}

int32_t __kmpc_master(ident* at, int32_t gtid)
{
    return __kmpc_masked(at, gtid, 0);
}

void __kmpc_end_master(ident* at, int32_t gtid)
{
    (void)at, (void)gtid;
}

int32_t __kmpc_single(ident* at, int32_t gtid)
{
    (void)at, (void)gtid;
    struct frame* own = frame();
    int mine = own->singles++;
    if (own->team == &alone) {
        return 1;
    }
    return atomic_compare_exchange_strong(&own->team->singles, &mine, mine + 1);
}

void __kmpc_end_single(ident* at, int32_t gtid)
{
    (void)at, (void)gtid;
}

void __kmpc_copyprivate(ident* at, int32_t gtid, size_t size, void* data,
                        void (*copy)(void*, void*), int32_t has_it)
{
    (void)at, (void)gtid, (void)size;
    struct team* team = frame()->team;
    if (has_it) {
        team->copied = data;
    }
    meet(team);
    if (!has_it) {
        copy(data, team->copied);
    }
    meet(team);
}

static atomic_int* lock_of(critical_name* name)
{
    return (atomic_int*)*name;
}

void __kmpc_critical(ident* at, int32_t gtid, critical_name* name)
{
    (void)at, (void)gtid;
    __faasm_lock(lock_of(name));
}

void __kmpc_critical_with_hint(ident* at, int32_t gtid, critical_name* name,
                               uint32_t hint)
{
    (void)hint;
    __kmpc_critical(at, gtid, name);
}

void __kmpc_end_critical(ident* at, int32_t gtid, critical_name* name)
{
    (void)at, (void)gtid;
    __faasm_unlock(lock_of(name));
}

/* Each thread adds its part itself, one after the other. */
int32_t __kmpc_reduce_nowait(ident* at, int32_t gtid, int32_t variables,
                             size_t size, void* data,
                             void (*reduce)(void*, void*), critical_name* name)
{
    (void)variables, (void)size, (void)data, (void)reduce;
    __kmpc_critical(at, gtid, name);
    return 1;
}

void __kmpc_end_reduce_nowait(ident* at, int32_t gtid, critical_name* name)
{
    __kmpc_end_critical(at, gtid, name);
}

int32_t __kmpc_reduce(ident* at, int32_t gtid, int32_t variables, size_t size,
                      void* data, void (*reduce)(void*, void*),
                      critical_name* name)
{
    return __kmpc_reduce_nowait(at, gtid, variables, size, data, reduce, name);
}

void __kmpc_end_reduce(ident* at, int32_t gtid, critical_name* name)
{
    __kmpc_end_critical(at, gtid, name);
    __kmpc_barrier(at, gtid);
}

/* ---- loops with a fixed schedule ---- */

/* A part of a loop: iterations from `from` on, `count` of them. */
struct part {
    uint64_t from;
    uint64_t count;
    /* From one of this thread's parts to the next, in iterations. */
    uint64_t stride;
    bool has_last;
};

static struct part part_of(int schedule, uint64_t trip, uint64_t chunk, int id,
                           int size)
{
    uint64_t me = (uint64_t)id, all = (uint64_t)size;
    switch (schedule) {
        case STATIC_CHUNKED:
            chunk = chunk > 0 ? chunk : 1;
            return (struct part){ me * chunk, chunk, chunk * all,
                                  (trip - 1) / chunk % all == me };
        case BALANCED_CHUNKED: {
            chunk = chunk > 0 ? chunk : 1;
            uint64_t span = (trip + all - 1) / all;
            span = (span + chunk - 1) / chunk * chunk;
            uint64_t from = me * span;
            uint64_t left = from < trip ? trip - from : 0;
            return (struct part){ from, left < span ? left : span, trip,
                                  (trip - 1) / span == me };
        }
        default: {
            uint64_t least = trip / all, more = trip % all;
            uint64_t from = me * least + (me < more ? me : more);
            uint64_t count = least + (me < more);
            bool has_last = count > 0 && from + count == trip;
            return (struct part){ from, count, trip, has_last };
        }
    }
}

/* The team that shares a loop: a `distribute` loop is for teams, and there is
 * one. */
static int plain(int schedule, int* id, int* size)
{
    schedule &= ~MODIFIERS;
    *id = frame()->id;
    *size = frame()->team->size;
    if (schedule == DISTRIBUTE || schedule == DISTRIBUTE_CHUNKED) {
        *id = 0;
        *size = 1;
        return schedule == DISTRIBUTE ? STATIC : STATIC_CHUNKED;
    }
    if (schedule > 64 && schedule < 71) {
        return schedule - ORDERED;
    }
    return schedule;
}

#define STATIC_INIT(suffix, type, wide, signed_type)                           \
    void __kmpc_for_static_init_##suffix(                                      \
        ident* at, int32_t gtid, int32_t given, int32_t* last, type* lower,    \
        type* upper, signed_type* stride, signed_type step, signed_type chunk) \
    {                                                                          \
        (void)at, (void)gtid;                                                  \
        int id, size;                                                          \
        int schedule = plain(given, &id, &size);                               \
        bool is_empty = step > 0 ? *upper < *lower : *lower < *upper;          \
        if (is_empty) {                                                        \
            if (last != NULL) {                                                \
                *last = 0;                                                     \
            }                                                                  \
            *stride = step;                                                    \
            return;                                                            \
        }                                                                      \
        wide trip = step > 0                                                   \
                        ? ((wide)*upper - (wide)*lower) / (wide)step + 1       \
                        : ((wide)*lower - (wide)*upper) / ((wide)0 - (wide)step) + 1; \
        struct part part = part_of(schedule, trip, (uint64_t)chunk, id, size); \
        type start = *lower;                                                   \
        *lower = (type)((wide)start + (wide)part.from * (wide)step);           \
        *upper = (type)((wide)*lower + (wide)(part.count - 1) * (wide)step);   \
        *stride = (signed_type)((wide)part.stride * (wide)step);               \
        if (part.count == 0) {                                                 \
            /* Nothing, also where counting wraps: one step from end to        \
             * start. */                                                       \
            *lower = (type)((wide)start + (wide)step);                         \
            *upper = start;                                                    \
        }                                                                      \
        if (last != NULL) {                                                    \
            *last = part.has_last;                                             \
        }                                                                      \
    }

STATIC_INIT(4, int32_t, uint32_t, int32_t)
STATIC_INIT(4u, uint32_t, uint32_t, int32_t)
STATIC_INIT(8, int64_t, uint64_t, int64_t)
STATIC_INIT(8u, uint64_t, uint64_t, int64_t)

void __kmpc_for_static_fini(ident* at, int32_t gtid)
{
    (void)at, (void)gtid;
}

#define DIST_INIT(suffix, type, signed_type)                                   \
    void __kmpc_dist_for_static_init_##suffix(                                 \
        ident* at, int32_t gtid, int32_t schedule, int32_t* last, type* lower, \
        type* upper, type* all_upper, signed_type* stride, signed_type step,   \
        signed_type chunk)                                                     \
    {                                                                          \
        *all_upper = *upper;                                                   \
        __kmpc_for_static_init_##suffix(at, gtid, schedule, last, lower,       \
                                        upper, stride, step, chunk);           \
    }

DIST_INIT(4, int32_t, int32_t)
DIST_INIT(4u, uint32_t, int32_t)
DIST_INIT(8, int64_t, int64_t)
DIST_INIT(8u, uint64_t, int64_t)

/* ---- loops whose iterations are handed out ---- */

static void begin_loop(int given, uint64_t lower, uint64_t trip, int64_t step,
                       int64_t chunk)
{
    struct frame* own = frame();
    int id, size;
    given &= ~MODIFIERS;
    own->is_ordered = given > 64 && given < 71;
    int schedule = plain(given, &id, &size);
    if (schedule == RUNTIME) {
        begin_runtime();
        schedule = run_schedule;
        chunk = run_chunk;
    }
    if (schedule == AUTO) {
        schedule = STATIC;
    }
    own->schedule = schedule;
    own->chunk = chunk > 0 ? (uint64_t)chunk : 1;
    own->lower = lower;
    own->trip = trip;
    own->step = step;
    own->turns = 0;
    if (own->team == &alone) {
        /* Nobody else has this team's loops but other initial threads. */
        own->schedule = STATIC;
        return;
    }
    struct loop* loop = &own->team->loops[own->loops % LOOPS];
    int turn;
    while ((turn = atomic_load(&loop->turn)) != own->loops) {
        __faasm_wait(&loop->turn, turn);
    }
}

static void end_loop(struct frame* own)
{
    int number = own->loops++;
    if (own->team == &alone) {
        return;
    }
    struct loop* loop = &own->team->loops[number % LOOPS];
    if (atomic_fetch_add(&loop->ended, 1) + 1 == own->team->size) {
        atomic_store(&loop->ended, 0);
        atomic_store(&loop->next, 0);
        atomic_store(&loop->ordered, 0);
        atomic_store(&loop->turn, number + LOOPS);
        __faasm_wake(&loop->turn, INT_MAX);
    }
}

/* The next part of the loop for this thread; none if its count is 0. */
static struct part next_part(struct frame* own)
{
    struct loop* loop = &own->team->loops[own->loops % LOOPS];
    struct part part = { 0 };
    switch (own->schedule) {
        case DYNAMIC: {
            part.from = atomic_load(&loop->next);
            /* Not added to for ever: it must not wrap. */
            while (part.from < own->trip &&
                   !atomic_compare_exchange_weak(
                       &loop->next, &part.from,
                       own->trip - part.from > own->chunk ? part.from + own->chunk
                                                          : own->trip)) {
            }
            part.count = own->chunk;
            break;
        }
        case GUIDED: {
            uint64_t size = (uint64_t)own->team->size;
            part.from = atomic_load(&loop->next);
            do {
                uint64_t left = part.from < own->trip ? own->trip - part.from : 0;
                part.count = left / (2 * size);
                part.count = part.count > own->chunk ? part.count : own->chunk;
                part.count = part.count < left ? part.count : left;
            } while (part.count > 0 &&
                     !atomic_compare_exchange_weak(&loop->next, &part.from,
                                                   part.from + part.count));
            break;
        }
        default: {
            int id = own->id, size = own->team->size;
            part = part_of(own->schedule, own->trip, own->chunk, id, size);
            if (own->turns > 0 && own->schedule != STATIC_CHUNKED) {
                part.count = 0;
            }
            part.from += own->turns++ * part.stride;
            break;
        }
    }
    uint64_t left = part.from < own->trip ? own->trip - part.from : 0;
    part.count = part.count < left ? part.count : left;
    part.has_last = part.count > 0 && part.count == left;
    return part;
}

static bool next_of_loop(struct part* part)
{
    struct frame* own = frame();
    *part = own->trip > 0 ? next_part(own) : (struct part){ 0 };
    own->at = part->from;
    own->passed = false;
    if (part->count == 0) {
        end_loop(own);
        return false;
    }
    return true;
}

#define DISPATCH(suffix, type, wide, signed_type)                              \
    void __kmpc_dispatch_init_##suffix(ident* at, int32_t gtid,                \
                                       int32_t schedule, type lower,           \
                                       type upper, signed_type step,           \
                                       signed_type chunk)                      \
    {                                                                          \
        (void)at, (void)gtid;                                                  \
        bool is_empty = step > 0 ? upper < lower : lower < upper;              \
        uint64_t trip =                                                        \
            is_empty ? 0                                                       \
            : step > 0                                                         \
                ? (uint64_t)(((wide)upper - (wide)lower) / (wide)step) + 1     \
                : (uint64_t)(((wide)lower - (wide)upper) / ((wide)0 - (wide)step)) + 1; \
        begin_loop(schedule, (uint64_t)lower, trip, (int64_t)step,             \
                   (int64_t)chunk);                                            \
    }                                                                          \
    int32_t __kmpc_dispatch_next_##suffix(ident* at, int32_t gtid,             \
                                          int32_t* last, type* lower,          \
                                          type* upper, signed_type* stride)    \
    {                                                                          \
        (void)at, (void)gtid;                                                  \
        struct part part;                                                      \
        if (!next_of_loop(&part)) {                                            \
            return 0;                                                          \
        }                                                                      \
        struct frame* own = frame();                                           \
        uint64_t from = own->lower + part.from * (uint64_t)own->step;          \
        *lower = (type)from;                                                   \
        *upper = (type)(from + (part.count - 1) * (uint64_t)own->step);        \
        if (stride != NULL) {                                                  \
            *stride = (signed_type)own->step;                                  \
        }                                                                      \
        if (last != NULL) {                                                    \
            *last = part.has_last;                                             \
        }                                                                      \
        return 1;                                                              \
    }                                                                          \
    void __kmpc_dispatch_fini_##suffix(ident* at, int32_t gtid)                \
    {                                                                          \
        (void)at, (void)gtid;                                                  \
        end_iteration();                                                       \
    }

/* ---- ordered regions ---- */

static void await_turn(struct frame* own)
{
    struct loop* loop = &own->team->loops[own->loops % LOOPS];
    for (;;) {
        int seen = atomic_load(&loop->ordered_changes);
        if (atomic_load(&loop->ordered) == own->at) {
            return;
        }
        __faasm_wait(&loop->ordered_changes, seen);
    }
}

static void pass_turn(struct frame* own)
{
    struct loop* loop = &own->team->loops[own->loops % LOOPS];
    own->passed = true;
    atomic_store(&loop->ordered, own->at + 1);
    atomic_fetch_add(&loop->ordered_changes, 1);
    __faasm_wake(&loop->ordered_changes, INT_MAX);
}

void __kmpc_ordered(ident* at, int32_t gtid)
{
    (void)at, (void)gtid;
    struct frame* own = frame();
    if (own->team != &alone) {
        await_turn(own);
    }
}

void __kmpc_end_ordered(ident* at, int32_t gtid)
{
    (void)at, (void)gtid;
    struct frame* own = frame();
    if (own->team != &alone) {
        pass_turn(own);
    }
}

/* The end of an iteration of an ordered loop: also one without an ordered
 * region passes the turn on. */
static void end_iteration(void)
{
    struct frame* own = frame();
    if (!own->is_ordered || own->team == &alone) {
        return;
    }
    if (!own->passed) {
        await_turn(own);
        pass_turn(own);
    }
    own->at++;
    own->passed = false;
}

DISPATCH(4, int32_t, uint32_t, int32_t)
DISPATCH(4u, uint32_t, uint32_t, int32_t)
DISPATCH(8, int64_t, uint64_t, int64_t)
DISPATCH(8u, uint64_t, uint64_t, int64_t)

void __kmpc_dispatch_deinit(ident* at, int32_t gtid)
{
    (void)at, (void)gtid;
}

/* ---- tasks: done where they are made ---- */

struct task {
    void* shared;
    int32_t (*entry)(int32_t, struct task*);
    int32_t part;
    void* data1;
    void* data2;
};

struct task* __kmpc_omp_task_alloc(ident* at, int32_t gtid, int32_t flags,
                                   size_t bytes, size_t shared_bytes,
                                   int32_t (*entry)(int32_t, struct task*))
{
    (void)at, (void)gtid, (void)flags;
    size_t whole = (bytes + 15) / 16 * 16;
    struct task* task = calloc(1, whole + shared_bytes);
    if (task == NULL) {
        fprintf(stderr, "OpenMP: no memory for a task\n");
        abort();
    }
    task->shared = shared_bytes > 0 ? (char*)task + whole : NULL;
    task->entry = entry;
    return task;
}

int32_t __kmpc_omp_task(ident* at, int32_t gtid, struct task* task)
{
    (void)at;
    task->entry(gtid, task);
    free(task);
    return 0;
}

int32_t __kmpc_omp_task_with_deps(ident* at, int32_t gtid, struct task* task,
                                  int32_t deps, void* list, int32_t more,
                                  void* more_list)
{
    (void)deps, (void)list, (void)more, (void)more_list;
    return __kmpc_omp_task(at, gtid, task);
}

void __kmpc_omp_wait_deps(ident* at, int32_t gtid, int32_t deps, void* list,
                          int32_t more, void* more_list)
{
    (void)at, (void)gtid, (void)deps, (void)list, (void)more, (void)more_list;
}

void __kmpc_omp_task_begin_if0(ident* at, int32_t gtid, struct task* task)
{
    (void)at, (void)gtid, (void)task;
}

void __kmpc_omp_task_complete_if0(ident* at, int32_t gtid, struct task* task)
{
    (void)at, (void)gtid;
    free(task);
}

int32_t __kmpc_omp_taskwait(ident* at, int32_t gtid)
{
    (void)at, (void)gtid;
    return 0;
}

int32_t __kmpc_omp_taskyield(ident* at, int32_t gtid, int32_t part)
{
    (void)at, (void)gtid, (void)part;
    sched_yield();
    return 0;
}

void __kmpc_taskgroup(ident* at, int32_t gtid)
{
    (void)at, (void)gtid;
}

void __kmpc_end_taskgroup(ident* at, int32_t gtid)
{
    (void)at, (void)gtid;
}

void __kmpc_taskloop(ident* at, int32_t gtid, struct task* task, int32_t is_now,
                     uint64_t* lower, uint64_t* upper, int64_t step,
                     int32_t no_group, int32_t schedule, uint64_t grain,
                     void* copy)
{
    (void)is_now, (void)lower, (void)upper, (void)step, (void)no_group;
    (void)schedule, (void)grain, (void)copy;
    /* One task has all iterations: its bounds are the loop's. */
    __kmpc_omp_task(at, gtid, task);
}

/* ---- the API ---- */

void omp_set_num_threads(int threads)
{
    begin_runtime();
    if (threads > 0) {
        max_threads = threads;
    }
}

int omp_get_num_threads(void)
{
    return frame()->team->size;
}

int omp_get_max_threads(void)
{
    begin_runtime();
    return max_threads;
}

int omp_get_thread_num(void)
{
    return frame()->id;
}

int omp_get_num_procs(void)
{
    return (int)host_processors();
}

int omp_in_parallel(void)
{
    return frame()->active_level > 0;
}

void omp_set_dynamic(int dynamic)
{
    is_dynamic = dynamic != 0;
}

int omp_get_dynamic(void)
{
    return is_dynamic;
}

void omp_set_nested(int nested)
{
    (void)nested;
}

int omp_get_nested(void)
{
    return 0;
}

int omp_get_cancellation(void)
{
    return 0;
}

void omp_set_schedule(omp_sched_t kind, int chunk)
{
    begin_runtime();
    run_chunk = chunk > 0 ? chunk : 0;
    switch ((int)kind & 0x7fffffff) {
        case omp_sched_dynamic:
            run_schedule = DYNAMIC;
            break;
        case omp_sched_guided:
            run_schedule = GUIDED;
            break;
        default:
            run_schedule = chunk > 0 ? STATIC_CHUNKED : STATIC;
    }
}

void omp_get_schedule(omp_sched_t* kind, int* chunk)
{
    begin_runtime();
    *chunk = run_chunk;
    *kind = run_schedule == DYNAMIC  ? omp_sched_dynamic
            : run_schedule == GUIDED ? omp_sched_guided
                                     : omp_sched_static;
}

int omp_get_thread_limit(void)
{
    begin_runtime();
    return thread_limit;
}

void omp_set_max_active_levels(int levels)
{
    if (levels >= 0) {
        max_levels = levels;
    }
}

int omp_get_max_active_levels(void)
{
    return max_levels;
}

int omp_get_supported_active_levels(void)
{
    return 1;
}

int omp_get_level(void)
{
    return frame()->level;
}

int omp_get_active_level(void)
{
    return frame()->active_level;
}

/* The frame of this level. A worker knows its own only: of the levels around
 * its region, which ran one thread, the numbers are plain. */
static struct frame* at_level(int level)
{
    struct frame* at = frame();
    while (at != NULL && at->level > level) {
        at = at->outer;
    }
    return at != NULL && at->level == level ? at : NULL;
}

int omp_get_ancestor_thread_num(int level)
{
    if (level < 0 || level > frame()->level) {
        return -1;
    }
    struct frame* at = at_level(level);
    return at != NULL ? at->id : 0;
}

int omp_get_team_size(int level)
{
    if (level < 0 || level > frame()->level) {
        return -1;
    }
    struct frame* at = at_level(level);
    return at != NULL ? at->team->size : 1;
}

int omp_in_final(void)
{
    return 0;
}

omp_proc_bind_t omp_get_proc_bind(void)
{
    return omp_proc_bind_false;
}

void omp_set_default_device(int device)
{
    (void)device;
}

int omp_get_default_device(void)
{
    return 0;
}

int omp_get_num_devices(void)
{
    return 0;
}

int omp_get_num_teams(void)
{
    return 1;
}

int omp_get_team_num(void)
{
    return 0;
}

int omp_is_initial_device(void)
{
    return 1;
}

void omp_init_lock(omp_lock_t* lock)
{
    lock->word = 0;
}

void omp_destroy_lock(omp_lock_t* lock)
{
    (void)lock;
}

void omp_set_lock(omp_lock_t* lock)
{
    __faasm_lock((atomic_int*)&lock->word);
}

void omp_unset_lock(omp_lock_t* lock)
{
    __faasm_unlock((atomic_int*)&lock->word);
}

int omp_test_lock(omp_lock_t* lock)
{
    return __faasm_trylock((atomic_int*)&lock->word);
}

void omp_init_nest_lock(omp_nest_lock_t* lock)
{
    *lock = (omp_nest_lock_t){ 0 };
}

void omp_destroy_nest_lock(omp_nest_lock_t* lock)
{
    (void)lock;
}

static bool has_nest_lock(omp_nest_lock_t* lock)
{
    return atomic_load((atomic_int*)&lock->owner) == my_number() + 1;
}

static int own_nest_lock(omp_nest_lock_t* lock)
{
    atomic_store((atomic_int*)&lock->owner, my_number() + 1);
    return ++lock->depth;
}

void omp_set_nest_lock(omp_nest_lock_t* lock)
{
    if (!has_nest_lock(lock)) {
        __faasm_lock((atomic_int*)&lock->word);
    }
    own_nest_lock(lock);
}

void omp_unset_nest_lock(omp_nest_lock_t* lock)
{
    if (--lock->depth == 0) {
        atomic_store((atomic_int*)&lock->owner, 0);
        __faasm_unlock((atomic_int*)&lock->word);
    }
}

int omp_test_nest_lock(omp_nest_lock_t* lock)
{
    if (!has_nest_lock(lock) && !__faasm_trylock((atomic_int*)&lock->word)) {
        return 0;
    }
    return own_nest_lock(lock);
}

static double seconds(const struct timespec* time)
{
    return (double)time->tv_sec + (double)time->tv_nsec * 1e-9;
}

double omp_get_wtime(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return seconds(&now);
}

double omp_get_wtick(void)
{
    struct timespec tick;
    clock_getres(CLOCK_MONOTONIC, &tick);
    return seconds(&tick);
}
