/*
 * POSIX sockets on the host's calls: those of preview 1, and the extension
 * that opens and connects them (docs/network.md). Error numbers are WASI's,
 * which are wasi-libc's, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#define IMPORT(name) \
    __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))

/* Where the bytes of an address are, and how many. */
struct host_address {
    uint8_t* bytes;
    uint32_t len;
};

IMPORT(sock_open)
uint32_t host_open(uint32_t family, uint32_t type, uint32_t* fd);
IMPORT(sock_connect)
uint32_t host_connect(uint32_t fd, struct host_address* address, uint32_t port);
IMPORT(sock_bind)
uint32_t host_bind(uint32_t fd, struct host_address* address, uint32_t port);
IMPORT(sock_listen)
uint32_t host_listen(uint32_t fd, uint32_t backlog);
IMPORT(sock_accept)
uint32_t host_accept(uint32_t fd, uint32_t flags, uint32_t* accepted);
IMPORT(sock_getlocaladdr)
uint32_t host_local(uint32_t fd, struct host_address* address, uint32_t* type,
                    uint32_t* port);
IMPORT(sock_getpeeraddr)
uint32_t host_peer(uint32_t fd, struct host_address* address, uint32_t* type,
                   uint32_t* port);
IMPORT(sock_send)
uint32_t host_send(uint32_t fd, const struct iovec* data, uint32_t count,
                   uint32_t flags, uint32_t* sent);
IMPORT(sock_send_to)
uint32_t host_send_to(uint32_t fd, const struct iovec* data, uint32_t count,
                      const struct host_address* address, uint32_t port,
                      uint32_t flags, uint32_t* sent);
IMPORT(sock_recv)
uint32_t host_recv(uint32_t fd, const struct iovec* data, uint32_t count,
                   uint32_t flags, uint32_t* received, uint16_t* said);
IMPORT(sock_recv_from)
uint32_t host_recv_from(uint32_t fd, const struct iovec* data, uint32_t count,
                        struct host_address* address, uint32_t flags,
                        uint32_t* port, uint32_t* received, uint16_t* said);
IMPORT(sock_getsockopt)
uint32_t host_getsockopt(uint32_t fd, uint32_t level, uint32_t name,
                         void* value, uint32_t* len);
IMPORT(sock_setsockopt)
uint32_t host_setsockopt(uint32_t fd, uint32_t level, uint32_t name,
                         const void* value, uint32_t len);

/* Families and types as the host has them. */
enum { HOST_V4 = 1, HOST_V6 = 2, HOST_DATAGRAM = 1, HOST_STREAM = 2 };

/* Flags of the host: receiving has WASI's, and one to not wait. */
enum { HOST_RECV_HASTY = 4, HOST_SEND_HASTY = 1 };

/* WASI's flag of a descriptor that does not wait. */
enum { WASI_NONBLOCK = 4 };

static int answer(uint32_t error)
{
    if (error == 0) {
        return 0;
    }
    errno = (int)error;
    return -1;
}

/* An address in host's form; its bytes stay where they are. -1 if it is none. */
static int to_host(const struct sockaddr* address, socklen_t len,
                   struct host_address* host, uint32_t* port)
{
    if (address == NULL || len < sizeof(sa_family_t)) {
        errno = EINVAL;
        return -1;
    }
    if (address->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in* in = (struct sockaddr_in*)address;
        *host = (struct host_address){(uint8_t*)&in->sin_addr, 4};
        *port = ntohs(in->sin_port);
        return 0;
    }
    if (address->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6* in = (struct sockaddr_in6*)address;
        *host = (struct host_address){(uint8_t*)&in->sin6_addr, 16};
        *port = ntohs(in->sin6_port);
        return 0;
    }
    errno = address->sa_family == AF_INET || address->sa_family == AF_INET6
                ? EINVAL
                : EAFNOSUPPORT;
    return -1;
}

/* Writes an address as far as there is room, and how long it is. */
static void from_host(int is_v6, const uint8_t* bytes, uint32_t port,
                      struct sockaddr* address, socklen_t* len)
{
    union {
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } made;
    memset(&made, 0, sizeof made);
    socklen_t size = is_v6 ? sizeof made.v6 : sizeof made.v4;
    if (is_v6) {
        made.v6.sin6_family = AF_INET6;
        made.v6.sin6_port = htons((uint16_t)port);
        memcpy(&made.v6.sin6_addr, bytes, 16);
    } else {
        made.v4.sin_family = AF_INET;
        made.v4.sin_port = htons((uint16_t)port);
        memcpy(&made.v4.sin_addr, bytes, 4);
    }
    if (address != NULL && len != NULL) {
        memcpy(address, &made, *len < size ? *len : size);
        *len = size;
    }
}

