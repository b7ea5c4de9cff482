/*
 * An ordinary POSIX program, without the SDK: connects to its first two
 * arguments, HOST and PORT, sends the others, a line each, and prints what
 * comes. It waits by poll(), on a socket that does not block.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int dial(const char* host, const char* port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo* found;
    int error = getaddrinfo(host, port, &hints, &found);
    if (error != 0) {
        fprintf(stderr, "tcp-cat: %s: %s\n", host, gai_strerror(error));
        return -1;
    }
    int fd = -1;
    for (struct addrinfo* to = found; to != NULL && fd < 0; to = to->ai_next) {
        fd = socket(to->ai_family, to->ai_socktype, to->ai_protocol);
        if (fd >= 0 && connect(fd, to->ai_addr, to->ai_addrlen) != 0) {
            fprintf(stderr, "tcp-cat: %s: %s\n", host, strerror(errno));
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

int main(int argc, char** argv)
{
    int fd = argc < 3 ? -1 : dial(argv[1], argv[2]);
    int on = 1;
    if (fd < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) {
        return 1;
    }
    for (int i = 3; i < argc; i++) {
        dprintf(fd, "%s\n", argv[i]);
    }
    shutdown(fd, SHUT_WR);
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    while (poll(&wait, 1, -1) > 0) {
        char bytes[1024];
        ssize_t n = recv(fd, bytes, sizeof bytes, 0);
        if (n > 0) {
            fwrite(bytes, 1, (size_t)n, stdout);
        } else if (n == 0 || errno != EAGAIN) {
            return n == 0 ? 0 : 1;
        }
    }
    return 1;
}
