/* sys/mman.h, by the host: memory that really goes back. In the place of
 * wasi-libc's emulation, which is a malloc. */
#define _GNU_SOURCE
#define _WASI_EMULATED_MMAN
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>

#include <faasm/host_interface.h>

#define HOST(name)                                                             \
    __attribute__((import_module("env"), import_name(#name)))

HOST(mmap)
uint32_t __faasm_mmap(uint32_t addr,
                      uint32_t len,
                      int prot,
                      int flags,
                      int fd,
                      int64_t offset);
HOST(munmap) int __faasm_munmap(uint32_t addr, uint32_t len);
HOST(mremap)
uint32_t __faasm_mremap(uint32_t addr, uint32_t len, uint32_t newLen, int flags);
HOST(madvise) int __faasm_madvise(uint32_t addr, uint32_t len, int advice);
HOST(mprotect) int __faasm_mprotect(uint32_t addr, uint32_t len, int prot);

static void* pointer(uint32_t address)
{
    if (address == UINT32_MAX) {
        errno = __faasm_errno();
    }
    return (void*)address;
}

static int status(int result)
{
    if (result != 0) {
        errno = __faasm_errno();
    }
    return result;
}

void* mmap(void* addr, size_t len, int prot, int flags, int fd, off_t offset)
{
    return pointer(__faasm_mmap((uint32_t)addr, len, prot, flags, fd, offset));
}

int munmap(void* addr, size_t len)
{
    return status(__faasm_munmap((uint32_t)addr, len));
}

void* mremap(void* addr, size_t len, size_t newLen, int flags, ...)
{
    return pointer(__faasm_mremap((uint32_t)addr, len, newLen, flags));
}

int madvise(void* addr, size_t len, int advice)
{
    return status(__faasm_madvise((uint32_t)addr, len, advice));
}

int posix_madvise(void* addr, size_t len, int advice)
{
    /* What POSIX says of it must not lose anything. */
    return advice == POSIX_MADV_DONTNEED || madvise(addr, len, advice) == 0
             ? 0
             : errno;
}

int mprotect(void* addr, size_t len, int prot)
{
    return status(__faasm_mprotect((uint32_t)addr, len, prot));
}
