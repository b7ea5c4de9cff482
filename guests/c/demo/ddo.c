/* Data objects in C, and what they refuse. See check.h for input and output. */
#include <stdint.h>

#include <faasm/core.h>
#include <faasm/ddo.h>

#include "check.h"

#define ROWS 50
#define COLUMNS 4000

static struct FaasmShape shape_of(uint32_t kind, uint64_t rows, uint64_t columns, uint64_t nonzeros)
{
    return (struct FaasmShape){ "f64", kind, rows, columns, nonzeros };
}

/* ---- Shapes ---- */

static void shapes(void)
{
    struct FaasmShape shape = shape_of(FAASM_DENSE, 2, 3, 6), read;
    CHECK(faasmReadShape("ddo.nothing", FAASM_DENSE, &read) == -1);
    CHECK(faasmWriteShape("ddo.shape", &shape) == 0);
    CHECK(faasmReadShape("ddo.shape", FAASM_DENSE, &read) == 0);
    CHECK(memcmp(&shape, &read, sizeof shape) == 0 && faasmShapeWidth(&read) == 8);
    /* Of the other kind. */
    CHECK(faasmReadShape("ddo.shape", FAASM_SPARSE, &read) == -1);
    /* That cannot be. */
    const struct FaasmShape bad[] = {
        shape_of(FAASM_DENSE, 2, 3, 7),
        shape_of(FAASM_SPARSE, 2, 3, 7),
        shape_of(FAASM_DENSE, UINT64_MAX, 2, UINT64_MAX - 1),
        shape_of(FAASM_DENSE, 1 << 20, 1 << 20, 1ULL << 40),
        shape_of(2, 2, 3, 6),
        { "f16", FAASM_DENSE, 2, 3, 6 },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(faasmWriteShape("ddo.bad", &bad[i]) == -1);
        faasmWriteState("ddo.bad_size", (const uint8_t*)&bad[i], sizeof bad[i]);
        CHECK(faasmReadShape("ddo.bad", bad[i].kind, &read) == -1);
    }
    faasmWriteState("ddo.short_size", (const uint8_t*)&shape, 31);
    CHECK(faasmReadShape("ddo.short", FAASM_DENSE, &read) == -1);
    char long_key[1030];
    memset(long_key, 'k', sizeof long_key);
    long_key[sizeof long_key - 1] = '\0';
    CHECK(faasmReadShape(long_key, FAASM_DENSE, &read) == -1);
}

/* ---- Columns ---- */

/* Column by column, through more of them than a call may map. */
static void columns(void)
{
    struct FaasmShape shape = shape_of(FAASM_DENSE, ROWS, COLUMNS, ROWS * COLUMNS);
    double* all = faasmArrayMap("ddo.dense", sizeof(double), ROWS * COLUMNS);
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        all[i] = i;
    }
    faasmArrayMark("ddo.dense", sizeof(double), ROWS * COLUMNS, 0, ROWS * COLUMNS);
    faasmPushState("ddo.dense");
    CHECK(faasmWriteShape("ddo.dense", &shape) == 0);
    int right = 1;
    for (size_t j = 0; j < COLUMNS; j++) {
        const double* column = faasmMatrixColumns("ddo.dense", &shape, j, j + 1);
        right = right && column != NULL && column[0] == (double)(j * ROWS) &&
                column[ROWS - 1] == (double)(j * ROWS + ROWS - 1);
    }
    CHECK(right);
    CHECK(faasmMatrixColumns("ddo.dense", &shape, COLUMNS, COLUMNS + 1) == NULL);
    CHECK(faasmMatrixColumns("ddo.dense", &shape, 5, 4) == NULL);
    CHECK(faasmMatrixColumns("ddo.dense", &shape, 5, 5) == NULL);
    CHECK(faasmArrayMapPart("ddo.dense", 8, ROWS * COLUMNS, 1, (size_t)ROWS * COLUMNS + 1) == NULL);
    CHECK(faasmArrayMap("ddo.dense", 8, SIZE_MAX / 4) == NULL);
    CHECK(faasmArraySize("ddo.dense", 8) == ROWS * COLUMNS);
}

