/*
 * What POSIX programs ask of a system and the C library for WASI leaves out.
 * The answers are those of the original Faasm, where it has some: a user
 * `faasm` with number 1000, a process without relatives.
 */
#ifndef FAASM_POSIX_H
#define FAASM_POSIX_H

#include <pwd.h>
#include <sys/types.h>
#include <sys/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Descriptors; `dup` is in host_interface.h. `to` must be open. */
int dup2(int from, int to);

/* Process 23. */
pid_t getpid(void);
pid_t getppid(void);

#ifdef __cplusplus
}
#endif

#endif
