/*
 * Counts the words of a text that lies in state, over chained calls.
 *
 * Input: "KEY [PARTS]", the state key of the text (see put-text) and how many
 * chained calls share the work, 1 to 64, by default 4.
 * Output, as text:
 *     words N
 *     distinct N
 *     COUNT WORD      the ten most frequent, by count, then by byte order
 *
 * A word is a longest run of ASCII letters and digits, in lower case, so that
 * `tr -cs A-Za-z0-9 '\n' | tr A-Z a-z | sort | uniq -c` counts the same.
 *
 * Nothing is copied between the calls. The text is one state value, and each
 * worker maps its part of it. A worker publishes its table of distinct words as
 * a state value of its own, whose entries point into the text, and its totals on
 * a board that all map. The caller then combines the tables where they lie.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <faasm/core.h>

#define MAX_PARTS 64
#define MAX_KEY 200
#define TOP 10

/* A distinct word: where it first stands in the text, and how often it occurs. */
struct Entry {
    uint32_t offset;
    uint32_t len;
    uint32_t hash;
    uint32_t count;
};

/* A hash table with open addressing over a dense list of entries: `slots` hold
 * the entry's index plus one, or 0. */
struct Table {
    const uint8_t* text; /* what the entries' offsets are relative to */
    struct Entry* entries;
    uint32_t used;
    uint32_t* slots;
    uint32_t mask;
};

/* What the caller tells a worker. */
struct Task {
    uint32_t part;
    uint32_t parts;
    uint32_t total; /* size of the whole text */
    uint32_t begin;
    uint32_t end;
    char key[MAX_KEY];
};

/* What a worker writes on the board, through shared memory. */
struct Totals {
    uint32_t words;
    uint32_t distinct;
};

static uint8_t lower[256]; /* 0 for what is not part of a word */

FAASM_ZYGOTE()
{
    for (int c = 'a'; c <= 'z'; c++) {
        lower[c] = (uint8_t)c;
        lower[c - 'a' + 'A'] = (uint8_t)c;
    }
    for (int c = '0'; c <= '9'; c++) {
        lower[c] = (uint8_t)c;
    }
    return 0;
}

static void* allocate(size_t n, size_t size)
{
    void* memory = calloc(n, size);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

/* ---- The table ---- */

static void table_init(struct Table* table, const uint8_t* text)
{
    table->text = text;
    table->used = 0;
    table->mask = 4096 - 1;
    table->slots = allocate(table->mask + 1, sizeof *table->slots);
    table->entries = allocate((table->mask + 1) / 2, sizeof *table->entries);
}

static void table_grow(struct Table* table)
{
    uint32_t size = (table->mask + 1) * 2;
    free(table->slots);
    table->slots = allocate(size, sizeof *table->slots);
    table->mask = size - 1;
    table->entries = realloc(table->entries, size / 2 * sizeof *table->entries);
    if (table->entries == NULL) {
        abort();
    }
    for (uint32_t i = 0; i < table->used; i++) {
        uint32_t slot = table->entries[i].hash & table->mask;
        while (table->slots[slot] != 0) {
            slot = (slot + 1) & table->mask;
        }
        table->slots[slot] = i + 1;
    }
}

static int same_word(const uint8_t* a, const uint8_t* b, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        if (lower[a[i]] != lower[b[i]]) {
            return 0;
        }
    }
    return 1;
}

/* Adds `entry.count` occurrences of the word at `entry.offset` of the text. */
static void table_add(struct Table* table, struct Entry entry)
{
    const uint8_t* word = table->text + entry.offset;
    uint32_t slot = entry.hash & table->mask;
    for (; table->slots[slot] != 0; slot = (slot + 1) & table->mask) {
        struct Entry* found = &table->entries[table->slots[slot] - 1];
        if (found->hash == entry.hash && found->len == entry.len &&
            same_word(table->text + found->offset, word, entry.len)) {
            found->count += entry.count;
            return;
        }
    }
    table->entries[table->used++] = entry;
    table->slots[slot] = table->used;
    if (table->used == (table->mask + 1) / 2) {
        table_grow(table);
    }
}

/* ---- The worker ---- */

/* Counts the words of text[0..len); returns how many there are. */
static uint32_t count_words(struct Table* table, uint32_t len)
{
    const uint8_t* text = table->text;
    uint32_t words = 0;
    uint32_t i = 0;
    while (i < len) {
        if (!lower[text[i]]) {
            i++;
            continue;
        }
        struct Entry word = {i, 0, 2166136261u, 1};
        for (; i < len && lower[text[i]]; i++) {
            word.hash = (word.hash ^ lower[text[i]]) * 16777619u;
        }
        word.len = i - word.offset;
        word.hash ^= word.hash >> 15;
        table_add(table, word);
        words++;
    }
    return words;
}

static void board_key(char* out, const struct Task* task)
{
    snprintf(out, MAX_KEY + 32, "%s.board.%u", task->key, task->parts);
}

static void table_key(char* out, const struct Task* task)
{
    snprintf(out, MAX_KEY + 32, "%s.table.%u.%u", task->key, task->parts,
             task->part);
}

