/*
 * Fetches a page by HTTP/1.1. Input: `http://HOST[:PORT]/PATH`. Output: the
 * body, however long it is announced. Return code: 0, or the status of an
 * answer that is no success, or 1.
 *
 * Nothing in it knows Faasm but the first and last lines: it is an ordinary
 * POSIX client.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <faasm/core.h>

struct buffer {
    char* bytes;
    size_t len;
};

static int fail(const char* what, const char* why)
{
    fprintf(stderr, "http-get: %s: %s\n", what, why);
    return 1;
}

static int dial(const char* host, const char* port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo* found;
    int error = getaddrinfo(host, port, &hints, &found);
    if (error != 0) {
        fail(host, gai_strerror(error));
        return -1;
    }
    int fd = -1;
    for (struct addrinfo* to = found; to != NULL; to = to->ai_next) {
        fd = socket(to->ai_family, to->ai_socktype, to->ai_protocol);
        if (fd >= 0 && connect(fd, to->ai_addr, to->ai_addrlen) == 0) {
            break;
        }
        fail(host, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

static int send_all(int fd, const char* bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        if (sent < 0) {
            return -1;
        }
        bytes += sent;
        len -= (size_t)sent;
    }
    return 0;
}

/* Everything until the server closes, with a NUL that is not counted. */
static int receive_all(int fd, struct buffer* answer)
{
    size_t room = 16 * 1024;
    *answer = (struct buffer){malloc(room), 0};
    while (answer->bytes != NULL) {
        ssize_t n =
            recv(fd, answer->bytes + answer->len, room - answer->len - 1, 0);
        if (n <= 0) {
            answer->bytes[answer->len] = '\0';
            return (int)n;
        }
        answer->len += (size_t)n;
        if (room - answer->len < 4096) {
            room *= 2;
            answer->bytes = realloc(answer->bytes, room);
        }
    }
    errno = ENOMEM;
    return -1;
}

static const char* header(const char* head, const char* name)
{
    for (const char* line = head; (line = strstr(line, "\r\n")) != NULL;) {
        line += 2;
        if (strncasecmp(line, name, strlen(name)) == 0) {
            return line + strlen(name);
        }
    }
    return NULL;
}

/* Puts the chunks of a body together in place; its length, or -1. */
static long join_chunks(char* body, size_t len)
{
    char* end = body + len;
    char* to = body;
    for (char* at = body; at < end;) {
        char* rest;
        unsigned long size = strtoul(at, &rest, 16);
        char* data = strstr(rest, "\r\n");
        if (data == NULL || size > (unsigned long)(end - data - 2)) {
            return -1;
        }
        if (size == 0) {
            return to - body;
        }
        memmove(to, data + 2, size);
        to += size;
        at = data + 2 + size + 2;
    }
    return -1;
}

static int print_body(struct buffer* answer)
{
    int status = 0;
    char* body = strstr(answer->bytes, "\r\n\r\n");
    if (sscanf(answer->bytes, "HTTP/1.%*d %d", &status) != 1 || body == NULL) {
        return fail("answer", "this is not HTTP");
    }
    *body = '\0';
    body += 4;
    size_t there = answer->len - (size_t)(body - answer->bytes);
    const char* announced = header(answer->bytes, "content-length:");
    const char* coding = header(answer->bytes, "transfer-encoding:");
    long len = (long)there;
    if (coding != NULL && strstr(coding, "chunked") != NULL) {
        len = join_chunks(body, there);
    } else if (announced != NULL) {
        len = atol(announced) <= (long)there ? atol(announced) : -1;
    }
    if (len < 0) {
        return fail("answer", "its body is cut off");
    }
    faasmSetOutput(body, len);
    return status >= 200 && status < 300 ? 0 : status;
}

int main(void)
{
    char* url = faasmGetInputCopy(NULL);
    char host[256];
    char port[8] = "80";
    int used = 0;
    if (sscanf(url, "http://%255[^:/]%n", host, &used) != 1) {
        return fail(url, "not an address like http://HOST[:PORT]/PATH");
    }
    const char* path = url + used;
    if (*path == ':' && sscanf(path, ":%7[0-9]%n", port, &used) == 1) {
        path += used;
    }
    int fd = dial(host, port);
    if (fd < 0) {
        return 1;
    }
    char request[4096];
    int len = snprintf(request, sizeof request,
                       "GET %s HTTP/1.1\r\nHost: %s:%s\r\n"
                       "Connection: close\r\n\r\n",
                       *path ? path : "/", host, port);
    struct buffer answer;
    if (len >= (int)sizeof request || send_all(fd, request, (size_t)len) != 0 ||
        receive_all(fd, &answer) != 0) {
        return fail(host, strerror(errno));
    }
    close(fd);
    return print_body(&answer);
}