/* What is stored is no sparse matrix: nothing of it is handed out. */
static void sparse(void)
{
    const int32_t outer[] = { 0, 2, 2, 5 }, rows[] = { 0, 9, 1, 2, 3 };
    const double values[] = { 1, 2, 3, 4, 5 };
    struct FaasmShape shape = shape_of(FAASM_SPARSE, 10, 3, 5);
    struct FaasmSparseColumns read;
    CHECK(faasmWriteSparse("ddo.sparse", &shape, outer, rows, values) == 0);
    CHECK(faasmSparseColumns("ddo.sparse", &shape, 1, 3, &read) == 0);
    CHECK(read.stored == 3 && read.nonzeros[0] == 0 && read.nonzeros[1] == 3);
    CHECK(read.outer[1] - read.outer[0] == 0 && read.rows[2] == 3 && ((const double*)read.values)[2] == 5);
    CHECK(faasmSparseColumns("ddo.sparse", &shape, 1, 2, &read) == 0 && read.stored == 0);
    CHECK(faasmSparseColumns("ddo.sparse", &shape, 1, 4, &read) == -1);
    CHECK(faasmSparseColumns("ddo.sparse", &shape, 1, 1, &read) == -1);

    const int32_t falling[] = { 0, 3, 2, 5 }, beyond[] = { 0, 2, 2, 6 }, negative[] = { -1, 2, 2, 5 };
    const int32_t* bad[] = { falling, beyond, negative };
    for (int i = 0; i < 3; i++) {
        CHECK(faasmWriteSparse("ddo.bad", &shape, bad[i], rows, values) == -1);
        faasmWriteState("ddo.sparse_outer", (const uint8_t*)bad[i], sizeof outer);
        CHECK(faasmSparseColumns("ddo.sparse", &shape, 0, 3, &read) == -1);
    }
    faasmWriteState("ddo.sparse_outer", (const uint8_t*)outer, sizeof outer);
    const int32_t many[] = { 2, 1, 3 };
    faasmWriteState("ddo.sparse_nonzero", (const uint8_t*)many, sizeof many);
    CHECK(faasmSparseColumns("ddo.sparse", &shape, 0, 3, &read) == -1);

    const int32_t twice[] = { 9, 9, 1, 2, 3 }, outside[] = { 0, 10, 1, 2, 3 };
    CHECK(faasmWriteSparse("ddo.bad", &shape, outer, twice, values) == -1);
    CHECK(faasmWriteSparse("ddo.bad", &shape, outer, outside, values) == -1);
}

/* ---- Marks ---- */

/* Others have pushed since: what was marked is sent, and nothing else is. */
static int push_others(void)
{
    int32_t* array = faasmArrayMap("ddo.marks", 4, 300);
    const int places[] = { 0, 1, 2, 63, 64, 65, 128, 299 };
    struct FaasmWritten written = faasmWrittenMake(300);
    for (size_t i = 0; i < 8; i++) {
        array[places[i]] = 7;
        faasmWrittenSet(written, (size_t)places[i]);
    }
    array[200] = 7; /* not marked */
    faasmArrayPushWritten("ddo.marks", 4, written);
    int clean = 1;
    for (size_t i = 0; i < 5; i++) {
        clean = clean && written.words[i] == 0;
    }
    faasmWrittenFree(&written);
    return clean ? 0 : 1;
}

static void marks(void)
{
    int32_t* array = faasmArrayMap("ddo.marks", 4, 300);
    memset(array, 0, 1200);
    faasmArrayMark("ddo.marks", 4, 300, 0, 300);
    faasmPushState("ddo.marks");
    CHECK(faasmAwaitCall(faasmChain(push_others, NULL, 0)) == 0);
    faasmPullState("ddo.marks", 1200);
    int sum = 0;
    const volatile int32_t* now = array;
    for (int i = 0; i < 300; i++) {
        sum += now[i];
    }
    CHECK(sum == 8 * 7 && now[200] == 0 && now[299] == 7 && now[63] == 7);
}

/* ---- Collections ---- */

/* More names than are listed at once, and entries that are none. */
static void names(void)
{
    char name[100];
    memset(name, 'n', 80);
    for (int i = 0; i < 900; i++) {
        snprintf(name + 80, sizeof name - 80, "%03d", i);
        CHECK(faasmDictSet("ddo.dict", name, name, 83) == 0);
    }
    faasmListAppend("ddo.dict/list", "x", 1);
    CHECK(faasmDictSet("ddo.dict", "", "x", 1) == -1);
    int n = 0;
    char last[100] = "";
    for (;;) {
        struct FaasmBytes some = faasmDictNames("ddo.dict", last);
        if (some.data == NULL) {
            break;
        }
        for (size_t at = 0; at < some.len; at += strlen(last) + 1, n++) {
            CHECK(strcmp(last, (const char*)some.data + at) < 0);
            strcpy(last, (const char*)some.data + at);
        }
        free(some.data);
    }
    CHECK(n == 900);
    struct FaasmBytes value;
    int64_t version;
    CHECK(faasmDictGetVersion("ddo.dict", last, &value, &version) == 1 && value.len == 83);
    free(value.data);
    CHECK(faasmDictSetIf("ddo.dict", last, "new", 3, version + 1) == 0);
    CHECK(faasmDictSetIf("ddo.dict", last, "new", 3, version) == 1);
    CHECK(faasmDictSetIf("ddo.dict", last, "late", 4, version) == 0);
    CHECK(faasmDictRemoveIf("ddo.dict", last, version) == 0);
    CHECK(faasmDictRemove("ddo.dict", last) == 1 && faasmDictRemove("ddo.dict", last) == 0);
    CHECK(faasmDictSetIf("ddo.dict", last, "again", 5, 0) == 1);
    CHECK(faasmDictGetVersion("ddo.dict", last, &value, &version) == 1);
    free(value.data);
    CHECK(faasmDictRemoveIf("ddo.dict", last, version) == 1);
    CHECK(faasmDictGet("ddo.dict", last, &value) == 0 && value.data == NULL);
    /* An empty value is there. */
    CHECK(faasmDictSet("ddo.dict", "empty", "", 0) == 0);
    CHECK(faasmDictGet("ddo.dict", "empty", &value) == 1 && value.len == 0);
    free(value.data);
}

