/*
 * Stochastic gradient descent without locks (HOGWILD): many workers update one
 * vector of weights at the same time. In Faaslets the vector is a value that all
 * of them map; natively, where this same file is compiled by the same compiler,
 * each worker is a process with a copy, which it fetches from a Redis server and
 * sends back.
 *
 * Input (or argument): what to do.
 *   train WORKER EXAMPLES   learns from so many examples of the worker's own
 *   loss                    the mean squared error over examples of nobody's
 *   push                    (Faaslets) sends what has changed to the global tier
 * Natively the server's port comes first, then the same. Output: one line.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY "weights"
#define WEIGHTS (16u << 20)
#define BYTES_OF_WEIGHTS (WEIGHTS * sizeof(float))
/* Features of an example that are not zero. */
#define FEATURES 32
#define RATE 0.02f
#define TEST_EXAMPLES 20000

/* A process with a copy remembers which pages it has changed. */
#ifdef __wasm__
#define CHANGED(index) ((void)0)
#else
static uint8_t changed[BYTES_OF_WEIGHTS / 4096];
#define CHANGED(index) (changed[(index) / 1024] = 1)
#endif

static uint64_t next_random(uint64_t* state)
{
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1du;
}

/* From 0 to 1. */
static double next_unit(uint64_t* state)
{
    return (double)(next_random(state) >> 11) * 0x1p-53;
}

/* What the weight should become, from -1 to 1. */
static float truth(uint32_t index)
{
    uint64_t seed = (index + 1) * 0x9e3779b97f4a7c15u;
    return (float)(2 * next_unit(&seed) - 1);
}

/* Some features are in many examples, most in few. */
static uint32_t feature(uint64_t* seed)
{
    double unit = next_unit(seed);
    return (uint32_t)(unit * unit * unit * unit * (WEIGHTS - 1));
}

/* The example's features, and by how much the weights miss its label. */
static float miss(const volatile float* weights, uint64_t* seed, uint32_t* indices)
{
    float error = 0;
    for (int i = 0; i < FEATURES; i++) {
        indices[i] = feature(seed);
        error += weights[indices[i]] - truth(indices[i]);
    }
    return error;
}

static uint64_t seed_of(uint32_t worker)
{
    return 0x5851f42d4c957f2du ^ ((uint64_t)(worker + 1) << 20);
}

static void train(volatile float* weights, uint32_t worker, uint32_t examples)
{
    uint64_t seed = seed_of(worker);
    uint32_t indices[FEATURES];
    for (uint32_t example = 0; example < examples; example++) {
        float step = RATE * miss(weights, &seed, indices);
        for (int i = 0; i < FEATURES; i++) {
            weights[indices[i]] -= step;
            CHANGED(indices[i]);
        }
    }
}

static double loss(const volatile float* weights)
{
    uint64_t seed = seed_of(1u << 30);
    uint32_t indices[FEATURES];
    double sum = 0;
    for (int example = 0; example < TEST_EXAMPLES; example++) {
        double error = miss(weights, &seed, indices);
        sum += error * error;
    }
    return sum / TEST_EXAMPLES;
}

#ifdef __wasm__

#include <faasm/core.h>

int main(void)
{
    char input[64] = {0}, text[64] = "done";
    unsigned worker = 0, examples = 0;
    faasmGetInput((uint8_t*)input, sizeof input - 1);
    if (strcmp(input, "push") == 0) {
        faasmPushStatePartial(KEY);
    } else {
        volatile float* weights = (volatile float*)faasmReadStatePtr(KEY, BYTES_OF_WEIGHTS);
        if (strcmp(input, "loss") == 0) {
            snprintf(text, sizeof text, "%.6f", loss(weights));
        } else if (sscanf(input, "train %u %u", &worker, &examples) == 2) {
            train(weights, worker, examples);
            faasmFlagStateDirty(KEY, BYTES_OF_WEIGHTS);
        } else {
            return 1;
        }
    }
    faasmSetOutput(text, (long)strlen(text));
    return 0;
}

#else

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

/* Bytes of one command, and commands on their way at a time. */
#define CHUNK (256u << 10)
#define PIPELINE 16u

static int server;

