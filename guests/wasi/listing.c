/* Directories as lists, through buffers of all sizes. */
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "check.h"

#define LOTS 300

struct entry {
    __wasi_dirent_t head;
    char name[64];
};

/* The whole entries that one call gives; whether it has given all there are. */
static size_t list(__wasi_fd_t fd, size_t size, __wasi_dircookie_t cookie, struct entry* into,
                   bool* all)
{
    uint8_t bytes[1024];
    size_t used = 0, at = 0, n = 0;
    WORKS(__wasi_fd_readdir(fd, bytes, size, cookie, &used));
    CHECK(used <= size);
    while (used - at >= sizeof(__wasi_dirent_t)) {
        memcpy(&into[n].head, bytes + at, sizeof(__wasi_dirent_t));
        size_t len = into[n].head.d_namlen;
        if (len >= sizeof into[n].name || used - at < sizeof(__wasi_dirent_t) + len) {
            break;
        }
        memcpy(into[n].name, bytes + at + sizeof(__wasi_dirent_t), len);
        into[n].name[len] = '\0';
        at += sizeof(__wasi_dirent_t) + len;
        n++;
    }
    *all = used < size;
    return n;
}

static const struct entry* find(const struct entry* entries, size_t n, const char* name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(entries[i].name, name) == 0) {
            return &entries[i];
        }
    }
    CHECK(!name);
    static const struct entry none;
    return &none;
}

static void few_entries(void)
{
    struct entry entries[40];
    bool all;
    size_t n = list(dir, 256, 0, entries, &all);
    CHECK(n == 2 && all);
    CHECK(find(entries, n, ".")->head.d_ino == stat_of(dir).ino);
    CHECK(find(entries, n, ".")->head.d_type == __WASI_FILETYPE_DIRECTORY);
    CHECK(find(entries, n, "..")->head.d_type == __WASI_FILETYPE_DIRECTORY);
    make_empty("file");
    WORKS(__wasi_path_symlink("file", dir, "link"));
    n = list(dir, 256, 0, entries, &all);
    CHECK(n == 4 && all);
    CHECK(find(entries, n, "file")->head.d_type == __WASI_FILETYPE_REGULAR_FILE);
    CHECK(find(entries, n, "file")->head.d_ino == stat_at("file", 0).ino);
    CHECK(find(entries, n, "link")->head.d_type == __WASI_FILETYPE_SYMBOLIC_LINK);
    /* A cookie is where to go on. */
    char last[64];
    strcpy(last, entries[3].name);
    n = list(dir, 256, entries[2].head.d_next, entries, &all);
    CHECK(n == 1 && all && strcmp(entries[0].name, last) == 0);
    n = list(dir, 256, entries[0].head.d_next, entries, &all);
    CHECK(n == 0 && all);
    WORKS(__wasi_path_unlink_file(dir, "file"));
    WORKS(__wasi_path_unlink_file(dir, "link"));
}

static void lots_of_entries(void)
{
    static bool seen[LOTS];
    char name[32];
    for (int i = 0; i < LOTS; i++) {
        snprintf(name, sizeof name, "file.%d", i);
        make_empty(name);
    }
    /* 34 bytes hold one entry of the longest names and nothing else. */
    for (size_t size = 34; size <= 1024; size = size * 2 + 7) {
        memset(seen, 0, sizeof seen);
        size_t total = 0;
        bool all = false;
        for (__wasi_dircookie_t cookie = 0; !all;) {
            struct entry entries[40];
            size_t n = list(dir, size, cookie, entries, &all);
            CHECK(n > 0 || all);
            for (size_t i = 0; i < n; i++) {
                int number = -1;
                if (sscanf(entries[i].name, "file.%d", &number) == 1) {
                    CHECK(number >= 0 && number < LOTS && !seen[number]);
                    seen[number] = true;
                }
            }
            total += n;
            cookie = n > 0 ? entries[n - 1].head.d_next : cookie;
            if (n == 0) {
                break;
            }
        }
        CHECK(total == LOTS + 2);
    }
    for (int i = 0; i < LOTS; i++) {
        snprintf(name, sizeof name, "file.%d", i);
        WORKS(__wasi_path_unlink_file(dir, name));
    }
}

static void through_c(void)
{
    make_empty("one");
    make_empty("two");
    int fd = open("listing.scratch", O_RDONLY | O_DIRECTORY);
    CHECK(fd >= 0);
    DIR* stream = fdopendir(fd);
    CHECK(stream != NULL);
    for (int pass = 0; stream && pass < 2; pass++) {
        int n = 0;
        for (struct dirent* entry; (entry = readdir(stream)) != NULL;) {
            n += strcmp(entry->d_name, "one") == 0 || strcmp(entry->d_name, "two") == 0;
        }
        CHECK(n == 2);
        rewinddir(stream);
    }
    CHECK(stream && closedir(stream) == 0);
    int file = open("listing.scratch/one", O_RDONLY);
    CHECK(fdopendir(file) == NULL);
    CHECK(close(file) == 0);
    WORKS(__wasi_path_unlink_file(dir, "one"));
    WORKS(__wasi_path_unlink_file(dir, "two"));
}

int main(void)
{
    enter_scratch("listing.scratch");
    behaviour("fd_readdir", few_entries);
    behaviour("fd_readdir, lots", lots_of_entries);
    behaviour("fdopendir-with-access", through_c);
    return leave_scratch("listing.scratch");
}
