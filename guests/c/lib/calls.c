/* Input, output and chained calls: see faasm/core.h. */
#include <stdlib.h>

#include <faasm/core.h>
#include <faasm/host_interface.h>

long faasmGetInputSize(void)
{
    return __faasm_read_input(NULL, 0);
}

void faasmGetInput(uint8_t* buffer, long bufferLen)
{
    if (bufferLen > 0) {
        __faasm_read_input(buffer, bufferLen);
    }
}

char* faasmGetInputCopy(long* len)
{
    long size = faasmGetInputSize();
    char* copy = malloc((size_t)size + 1);
    if (copy == NULL) {
        abort();
    }
    faasmGetInput((uint8_t*)copy, size);
    copy[size] = '\0';
    if (len != NULL) {
        *len = size;
    }
    return copy;
}

void faasmSetOutput(const char* output, long outputLen)
{
    __faasm_write_output(output, outputLen);
}

unsigned int faasmChainNamed(const char* name,
                             const uint8_t* input,
                             long inputLen)
{
    return __faasm_chain_name(name, input, inputLen);
}

unsigned int faasmChain(FaasmFuncPtr function,
                        const uint8_t* input,
                        long inputLen)
{
    return __faasm_chain_ptr(function, input, inputLen);
}

unsigned int faasmChainBatch(FaasmFuncPtr function, const char* input, int n)
{
    unsigned int* calls = calloc(n > 0 ? (size_t)n : 1, sizeof(*calls));
    if (calls == NULL) {
        abort();
    }
    long inputLen = 0;
    while (input[inputLen] != '\0') {
        inputLen++;
    }
    for (int i = 0; i < n; i++) {
        calls[i] = faasmChain(function, (const uint8_t*)input, inputLen);
    }
    unsigned int result = 0;
    for (int i = 0; i < n; i++) {
        unsigned int code = faasmAwaitCall(calls[i]);
        result = result == 0 ? code : result;
    }
    free(calls);
    return result;
}

unsigned int faasmAwaitCall(unsigned int callId)
{
    return (unsigned int)__faasm_await_call(callId);
}

unsigned int faasmAwaitCallOutput(unsigned int callId,
                                  char** output,
                                  int* outputLen)
{
    return (unsigned int)__faasm_await_call_output(callId, output, outputLen);
}

unsigned int getConfFlag(const char* key)
{
    return __faasm_conf_flag(key);
}

void faasmBacktrace(int depth)
{
    __faasm_backtrace(depth);
}
