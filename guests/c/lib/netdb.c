/* Names of hosts and services on the host's sock_getaddrinfo: see netdb.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int faasm_h_errno;

/* An address as the host fills it in. */
struct host_sockaddr {
    uint8_t family;
    uint32_t len;
    uint8_t* data; /* port; in IPv6 four bytes; the address */
};

struct host_addrinfo {
    uint16_t flags;
    uint8_t family;
    uint8_t type;
    uint8_t protocol;
    uint32_t len;
    struct host_sockaddr* address;
    char* name;
    uint32_t name_len;
    struct host_addrinfo* next;
};

_Static_assert(sizeof(struct host_addrinfo) == 28, "the host's layout");
_Static_assert(offsetof(struct host_addrinfo, len) == 8, "the host's layout");

__attribute__((import_module("wasi_snapshot_preview1"),
               import_name("sock_getaddrinfo")))
uint32_t host_getaddrinfo(const char* node, uint32_t node_len,
                          const char* service, uint32_t service_len,
                          const struct host_addrinfo* hints,
                          struct host_addrinfo** list, uint32_t max,
                          uint32_t* filled);

enum { HOST_V4 = 1, HOST_V6 = 2, HOST_DATAGRAM = 1, HOST_STREAM = 2 };

/* How many addresses of a name are asked for. */
enum { MOST = 16 };

/* One entry of the answer, allocated as a whole. */
struct entry {
    struct addrinfo info;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    char name[];
};

static int to_eai(uint32_t error)
{
    switch (error) {
        case 78: return EAI_AGAIN;
        case 80: return EAI_FAIL;
        case 81: return EAI_FAMILY;
        case 83: return EAI_NODATA;
        case 84: return EAI_NONAME;
        case 85: return EAI_SERVICE;
        case 86: return EAI_SOCKTYPE;
        default: errno = (int)error; return EAI_SYSTEM;
    }
}

static struct entry* make_entry(const struct host_addrinfo* found, int type,
                                const char* name)
{
    struct entry* entry = calloc(1, sizeof *entry + (name ? strlen(name) + 1 : 0));
    if (entry == NULL) {
        return NULL;
    }
    const uint8_t* data = found->address->data;
    uint16_t port;
    memcpy(&port, data, 2);
    struct addrinfo* info = &entry->info;
    if (found->address->family == HOST_V6) {
        info->ai_addrlen = sizeof entry->address.v6;
        entry->address.v6.sin6_family = AF_INET6;
        entry->address.v6.sin6_port = port;
        memcpy(&entry->address.v6.sin6_addr, data + 6, 16);
    } else {
        info->ai_addrlen = sizeof entry->address.v4;
        entry->address.v4.sin_family = AF_INET;
        entry->address.v4.sin_port = port;
        memcpy(&entry->address.v4.sin_addr, data + 2, 4);
    }
    info->ai_family = entry->address.any.sa_family;
    info->ai_socktype = type;
    info->ai_protocol = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
    info->ai_addr = &entry->address.any;
    if (name != NULL) {
        info->ai_canonname = strcpy(entry->name, name);
    }
    return entry;
}

static int check_hints(const struct addrinfo* hints, const char* service,
                       struct host_addrinfo* host)
{
    memset(host, 0, sizeof *host);
    if (hints == NULL) {
        return 0;
    }
    if (hints->ai_family == AF_INET || hints->ai_family == AF_INET6) {
        host->family = hints->ai_family == AF_INET ? HOST_V4 : HOST_V6;
    } else if (hints->ai_family != AF_UNSPEC) {
        return EAI_FAMILY;
    }
    if (hints->ai_socktype == SOCK_STREAM || hints->ai_socktype == SOCK_DGRAM) {
        host->type =
            hints->ai_socktype == SOCK_STREAM ? HOST_STREAM : HOST_DATAGRAM;
    } else if (hints->ai_socktype != 0) {
        return EAI_SOCKTYPE;
    }
    if ((hints->ai_flags & AI_NUMERICSERV) && service != NULL) {
        for (const char* digit = service; *digit; digit++) {
            if (*digit < '0' || *digit > '9') {
                return EAI_NONAME;
            }
        }
    }
    host->flags = (uint16_t)((hints->ai_flags & AI_PASSIVE ? 1 : 0) |
                             (hints->ai_flags & AI_NUMERICHOST ? 4 : 0));
    return 0;
}

