/* dlfcn.h, by the host: see docs/dynamic-linking.md. */
#include <dlfcn.h>
#include <stdint.h>

#define HOST(name)                                                             \
    __attribute__((import_module("env"), import_name(#name)))

HOST(dlopen) uint32_t __faasm_dlopen(const char* path, int flags);
HOST(dlsym) uint32_t __faasm_dlsym(uint32_t handle, const char* symbol);
HOST(dlclose) int __faasm_dlclose(uint32_t handle);
HOST(dlerror) uint32_t __faasm_dlerror(void);

void* dlopen(const char* path, int flags)
{
    return (void*)__faasm_dlopen(path, flags);
}

void* dlsym(void* handle, const char* symbol)
{
    return (void*)__faasm_dlsym((uint32_t)handle, symbol);
}

int dlclose(void* handle)
{
    return __faasm_dlclose((uint32_t)handle);
}

char* dlerror(void)
{
    return (char*)__faasm_dlerror();
}
