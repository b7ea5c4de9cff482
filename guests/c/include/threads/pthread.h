/*
 * The C library's header, and what it leaves out where it has no threads.
 */
#ifndef FAASM_THREADS_PTHREAD_H
#define FAASM_THREADS_PTHREAD_H

#include_next <pthread.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Ends the calling thread. The main one waits for all others, then the call
 * ends with 0. Destructors of C++ objects on the stack do not run. */
__attribute__((noreturn)) void pthread_exit(void* result);

/* ENOSYS: a thread ends itself, or with the call. */
int pthread_cancel(pthread_t thread);
void pthread_testcancel(void);

#ifdef __cplusplus
}
#endif

#endif
