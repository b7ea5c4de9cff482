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

/* Locks of the global tier (exclusive): leases that are kept up until they are
 * given up or the call ends. A call whose lease was lost is told so, with a
 * trap, at the next thing that it does with the key. */
void FAASM_IMPORT(__faasm_lock_state_global)(const char* key);
void FAASM_IMPORT(__faasm_unlock_state_global)(const char* key);

/* ---- State: what the original has not ---- */

/* The version of a value in the global tier: it grows with every write, and is
 * 0 where there is no value. */
long long FAASM_IMPORT(__faasm_state_version)(const char* key);

/* Sets the value in both tiers if it is at this version (0: if there is none).
 * Returns its new version, or -1 where it is at another. */
long long FAASM_IMPORT(__faasm_state_write_if)(const char* key,
                                               const unsigned char* data,
                                               long dataLen,
                                               long long version);

/* Pushes the value if it is at this version in the global tier. Returns its
 * new version, 0 where nothing was written, or -1 where it is at another. */
long long FAASM_IMPORT(__faasm_state_push_if)(const char* key,
                                              long long version);

/* Merges into the value where it lies, together with all others that do so at
 * the same time; returns its new version. The kind is 0, 1, 2 for sums of
 * int64_t, float, double; 3, 4, 5 for the larger number; 6, 7, 8 for the
 * smaller one: then data holds numbers for the value's bytes from offset on,
 * and with wanted, what they have become replaces them. Kind 9 adds members to
 * a set: data and value are members in ascending order, each behind its length
 * (uint32_t). */
long long FAASM_IMPORT(__faasm_state_merge)(const char* key,
                                            unsigned int kind,
                                            long offset,
                                            unsigned char* data,
                                            long dataLen,
                                            unsigned int wanted);

/* Maps a part of the value, as __faasm_read_state_offset_ptr does. With access
 * 0 the function only reads through the pointer, which costs less: what it
 * writes all the same is not pushed. With access 1 it writes, too. */
unsigned char* FAASM_IMPORT(__faasm_state_map)(const char* key,
                                               long totalLen,
                                               long offset,
                                               long len,
                                               unsigned int access);

/* Waits until the value is at another version than this one, at most for so
 * many milliseconds; with a negative number, for as long as the call lasts.
 * Returns the version, 0 where there is no value, -1 where the time passed. */
long long FAASM_IMPORT(__faasm_state_watch)(const char* key,
                                            long long version,
                                            int timeoutMs);

/* Lists keys that begin with a prefix, in the order of their bytes, from the
 * first on that comes after a key (of length 0: from the start). For each the
 * buffer gets, without padding: uint64_t version, uint64_t size (both 0 where
 * there is only a list), uint32_t elements of the list, uint32_t length of the
 * key, the key. Returns the bytes written: 0 at the end, -1 where the next key
 * has no room. */
int FAASM_IMPORT(__faasm_state_list)(const char* prefix,
                                     long prefixLen,
                                     const char* after,
                                     long afterLen,
                                     unsigned char* buffer,
                                     long bufferLen);

/* Deletes value and list in both tiers. Returns whether there was one. */
unsigned int FAASM_IMPORT(__faasm_state_delete)(const char* key);

/* The same, if the value is at this version (0: if there is none). Returns 1
 * where there was something, 0 where not, -1 where it is at another. */
int FAASM_IMPORT(__faasm_state_delete_if)(const char* key, long long version);

/* Adds an element to the key's list; returns its new length. */
unsigned int FAASM_IMPORT(__faasm_state_append)(const char* key,
                                                const unsigned char* data,
                                                long dataLen);

/* How many elements the key's list has. */
unsigned int FAASM_IMPORT(__faasm_state_appended)(const char* key);

/* Takes the first element out of the key's list: nobody else gets it. Waits for
 * one as __faasm_state_watch does. Returns its length, -1 where there was none,
 * -2 where it does not fit into the buffer and stays. */
int FAASM_IMPORT(__faasm_state_take)(const char* key,
                                     unsigned char* buffer,
                                     long bufferLen,
                                     int timeoutMs);

/* Waits for the key's global lock, to read (mode 0, together with other
 * readers) or to write (mode 1, alone), as __faasm_state_watch does; with a time
 * of 0 it asks and does not wait for others. Returns 1 where it was given. Where
 * it was not, the call has left the queue and holds nobody off. */
unsigned int FAASM_IMPORT(__faasm_state_lock)(const char* key,
                                              unsigned int mode,
                                              int timeoutMs);
void FAASM_IMPORT(__faasm_state_unlock)(const char* key);

/* The fencing token of the global lock that this call holds: larger than that
 * of any earlier holder; 0 where it holds none. */
long long FAASM_IMPORT(__faasm_state_token)(const char* key);

/* Bytes that the user's values take on this host. */
long long FAASM_IMPORT(__faasm_state_resident)(void);

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
