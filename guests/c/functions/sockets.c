/*
 * Does with sockets what its input says, a line each, and says what came of
 * it: the words of the line's answer, or the name of the error. Sockets are
 * numbered from 0 in the order they are opened.
 *
 *   tcp4 tcp6 udp4 udp6        opens one: "ok"
 *   pair stream|datagram       opens two that are connected
 *   connect I HOST PORT        bind, listen I, accept I, close I
 *   send I TEXT                recv I N: the bytes; "eof"
 *   fill I N                   sends N bytes: how many went
 *   drain I N                  receives N bytes: how many came
 *   peek I N   all I N         recv with MSG_PEEK, MSG_WAITALL
 *   hasty I N                  recv with MSG_DONTWAIT
 *   sendto I HOST PORT TEXT    recvfrom I N: "HOST PORT bytes"
 *   nonblock I                 timeout I MS, shut I r|w|rw
 *   poll I r|w MS              "ready", "hangup", or "timeout"
 *   pending I                  SO_ERROR, as a name
 *   name I, peer I             "HOST PORT"
 *   type I                     "stream" or "datagram", as getsockopt says
 *   resolve NAME               its addresses
 *   byname NAME                the same by gethostbyname
 *   write I TEXT, read I N     by write() and read()
 *
 * The program stops at the first line that it does not know, and returns 2.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <faasm/core.h>

static int sockets[1024];
static int count;

static char* said;
static size_t said_len;
static FILE* out;

static const char* error_name(int error)
{
    static const struct {
        int error;
        const char* name;
    } names[] = {
        {EACCES, "EACCES"},           {EADDRINUSE, "EADDRINUSE"},
        {EAFNOSUPPORT, "EAFNOSUPPORT"}, {EAGAIN, "EAGAIN"},
        {EBADF, "EBADF"},             {ECONNREFUSED, "ECONNREFUSED"},
        {ECONNRESET, "ECONNRESET"},   {EDESTADDRREQ, "EDESTADDRREQ"},
        {EDQUOT, "EDQUOT"},           {EINPROGRESS, "EINPROGRESS"},
        {EINVAL, "EINVAL"},           {EISCONN, "EISCONN"},
        {EMFILE, "EMFILE"},           {EMSGSIZE, "EMSGSIZE"},
        {ENETUNREACH, "ENETUNREACH"}, {ENFILE, "ENFILE"},
        {ENOTCONN, "ENOTCONN"},       {ENOTSOCK, "ENOTSOCK"},
        {EPIPE, "EPIPE"},             {ETIMEDOUT, "ETIMEDOUT"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].error == error) {
            return names[i].name;
        }
    }
    return strerror(error);
}

/* Says "ok", or the error of a call that answered -1. */
static void say(int result)
{
    fprintf(out, "%s\n", result < 0 ? error_name(errno) : "ok");
}

/* An address as numbers; getaddrinfo reads all of them. */
static socklen_t address(const char* host, const char* port,
                         struct sockaddr_storage* to)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST};
    struct addrinfo* found;
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        return 0;
    }
    socklen_t len = found->ai_addrlen;
    memcpy(to, found->ai_addr, len);
    freeaddrinfo(found);
    return len;
}

