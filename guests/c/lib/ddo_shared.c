/* Data objects that live in the global tier: see faasm/ddo.h. */
#include <stdlib.h>
#include <string.h>

#include <faasm/core.h>
#include <faasm/ddo.h>
#include <faasm/host_interface.h>

/* The longest key, with its NUL. */
#define KEY_ROOM 1025

/* Of __faasm_state_merge: integers of 64 bits, by their sum or the larger one. */
#define SUM_I64 0
#define MAX_I64 3

/* How much room is tried first for bytes whose number is not known. */
#define ROOM_FIRST ((size_t)4096)
#define ROOM_MOST ((size_t)256 << 20)

/* Joins two parts of a key; NULL where that is too long. */
static const char* joined(char* room, const char* key, const char* between, const char* name)
{
    size_t sizes[3] = { strlen(key), strlen(between), strlen(name) };
    if (sizes[0] + sizes[1] + sizes[2] >= KEY_ROOM) {
        return NULL;
    }
    memcpy(room, key, sizes[0]);
    memcpy(room + sizes[0], between, sizes[1]);
    memcpy(room + sizes[0] + sizes[1], name, sizes[2] + 1);
    return room;
}

/* The key of an entry of a dictionary, whose name is not empty. */
static const char* entry_key(char* room, const char* key, const char* name)
{
    return *name == '\0' ? NULL : joined(room, key, "/", name);
}

static uint8_t* room_of(size_t len)
{
    uint8_t* room = malloc(len == 0 ? 1 : len);
    if (room == NULL) {
        abort();
    }
    return room;
}

/* ---- Integers ---- */

static int64_t merged(const char* key, uint32_t kind, int64_t with)
{
    __faasm_state_merge(key, kind, 0, (uint8_t*)&with, sizeof with, 1);
    return with;
}

int64_t faasmIntAdd(const char* key, int64_t addend)
{
    return merged(key, SUM_I64, addend);
}

int64_t faasmIntGet(const char* key)
{
    int64_t value = 0;
    faasmPullState(key, sizeof value);
    faasmReadState(key, (uint8_t*)&value, sizeof value);
    return value;
}

void faasmIntSet(const char* key, int64_t value)
{
    while (__faasm_state_write_if(key, (const uint8_t*)&value, sizeof value, __faasm_state_version(key)) < 0) {
    }
}

int faasmIntCompareAndSwap(const char* key, int64_t expected, int64_t desired)
{
    /* What is read is of this version or a later one, and then the write fails. */
    for (;;) {
        int64_t version = __faasm_state_version(key);
        if (faasmIntGet(key) != expected) {
            return 0;
        }
        if (__faasm_state_write_if(key, (const uint8_t*)&desired, sizeof desired, version) >= 0) {
            return 1;
        }
    }
}

int64_t faasmBarrierWait(const char* key, uint32_t n)
{
    char room[KEY_ROOM];
    const char* open = joined(room, key, "_open", "");
    if (open == NULL || n == 0) {
        return -1;
    }
    int64_t arrival = faasmIntAdd(key, 1) - 1;
    int64_t round = arrival / n + 1;
    if (arrival % n == n - 1) {
        merged(open, MAX_I64, round);
        return n - 1;
    }
    for (;;) {
        int64_t version = __faasm_state_version(open);
        if (faasmIntGet(open) >= round) {
            return arrival % n;
        }
        __faasm_state_watch(open, version, -1);
    }
}

/* ---- Lists and queues ---- */

uint32_t faasmListAppend(const char* key, const void* data, size_t len)
{
    uint8_t* element = room_of(4 + len);
    uint32_t size = (uint32_t)len;
    memcpy(element, &size, 4);
    if (len > 0) {
        memcpy(element + 4, data, len);
    }
    uint32_t n = __faasm_state_append(key, element, (long)(4 + len));
    free(element);
    return n;
}

uint32_t faasmListSize(const char* key)
{
    return __faasm_state_appended(key);
}

/* How many whole elements, at most `most`, lie in the bytes; theirs in *used. */
static uint32_t count_whole(const uint8_t* data, size_t len, uint32_t most, size_t* used)
{
    uint32_t n = 0, size;
    *used = 0;
    while (n < most && len - *used >= 4) {
        memcpy(&size, data + *used, 4);
        if (size > len - *used - 4) {
            break;
        }
        *used += 4 + size;
        n++;
    }
    return n;
}

struct FaasmBytes faasmListRead(const char* key, uint32_t end, uint32_t* n)
{
    uint32_t there = faasmListSize(key);
    end = end < there ? end : there;
    *n = 0;
    for (size_t size = ROOM_FIRST; end > 0 && size <= ROOM_MOST; size *= 4) {
        struct FaasmBytes read = { room_of(size), 0 };
        /* No element has this length, so what is not written is seen. */
        memset(read.data, 0xff, size);
        faasmReadAppendedState(key, read.data, (long)size, (long)end);
        *n = count_whole(read.data, size, end, &read.len);
        /* All, or fewer because there was room for more: the list was cleared. */
        if (*n == end || faasmListSize(key) < end) {
            return read;
        }
        free(read.data);
    }
    return (struct FaasmBytes){ NULL, 0 };
}

