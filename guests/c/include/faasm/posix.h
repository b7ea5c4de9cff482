/*
 * What POSIX programs ask of a system and the C library for WASI leaves out.
 * The answers are those of the original Faasm, where it has some: a user
 * `faasm` with number 1000, a process without relatives.
 */
#ifndef FAASM_POSIX_H
#define FAASM_POSIX_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Descriptors; `dup` is in host_interface.h. `to` must be open. */
int dup2(int from, int to);

/* Identity: 1000 of everything, process 23. */
uid_t getuid(void);
uid_t geteuid(void);
gid_t getgid(void);
gid_t getegid(void);
pid_t getpid(void);
pid_t getppid(void);

struct passwd {
    char* pw_name;
    char* pw_passwd;
    uid_t pw_uid;
    gid_t pw_gid;
    char* pw_gecos;
    char* pw_dir;
    char* pw_shell;
};

/* The user `faasm`, whose home is what the environment says, else `/`. Of
 * others: NULL. */
struct passwd* getpwuid(uid_t uid);
struct passwd* getpwnam(const char* name);

/* There are no children: -1 and ECHILD. */
pid_t waitpid(pid_t pid, int* status, int options);

#ifdef __cplusplus
}
#endif

#endif
