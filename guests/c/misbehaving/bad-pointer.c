/*
 * Hands the host a pointer or length that is not in its memory. Each must be a
 * trap, or for WASI calls an error. Input: which of them.
 * Output, where the host let it pass: "survived", with return code 1; a WASI
 * call's error is the return code.
 */
#include <string.h>

#include <faasm/core.h>
#include <faasm/host_interface.h>
#include <wasi/api.h>

static int wasi_write(const uint8_t* data, size_t len)
{
    __wasi_ciovec_t part = {data, len};
    __wasi_size_t written;
    return __wasi_fd_write(1, &part, 1, &written);
}

static int attempt(const char* which)
{
    size_t end = __builtin_wasm_memory_size(0) * 65536;
    uint8_t* beyond = (uint8_t*)end;
    if (strcmp(which, "output-beyond") == 0) {
        faasmSetOutput((char*)beyond + 4096, 8);
    } else if (strcmp(which, "output-across") == 0) {
        faasmSetOutput((char*)beyond - 4, 8);
    } else if (strcmp(which, "output-long") == 0) {
        faasmSetOutput((char*)16, 0x7fffffff);
    } else if (strcmp(which, "output-negative") == 0) {
        faasmSetOutput((char*)16, -1);
    } else if (strcmp(which, "output-wrap") == 0) {
        faasmSetOutput((char*)0xfffffff0u, 32);
    } else if (strcmp(which, "input-beyond") == 0) {
        __faasm_read_input(beyond, 8);
    } else if (strcmp(which, "key-beyond") == 0) {
        faasmReadStateSize((char*)beyond);
    } else if (strcmp(which, "key-endless") == 0) {
        memset(beyond - 64, 'k', 64);
        faasmReadStateSize((char*)beyond - 64);
    } else if (strcmp(which, "state-offset") == 0) {
        faasmWriteState("bad-pointer", (uint8_t*)"1234", 4);
        faasmWriteStateOffset("bad-pointer", 4, 3, (uint8_t*)"56", 2);
    } else if (strcmp(which, "state-offset-negative") == 0) {
        faasmWriteState("bad-pointer", (uint8_t*)"1234", 4);
        faasmWriteStateOffset("bad-pointer", 4, -1, (uint8_t*)"56", 2);
    } else if (strcmp(which, "state-empty-key") == 0) {
        faasmWriteState("", (uint8_t*)"1234", 4);
    } else if (strcmp(which, "state-length") == 0) {
        faasmReadStatePtr("bad-pointer", -4096);
    } else if (strcmp(which, "chain-function") == 0) {
        faasmAwaitCall(faasmChain((FaasmFuncPtr)0x7fffffff, beyond - 1, 1));
    } else if (strcmp(which, "chain-null") == 0) {
        faasmAwaitCall(faasmChain((FaasmFuncPtr)0, beyond - 1, 1));
    } else if (strcmp(which, "chain-type") == 0) {
        faasmAwaitCall(faasmChain((FaasmFuncPtr)(void (*)(void))attempt, beyond - 1, 1));
    } else if (strcmp(which, "await-unknown") == 0) {
        return faasmAwaitCall(0x7ffffff1u) != 0 ? 77 : 0;
    } else if (strcmp(which, "await-output") == 0) {
        unsigned int call = faasmChainNamed("echo", (uint8_t*)"hi", 2);
        faasmAwaitCallOutput(call, (char**)beyond, (int*)beyond);
    } else if (strcmp(which, "wasi-iovec") == 0) {
        return wasi_write(beyond - 2, 4);
    } else if (strcmp(which, "wasi-iovec-wrap") == 0) {
        return wasi_write((uint8_t*)0xfffffff0u, 0xffffffff);
    } else if (strcmp(which, "wasi-iovecs") == 0) {
        __wasi_size_t written;
        return __wasi_fd_write(1, (__wasi_ciovec_t*)beyond, 1 << 29, &written);
    } else if (strcmp(which, "wasi-random") == 0) {
        return __wasi_random_get(beyond - 1, 2);
    } else {
        return 2;
    }
    return 0;
}

int main(void)
{
    int code = attempt(faasmGetInputCopy(NULL));
    if (code != 0) {
        return code;
    }
    faasmSetOutput("survived", 8);
    return 1;
}