static void fail(const char* what)
{
    perror(what);
    exit(1);
}

static void connect_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(server, (struct sockaddr*)&address, sizeof address) != 0) {
        fail("connect");
    }
}

static void send_all(const void* bytes, size_t len)
{
    const char* at = bytes;
    while (len > 0) {
        ssize_t sent = write(server, at, len);
        if (sent <= 0) {
            fail("write");
        }
        at += sent;
        len -= (size_t)sent;
    }
}

static void receive(void* bytes, size_t len)
{
    static char buffer[64 << 10];
    static size_t from, until;
    char* at = bytes;
    while (len > 0) {
        /* What is long goes where it belongs at once. */
        if (from == until && len >= sizeof buffer) {
            ssize_t got = read(server, at, len);
            if (got <= 0) {
                fail("read");
            }
            at += got;
            len -= (size_t)got;
            continue;
        }
        if (from == until) {
            ssize_t got = read(server, buffer, sizeof buffer);
            if (got <= 0) {
                fail("read");
            }
            from = 0;
            until = (size_t)got;
        }
        size_t some = len < until - from ? len : until - from;
        memcpy(at, buffer + from, some);
        from += some;
        at += some;
        len -= some;
    }
}

/* The number in a line of an answer. */
static long line(void)
{
    char text[128];
    size_t len = 0;
    do {
        receive(text + len, 1);
    } while (text[len++] != '\n' && len < sizeof text - 1);
    text[len] = 0;
    if (text[0] != '$' && text[0] != ':') {
        fputs(text, stderr);
        exit(1);
    }
    return atol(text + 1);
}

static void fetch(char* bytes)
{
    char command[128], end[2];
    uint32_t asked = 0, chunks = BYTES_OF_WEIGHTS / CHUNK;
    for (uint32_t chunk = 0; chunk < chunks; chunk++) {
        for (; asked < chunks && asked < chunk + PIPELINE; asked++) {
            unsigned long from = (unsigned long)asked * CHUNK;
            int len = snprintf(command, sizeof command, "GETRANGE %s %lu %lu\r\n", KEY, from,
                               from + CHUNK - 1);
            send_all(command, (size_t)len);
        }
        if (line() != CHUNK) {
            fputs("a chunk is short\n", stderr);
            exit(1);
        }
        receive(bytes + (size_t)chunk * CHUNK, CHUNK);
        receive(end, 2);
    }
}

/* Sends the pages that have changed, in runs of up to a chunk. */
static void send_back(const char* bytes)
{
    const size_t page = 4096;
    unsigned open = 0;
    for (size_t at = 0; at < BYTES_OF_WEIGHTS; at += page) {
        size_t end = at;
        while (end < BYTES_OF_WEIGHTS && changed[end / page] && end - at < CHUNK) {
            end += page;
        }
        if (end == at) {
            continue;
        }
        char command[128], number[32];
        int digits = snprintf(number, sizeof number, "%zu", at);
        int len = snprintf(command, sizeof command,
                           "*4\r\n$8\r\nSETRANGE\r\n$%zu\r\n%s\r\n$%d\r\n%s\r\n$%zu\r\n",
                           strlen(KEY), KEY, digits, number, end - at);
        send_all(command, (size_t)len);
        send_all(bytes + at, end - at);
        send_all("\r\n", 2);
        if (++open == PIPELINE) {
            line();
            open--;
        }
        at = end - page;
    }
    while (open-- > 0) {
        line();
    }
}

int main(int argc, char** argv)
{
    if (argc < 3) {
        return 1;
    }
    connect_to(atoi(argv[1]));
    char* bytes = malloc(BYTES_OF_WEIGHTS);
    fetch(bytes);
    if (strcmp(argv[2], "loss") == 0) {
        printf("%.6f\n", loss((float*)bytes));
        return 0;
    }
    if (argc < 5) {
        return 1;
    }
    train((float*)bytes, (uint32_t)atoi(argv[3]), (uint32_t)atoi(argv[4]));
    /* All of them have their copies at this time: memory is measured now. */
    puts("trained");
    fflush(stdout);
    if (getchar() == EOF) {
        return 1;
    }
    send_back(bytes);
    puts("done");
    return 0;
}

#endif