int socket(int domain, int type, int protocol)
{
    int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
    type &= ~flags;
    uint32_t family = domain == AF_INET ? HOST_V4 : HOST_V6;
    if (domain != AF_INET && domain != AF_INET6) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    int is_stream = type == SOCK_STREAM;
    if (!is_stream && type != SOCK_DGRAM) {
        errno = EPROTOTYPE;
        return -1;
    }
    if (protocol != 0 && protocol != (is_stream ? IPPROTO_TCP : IPPROTO_UDP)) {
        errno = EPROTONOSUPPORT;
        return -1;
    }
    uint32_t fd;
    uint32_t host_type = is_stream ? HOST_STREAM : HOST_DATAGRAM;
    if (answer(host_open(family, host_type, &fd)) != 0) {
        return -1;
    }
    if (flags & SOCK_NONBLOCK) {
        fcntl((int)fd, F_SETFL, O_NONBLOCK);
    }
    return (int)fd;
}

/* Of the host's functions with C's names: there is no other for this. */
__attribute__((import_module("env"), import_name("socketpair")))
int host_pair(int domain, int type, int protocol, int fds[2]);

int socketpair(int domain, int type, int protocol, int fds[2])
{
    int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
    type &= ~flags;
    if (domain != AF_UNIX) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    if (protocol != 0 || (type != SOCK_STREAM && type != SOCK_DGRAM)) {
        errno = EPROTONOSUPPORT;
        return -1;
    }
    if (host_pair(domain, type, protocol, fds) != 0) {
        errno = EMFILE;
        return -1;
    }
    for (int i = 0; i < 2 && flags & SOCK_NONBLOCK; i++) {
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
    }
    return 0;
}

int connect(int fd, const struct sockaddr* address, socklen_t len)
{
    struct host_address host;
    uint32_t port;
    if (to_host(address, len, &host, &port) != 0) {
        return -1;
    }
    return answer(host_connect((uint32_t)fd, &host, port));
}

int bind(int fd, const struct sockaddr* address, socklen_t len)
{
    struct host_address host;
    uint32_t port;
    if (to_host(address, len, &host, &port) != 0) {
        return -1;
    }
    return answer(host_bind((uint32_t)fd, &host, port));
}

int listen(int fd, int backlog)
{
    return answer(host_listen((uint32_t)fd, backlog < 0 ? 0 : (uint32_t)backlog));
}

int getsockname(int fd, struct sockaddr* restrict address,
                socklen_t* restrict len)
{
    uint8_t bytes[16] = {0};
    struct host_address host = {bytes, sizeof bytes};
    uint32_t type;
    uint32_t port;
    if (answer(host_local((uint32_t)fd, &host, &type, &port)) != 0) {
        return -1;
    }
    from_host(type == 6, bytes, port, address, len);
    return 0;
}

int getpeername(int fd, struct sockaddr* restrict address,
                socklen_t* restrict len)
{
    uint8_t bytes[16] = {0};
    struct host_address host = {bytes, sizeof bytes};
    uint32_t type;
    uint32_t port;
    if (answer(host_peer((uint32_t)fd, &host, &type, &port)) != 0) {
        return -1;
    }
    from_host(type == 6, bytes, port, address, len);
    return 0;
}

int accept4(int fd, struct sockaddr* restrict address,
            socklen_t* restrict len, int flags)
{
    if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) {
        errno = EINVAL;
        return -1;
    }
    uint32_t accepted;
    uint32_t nonblock = flags & SOCK_NONBLOCK ? WASI_NONBLOCK : 0;
    if (answer(host_accept((uint32_t)fd, nonblock, &accepted)) != 0) {
        return -1;
    }
    if (address != NULL) {
        /* A peer that has gone already has no address. */
        if (getpeername((int)accepted, address, len) != 0 && len != NULL) {
            *len = 0;
        }
    }
    return (int)accepted;
}

int accept(int fd, struct sockaddr* restrict address, socklen_t* restrict len)
{
    return accept4(fd, address, len, 0);
}

/* The host's flags of a call that sends; -1 if it knows one of them not. */
static int send_flags(int flags, uint32_t* host)
{
    if (flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) {
        errno = EOPNOTSUPP;
        return -1;
    }
    *host = flags & MSG_DONTWAIT ? HOST_SEND_HASTY : 0;
    return 0;
}

static int recv_flags(int flags, uint32_t* host)
{
    if (flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL | MSG_PEEK | MSG_WAITALL)) {
        errno = EOPNOTSUPP;
        return -1;
    }
    *host = (uint32_t)(flags & (MSG_PEEK | MSG_WAITALL)) |
            (flags & MSG_DONTWAIT ? HOST_RECV_HASTY : 0);
    return 0;
}

ssize_t sendmsg(int fd, const struct msghdr* message, int flags)
{
    uint32_t host_flags;
    uint32_t sent;
    if (send_flags(flags, &host_flags) != 0) {
        return -1;
    }
    if (message->msg_controllen != 0) {
        errno = EOPNOTSUPP;
        return -1;
    }
    const struct iovec* data = message->msg_iov;
    uint32_t count = (uint32_t)message->msg_iovlen;
    uint32_t error;
    if (message->msg_name == NULL) {
        error = host_send((uint32_t)fd, data, count, host_flags, &sent);
    } else {
        struct host_address host;
        uint32_t port;
        if (to_host(message->msg_name, message->msg_namelen, &host, &port) != 0) {
            return -1;
        }
        error = host_send_to((uint32_t)fd, data, count, &host, port, host_flags,
                             &sent);
    }
    return answer(error) == 0 ? (ssize_t)sent : -1;
}