int getaddrinfo(const char* restrict node, const char* restrict service,
                const struct addrinfo* restrict hints,
                struct addrinfo** restrict result)
{
    if (node == NULL && service == NULL) {
        return EAI_NONAME;
    }
    struct host_addrinfo asked;
    int error = check_hints(hints, service, &asked);
    if (error != 0) {
        return error;
    }
    struct host_addrinfo list[MOST];
    struct host_sockaddr addresses[MOST];
    uint8_t data[MOST][26];
    memset(list, 0, sizeof list);
    for (int i = 0; i < MOST; i++) {
        addresses[i].data = data[i];
        list[i].address = &addresses[i];
        list[i].next = i + 1 < MOST ? &list[i + 1] : NULL;
    }
    struct host_addrinfo* first = list;
    uint32_t filled = 0;
    node = node == NULL ? "" : node;
    service = service == NULL ? "" : service;
    uint32_t failed =
        host_getaddrinfo(node, strlen(node), service, strlen(service), &asked,
                         &first, MOST, &filled);
    if (failed != 0) {
        return to_eai(failed);
    }
    /* Without a type asked for, each address is there for both. */
    static const int both[] = {SOCK_STREAM, SOCK_DGRAM};
    int one = hints == NULL ? 0 : hints->ai_socktype;
    const char* name =
        hints != NULL && hints->ai_flags & AI_CANONNAME ? node : NULL;
    struct addrinfo** end = result;
    *result = NULL;
    for (uint32_t i = 0; i < filled; i++) {
        for (int t = 0; t < (one ? 1 : 2); t++) {
            struct entry* entry = make_entry(&list[i], one ? one : both[t], name);
            if (entry == NULL) {
                freeaddrinfo(*result);
                *result = NULL;
                return EAI_MEMORY;
            }
            *end = &entry->info;
            end = &entry->info.ai_next;
            name = NULL;
        }
    }
    return 0;
}

void freeaddrinfo(struct addrinfo* list)
{
    while (list != NULL) {
        struct addrinfo* next = list->ai_next;
        free(list); /* the first member of its entry */
        list = next;
    }
}

const char* gai_strerror(int error)
{
    switch (error) {
        case 0: return "Success";
        case EAI_BADFLAGS: return "Invalid flags";
        case EAI_NONAME: return "Name does not resolve";
        case EAI_AGAIN: return "Try again";
        case EAI_FAIL: return "Looking the name up failed, or is not allowed";
        case EAI_NODATA: return "Name has no usable address";
        case EAI_FAMILY: return "Unrecognized address family or invalid length";
        case EAI_SOCKTYPE: return "Unrecognized socket type";
        case EAI_SERVICE: return "Unrecognized service";
        case EAI_MEMORY: return "Out of memory";
        case EAI_SYSTEM: return "System error";
        case EAI_OVERFLOW: return "Overflow";
        default: return "Unknown error";
    }
}

int getnameinfo(const struct sockaddr* restrict address, socklen_t len,
                char* restrict node, socklen_t node_len, char* restrict service,
                socklen_t service_len, int flags)
{
    const void* bytes;
    uint16_t port;
    if (address->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
        const struct sockaddr_in* in = (const struct sockaddr_in*)address;
        bytes = &in->sin_addr;
        port = ntohs(in->sin_port);
    } else if (address->sa_family == AF_INET6 &&
               len >= sizeof(struct sockaddr_in6)) {
        const struct sockaddr_in6* in = (const struct sockaddr_in6*)address;
        bytes = &in->sin6_addr;
        port = ntohs(in->sin6_port);
    } else {
        return EAI_FAMILY;
    }
    if (flags & NI_NAMEREQD) {
        return EAI_NONAME;
    }
    if (node != NULL && node_len > 0 &&
        inet_ntop(address->sa_family, bytes, node, node_len) == NULL) {
        return EAI_OVERFLOW;
    }
    if (service != NULL && service_len > 0 &&
        snprintf(service, service_len, "%u", port) >= (int)service_len) {
        return EAI_OVERFLOW;
    }
    return 0;
}