static void say_address(const struct sockaddr_storage* at, socklen_t len)
{
    char host[64];
    char port[8];
    getnameinfo((const struct sockaddr*)at, len, host, sizeof host, port,
                sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    fprintf(out, "%s %s", host, port);
}

static void open_one(int family, int type)
{
    int fd = socket(family, type, 0);
    if (fd >= 0) {
        sockets[count++] = fd;
    }
    say(fd);
}

static void open_pair(int type)
{
    int done = socketpair(AF_UNIX, type, 0, sockets + count);
    count += done == 0 ? 2 : 0;
    say(done);
}

static void say_received(const char* bytes, ssize_t n)
{
    if (n < 0) {
        say(-1);
    } else if (n == 0) {
        fprintf(out, "eof\n");
    } else {
        fprintf(out, "%.*s\n", (int)n, bytes);
    }
}

static void receive(int fd, size_t n, int flags)
{
    char* bytes = malloc(n + 1);
    say_received(bytes, recv(fd, bytes, n, flags));
    free(bytes);
}

static void receive_from(int fd, size_t n)
{
    char* bytes = malloc(n + 1);
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    ssize_t received =
        recvfrom(fd, bytes, n, 0, (struct sockaddr*)&from, &len);
    if (received >= 0) {
        say_address(&from, len);
        fprintf(out, " ");
    }
    say_received(bytes, received);
    free(bytes);
}

static void fill(int fd, size_t n)
{
    char* bytes = calloc(n, 1);
    ssize_t sent = send(fd, bytes, n, 0);
    if (sent < 0) {
        say(-1);
    } else {
        fprintf(out, "%zd\n", sent);
    }
    free(bytes);
}

static void drain(int fd, size_t n)
{
    char bytes[4096];
    size_t came = 0;
    ssize_t got = 1;
    while (came < n && got > 0) {
        size_t left = n - came;
        got = recv(fd, bytes, left < sizeof bytes ? left : sizeof bytes, 0);
        came += got > 0 ? (size_t)got : 0;
    }
    fprintf(out, "%zu %s\n", came, got < 0 ? error_name(errno) : "ok");
}

static void wait_for(int fd, const char* what, int ms)
{
    struct pollfd entry = {fd, *what == 'r' ? POLLIN : POLLOUT, 0};
    int n = poll(&entry, 1, ms);
    if (n < 0) {
        say(-1);
    } else if (n == 0) {
        fprintf(out, "timeout\n");
    } else {
        fprintf(out, "%s\n", entry.revents & POLLHUP ? "hangup" : "ready");
    }
}

static void resolve(const char* name)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo* found;
    int error = getaddrinfo(name, NULL, &hints, &found);
    if (error != 0) {
        fprintf(out, "%s\n", gai_strerror(error));
        return;
    }
    for (struct addrinfo* i = found; i != NULL; i = i->ai_next) {
        char host[64];
        getnameinfo(i->ai_addr, i->ai_addrlen, host, sizeof host, NULL, 0, 0);
        fprintf(out, "%s%s", host, i->ai_next == NULL ? "\n" : " ");
    }
    freeaddrinfo(found);
}

static void by_name(const char* name)
{
    struct hostent* entry = gethostbyname(name);
    if (entry == NULL) {
        fprintf(out, "%s\n", hstrerror(h_errno));
        return;
    }
    for (char** at = entry->h_addr_list; *at != NULL; at++) {
        fprintf(out, "%s%s", inet_ntoa(*(struct in_addr*)*at),
                at[1] == NULL ? "\n" : " ");
    }
}

static void with_address(const char* verb, int fd, const char* host,
                         const char* port, const char* text)
{
    struct sockaddr_storage to;
    socklen_t len = address(host, port, &to);
    struct sockaddr* at = (struct sockaddr*)&to;
    if (len == 0) {
        fprintf(out, "no address\n");
    } else if (*verb == 'c') {
        say(connect(fd, at, len));
    } else if (*verb == 'b') {
        say(bind(fd, at, len));
    } else {
        say((int)sendto(fd, text, strlen(text), 0, at, len));
    }
}

static void name(int fd, int (*of)(int, struct sockaddr* restrict,
                                   socklen_t* restrict))
{
    struct sockaddr_storage at;
    socklen_t len = sizeof at;
    if (of(fd, (struct sockaddr*)&at, &len) != 0) {
        say(-1);
        return;
    }
    say_address(&at, len);
    fprintf(out, "\n");
}

static void number_option(int fd, int option)
{
    int value = 0;
    socklen_t len = sizeof value;
    if (getsockopt(fd, SOL_SOCKET, option, &value, &len) != 0) {
        say(-1);
    } else if (option == SO_TYPE) {
        fprintf(out, "%s\n", value == SOCK_STREAM ? "stream" : "datagram");
    } else {
        fprintf(out, "%s\n", value == 0 ? "ok" : error_name(value));
    }
}

static void accept_one(int fd)
{
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    int accepted = accept(fd, (struct sockaddr*)&from, &len);
    if (accepted >= 0) {
        sockets[count++] = accepted;
    }
    say(accepted);
}

static void set_timeout(int fd, long ms)
{
    struct timeval time = {ms / 1000, ms % 1000 * 1000};
    say(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) |
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time));
}

static void shut(int fd, const char* how)
{
    int read = strchr(how, 'r') != NULL;
    int write = strchr(how, 'w') != NULL;
    say(shutdown(fd, (read ? SHUT_RD : 0) | (write ? SHUT_WR : 0)));
}

