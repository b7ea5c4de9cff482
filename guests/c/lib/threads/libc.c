/*
 * What the C library asks of the threads' library when it is built for
 * threads: locks, the locks of streams, and a place for what each thread has of
 * its own. Compiled against the library's internal headers (guests/threads.sh).
 */
#include "stdio_impl.h"
#include "lock.h"
#include "libc.h"
#include "pthread_impl.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <wasi/api.h>

void __faasm_lock(atomic_int* lock);
bool __faasm_trylock(atomic_int* lock);
void __faasm_unlock(atomic_int* lock);

#undef errno
_Thread_local int errno = 0;

/* Of each thread: its locale, above all. */
_Thread_local struct pthread __wasilibc_pthread_self = {
    .locale = (locale_t)&__libc.global_locale,
};

void __lock(volatile int* lock)
{
    __faasm_lock((atomic_int*)lock);
}

void __unlock(volatile int* lock)
{
    __faasm_unlock((atomic_int*)lock);
}

/* ---- streams: who has one may lock it again ---- */

/* A number of this thread that no other living one has. */
static int me(void)
{
    static _Thread_local int number;
    static atomic_int last;
    if (number == 0) {
        number = (atomic_fetch_add(&last, 1) & 0x3fffffff) + 1;
    }
    return number;
}

/* The word of a stream: its owner's number, WAITED if somebody waits for it. */
#define WAITED 0x40000000

int __lockfile(FILE* f)
{
    atomic_int* lock = (atomic_int*)&f->lock;
    int owner = me();
    if ((atomic_load(lock) & ~WAITED) == owner) {
        return 0;
    }
    int seen = 0;
    while (!atomic_compare_exchange_strong(lock, &seen, owner)) {
        int waited = seen | WAITED;
        if (seen != 0 && (seen == waited || atomic_compare_exchange_strong(lock, &seen, waited))) {
            __builtin_wasm_memory_atomic_wait32((int*)lock, waited, -1);
            /* Others may wait, too: it is taken as one that is waited for. */
            owner = me() | WAITED;
        }
        seen = 0;
    }
    return 1;
}

void __unlockfile(FILE* f)
{
    atomic_int* lock = (atomic_int*)&f->lock;
    if (atomic_exchange(lock, 0) & WAITED) {
        __builtin_wasm_memory_atomic_notify((int*)lock, 1);
    }
}

void flockfile(FILE* f)
{
    if (__lockfile(f)) {
        f->lockcount = 1;
    } else {
        f->lockcount++;
    }
}

int ftrylockfile(FILE* f)
{
    atomic_int* lock = (atomic_int*)&f->lock;
    int seen = 0;
    if ((atomic_load(lock) & ~WAITED) == me()) {
        f->lockcount++;
        return 0;
    }
    if (!atomic_compare_exchange_strong(lock, &seen, me())) {
        return -1;
    }
    f->lockcount = 1;
    return 0;
}

void funlockfile(FILE* f)
{
    if (--f->lockcount == 0) {
        __unlockfile(f);
    }
}

static void needs_lock(FILE* f)
{
    if (f != NULL && f->lock < 0) {
        f->lock = 0;
    }
}

/* Called before a thread is made, so by the only one the first time. */
void __faasm_libc_has_threads(void)
{
    if (__libc.threaded) {
        return;
    }
    for (FILE* f = *__ofl_lock(); f != NULL; f = f->next) {
        needs_lock(f);
    }
    __ofl_unlock();
    needs_lock(__stdin_used);
    needs_lock(__stdout_used);
    needs_lock(__stderr_used);
    __libc.need_locks = 1;
    __libc.threaded = 1;
}

int close(int fd)
{
    __wasi_errno_t error = __wasi_fd_close((__wasi_fd_t)fd);
    if (error != 0) {
        errno = error;
        return -1;
    }
    return 0;
}