struct hostent* gethostbyname(const char* name)
{
    static struct hostent entry;
    static struct in_addr addresses[MOST];
    static char* list[MOST + 1];
    static char* no_aliases[1];
    static char known_as[256];
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo* found;
    int error = getaddrinfo(name, NULL, &hints, &found);
    if (error != 0) {
        faasm_h_errno = error == EAI_AGAIN    ? TRY_AGAIN
                        : error == EAI_NODATA ? NO_DATA
                        : error == EAI_NONAME ? HOST_NOT_FOUND
                                              : NO_RECOVERY;
        return NULL;
    }
    int n = 0;
    for (struct addrinfo* i = found; i != NULL && n < MOST; i = i->ai_next) {
        addresses[n] = ((struct sockaddr_in*)i->ai_addr)->sin_addr;
        list[n] = (char*)&addresses[n];
        n++;
    }
    list[n] = NULL;
    freeaddrinfo(found);
    snprintf(known_as, sizeof known_as, "%s", name);
    entry = (struct hostent){known_as, no_aliases, AF_INET, 4, list};
    return &entry;
}

struct hostent* gethostbyaddr(const void* address, socklen_t len, int family)
{
    (void)address, (void)len, (void)family;
    faasm_h_errno = HOST_NOT_FOUND;
    return NULL;
}

const char* hstrerror(int error)
{
    switch (error) {
        case HOST_NOT_FOUND: return "Host not found";
        case TRY_AGAIN: return "Try again";
        case NO_RECOVERY: return "Looking the name up failed, or is not allowed";
        case NO_DATA: return "Name has no usable address";
        default: return "Unknown error";
    }
}

static const struct {
    const char* name;
    uint16_t port;
} services[] = {
    {"domain", 53}, {"ftp", 21},   {"http", 80},          {"https", 443},
    {"imap", 143},  {"imaps", 993}, {"ldap", 389},        {"mysql", 3306},
    {"ntp", 123},   {"postgresql", 5432}, {"redis", 6379}, {"smtp", 25},
    {"ssh", 22},    {"submission", 587},
};

static struct servent* service_at(size_t i, const char* protocol)
{
    static struct servent entry;
    static char* no_aliases[1];
    entry = (struct servent){
        (char*)services[i].name,
        no_aliases,
        htons(services[i].port),
        (char*)(protocol == NULL ? "tcp" : protocol),
    };
    return &entry;
}

struct servent* getservbyname(const char* name, const char* protocol)
{
    for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
        if (strcmp(services[i].name, name) == 0) {
            return service_at(i, protocol);
        }
    }
    return NULL;
}

struct servent* getservbyport(int port, const char* protocol)
{
    for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
        if (htons(services[i].port) == port) {
            return service_at(i, protocol);
        }
    }
    return NULL;
}

struct protoent* getprotobyname(const char* name)
{
    static struct protoent entry;
    static char* no_aliases[1];
    int number = strcmp(name, "ip") == 0     ? IPPROTO_IP
                 : strcmp(name, "tcp") == 0  ? IPPROTO_TCP
                 : strcmp(name, "udp") == 0  ? IPPROTO_UDP
                 : strcmp(name, "ipv6") == 0 ? IPPROTO_IPV6
                                             : -1;
    entry = (struct protoent){(char*)name, no_aliases, number};
    return number < 0 ? NULL : &entry;
}
