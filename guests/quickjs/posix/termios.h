/*
 * What quickjs-libc.c names of POSIX and the C library for WASI leaves out:
 * terminals, processes and signals, none of which a Faaslet has. All of it fails.
 * It is for building the package's own `qjs`, which runs the package's own tests.
 */
#ifndef POSIX_TERMIOS_H
#define POSIX_TERMIOS_H

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

typedef void (*sighandler_t)(int);

struct termios {
    unsigned c_iflag, c_oflag, c_cflag, c_lflag;
    unsigned char c_cc[8];
};
enum { IGNBRK = 1, BRKINT = 2, PARMRK = 4, ISTRIP = 8, INLCR = 16, IGNCR = 32, ICRNL = 64, IXON = 128 };
enum { OPOST = 1, ECHO = 1, ECHONL = 2, ICANON = 4, IEXTEN = 8, CSIZE = 1, PARENB = 2, CS8 = 4 };
enum { VMIN, VTIME, TCSANOW };

struct winsize {
    unsigned short ws_row, ws_col;
};
#define TIOCGWINSZ 0x5413

#define WNOHANG 1
#define WIFEXITED(status) ((status) == 0)
#define WEXITSTATUS(status) (status)
#define WIFSIGNALED(status) ((status) != 0)
#define WTERMSIG(status) (status)
#define RTLD_NOW 2
#define RTLD_LOCAL 0

static inline int host_cannot(void)
{
    errno = ENOSYS;
    return -1;
}
#define tcgetattr(fd, tty) ((void)(fd), (void)(tty), host_cannot())
#define tcsetattr(fd, when, tty) ((void)(fd), (void)(tty), host_cannot())
#define fork() host_cannot()
#define waitpid(pid, status, options) ((void)(pid), (void)(status), host_cannot())
#define execve(file, args, env) ((void)(file), (void)(args), (void)(env), host_cannot())
#define setuid(id) ((void)(id), host_cannot())
#define setgid(id) ((void)(id), host_cannot())
#define kill(pid, signal) ((void)(pid), (void)(signal), host_cannot())
#define pipe(fds) ((void)(fds), host_cannot())
#define dup(fd) ((void)(fd), host_cannot())
#define dup2(from, to) ((void)(from), (void)(to), host_cannot())
#define popen(command, mode) ((void)(command), (void)(mode), host_cannot(), (FILE*)NULL)
#define pclose(file) fclose(file)
#define tmpfile() fopen("tmpfile", "w+b")
#define dlopen(name, flags) ((void)(name), (void*)NULL)
#define dlsym(library, name) ((void)(library), (void)(name), NULL)
#define dlclose(library) ((void)(library))

#endif
