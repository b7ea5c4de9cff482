/*
 * What a function written in C or C++ includes: input and output, chained
 * calls, state. The names are those of the original Faasm; each does what the
 * call of the same name in host_interface.h does.
 */
#ifndef FAASM_CORE_H
#define FAASM_CORE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Any pointer as one to bytes. */
#ifdef __cplusplus
#define BYTES(pointer) reinterpret_cast<uint8_t*>(pointer)
#define BYTES_CONST(pointer) reinterpret_cast<const uint8_t*>(pointer)
#else
#define BYTES(pointer) ((uint8_t*)(pointer))
#define BYTES_CONST(pointer) ((const uint8_t*)(pointer))
#endif

/* ---- Initialisation ---- */

/*
 * Defines code that runs once, after constructors and before the function's
 * snapshot is taken; every call starts from what it leaves behind. It must
 * return 0:
 *
 *     FAASM_ZYGOTE() { table = build_table(); return 0; }
 *
 * The function itself is an ordinary `int main(void)`, whose result is the
 * call's return code.
 */
int faasm_user_zygote(void);
#define FAASM_ZYGOTE() int faasm_user_zygote(void)

/*
 * Defines code that runs at the beginning of every call, before the function
 * itself, in a memory that is as it was when the snapshot was taken: for what
 * must not be the same in two calls, such as the seed of a random generator.
 * It must return 0:
 *
 *     FAASM_AFTER_RESTORE() { return reseed(); }
 */
#define FAASM_AFTER_RESTORE()                                                  \
    __attribute__((export_name("after_restore"))) int after_restore(void)

/* ---- Input and output ---- */

/* The size of this call's input in bytes. */
long faasmGetInputSize(void);

/* Copies the first bufferLen bytes of the input (or all, if it is shorter). */
void faasmGetInput(uint8_t* buffer, long bufferLen);

/* The whole input in fresh memory with a NUL behind it, its size in *len
 * (len may be NULL). The caller frees it. */
char* faasmGetInputCopy(long* len);

/* Sets this call's output. A later call replaces an earlier one's. */
void faasmSetOutput(const char* output, long outputLen);

/* ---- Chained calls ---- */

/* A function of this module that can be chained: its return value is the
 * call's return code, its input and output are its own. */
typedef int (*FaasmFuncPtr)(void);

/* Calls another function of the same user; returns the call's id at once. */
unsigned int faasmChainNamed(const char* name,
                             const uint8_t* input,
                             long inputLen);

/* Calls a function of this module in a Faaslet of its own. That Faaslet starts
 * from this module's snapshot: it sees nothing that this call has written,
 * except through state. */
unsigned int faasmChain(FaasmFuncPtr function,
                        const uint8_t* input,
                        long inputLen);

/* Chains `n` calls with the same input and awaits them all. Returns 0 if all
 * did, else the first other return code. */
unsigned int faasmChainBatch(FaasmFuncPtr function, const char* input, int n);

/* Waits for a chained call; returns its return code. */
unsigned int faasmAwaitCall(unsigned int callId);

/* Waits for a chained call and hands over its output, which the caller frees. */
unsigned int faasmAwaitCallOutput(unsigned int callId,
                                  char** output,
                                  int* outputLen);

/* ---- State: copies ---- */

size_t faasmReadStateSize(const char* key);
long faasmReadState(const char* key, uint8_t* buffer, long bufferLen);
void faasmReadStateOffset(const char* key,
                          long totalLen,
                          long offset,
                          uint8_t* buffer,
                          long bufferLen);
void faasmWriteState(const char* key, const uint8_t* data, long dataLen);
void faasmWriteStateOffset(const char* key,
                           long totalLen,
                           long offset,
                           const uint8_t* data,
                           long dataLen);
unsigned long faasmWriteStateFromFile(const char* key, const char* path);

/* ---- State: pointers into memory shared by all Faaslets of this host ---- */

uint8_t* faasmReadStatePtr(const char* key, long totalLen);
uint8_t* faasmReadStateOffsetPtr(const char* key,
                                 long totalLen,
                                 long offset,
                                 long len);
void faasmFlagStateDirty(const char* key, long totalLen);
void faasmFlagStateOffsetDirty(const char* key,
                               long totalLen,
                               long offset,
                               long len);

/* ---- State: appended lists ---- */

void faasmAppendState(const char* key, const uint8_t* data, long dataLen);
void faasmReadAppendedState(const char* key,
                            uint8_t* buffer,
                            long bufferLen,
                            long nElems);
void faasmClearAppendedState(const char* key);

/* ---- State: between the tiers, and locks ---- */

void faasmPushState(const char* key);
void faasmPushStatePartial(const char* key);
void faasmPushStatePartialMask(const char* key, const char* maskKey);
void faasmPullState(const char* key, long stateLen);
void faasmLockStateRead(const char* key);
void faasmUnlockStateRead(const char* key);
void faasmLockStateWrite(const char* key);
void faasmUnlockStateWrite(const char* key);
void faasmLockStateGlobal(const char* key);
void faasmUnlockStateGlobal(const char* key);

/* ---- State: what the original has not ---- */

/* Waits for the key's global lock, together with other readers, for so many
 * milliseconds, or until it is given (-1), or asks and does not wait for its
 * holders (0): 1 if it was given. A value that is kept `strong` is written by
 * who has the lock to write. */
int faasmLockStateGlobalRead(const char* key, int timeout);

/* The same, alone among all hosts. faasmUnlockStateGlobal gives up either. */
int faasmLockStateGlobalWrite(const char* key, int timeout);

/* The fencing token of the global lock that this call holds of the key: larger
 * than that of any earlier holder. 0 where it holds none. */
int64_t faasmStateToken(const char* key);

/* The version of the value in the global tier, which grows with every write; 0
 * where there is none. */
int64_t faasmStateVersion(const char* key);

/* Sends the value to the global tier if it is at this version there: its new
 * version, 0 where nothing was written here, or -1 where it is at another. */
int64_t faasmPushStateIf(const char* key, int64_t version);

/* ---- Debugging ---- */

unsigned int getConfFlag(const char* key);
void faasmBacktrace(int depth);

#ifdef __cplusplus
}
#endif

#endif
