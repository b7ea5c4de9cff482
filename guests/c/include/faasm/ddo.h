/*
 * Distributed data objects, in C: how vectors and matrices lie in state, so that
 * functions in every language have the same ones. docs/data-objects.md says how,
 * byte by byte, and what each object promises. C++ has classes over this:
 * faasm/ddo.hpp.
 *
 * Pointers point into memory that all Faaslets of this host share; nothing orders
 * two Faaslets' accesses but a lock or a call.
 */
#ifndef FAASM_DDO_H
#define FAASM_DDO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Arrays: vectors and the parts of matrices ---- */

/* How many elements of `width` bytes the value has, or 0 where there is none. */
size_t faasmArraySize(const char* key, size_t width);

/* Maps the array, whole. It is made, of zeros, where it is not there yet. */
void* faasmArrayMap(const char* key, size_t width, size_t size);

/* Maps the elements from `begin` to `end` (which is not one of them) of an array
 * that has `size`, to be read, and so fetches no more than the pieces that they
 * lie in. NULL where there are not so many. */
void* faasmArrayMapPart(const char* key,
                        size_t width,
                        size_t size,
                        size_t begin,
                        size_t end);

/* Says that elements were written through the pointer. */
void faasmArrayMark(const char* key,
                    size_t width,
                    size_t size,
                    size_t begin,
                    size_t end);

/* Which elements were written and not yet sent: a bit for each. */
struct FaasmWritten {
    uint64_t* words;
    size_t size; /* elements */
};

/* NULL words where there is no memory for them. */
struct FaasmWritten faasmWrittenMake(size_t size);
void faasmWrittenFree(struct FaasmWritten* written);

static inline void faasmWrittenSet(struct FaasmWritten written, size_t index)
{
    written.words[index / 64] |= UINT64_C(1) << (index % 64);
}

/* Sends exactly these elements to the global tier, and begins anew. What others
 * have pushed since is seen behind that. */
void faasmArrayPushWritten(const char* key,
                           size_t width,
                           struct FaasmWritten written);

/* ---- Matrices ---- */

/* What lies under KEY_size, of a matrix of either kind. */
struct FaasmShape {
    char type[4]; /* "f32", "f64", "i32", "i64", with a NUL */
    uint32_t kind; /* FAASM_DENSE, FAASM_SPARSE */
    uint64_t rows;
    uint64_t columns;
    uint64_t nonzeros; /* stored elements: of a dense matrix, all */
};

#define FAASM_DENSE 0
#define FAASM_SPARSE 1

/* Reads the shape of the matrix: 0, or -1 where there is none of this kind, or one
 * whose numbers contradict each other. */
int faasmReadShape(const char* key, uint32_t kind, struct FaasmShape* shape);

/* Writes it, and sends it to the global tier: 0, or -1 where the matrix is too large. */
int faasmWriteShape(const char* key, const struct FaasmShape* shape);

/* Bytes of an element of the shape's type; 0 where there is no such type. */
size_t faasmShapeWidth(const struct FaasmShape* shape);

/* Maps the columns from `begin` to `end` of a dense matrix, one behind the other.
 * NULL where there are not so many. */
void* faasmMatrixColumns(const char* key,
                         const struct FaasmShape* shape,
                         size_t begin,
                         size_t end);

/* Columns of a sparse matrix, mapped. Column j of them (from 0) has nonzeros[j]
 * stored elements: from outer[j] - outer[0] on in `rows` and `values`. */
struct FaasmSparseColumns {
    const int32_t* outer;
    const int32_t* nonzeros;
    const int32_t* rows;
    const void* values;
    size_t stored; /* how many elements `rows` and `values` have */
};

/* Maps the columns from `begin` to `end`: 0, or -1 where there are not so many or
 * what is stored is no sparse matrix. Columns of which no column has an element
 * have `rows` and `values` of NULL. */
int faasmSparseColumns(const char* key,
                       const struct FaasmShape* shape,
                       size_t begin,
                       size_t end,
                       struct FaasmSparseColumns* columns);

/* Writes a sparse matrix, and sends it to the global tier: `outer` has a number
 * more than there are columns, and ends with the number of stored elements. Rows
 * ascend in each column. 0, or -1 where that does not hold. */
int faasmWriteSparse(const char* key,
                     const struct FaasmShape* shape,
                     const int32_t* outer,
                     const int32_t* rows,
                     const void* values);

/* ---- Counters, integers, barriers: values of 8 bytes in the global tier ---- */

/* Adds to the integer of 64 bits under the key, which begins at 0; the sum. */
int64_t faasmIntAdd(const char* key, int64_t addend);

/* The integer as it is in the global tier now. */
int64_t faasmIntGet(const char* key);

void faasmIntSet(const char* key, int64_t value);

/* Sets it to `desired` if it is `expected`; 1 if it was. */
int faasmIntCompareAndSwap(const char* key, int64_t expected, int64_t desired);

/* Waits until `n` calls have come here since the barrier was last open; 0, or -1
 * where the key is too long or `n` is 0. Which of them this one was (from 0). */
int64_t faasmBarrierWait(const char* key, uint32_t n);

/* ---- Lists and queues: the list of a key, in the global tier ---- */

/* Bytes that the library has allocated, for the caller to free; NULL and 0 where
 * there is nothing. */
struct FaasmBytes {
    uint8_t* data;
    size_t len;
};

/* Adds an element to the end; the new length. */
uint32_t faasmListAppend(const char* key, const void* data, size_t len);

uint32_t faasmListSize(const char* key);

/* The elements from the first to the one before `end`, as they lie there: the
 * length of each (32 bits) before its bytes. How many there are in *n. */
struct FaasmBytes faasmListRead(const char* key, uint32_t end, uint32_t* n);

/* Adds to a queue; its new length. */
uint32_t faasmQueuePush(const char* key, const void* data, size_t len);

/* Takes the first element out of a queue, having waited for one for so many
 * milliseconds, or until there is one (-1): 1, or 0 if there was none. */
int faasmQueuePop(const char* key, int timeout, struct FaasmBytes* element);

uint32_t faasmQueueSize(const char* key);

/* ---- Dictionaries: a value for each entry, under KEY/NAME ---- */

/* 1 if there is such an entry; its bytes. -1 where the name is empty or too long. */
int faasmDictGet(const char* key, const char* name, struct FaasmBytes* value);

/* The same, and the entry's version for faasmDictSetIf and faasmDictRemoveIf: 0
 * where there is none. */
int faasmDictGetVersion(const char* key,
                        const char* name,
                        struct FaasmBytes* value,
                        int64_t* version);

/* 0, or -1 where the name is empty or too long. */
int faasmDictSet(const char* key, const char* name, const void* data, size_t len);

/* Sets the entry if it is at this version still, 0 saying that there is none: 1
 * if it was. */
int faasmDictSetIf(const char* key,
                   const char* name,
                   const void* data,
                   size_t len,
                   int64_t version);

/* 1 if there was such an entry. */
int faasmDictRemove(const char* key, const char* name);

/* Removes the entry if it is at this version still: 1 if it was. */
int faasmDictRemoveIf(const char* key, const char* name, int64_t version);

/* The names that come after `after` ("": from the first), in the order of their
 * bytes, each with a NUL behind it: some of them, none if those were all. */
struct FaasmBytes faasmDictNames(const char* key, const char* after);

#ifdef __cplusplus
}
#endif

#endif
