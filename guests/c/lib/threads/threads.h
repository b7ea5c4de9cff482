/*
 * What the parts of the threads' library have of one another; not for programs.
 */
#ifndef FAASM_LIB_THREADS_H
#define FAASM_LIB_THREADS_H

#include <stdatomic.h>
#include <stdbool.h>

/* Waits while the word is as expected; may return without cause. */
void __faasm_wait(atomic_int* word, int expected);
void __faasm_wake(atomic_int* word, int count);

/* A lock of one word: 0 is free. */
void __faasm_lock(atomic_int* lock);
bool __faasm_trylock(atomic_int* lock);
void __faasm_unlock(atomic_int* lock);

/* Tells the C library that its streams need locks from now on. */
void __faasm_libc_has_threads(void);

/* The linker's: copies the initial thread-local storage there. */
void __wasm_init_tls(void*);

#endif
