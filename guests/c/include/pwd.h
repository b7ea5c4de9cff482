/*
 * The user database, which wasi-libc lacks: of one user, "faasm". The numbers
 * are those of the original Faasm; nothing outside the guest knows them.
 */
#ifndef FAASM_PWD_H
#define FAASM_PWD_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct passwd {
    char* pw_name;
    char* pw_passwd;
    uid_t pw_uid;
    gid_t pw_gid;
    char* pw_gecos;
    char* pw_dir;
    char* pw_shell;
};

/* Its home is what the environment says, else `/`. NULL, with errno as it was,
 * where there is no such user. */
struct passwd* getpwuid(uid_t uid);
struct passwd* getpwnam(const char* name);

uid_t getuid(void);
uid_t geteuid(void);
gid_t getgid(void);
gid_t getegid(void);

#ifdef __cplusplus
}
#endif

#endif
