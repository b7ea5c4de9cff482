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
 * that has `size`, and so fetches no more than the pieces that they lie in. NULL
 * where there are not so many. */
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

#ifdef __cplusplus
}
#endif

#endif
