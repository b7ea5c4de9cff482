/*
 * The allocator of programs with threads, in the place of the C library's,
 * which is for one thread: sizes in classes, one list of free chunks for each,
 * one lock for all.
 *
 * A chunk is a header of 16 bytes and what was asked for, rounded up to its
 * class: four classes to each doubling, up to 64 KiB, then whole pages of
 * 64 KiB. Small chunks are cut from pages and stay in their class for good;
 * large ones are given out again to who asks for as much or, by cutting, for
 * less, and join with free neighbours.
 *
 * Memory that is freed stays the program's; a call's memory goes with the call.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "threads.h"

#define PAGE 65536u
#define HEADER 16u
/* Small chunks have less than this, header included. */
#define LARGE PAGE
#define CLASSES 48
/* Marks headers: frees of what is no chunk are found, most of the time. */
#define SMALL_MARK 0x5ca1ab1eu
#define LARGE_MARK 0x1a26e5edu
/* A header inside a chunk, before what was aligned: points back. */
#define ALIGNED_MARK 0xa11c9edau

struct header {
    uint32_t mark;
    /* Small: its class. Large: its bytes, whole pages. Aligned: bytes from the
     * chunk's first byte behind its header. */
    uint32_t size;
    /* Of free chunks. */
    struct header* next;
    uint32_t unused;
};

extern unsigned char __heap_base;
extern unsigned char __heap_end;

static atomic_int lock;
static struct header* small[CLASSES];
/* Free large chunks, ascending by address, no two adjacent. */
static struct header* large;
/* What is left of the last pages that small chunks were cut from. */
static unsigned char* rest;
static size_t rest_bytes;
/* Whether what lies between the data and the first page's end was taken. */
static int begun;

/* Bytes of a class, header included: 32, 48, 64, 80, 96, 112, 128, 160, … */
static size_t class_bytes(unsigned class)
{
    if (class < 7) {
        return 32 + 16 * (size_t)class;
    }
    unsigned doubling = (class - 7) / 4;
    unsigned quarter = (class - 7) % 4;
    return ((size_t)128 << doubling) / 4 * (5 + quarter);
}

static unsigned class_of(size_t bytes)
{
    if (bytes <= 128) {
        return bytes <= 32 ? 0 : (unsigned)((bytes - 32 + 15) / 16);
    }
    unsigned doubling = 31 - (unsigned)__builtin_clz((uint32_t)(bytes - 1)) - 7;
    size_t quarter = ((size_t)128 << doubling) / 4;
    size_t above = bytes - ((size_t)128 << doubling);
    return 7 + doubling * 4 + (unsigned)((above + quarter - 1) / quarter) - 1;
}

/* New pages from the host; NULL when it gives none. */
static unsigned char* grow(size_t bytes)
{
    size_t old = __builtin_wasm_memory_grow(0, bytes / PAGE);
    return old == SIZE_MAX ? NULL : (unsigned char*)(old * PAGE);
}

static void give_large(struct header* chunk)
{
    struct header** at = &large;
    struct header* before = NULL;
    while (*at != NULL && *at < chunk) {
        before = *at;
        at = &before->next;
    }
    chunk->next = *at;
    *at = chunk;
    if (chunk->next != NULL &&
        (unsigned char*)chunk + chunk->size == (unsigned char*)chunk->next) {
        chunk->size += chunk->next->size;
        chunk->next = chunk->next->next;
    }
    if (before != NULL &&
        (unsigned char*)before + before->size == (unsigned char*)chunk) {
        before->size += chunk->size;
        before->next = chunk->next;
    }
}

/* A chunk of so many whole pages: the smallest that fits, or a new one. */
static struct header* take_large(size_t bytes)
{
    struct header** best = NULL;
    for (struct header** at = &large; *at != NULL; at = &(*at)->next) {
        if ((*at)->size >= bytes && (best == NULL || (*at)->size < (*best)->size)) {
            best = at;
        }
    }
    if (best == NULL) {
        struct header* chunk = (struct header*)grow(bytes);
        if (chunk != NULL) {
            chunk->mark = LARGE_MARK;
            chunk->size = (uint32_t)bytes;
        }
        return chunk;
    }
    struct header* chunk = *best;
    if (chunk->size > bytes) {
        struct header* left = (struct header*)((unsigned char*)chunk + bytes);
        left->mark = LARGE_MARK;
        left->size = chunk->size - (uint32_t)bytes;
        left->next = chunk->next;
        *best = left;
    } else {
        *best = chunk->next;
    }
    chunk->mark = LARGE_MARK;
    chunk->size = (uint32_t)bytes;
    return chunk;
}

