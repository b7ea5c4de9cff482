/*
 * Sends datagrams and awaits their echoes. Input: `HOST PORT N`. Each of the N
 * datagrams holds its number; one whose echo does not come within two seconds
 * is sent again, three times in all. Output: how many came back.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <faasm/core.h>

/* Whether the echo of a datagram came. Older ones may come first. */
static int exchange(int fd, const struct addrinfo* to, int number)
{
    char sent[32];
    char received[32];
    int len = snprintf(sent, sizeof sent, "datagram %d", number);
    if (sendto(fd, sent, (size_t)len, 0, to->ai_addr, to->ai_addrlen) != len) {
        return 0;
    }
    struct sockaddr_storage from;
    socklen_t from_len = sizeof from;
    ssize_t n;
    while ((n = recvfrom(fd, received, sizeof received, 0,
                         (struct sockaddr*)&from, &from_len)) >= 0) {
        if (n == len && memcmp(sent, received, (size_t)len) == 0 &&
            from_len == to->ai_addrlen &&
            memcmp(&from, to->ai_addr, from_len) == 0) {
            return 1;
        }
        from_len = sizeof from;
    }
    return 0;
}

int main(void)
{
    char host[256];
    char port[8];
    int count;
    const char* input = faasmGetInputCopy(NULL);
    if (sscanf(input, "%255s %7s %d", host, port, &count) != 3) {
        return 2;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
    struct addrinfo* to;
    if (getaddrinfo(host, port, &hints, &to) != 0) {
        return 3;
    }
    int fd = socket(to->ai_family, SOCK_DGRAM, 0);
    struct timeval patience = {.tv_sec = 2};
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
                             sizeof patience) != 0) {
        return 4;
    }
    int came = 0;
    for (int i = 0; i < count; i++) {
        for (int attempt = 0; attempt < 3; attempt++) {
            if (exchange(fd, to, i)) {
                came++;
                break;
            }
        }
    }
    char text[16];
    faasmSetOutput(text, snprintf(text, sizeof text, "%d", came));
    return close(fd);
}
