/* Distributed data objects: see faasm/ddo.h. */
#include <stdlib.h>
#include <string.h>

#include <faasm/core.h>
#include <faasm/ddo.h>
#include <faasm/host_interface.h>

/* The longest key, and the longest of the endings below, with its NUL. */
#define KEY_ROOM (1024 + 9)

/* A value is mapped in pieces: at most so many of it, of at least so many bytes.
 * So going through it in small steps takes few mappings. */
#define PIECES 32
#define PIECE_LEAST ((size_t)64 << 10)

/* ---- Arrays ---- */

size_t faasmArraySize(const char* key, size_t width)
{
    return faasmReadStateSize(key) / width;
}

/* The bytes of so many elements, or 0 where no value has so many. */
static size_t array_bytes(size_t width, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(width, size, &bytes) || bytes > INT32_MAX ? 0 : bytes;
}

void* faasmArrayMap(const char* key, size_t width, size_t size)
{
    size_t bytes = array_bytes(width, size);
    return bytes == 0 ? NULL : faasmReadStatePtr(key, (long)bytes);
}

void* faasmArrayMapPart(const char* key,
                        size_t width,
                        size_t size,
                        size_t begin,
                        size_t end)
{
    size_t bytes = array_bytes(width, size);
    if (bytes == 0 || begin >= end || end > size) {
        return NULL;
    }
    size_t piece = (bytes / PIECES + PIECE_LEAST - 1) / PIECE_LEAST * PIECE_LEAST;
    piece = piece == 0 ? PIECE_LEAST : piece;
    size_t first = begin * width / piece * piece;
    size_t last = (end * width + piece - 1) / piece * piece;
    last = last > bytes ? bytes : last;
    /* To be read: writing through it is not what parts are for. */
    uint8_t* memory = __faasm_state_map(key, (long)bytes, (long)first, (long)(last - first), 0);
    return memory + (begin * width - first);
}

void faasmArrayMark(const char* key,
                    size_t width,
                    size_t size,
                    size_t begin,
                    size_t end)
{
    faasmFlagStateOffsetDirty(key, (long)(size * width), (long)(begin * width),
                              (long)((end - begin) * width));
}

struct FaasmWritten faasmWrittenMake(size_t size)
{
    return (struct FaasmWritten){ calloc(size / 64 + 1, sizeof(uint64_t)), size };
}

void faasmWrittenFree(struct FaasmWritten* written)
{
    free(written->words);
    *written = (struct FaasmWritten){ NULL, 0 };
}

void faasmArrayPushWritten(const char* key,
                           size_t width,
                           struct FaasmWritten written)
{
    size_t words = written.size / 64 + 1;
    size_t begin = 0; /* of the run that reaches up to `end` */
    size_t end = 0;
    for (size_t i = 0; i < words; i++) {
        uint64_t bits = written.words[i];
        if (bits == 0) {
            continue;
        }
        written.words[i] = 0;
        while (bits != 0) {
            size_t at = i * 64 + (size_t)__builtin_ctzll(bits);
            bits &= bits - 1;
            if (at != end) {
                if (begin < end) {
                    faasmArrayMark(key, width, written.size, begin, end);
                }
                begin = at;
            }
            end = at + 1;
        }
    }
    if (begin < end) {
        faasmArrayMark(key, width, written.size, begin, end);
        faasmPushStatePartial(key);
    }
}

/* ---- Matrices ---- */

/* The key of a part of a matrix; NULL where that would be too long. */
static const char* part_key(char* room, const char* key, const char* ending)
{
    size_t len = strlen(key);
    if (len + strlen(ending) >= KEY_ROOM) {
        return NULL;
    }
    memcpy(room, key, len);
    strcpy(room + len, ending);
    return room;
}

size_t faasmShapeWidth(const struct FaasmShape* shape)
{
    if (memcmp(shape->type, "f32", 4) == 0 || memcmp(shape->type, "i32", 4) == 0) {
        return 4;
    }
    if (memcmp(shape->type, "f64", 4) == 0 || memcmp(shape->type, "i64", 4) == 0) {
        return 8;
    }
    return 0;
}

/* Whether a matrix of this shape can be, in values of at most 2 GiB. */
static int shape_is_good(const struct FaasmShape* shape)
{
    uint64_t width = faasmShapeWidth(shape), all;
    if (width == 0 || shape->kind > FAASM_SPARSE || shape->nonzeros > INT32_MAX / width ||
        shape->rows > INT32_MAX || shape->columns > INT32_MAX / 4 - 1) {
        return 0;
    }
    if (__builtin_mul_overflow(shape->rows, shape->columns, &all)) {
        return 0;
    }
    return shape->kind == FAASM_DENSE ? shape->nonzeros == all : shape->nonzeros <= all;
}