static int count_part(void)
{
    struct Task task;
    if (faasmGetInputSize() != sizeof task) {
        return 1;
    }
    faasmGetInput((uint8_t*)&task, sizeof task);

    struct Table table;
    table_init(&table, faasmReadStateOffsetPtr(task.key, (long)task.total,
                                               (long)task.begin,
                                               (long)(task.end - task.begin)));
    uint32_t words = count_words(&table, task.end - task.begin);
    for (uint32_t i = 0; i < table.used; i++) {
        table.entries[i].offset += task.begin;
    }

    char key[MAX_KEY + 32];
    if (table.used > 0) {
        table_key(key, &task);
        faasmWriteState(key, (uint8_t*)table.entries,
                        (long)(table.used * sizeof *table.entries));
    }
    board_key(key, &task);
    struct Totals* board = (struct Totals*)faasmReadStatePtr(
        key, (long)(task.parts * sizeof *board));
    board[task.part] = (struct Totals){words, table.used};
    return 0;
}

/* ---- The caller ---- */

/* The first boundary between words at or after `at`. */
static uint32_t next_boundary(const uint8_t* text, uint32_t at, uint32_t total)
{
    while (at > 0 && at < total && lower[text[at]] && lower[text[at - 1]]) {
        at++;
    }
    return at;
}

static int run_workers(struct Task* task, const uint8_t* text)
{
    unsigned int calls[MAX_PARTS];
    uint32_t begin = 0;
    for (uint32_t part = 0; part < task->parts; part++) {
        uint32_t end = (uint32_t)((uint64_t)task->total * (part + 1) / task->parts);
        end = next_boundary(text, end < begin ? begin : end, task->total);
        task->part = part;
        task->begin = begin;
        task->end = end;
        calls[part] = faasmChain(count_part, (uint8_t*)task, sizeof *task);
        begin = end;
    }
    int failed = 0;
    for (uint32_t part = 0; part < task->parts; part++) {
        failed += faasmAwaitCall(calls[part]) != 0;
    }
    return failed;
}

/* Combines the parts' tables, each read where the worker put it. */
static uint32_t combine(struct Table* all, struct Task* task,
                        const struct Totals* board)
{
    uint32_t words = 0;
    for (task->part = 0; task->part < task->parts; task->part++) {
        const struct Totals* totals = &board[task->part];
        words += totals->words;
        if (totals->distinct == 0) {
            continue;
        }
        char key[MAX_KEY + 32];
        table_key(key, task);
        const struct Entry* entries = (const struct Entry*)faasmReadStatePtr(
            key, (long)(totals->distinct * sizeof *entries));
        for (uint32_t i = 0; i < totals->distinct; i++) {
            table_add(all, entries[i]);
        }
    }
    return words;
}

static const uint8_t* sorted_text; /* qsort's comparison takes no context */

/* By count, greatest first; then as strings of lower-case bytes. */
static int by_rank(const void* left, const void* right)
{
    const struct Entry* a = left;
    const struct Entry* b = right;
    if (a->count != b->count) {
        return a->count > b->count ? -1 : 1;
    }
    uint32_t shorter = a->len < b->len ? a->len : b->len;
    for (uint32_t i = 0; i < shorter; i++) {
        int difference = lower[sorted_text[a->offset + i]] -
                         lower[sorted_text[b->offset + i]];
        if (difference != 0) {
            return difference;
        }
    }
    return (int)a->len - (int)b->len;
}

static void write_answer(const struct Table* all, uint32_t words)
{
    char* output;
    size_t len;
    FILE* file = open_memstream(&output, &len);
    fprintf(file, "words %u\ndistinct %u\n", words, all->used);
    sorted_text = all->text;
    qsort(all->entries, all->used, sizeof *all->entries, by_rank);
    for (uint32_t i = 0; i < all->used && i < TOP; i++) {
        const struct Entry* entry = &all->entries[i];
        fprintf(file, "%u ", entry->count);
        for (uint32_t j = 0; j < entry->len; j++) {
            fputc(lower[all->text[entry->offset + j]], file);
        }
        fputc('\n', file);
    }
    fclose(file);
    faasmSetOutput(output, (long)len);
}

static int fail(const char* reason)
{
    faasmSetOutput(reason, (long)strlen(reason));
    return 1;
}

int main(void)
{
    struct Task task = {.parts = 4};
    int fields = sscanf(faasmGetInputCopy(NULL), "%199s %u", task.key, &task.parts);
    if (fields < 1 || task.parts < 1 || task.parts > MAX_PARTS) {
        return fail("input: KEY [PARTS], with 1 to 64 parts");
    }
    task.total = (uint32_t)faasmReadStateSize(task.key);
    if (task.total == 0) {
        return fail("no text under this key");
    }
    const uint8_t* text = faasmReadStatePtr(task.key, (long)task.total);

    char key[MAX_KEY + 32];
    board_key(key, &task);
    struct Totals empty[MAX_PARTS] = {0};
    long boardLen = (long)(task.parts * sizeof *empty);
    faasmWriteState(key, (uint8_t*)empty, boardLen);
    if (run_workers(&task, text) != 0) {
        return fail("a part failed");
    }

    struct Table all;
    table_init(&all, text);
    uint32_t words =
        combine(&all, &task, (struct Totals*)faasmReadStatePtr(key, boardLen));
    write_answer(&all, words);
    return 0;
}