static void lists(void)
{
    static char large[30000];
    uint32_t n;
    faasmClearAppendedState("ddo.list");
    struct FaasmBytes read = faasmListRead("ddo.list", 10, &n);
    CHECK(n == 0 && read.data == NULL);
    faasmListAppend("ddo.list", "", 0);
    CHECK(faasmListAppend("ddo.list", large, sizeof large) == 2);
    faasmListAppend("ddo.list", "z", 1);
    read = faasmListRead("ddo.list", UINT32_MAX, &n);
    CHECK(n == 3 && read.len == 4 + 4 + sizeof large + 4 + 1 && read.data[read.len - 1] == 'z');
    free(read.data);
    CHECK(faasmListSize("ddo.list") == 3 && faasmListSize("ddo.no list") == 0);
    read = faasmListRead("ddo.list", 1, &n);
    CHECK(n == 1 && read.len == 4);
    free(read.data);
    struct FaasmBytes element;
    CHECK(faasmQueuePop("ddo.queue", 0, &element) == 0);
    CHECK(faasmQueuePop("ddo.queue", 20, &element) == 0 && element.data == NULL);
    CHECK(faasmQueuePush("ddo.queue", large, sizeof large) == 1);
    CHECK(faasmQueueSize("ddo.queue") == 1);
    CHECK(faasmQueuePop("ddo.queue", -1, &element) == 1 && element.len == sizeof large);
    free(element.data);
    CHECK(faasmQueueSize("ddo.queue") == 0);
}

static void integers(void)
{
    CHECK(faasmIntGet("ddo.int") == 0);
    CHECK(faasmIntCompareAndSwap("ddo.int", 1, 2) == 0);
    CHECK(faasmIntCompareAndSwap("ddo.int", 0, INT64_MAX) == 1);
    CHECK(faasmIntAdd("ddo.int", 1) == INT64_MIN);
    faasmIntSet("ddo.int", 0);
    CHECK(faasmIntGet("ddo.int") == 0);
    CHECK(faasmBarrierWait("ddo.barrier", 0) == -1);
    CHECK(faasmBarrierWait("ddo.barrier", 1) == 0 && faasmBarrierWait("ddo.barrier", 1) == 0);
}

/* ---- Global locks, and pushes on conditions ---- */

#define STRONG "strong.ddo"

/* Returns 1 where the lock to read was given, and 2 more where the one to write was. */
static int try_locks(void)
{
    int read = faasmLockStateGlobalRead(STRONG, 0);
    if (read) {
        faasmUnlockStateGlobal(STRONG);
    }
    return read + 2 * faasmLockStateGlobalWrite(STRONG, 20);
}

static unsigned int tried(void)
{
    return faasmAwaitCall(faasmChain(try_locks, NULL, 0));
}

/* The value is kept strong: it can be written only so, and is pushed with the lock. */
static void locks(void)
{
    char read[6] = "";
    CHECK(faasmStateToken(STRONG) == 0);
    CHECK(faasmLockStateGlobalWrite(STRONG, -1) == 1);
    int64_t first = faasmStateToken(STRONG);
    CHECK(first > 0 && tried() == 0);
    faasmWriteState(STRONG, (const uint8_t*)"value", 5);
    CHECK(faasmStateVersion(STRONG) == 0);
    faasmUnlockStateGlobal(STRONG);
    CHECK(faasmStateVersion(STRONG) > 0 && tried() == 3);
    CHECK(faasmLockStateGlobalRead(STRONG, 0) == 1 && tried() == 1);
    CHECK(faasmReadState(STRONG, (uint8_t*)read, 5) == 5 && strcmp(read, "value") == 0);
    faasmUnlockStateGlobal(STRONG);
    CHECK(faasmLockStateGlobalWrite(STRONG, 10000) == 1 && faasmStateToken(STRONG) > first);
    faasmUnlockStateGlobal(STRONG);
    CHECK(faasmStateToken(STRONG) == 0);
}

static void conditions(void)
{
    faasmWriteState("ddo.pushed", (const uint8_t*)"first", 5);
    faasmPushState("ddo.pushed");
    int64_t version = faasmStateVersion("ddo.pushed");
    CHECK(version > 0 && faasmPushStateIf("ddo.pushed", version) == 0);
    faasmWriteState("ddo.pushed", (const uint8_t*)"other", 5);
    CHECK(faasmPushStateIf("ddo.pushed", version + 1) == -1);
    CHECK(faasmStateVersion("ddo.pushed") == version);
    int64_t next = faasmPushStateIf("ddo.pushed", version);
    CHECK(next > version && faasmStateVersion("ddo.pushed") == next);
}

static const struct Check checks[] = {
    { "shapes", shapes }, { "columns", columns }, { "sparse", sparse },     { "marks", marks },
    { "names", names },   { "lists", lists },     { "integers", integers }, { "locks", locks },
    { "conditions", conditions },
};

CHECKS_MAIN(checks)
