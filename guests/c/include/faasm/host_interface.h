/*
 * The host interface: every call that a Faaslet may make besides WASI.
 *
 * These are the raw WebAssembly imports of module "env", with the names and
 * signatures of the original Faasm. Functions use core.h, which is built on
 * them. On wasm32 `long`, `int` and pointers are all i32.
 *
 * Keys and names are C strings. Inputs, outputs and values are bytes with a
 * length and may hold NUL. A pointer or length that does not lie within the
 * function's memory is a trap.
 */
#ifndef FAASM_HOST_INTERFACE_H
#define FAASM_HOST_INTERFACE_H

#ifdef __cplusplus
extern "C" {
#endif

#define FAASM_IMPORT(name) \
    __attribute__((import_module("env"), import_name(#name))) name

/* ---- Input, output, chained calls ---- */

/* With bufferLen 0: the size of the input. Otherwise copies at most bufferLen
 * bytes of it into buffer and returns how many. */
long FAASM_IMPORT(__faasm_read_input)(unsigned char* buffer, long bufferLen);

/* Sets the call's output. A second call replaces the first one's. */
void FAASM_IMPORT(__faasm_write_output)(const char* output, long outputLen);

/* Calls another function of the same user. Returns the id of the call. */
unsigned int FAASM_IMPORT(__faasm_chain_name)(const char* name,
                                              const unsigned char* input,
                                              long inputLen);

/* Calls a function of this module, found by its table index, in a Faaslet of
 * its own. Its WebAssembly type is () -> i32; what it returns is the call's
 * return code. */
unsigned int FAASM_IMPORT(__faasm_chain_ptr)(int (*function)(void),
                                             const unsigned char* input,
                                             long inputLen);

/* Waits for a call. Returns its return code, or 1 where it failed. */
int FAASM_IMPORT(__faasm_await_call)(unsigned int callId);

/* The same, and puts the call's output in memory that the host allocates by
 * this module's exported `malloc`. The caller frees it. */
int FAASM_IMPORT(__faasm_await_call_output)(unsigned int callId,
                                            char** output,
                                            int* outputLen);

/* ---- State ---- */

/* With bufferLen 0: the size of the value, 0 where there is none. Otherwise
 * copies at most bufferLen bytes into buffer and returns how many. */
long FAASM_IMPORT(__faasm_read_state)(const char* key,
                                      unsigned char* buffer,
                                      long bufferLen);

/* Maps the value into this memory, shared with every Faaslet on this host. */
unsigned char* FAASM_IMPORT(__faasm_read_state_ptr)(const char* key,
                                                    long totalLen);

void FAASM_IMPORT(__faasm_read_state_offset)(const char* key,
                                             long totalLen,
                                             long offset,
                                             unsigned char* buffer,
                                             long bufferLen);

/* Maps a part of the value; only what is touched is fetched. */
unsigned char* FAASM_IMPORT(__faasm_read_state_offset_ptr)(const char* key,
                                                           long totalLen,
                                                           long offset,
                                                           long len);

void FAASM_IMPORT(__faasm_write_state)(const char* key,
                                       const unsigned char* data,
                                       long dataLen);

void FAASM_IMPORT(__faasm_write_state_offset)(const char* key,
                                              long totalLen,
                                              long offset,
                                              const unsigned char* data,
                                              long dataLen);

/* Writes the file's contents as the value; returns its size. */
unsigned int FAASM_IMPORT(__faasm_write_state_from_file)(const char* key,
                                                         const char* path);

/* Appended values are a list in the global tier, apart from the value. */
void FAASM_IMPORT(__faasm_append_state)(const char* key,
                                        const unsigned char* data,
                                        long dataLen);

/* Copies the first nElems appended elements, one after the other, into data,
 * which holds dataLen bytes. */
void FAASM_IMPORT(__faasm_read_appended_state)(const char* key,
                                               unsigned char* data,
                                               long dataLen,
                                               long nElems);

void FAASM_IMPORT(__faasm_clear_appended_state)(const char* key);

/* Says that the value was written through a pointer, so that push sends it. */
void FAASM_IMPORT(__faasm_flag_state_dirty)(const char* key, long totalLen);

void FAASM_IMPORT(__faasm_flag_state_offset_dirty)(const char* key,
                                                   long totalLen,
                                                   long offset,
                                                   long dataLen);

/* Local tier to global tier: the whole value; its dirty parts; its dirty parts
 * under a mask, which is another value. */
void FAASM_IMPORT(__faasm_push_state)(const char* key);
void FAASM_IMPORT(__faasm_push_state_partial)(const char* key);
void FAASM_IMPORT(__faasm_push_state_partial_mask)(const char* key,
                                                   const char* maskKey);

/* Global tier to local tier. */
void FAASM_IMPORT(__faasm_pull_state)(const char* key, long stateLen);

/* Locks of the local tier. */
void FAASM_IMPORT(__faasm_lock_state_read)(const char* key);
void FAASM_IMPORT(__faasm_unlock_state_read)(const char* key);
void FAASM_IMPORT(__faasm_lock_state_write)(const char* key);
void FAASM_IMPORT(__faasm_unlock_state_write)(const char* key);

/* Locks of the global tier (exclusive). */
void FAASM_IMPORT(__faasm_lock_state_global)(const char* key);
void FAASM_IMPORT(__faasm_unlock_state_global)(const char* key);

/* ---- Libraries and memory ---- */

/* Calls the function with this table index, whose type is as the signature
 * says: the letter of the result, then one for each parameter, of v (nothing),
 * i and I (integers of 32 and 64 bits), f and d. Arguments and result lie in
 * cells of 8 bytes. 0, or EINVAL if the function has another type. faasm/ffi.h
 * is built on it. */
unsigned int FAASM_IMPORT(__faasm_ffi_call)(unsigned int function,
                                            const char* signature,
                                            const void* args,
                                            void* result);

/* With slot 0: a slot more in the table, which is its index, or 0 if the table
 * cannot grow. Else puts the function (0 for none) into the slot: its index, or
 * 0 if there is no such slot or function. */
unsigned int FAASM_IMPORT(__faasm_ffi_slot)(unsigned int slot,
                                            unsigned int function);

/* Why the last call of mmap and its family failed; they return -1 then, and
 * errno is the library's to set. */
int FAASM_IMPORT(__faasm_errno)(void);

/* ---- Threads ---- */

/* How many threads can run at one time. */
unsigned int FAASM_IMPORT(__faasm_processors)(void);

/* Ends the calling thread, and the call if that is its main one. */
void FAASM_IMPORT(__faasm_thread_exit)(void);

/* ---- Objects ---- */

/* The original's calls on S3. A bucket is a folder of the user's shared files,
 * and a key a path below it. Names and bytes come in memory that the host
 * allocates by this module's exported `malloc`; names end with a NUL, which
 * their lengths do not count. */

/* How many buckets there are; then their names. */
int FAASM_IMPORT(__faasm_s3_get_num_buckets)(void);
void FAASM_IMPORT(__faasm_s3_list_buckets)(void* bucketsBuffer, int* lens);

/* How many keys a bucket has, or those that begin with a prefix; then those
 * that were counted. */
int FAASM_IMPORT(__faasm_s3_get_num_keys)(const char* bucket);
int FAASM_IMPORT(__faasm_s3_get_num_keys_with_prefix)(const char* bucket,
                                                      const char* prefix);
void FAASM_IMPORT(__faasm_s3_list_keys)(const char* bucket,
                                        void* keysBuffer,
                                        int* lens);
void FAASM_IMPORT(__faasm_s3_list_keys_with_prefix)(const char* bucket,
                                                    const char* prefix,
                                                    void* keysBuffer,
                                                    int* lens);

/* Returns 0, or 1 where there is such a key and `overwrite` is 0. */
int FAASM_IMPORT(__faasm_s3_add_key_bytes)(const char* bucket,
                                           const char* key,
                                           void* bytes,
                                           int len,
                                           int overwrite);

/* Returns 0, or 1 where there is no such key and `tolerateMissing` is not 0;
 * without that, it is a trap. */
int FAASM_IMPORT(__faasm_s3_get_key_bytes)(const char* bucket,
                                           const char* key,
                                           void* bytes,
                                           int* len,
                                           int tolerateMissing);

/* ---- Descriptors ---- */

/* Opens a descriptor once more; both have one position. The first returns a
 * number or -1, the second a WASI error. */
int FAASM_IMPORT(dup)(int fd);
int FAASM_IMPORT(__wasi_fd_dup)(int fd, int* openedFd);

/* ---- Debugging ---- */

/* Prints the guest's backtrace to the host's log. */
void FAASM_IMPORT(__faasm_backtrace)(int depth);

/* Whether the host sets this flag of its configuration. */
unsigned int FAASM_IMPORT(__faasm_conf_flag)(const char* key);

#undef FAASM_IMPORT

#ifdef __cplusplus
}
#endif

#endif