static struct header* take_small(unsigned class)
{
    struct header* chunk = small[class];
    if (chunk != NULL) {
        small[class] = chunk->next;
        return chunk;
    }
    size_t bytes = class_bytes(class);
    if (!begun) {
        begun = 1;
        uintptr_t from = ((uintptr_t)&__heap_base + 15) / 16 * 16;
        uintptr_t to = (uintptr_t)&__heap_end;
        rest = (unsigned char*)from;
        rest_bytes = to > from ? to - from : 0;
    }
    if (rest_bytes < bytes) {
        /* The end of the old pages is used up by smaller chunks. */
        while (rest_bytes >= class_bytes(0)) {
            unsigned fits = class_of(rest_bytes);
            if (class_bytes(fits) > rest_bytes) {
                fits--;
            }
            struct header* piece = (struct header*)rest;
            piece->mark = SMALL_MARK;
            piece->size = fits;
            piece->next = small[fits];
            small[fits] = piece;
            rest += class_bytes(fits);
            rest_bytes -= class_bytes(fits);
        }
        struct header* pages = take_large(PAGE);
        if (pages == NULL) {
            return NULL;
        }
        rest = (unsigned char*)pages;
        rest_bytes = PAGE;
    }
    chunk = (struct header*)rest;
    rest += bytes;
    rest_bytes -= bytes;
    chunk->mark = SMALL_MARK;
    chunk->size = class;
    return chunk;
}

static void* allocate(size_t wanted)
{
    if (wanted > INT32_MAX - 2 * PAGE) {
        errno = ENOMEM;
        return NULL;
    }
    size_t bytes = wanted + HEADER;
    __faasm_lock(&lock);
    struct header* chunk = bytes < LARGE
                               ? take_small(class_of(bytes))
                               : take_large((bytes + PAGE - 1) / PAGE * PAGE);
    __faasm_unlock(&lock);
    if (chunk == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    return (unsigned char*)chunk + HEADER;
}

/* The chunk that the program knows by this address. */
static struct header* chunk_of(void* ptr)
{
    struct header* header = (struct header*)((unsigned char*)ptr - HEADER);
    if (header->mark == ALIGNED_MARK) {
        header = (struct header*)((unsigned char*)ptr - header->size - HEADER);
    }
    if (header->mark != SMALL_MARK && header->mark != LARGE_MARK) {
        /* Freed twice, or never allocated. */
        __builtin_trap();
    }
    return header;
}

static size_t chunk_bytes(const struct header* chunk)
{
    return chunk->mark == SMALL_MARK ? class_bytes(chunk->size) : chunk->size;
}

void* malloc(size_t bytes)
{
    return allocate(bytes);
}

void free(void* ptr)
{
    if (ptr == NULL) {
        return;
    }
    struct header* chunk = chunk_of(ptr);
    __faasm_lock(&lock);
    if (chunk->mark == SMALL_MARK) {
        chunk->next = small[chunk->size];
        small[chunk->size] = chunk;
    } else {
        give_large(chunk);
    }
    __faasm_unlock(&lock);
}

void* calloc(size_t count, size_t bytes)
{
    size_t all;
    if (__builtin_mul_overflow(count, bytes, &all)) {
        errno = ENOMEM;
        return NULL;
    }
    void* ptr = allocate(all);
    return ptr == NULL ? NULL : memset(ptr, 0, all);
}

size_t malloc_usable_size(void* ptr)
{
    if (ptr == NULL) {
        return 0;
    }
    struct header* chunk = chunk_of(ptr);
    return (size_t)((unsigned char*)chunk + chunk_bytes(chunk) -
                    (unsigned char*)ptr);
}

void* realloc(void* old, size_t bytes)
{
    if (old == NULL) {
        return allocate(bytes);
    }
    size_t room = malloc_usable_size(old);
    /* What shrinks to less than half of a large chunk moves. */
    if (bytes <= room && (room < LARGE || bytes >= room / 2)) {
        return old;
    }
    void* new = allocate(bytes);
    if (new != NULL) {
        memcpy(new, old, bytes < room ? bytes : room);
        free(old);
    }
    return new;
}

void* reallocarray(void* old, size_t count, size_t bytes)
{
    size_t all;
    if (__builtin_mul_overflow(count, bytes, &all)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(old, all);
}

void* aligned_alloc(size_t align, size_t bytes)
{
    if (align == 0 || (align & (align - 1)) != 0) {
        errno = EINVAL;
        return NULL;
    }
    if (align <= 16) {
        return allocate(bytes);
    }
    if (bytes > INT32_MAX - 2 * PAGE || align > INT32_MAX / 2) {
        errno = ENOMEM;
        return NULL;
    }
    unsigned char* ptr = allocate(bytes + align);
    if (ptr == NULL) {
        return NULL;
    }
    /* Chunks are aligned to 16, so there is room for a header before it. */
    unsigned char* at =
        (unsigned char*)(((uintptr_t)ptr + align - 1) & ~(uintptr_t)(align - 1));
    if (at != ptr) {
        struct header* header = (struct header*)(at - HEADER);
        header->mark = ALIGNED_MARK;
        header->size = (uint32_t)(at - ptr);
    }
    return at;
}

int posix_memalign(void** out, size_t align, size_t bytes)
{
    if (align < sizeof(void*) || (align & (align - 1)) != 0) {
        return EINVAL;
    }
    int saved = errno;
    void* ptr = aligned_alloc(align, bytes);
    errno = saved;
    if (ptr == NULL) {
        return ENOMEM;
    }
    *out = ptr;
    return 0;
}

void* memalign(size_t align, size_t bytes)
{
    return aligned_alloc(align, bytes);
}
