/*
 * How a function starts. It is linked in place of wasi-libc's crt1-command.o.
 *
 * The host calls the exported `_faasm_zygote` once and takes the function's
 * snapshot; every call then enters at `_start`, or at a function pointer, with
 * constructors and zygote behind it. Under a plain WASI engine, which knows no
 * `_faasm_zygote`, `_start` makes up for it.
 */
#include <wasi/api.h>

#include <faasm/core.h>

void __wasm_call_ctors(void);
void __wasm_call_dtors(void);
int __main_void(void);

__attribute__((weak)) int faasm_user_zygote(void)
{
    return 0;
}

static int initialised = 0;

__attribute__((export_name("_faasm_zygote"))) int _faasm_zygote(void)
{
    if (initialised) {
        return 0;
    }
    initialised = 1;
    __wasm_call_ctors();
    return faasm_user_zygote();
}

__attribute__((export_name("_start"))) void _start(void)
{
    int code = _faasm_zygote();
    if (code == 0) {
        code = __main_void();
    }
    __wasm_call_dtors();
    if (code != 0) {
        __wasi_proc_exit((__wasi_exitcode_t)code);
    }
}
