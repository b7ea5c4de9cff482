/* The state calls below the objects, until host_interface.h has them. */
#include <stdint.h>
#define IMPORT(name) __attribute__((import_module("env"), import_name(#name))) name
int64_t IMPORT(__faasm_state_version)(const char* key);
int64_t IMPORT(__faasm_state_write_if)(const char* key, const void* data, unsigned long len, int64_t version);
int64_t IMPORT(__faasm_state_merge)(const char* key, uint32_t kind, uint32_t offset, void* data, unsigned long len, uint32_t wanted);
void* IMPORT(__faasm_state_map)(const char* key, unsigned long total, unsigned long offset, unsigned long len, uint32_t access);
int64_t IMPORT(__faasm_state_watch)(const char* key, int64_t version, int32_t timeout);
int32_t IMPORT(__faasm_state_list)(const void* prefix, unsigned long prefix_len, const void* after, unsigned long after_len, void* buffer, unsigned long len);
uint32_t IMPORT(__faasm_state_delete)(const char* key);
uint32_t IMPORT(__faasm_state_append)(const char* key, const void* data, unsigned long len);
uint32_t IMPORT(__faasm_state_appended)(const char* key);
int32_t IMPORT(__faasm_state_take)(const char* key, void* buffer, unsigned long len, int32_t timeout);
#undef IMPORT