int faasmReadShape(const char* key, uint32_t kind, struct FaasmShape* shape)
{
    char room[KEY_ROOM];
    const char* size_key = part_key(room, key, "_size");
    if (size_key == NULL || faasmReadStateSize(size_key) != sizeof *shape) {
        return -1;
    }
    faasmReadState(size_key, (uint8_t*)shape, sizeof *shape);
    return shape_is_good(shape) && shape->kind == kind ? 0 : -1;
}

/* Sets a value here and in the global tier. */
static int publish(const char* key, const char* ending, const void* data, size_t len)
{
    char room[KEY_ROOM];
    const char* part = part_key(room, key, ending);
    if (part == NULL) {
        return -1;
    }
    faasmWriteState(part, data, (long)len);
    faasmPushState(part);
    return 0;
}

int faasmWriteShape(const char* key, const struct FaasmShape* shape)
{
    return shape_is_good(shape) ? publish(key, "_size", shape, sizeof *shape) : -1;
}

void* faasmMatrixColumns(const char* key,
                         const struct FaasmShape* shape,
                         size_t begin,
                         size_t end)
{
    if (begin > end || end > shape->columns) {
        return NULL;
    }
    size_t rows = (size_t)shape->rows;
    return faasmArrayMapPart(key, faasmShapeWidth(shape), (size_t)shape->nonzeros, begin * rows,
                             end * rows);
}

int faasmSparseColumns(const char* key,
                       const struct FaasmShape* shape,
                       size_t begin,
                       size_t end,
                       struct FaasmSparseColumns* columns)
{
    char room[KEY_ROOM];
    if (begin >= end || end > shape->columns || part_key(room, key, "_nonzero") == NULL) {
        return -1;
    }
    size_t all = (size_t)shape->nonzeros, n = end - begin;
    part_key(room, key, "_outer");
    columns->outer = faasmArrayMapPart(room, 4, (size_t)shape->columns + 1, begin, end + 1);
    part_key(room, key, "_nonzero");
    columns->nonzeros = faasmArrayMapPart(room, 4, (size_t)shape->columns, begin, end);
    if (columns->outer == NULL || columns->nonzeros == NULL) {
        return -1;
    }
    int32_t first = columns->outer[0], last = columns->outer[n];
    if (first < 0 || last < first || (size_t)last > all) {
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        int32_t from = columns->outer[i], to = columns->outer[i + 1];
        if (from < first || to < from || to > last || columns->nonzeros[i] < 0 ||
            columns->nonzeros[i] > to - from) {
            return -1;
        }
    }
    columns->stored = (size_t)(last - first);
    columns->rows = NULL;
    columns->values = NULL;
    if (columns->stored == 0) {
        return 0;
    }
    part_key(room, key, "_inner");
    columns->rows = faasmArrayMapPart(room, 4, all, (size_t)first, (size_t)last);
    part_key(room, key, "_vals");
    columns->values =
        faasmArrayMapPart(room, faasmShapeWidth(shape), all, (size_t)first, (size_t)last);
    return columns->rows == NULL || columns->values == NULL ? -1 : 0;
}

/* Whether rows ascend in each column, and are rows of the matrix. */
static int sparse_is_good(const struct FaasmShape* shape, const int32_t* outer, const int32_t* rows)
{
    if (outer[0] != 0 || (uint64_t)outer[shape->columns] != shape->nonzeros) {
        return 0;
    }
    for (uint64_t j = 0; j < shape->columns; j++) {
        if (outer[j + 1] < outer[j] || (uint64_t)outer[j + 1] > shape->nonzeros) {
            return 0;
        }
        for (int32_t i = outer[j]; i < outer[j + 1]; i++) {
            if (rows[i] < 0 || (uint64_t)rows[i] >= shape->rows ||
                (i > outer[j] && rows[i] <= rows[i - 1])) {
                return 0;
            }
        }
    }
    return 1;
}

int faasmWriteSparse(const char* key,
                     const struct FaasmShape* shape,
                     const int32_t* outer,
                     const int32_t* rows,
                     const void* values)
{
    char room[KEY_ROOM];
    if (!shape_is_good(shape) || shape->kind != FAASM_SPARSE || shape->columns == 0 ||
        part_key(room, key, "_nonzero") == NULL || !sparse_is_good(shape, outer, rows)) {
        return -1;
    }
    size_t columns = (size_t)shape->columns, stored = (size_t)shape->nonzeros;
    int32_t* nonzeros = malloc(columns * 4);
    if (nonzeros == NULL) {
        return -1;
    }
    for (size_t j = 0; j < columns; j++) {
        nonzeros[j] = outer[j + 1] - outer[j];
    }
    publish(key, "_nonzero", nonzeros, columns * 4);
    free(nonzeros);
    publish(key, "_outer", outer, (columns + 1) * 4);
    publish(key, "_inner", rows, stored * 4);
    publish(key, "_vals", values, stored * faasmShapeWidth(shape));
    /* The shape is last: who sees it, sees the rest. */
    return faasmWriteShape(key, shape);
}