ssize_t sendto(int fd, const void* data, size_t size, int flags,
               const struct sockaddr* address, socklen_t len)
{
    struct iovec part = {(void*)data, size};
    struct msghdr message = {
        .msg_name = (void*)address,
        .msg_namelen = len,
        .msg_iov = &part,
        .msg_iovlen = 1,
    };
    return sendmsg(fd, &message, flags);
}

ssize_t send(int fd, const void* data, size_t size, int flags)
{
    return sendto(fd, data, size, flags, NULL, 0);
}

ssize_t recvmsg(int fd, struct msghdr* message, int flags)
{
    uint32_t host_flags;
    uint32_t received;
    uint16_t said = 0;
    if (recv_flags(flags, &host_flags) != 0) {
        return -1;
    }
    const struct iovec* data = message->msg_iov;
    uint32_t count = (uint32_t)message->msg_iovlen;
    uint32_t error;
    if (message->msg_name == NULL) {
        error = host_recv((uint32_t)fd, data, count, host_flags, &received, &said);
    } else {
        /* Its family stands before a long address. */
        uint8_t bytes[128] = {0};
        struct host_address host = {bytes, sizeof bytes};
        uint32_t port = 0;
        error = host_recv_from((uint32_t)fd, data, count, &host, host_flags,
                               &port, &received, &said);
        if (error == 0 && bytes[0] == 0) {
            message->msg_namelen = 0; /* a stream whose peer has gone */
        } else if (error == 0) {
            from_host(bytes[0] == HOST_V6, bytes + 2, port, message->msg_name,
                      &message->msg_namelen);
        }
    }
    message->msg_controllen = 0;
    message->msg_flags = said ? MSG_TRUNC : 0;
    return answer(error) == 0 ? (ssize_t)received : -1;
}

ssize_t recvfrom(int fd, void* restrict data, size_t size, int flags,
                 struct sockaddr* restrict address, socklen_t* restrict len)
{
    struct iovec part = {data, size};
    struct msghdr message = {
        .msg_name = len == NULL ? NULL : address,
        .msg_namelen = len == NULL ? 0 : *len,
        .msg_iov = &part,
        .msg_iovlen = 1,
    };
    ssize_t received = recvmsg(fd, &message, flags);
    if (received >= 0 && len != NULL && address != NULL) {
        *len = message.msg_namelen;
    }
    return received;
}

ssize_t recv(int fd, void* data, size_t size, int flags)
{
    return recvfrom(fd, data, size, flags, NULL, NULL);
}

/* The host's level and name of an option; -1 if it has none. */
static int to_host_option(int level, int name, uint32_t* host_level,
                          uint32_t* host_name)
{
    static const struct {
        int name;
        uint32_t host;
    } options[] = {
        {SO_REUSEADDR, 0}, {SO_TYPE, 1},       {SO_ERROR, 2},
        {SO_BROADCAST, 4}, {SO_SNDBUF, 5},     {SO_RCVBUF, 6},
        {SO_KEEPALIVE, 7}, {SO_RCVTIMEO, 11},  {SO_SNDTIMEO, 12},
        {SO_ACCEPTCONN, 13},
    };
    if (level == SOL_SOCKET) {
        for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
            if (options[i].name == name) {
                *host_level = 0;
                *host_name = options[i].host;
                return 0;
            }
        }
    }
    if ((level == IPPROTO_TCP && name == TCP_NODELAY) ||
        (level == IPPROTO_IPV6 && name == IPV6_V6ONLY)) {
        *host_level = (uint32_t)level;
        *host_name = (uint32_t)name;
        return 0;
    }
    errno = ENOPROTOOPT;
    return -1;
}

int setsockopt(int fd, int level, int name, const void* value, socklen_t len)
{
    uint32_t host_level;
    uint32_t host_name;
    if (to_host_option(level, name, &host_level, &host_name) != 0) {
        return -1;
    }
    return answer(
        host_setsockopt((uint32_t)fd, host_level, host_name, value, len));
}

int getsockopt(int fd, int level, int name, void* restrict value,
               socklen_t* restrict len)
{
    if (level == SOL_SOCKET && name == SO_DOMAIN) {
        struct sockaddr_storage address;
        socklen_t size = sizeof address;
        if (*len < sizeof(int)) {
            errno = EINVAL;
            return -1;
        }
        if (getsockname(fd, (struct sockaddr*)&address, &size) != 0) {
            return -1;
        }
        *(int*)value = address.ss_family;
        *len = sizeof(int);
        return 0;
    }
    uint32_t host_level;
    uint32_t host_name;
    if (to_host_option(level, name, &host_level, &host_name) != 0) {
        return -1;
    }
    uint32_t size = *len;
    if (answer(host_getsockopt((uint32_t)fd, host_level, host_name, value,
                               &size)) != 0) {
        return -1;
    }
    *len = size;
    if (level == SOL_SOCKET && name == SO_TYPE) {
        int* type = value;
        *type = *type == HOST_STREAM ? SOCK_STREAM : SOCK_DGRAM;
    }
    return 0;
}