/* Lines about one socket and at most one more word. */
static int simple(const char* verb, int fd, const char* word, const char* text)
{
    long n = atol(word);
    if (strcmp(verb, "listen") == 0) say(listen(fd, 16));
    else if (strcmp(verb, "accept") == 0) accept_one(fd);
    else if (strcmp(verb, "close") == 0) say(close(fd));
    else if (strcmp(verb, "send") == 0) say((int)send(fd, text, strlen(text), 0));
    else if (strcmp(verb, "recv") == 0) receive(fd, (size_t)n, 0);
    else if (strcmp(verb, "fill") == 0) fill(fd, (size_t)n);
    else if (strcmp(verb, "drain") == 0) drain(fd, (size_t)n);
    else if (strcmp(verb, "peek") == 0) receive(fd, (size_t)n, MSG_PEEK);
    else if (strcmp(verb, "all") == 0) receive(fd, (size_t)n, MSG_WAITALL);
    else if (strcmp(verb, "hasty") == 0) receive(fd, (size_t)n, MSG_DONTWAIT);
    else if (strcmp(verb, "recvfrom") == 0) receive_from(fd, (size_t)n);
    else if (strcmp(verb, "nonblock") == 0) say(fcntl(fd, F_SETFL, O_NONBLOCK));
    else if (strcmp(verb, "timeout") == 0) set_timeout(fd, n);
    else if (strcmp(verb, "shut") == 0) shut(fd, word);
    else if (strcmp(verb, "pending") == 0) number_option(fd, SO_ERROR);
    else if (strcmp(verb, "type") == 0) number_option(fd, SO_TYPE);
    else if (strcmp(verb, "name") == 0) name(fd, getsockname);
    else if (strcmp(verb, "peer") == 0) name(fd, getpeername);
    else if (strcmp(verb, "write") == 0) say((int)write(fd, text, strlen(text)));
    else if (strcmp(verb, "read") == 0) {
        char bytes[256];
        say_received(bytes, read(fd, bytes, n < 256 ? (size_t)n : 256));
    } else return -1;
    return 0;
}

static int run(const char* line)
{
    char verb[16] = "";
    char a[300] = "";
    char b[300] = "";
    char c[300] = "";
    int text = 0;
    sscanf(line, "%15s %299s %n%299s %299s", verb, a, &text, b, c);
    if (strcmp(verb, "tcp4") == 0) open_one(AF_INET, SOCK_STREAM);
    else if (strcmp(verb, "tcp6") == 0) open_one(AF_INET6, SOCK_STREAM);
    else if (strcmp(verb, "udp4") == 0) open_one(AF_INET, SOCK_DGRAM);
    else if (strcmp(verb, "udp6") == 0) open_one(AF_INET6, SOCK_DGRAM);
    else if (strcmp(verb, "pair") == 0) open_pair(*a == 's' ? SOCK_STREAM : SOCK_DGRAM);
    else if (strcmp(verb, "resolve") == 0) resolve(a);
    else if (strcmp(verb, "byname") == 0) by_name(a);
    else {
        int index = atoi(a);
        int fd = index >= 0 && index < count ? sockets[index] : 999;
        if (strcmp(verb, "connect") == 0 || strcmp(verb, "bind") == 0 ||
            strcmp(verb, "sendto") == 0) {
            const char* rest = strstr(line + text, c);
            rest = rest == NULL ? "" : rest + strlen(c);
            with_address(verb, fd, b, c, *rest == ' ' ? rest + 1 : rest);
        } else if (strcmp(verb, "poll") == 0) {
            wait_for(fd, b, atoi(c));
        } else {
            return simple(verb, fd, b, line + text);
        }
    }
    return 0;
}

int main(void)
{
    char* input = faasmGetInputCopy(NULL);
    out = open_memstream(&said, &said_len);
    int code = 0;
    for (char* line = strtok(input, "\n"); line != NULL && code == 0;
         line = strtok(NULL, "\n")) {
        code = run(line) == 0 ? 0 : 2;
        if (code != 0) {
            fprintf(out, "unknown line: %s\n", line);
        }
    }
    fclose(out);
    faasmSetOutput(said, (long)said_len);
    return code;
}