uint32_t faasmQueuePush(const char* key, const void* data, size_t len)
{
    return __faasm_state_append(key, data, (long)len);
}

uint32_t faasmQueueSize(const char* key)
{
    return __faasm_state_appended(key);
}

int faasmQueuePop(const char* key, int timeout, struct FaasmBytes* element)
{
    size_t size = ROOM_FIRST;
    uint8_t* room = room_of(size);
    for (;;) {
        int32_t len = __faasm_state_take(key, room, (long)size, timeout);
        if (len >= 0) {
            *element = (struct FaasmBytes){ room, (size_t)len };
            return 1;
        }
        if (len == -1 && timeout >= 0) {
            break;
        }
        /* It does not fit; or another has taken what was waited for. */
        if (len == -2) {
            if (size >= ROOM_MOST) {
                break;
            }
            free(room);
            size *= 4;
            room = room_of(size);
        }
    }
    free(room);
    *element = (struct FaasmBytes){ NULL, 0 };
    return 0;
}

/* ---- Dictionaries ---- */

int faasmDictGetVersion(const char* key,
                        const char* name,
                        struct FaasmBytes* value,
                        int64_t* version)
{
    char room[KEY_ROOM];
    const char* entry = entry_key(room, key, name);
    *value = (struct FaasmBytes){ NULL, 0 };
    *version = 0;
    if (entry == NULL) {
        return -1;
    }
    *version = __faasm_state_version(entry);
    if (*version == 0) {
        return 0;
    }
    faasmPullState(entry, 0);
    for (;;) {
        value->len = faasmReadStateSize(entry);
        value->data = room_of(value->len);
        long read = value->len == 0 ? 0 : faasmReadState(entry, value->data, (long)value->len);
        if ((size_t)read == value->len && faasmReadStateSize(entry) == value->len) {
            break;
        }
        free(value->data);
    }
    /* An entry that was removed meanwhile leaves no bytes. */
    if (value->len == 0 && __faasm_state_version(entry) == 0) {
        free(value->data);
        *value = (struct FaasmBytes){ NULL, 0 };
        *version = 0;
        return 0;
    }
    return 1;
}

int faasmDictGet(const char* key, const char* name, struct FaasmBytes* value)
{
    int64_t version;
    return faasmDictGetVersion(key, name, value, &version);
}

int faasmDictSetIf(const char* key,
                   const char* name,
                   const void* data,
                   size_t len,
                   int64_t version)
{
    char room[KEY_ROOM];
    const char* entry = entry_key(room, key, name);
    return entry != NULL && __faasm_state_write_if(entry, data, (long)len, version) >= 0;
}

int faasmDictSet(const char* key, const char* name, const void* data, size_t len)
{
    char room[KEY_ROOM];
    const char* entry = entry_key(room, key, name);
    if (entry == NULL) {
        return -1;
    }
    while (__faasm_state_write_if(entry, data, (long)len, __faasm_state_version(entry)) < 0) {
    }
    return 0;
}

int faasmDictRemove(const char* key, const char* name)
{
    char room[KEY_ROOM];
    const char* entry = entry_key(room, key, name);
    return entry != NULL && __faasm_state_delete(entry) != 0;
}

int faasmDictRemoveIf(const char* key, const char* name, int64_t version)
{
    char room[KEY_ROOM];
    const char* entry = entry_key(room, key, name);
    return entry != NULL && __faasm_state_delete_if(entry, version) > 0;
}

struct FaasmBytes faasmDictNames(const char* key, const char* after)
{
    char prefix[KEY_ROOM], last[KEY_ROOM];
    const size_t size = 64 << 10;
    struct FaasmBytes names = { NULL, 0 };
    if (joined(prefix, key, "/", "") == NULL || joined(last, key, "/", after) == NULL) {
        return names;
    }
    size_t skipped = strlen(prefix), after_len = *after == '\0' ? 0 : strlen(last);
    uint8_t* listed = room_of(size);
    names.data = room_of(size);
    /* Each: version and size (64 bits), length of the list and of the key (32). */
    do {
        int32_t len = __faasm_state_list(prefix, (long)skipped, last, (long)after_len, listed, (long)size);
        if (len <= 0) {
            break;
        }
        for (const uint8_t* at = listed; at < listed + len;) {
            int64_t version;
            uint32_t key_len;
            memcpy(&version, at, 8);
            memcpy(&key_len, at + 20, 4);
            memcpy(last, at + 24, key_len);
            last[key_len] = '\0';
            after_len = key_len;
            /* A key with a list only is no entry, and one with a NUL no dictionary made. */
            if (version != 0 && key_len > skipped && strlen(last) == key_len) {
                memcpy(names.data + names.len, last + skipped, key_len - skipped + 1);
                names.len += key_len - skipped + 1;
            }
            at += 24 + key_len;
        }
    } while (names.len == 0);
    free(listed);
    if (names.len == 0) {
        free(names.data);
        names.data = NULL;
    }
    return names;
}
