/* Included before every file of CPython: the sysroot has stubs for POSIX threads
 * but not for pthread_exit, which only a started thread would call. */
#ifndef NO_THREADS_H
#define NO_THREADS_H

static inline _Noreturn void pthread_exit(void* result)
{
    (void)result;
    __builtin_trap();
}

#endif
