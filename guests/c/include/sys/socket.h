/*
 * POSIX sockets, where wasi-libc for preview 1 has none: what it declares
 * stays, and the rest is here and in libfaasm.a (lib/net.c).
 *
 * wasi-libc's own accept, send, recv and getsockopt know no flags, addresses
 * and options. With this header programs call others, under other symbols, so
 * that the two libraries do not meet.
 */
#ifndef FAASM_SYS_SOCKET_H
#define FAASM_SYS_SOCKET_H

#include_next <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MSG_DONTWAIT 0x0040
#define MSG_NOSIGNAL 0x4000

#define SOMAXCONN 128

/* Options of level SOL_SOCKET. SO_LINGER and SO_REUSEPORT are refused. */
#define SO_REUSEADDR 2
#define SO_ERROR 4
#define SO_BROADCAST 6
#define SO_SNDBUF 7
#define SO_RCVBUF 8
#define SO_KEEPALIVE 9
#define SO_LINGER 13
#define SO_REUSEPORT 15
#define SO_ACCEPTCONN 30
#define SO_DOMAIN 39
#define SO_RCVTIMEO 66
#define SO_SNDTIMEO 67

int socket(int domain, int type, int protocol);
int socketpair(int domain, int type, int protocol, int fds[2]);
int connect(int fd, const struct sockaddr* address, socklen_t len);
int bind(int fd, const struct sockaddr* address, socklen_t len);
int listen(int fd, int backlog);
int getsockname(int fd, struct sockaddr* __restrict address,
                socklen_t* __restrict len);
int getpeername(int fd, struct sockaddr* __restrict address,
                socklen_t* __restrict len);
ssize_t sendto(int fd, const void* data, size_t size, int flags,
               const struct sockaddr* address, socklen_t len);
ssize_t recvfrom(int fd, void* __restrict data, size_t size, int flags,
                 struct sockaddr* __restrict address,
                 socklen_t* __restrict len);
ssize_t sendmsg(int fd, const struct msghdr* message, int flags);
ssize_t recvmsg(int fd, struct msghdr* message, int flags);
int setsockopt(int fd, int level, int name, const void* value, socklen_t len);

int accept(int fd, struct sockaddr* __restrict address,
           socklen_t* __restrict len) __asm__("faasm_accept");
int accept4(int fd, struct sockaddr* __restrict address,
            socklen_t* __restrict len, int flags) __asm__("faasm_accept4");
ssize_t send(int fd, const void* data, size_t size,
             int flags) __asm__("faasm_send");
ssize_t recv(int fd, void* data, size_t size,
             int flags) __asm__("faasm_recv");
int getsockopt(int fd, int level, int name, void* __restrict value,
               socklen_t* __restrict len) __asm__("faasm_getsockopt");

#ifdef __cplusplus
}
#endif

#endif
