/*
 * The runtime of functions that are written in JavaScript: QuickJS around a script.
 *
 * A function's initialisation has its script, a module, as input: the module's top
 * level runs once, before the function's snapshot is taken. A call then runs its
 * export `main`, a call that is chained within the script another export.
 * Initialised without a script, as the runtime itself is, a call runs its input as
 * a module. `faasm:host` has the host's functions as they are; what scripts import
 * is the module "faasm", which is faasm.js.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <faasm/core.h>
#include <faasm/host_interface.h>

#include "quickjs.h"

/* How much of the stack in linear memory a script may use, as in quickjs/main.c. */
#define MAX_STACK (192 * 1024)

static const char library[] = {
#embed "faasm.js"
    , 0};

static JSRuntime* runtime;
static JSContext* context;
static JSValue exports = JS_UNDEFINED;

/* What a chained call of this module is told first: the export to call. */
static char* own_input;
static size_t own_input_len;

/* ---- Bytes between the host and scripts ---- */

static void free_bytes(JSRuntime* rt, void* opaque, void* bytes)
{
    (void)rt;
    (void)opaque;
    free(bytes);
}

static JSValue take_bytes(uint8_t* bytes, size_t len)
{
    return JS_NewArrayBuffer(context, bytes, len, free_bytes, NULL, false);
}

static uint8_t* allocate(size_t len)
{
    uint8_t* bytes = malloc(len > 0 ? len : 1);
    if (bytes == NULL) {
        abort();
    }
    return bytes;
}

/* The bytes of an ArrayBuffer; NULL with an exception where it is something else. */
static uint8_t* bytes_of(JSValueConst value, size_t* len)
{
    return JS_GetArrayBuffer(context, len, value);
}

static int32_t number_of(JSValueConst value)
{
    int32_t number = 0;
    JS_ToInt32(context, &number, value);
    return number;
}

/* ---- The host's functions, for faasm.js, which checks what it hands over ---- */

#define HOST_FUNCTION(name) \
    static JSValue name(JSContext* ctx, JSValueConst this, int argc, JSValueConst* argv)
#define UNUSED() ((void)ctx, (void)this, (void)argc, (void)argv)

HOST_FUNCTION(host_input)
{
    UNUSED();
    uint8_t* copy = allocate(own_input_len);
    memcpy(copy, own_input, own_input_len);
    return take_bytes(copy, own_input_len);
}

HOST_FUNCTION(host_output)
{
    UNUSED();
    size_t len;
    uint8_t* bytes = bytes_of(argv[0], &len);
    if (bytes == NULL) {
        return JS_EXCEPTION;
    }
    faasmSetOutput((const char*)bytes, (long)len);
    return JS_UNDEFINED;
}

HOST_FUNCTION(host_print)
{
    UNUSED();
    const char* text = JS_ToCString(context, argv[1]);
    if (text == NULL) {
        return JS_EXCEPTION;
    }
    fprintf(number_of(argv[0]) == 2 ? stderr : stdout, "%s\n", text);
    JS_FreeCString(context, text);
    return JS_UNDEFINED;
}

static int chained_entry(void);

/* (name or null, input): with a name another function, else this module again. */
HOST_FUNCTION(host_chain)
{
    UNUSED();
    size_t len;
    uint8_t* bytes = bytes_of(argv[1], &len);
    if (bytes == NULL) {
        return JS_EXCEPTION;
    }
    if (JS_IsNull(argv[0])) {
        return JS_NewUint32(context, faasmChain(chained_entry, bytes, (long)len));
    }
    const char* name = JS_ToCString(context, argv[0]);
    if (name == NULL) {
        return JS_EXCEPTION;
    }
    unsigned int call = faasmChainNamed(name, bytes, (long)len);
    JS_FreeCString(context, name);
    return JS_NewUint32(context, call);
}

/* (id) -> [return code, output] */
HOST_FUNCTION(host_await)
{
    UNUSED();
    char* output = NULL;
    int len = 0;
    unsigned int code = faasmAwaitCallOutput((unsigned int)number_of(argv[0]), &output, &len);
    JSValue pair = JS_NewArray(context);
    JS_SetPropertyUint32(context, pair, 0, JS_NewInt32(context, (int32_t)code));
    JS_SetPropertyUint32(context, pair, 1, take_bytes((uint8_t*)output, (size_t)len));
    return pair;
}

/* State: the first argument is the key, the second says what to do. The value is
 * mapped once for each key and range; the memory is not the collector's. */
enum Operation {
    SIZE, READ, WRITE, READ_AT, WRITE_AT, MAP, WRITTEN, PUSH, PUSH_WRITTEN, PULL,
    LOCK_READ, UNLOCK_READ, LOCK_WRITE, UNLOCK_WRITE, APPEND, APPENDED, CLEAR,
};

static JSValue read_whole(const char* key)
{
    size_t size = faasmReadStateSize(key);
    uint8_t* bytes = allocate(size);
    if (size > 0) {
        faasmReadState(key, bytes, (long)size);
    }
    return take_bytes(bytes, size);
}

static JSValue read_part(const char* key, JSValueConst* argv)
{
    long len = number_of(argv[2]);
    uint8_t* bytes = allocate((size_t)len);
    faasmReadStateOffset(key, number_of(argv[0]), number_of(argv[1]), bytes, len);
    return take_bytes(bytes, (size_t)len);
}

static JSValue map(const char* key, JSValueConst* argv)
{
    long len = number_of(argv[2]);
    uint8_t* bytes = faasmReadStateOffsetPtr(key, number_of(argv[0]), number_of(argv[1]), len);
    return JS_NewArrayBuffer(context, bytes, (size_t)len, NULL, NULL, false);
}

static JSValue read_list(const char* key, JSValueConst* argv)
{
    long n = number_of(argv[0]);
    long len = n * number_of(argv[1]);
    uint8_t* bytes = allocate((size_t)len);
    faasmReadAppendedState(key, bytes, len, n);
    return take_bytes(bytes, (size_t)len);
}

static JSValue send_bytes(enum Operation operation, const char* key, JSValueConst* argv)
{
    size_t len;
    uint8_t* bytes = bytes_of(argv[0], &len);
    if (bytes == NULL) {
        return JS_EXCEPTION;
    }
    switch (operation) {
        case WRITE: faasmWriteState(key, bytes, (long)len); break;
        case APPEND: faasmAppendState(key, bytes, (long)len); break;
        default:
            faasmWriteStateOffset(key, number_of(argv[1]), number_of(argv[2]), bytes, (long)len);
    }
    return JS_UNDEFINED;
}

static JSValue operate(enum Operation operation, const char* key, JSValueConst* argv)
{
    switch (operation) {
        case SIZE: return JS_NewInt64(context, (int64_t)faasmReadStateSize(key));
        case READ: return read_whole(key);
        case READ_AT: return read_part(key, argv);
        case WRITE: case WRITE_AT: case APPEND: return send_bytes(operation, key, argv);
        case MAP: return map(key, argv);
        case APPENDED: return read_list(key, argv);
        case WRITTEN:
            faasmFlagStateOffsetDirty(key, number_of(argv[0]), number_of(argv[1]), number_of(argv[2]));
            break;
        case PUSH: faasmPushState(key); break;
        case PUSH_WRITTEN: faasmPushStatePartial(key); break;
        case PULL: faasmPullState(key, number_of(argv[0])); break;
        case LOCK_READ: faasmLockStateRead(key); break;
        case UNLOCK_READ: faasmUnlockStateRead(key); break;
        case LOCK_WRITE: faasmLockStateWrite(key); break;
        case UNLOCK_WRITE: faasmUnlockStateWrite(key); break;
        case CLEAR: faasmClearAppendedState(key); break;
    }
    return JS_UNDEFINED;
}

static JSValue host_state(JSContext* ctx, JSValueConst this, int argc, JSValueConst* argv, int operation)
{
    (void)ctx;
    (void)this;
    JSValueConst all[4] = {JS_UNDEFINED, JS_UNDEFINED, JS_UNDEFINED, JS_UNDEFINED};
    for (int i = 0; i < argc && i < 4; i++) {
        all[i] = argv[i];
    }
    const char* key = JS_ToCString(context, all[0]);
    if (key == NULL) {
        return JS_EXCEPTION;
    }
    JSValue result = operate((enum Operation)operation, key, all + 1);
    JS_FreeCString(context, key);
    return result;
}

/* ---- Random numbers: QuickJS would go on from the snapshot's in every call ---- */

static uint64_t random_state[2];

static void reseed(void)
{
    if (getentropy(random_state, sizeof random_state) != 0) {
        abort();
    }
    random_state[0] |= 1; /* not all of it may be 0 */
}

/* xorshift128+, of which 53 bits are a number from 0 up to 1. */
HOST_FUNCTION(host_random)
{
    UNUSED();
    uint64_t a = random_state[0];
    uint64_t b = random_state[1];
    random_state[0] = b;
    a ^= a << 23;
    random_state[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
    return JS_NewFloat64(context, (double)((random_state[1] + b) >> 11) * 0x1p-53);
}

FAASM_AFTER_RESTORE()
{
    reseed();
    return 0;
}

/* ---- Modules ---- */

static const JSCFunctionListEntry host_functions[] = {
    JS_CFUNC_DEF("input", 0, host_input),
    JS_CFUNC_DEF("output", 1, host_output),
    JS_CFUNC_DEF("print", 2, host_print),
    JS_CFUNC_DEF("chain", 2, host_chain),
    JS_CFUNC_DEF("await", 1, host_await),
    JS_CFUNC_DEF("random", 0, host_random),
    JS_CFUNC_MAGIC_DEF("size", 1, host_state, SIZE),
    JS_CFUNC_MAGIC_DEF("read", 1, host_state, READ),
    JS_CFUNC_MAGIC_DEF("write", 2, host_state, WRITE),
    JS_CFUNC_MAGIC_DEF("readAt", 4, host_state, READ_AT),
    JS_CFUNC_MAGIC_DEF("writeAt", 4, host_state, WRITE_AT),
    JS_CFUNC_MAGIC_DEF("map", 4, host_state, MAP),
    JS_CFUNC_MAGIC_DEF("written", 4, host_state, WRITTEN),
    JS_CFUNC_MAGIC_DEF("push", 1, host_state, PUSH),
    JS_CFUNC_MAGIC_DEF("pushWritten", 1, host_state, PUSH_WRITTEN),
    JS_CFUNC_MAGIC_DEF("pull", 2, host_state, PULL),
    JS_CFUNC_MAGIC_DEF("lockRead", 1, host_state, LOCK_READ),
    JS_CFUNC_MAGIC_DEF("unlockRead", 1, host_state, UNLOCK_READ),
    JS_CFUNC_MAGIC_DEF("lockWrite", 1, host_state, LOCK_WRITE),
    JS_CFUNC_MAGIC_DEF("unlockWrite", 1, host_state, UNLOCK_WRITE),
    JS_CFUNC_MAGIC_DEF("append", 2, host_state, APPEND),
    JS_CFUNC_MAGIC_DEF("appended", 3, host_state, APPENDED),
    JS_CFUNC_MAGIC_DEF("clear", 1, host_state, CLEAR),
};
#define N_HOST_FUNCTIONS (int)(sizeof host_functions / sizeof *host_functions)

static int fill_host(JSContext* ctx, JSModuleDef* module)
{
    return JS_SetModuleExportList(ctx, module, host_functions, N_HOST_FUNCTIONS);
}

/* Compiles a module's text; NULL with an exception. */
static JSModuleDef* compile(const char* text, size_t len, const char* name)
{
    JSValue module =
        JS_Eval(context, text, len, name, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
    return JS_IsException(module) ? NULL : JS_VALUE_GET_PTR(module);
}

static JSModuleDef* load(JSContext* ctx, const char* name, void* opaque)
{
    (void)opaque;
    if (strcmp(name, "faasm") == 0) {
        return compile(library, sizeof library - 1, "faasm");
    }
    JS_ThrowReferenceError(ctx, "there is no module '%s': a function has \"faasm\" only", name);
    return NULL;
}

/* ---- Results ---- */

static void run_jobs(void)
{
    JSContext* ran;
    while (JS_ExecutePendingJob(runtime, &ran) > 0) {
    }
}

/* Waits for a promise. Nothing from outside can settle one, so that jobs are all
 * there is to wait for. Takes the value; an exception where it was rejected. */
static JSValue settled(JSValue value)
{
    if (JS_IsException(value)) {
        return value;
    }
    run_jobs();
    switch ((int)JS_PromiseState(context, value)) {
        case JS_PROMISE_FULFILLED: {
            JSValue result = JS_PromiseResult(context, value);
            JS_FreeValue(context, value);
            return result;
        }
        case JS_PROMISE_REJECTED: {
            JSValue reason = JS_PromiseResult(context, value);
            JS_FreeValue(context, value);
            return JS_Throw(context, reason);
        }
        case JS_PROMISE_PENDING:
            JS_FreeValue(context, value);
            return JS_ThrowTypeError(context, "a promise is awaited that nothing can settle");
        default: return value; /* no promise */
    }
}

/* What was thrown, with its stack if it has one; the caller frees it. */
static char* reason_of(void)
{
    JSValue error = JS_GetException(context);
    JSValue stack = JS_IsError(context, error) ? JS_GetPropertyStr(context, error, "stack") : JS_UNDEFINED;
    const char* text = JS_ToCString(context, error);
    const char* where = JS_IsUndefined(stack) ? NULL : JS_ToCString(context, stack);
    size_t size = strlen(text ? text : "") + strlen(where ? where : "") + 2;
    char* reason = (char*)allocate(size);
    snprintf(reason, size, "%s%s%s", text ? text : "", where ? "\n" : "", where ? where : "");
    JS_FreeCString(context, text);
    JS_FreeCString(context, where);
    JS_FreeValue(context, stack);
    JS_FreeValue(context, error);
    return reason;
}

static int fail(void)
{
    char* reason = reason_of();
    fprintf(stderr, "%s\n", reason);
    faasmSetOutput(reason, (long)strlen(reason));
    fflush(NULL);
    free(reason);
    return 1;
}

/* Calls what faasm.js makes of an export; the result is the return code. */
static int call_export(const char* name)
{
    JS_UpdateStackTop(runtime);
    JSValue function = JS_GetPropertyStr(context, exports, name);
    JSValue global = JS_GetGlobalObject(context);
    JSValue run = JS_GetPropertyStr(context, global, "__faasm_run");
    JSValue arguments[] = {function, JS_NewString(context, name)};
    JSValue result = settled(JS_Call(context, run, JS_UNDEFINED, 2, arguments));
    if (JS_IsException(result)) {
        return fail();
    }
    fflush(NULL);
    return number_of(result);
}

static int chained_entry(void)
{
    long len;
    char* input = faasmGetInputCopy(&len);
    size_t name = strlen(input) + 1;
    own_input = input + name;
    own_input_len = (size_t)len >= name ? (size_t)len - name : 0;
    return call_export(input);
}

/* Runs the top level of a script, of which `text` has a NUL behind. False, with an
 * exception, where it fails. */
static bool begin(const char* text, size_t len)
{
    JSModuleDef* module = compile(text, len, "function.js");
    if (module == NULL) {
        return false;
    }
    JSValue done = settled(JS_EvalFunction(context, JS_MKPTR(JS_TAG_MODULE, module)));
    if (JS_IsException(done)) {
        return false;
    }
    exports = JS_GetModuleNamespace(context, module);
    return true;
}

FAASM_ZYGOTE()
{
    runtime = JS_NewRuntime();
    context = JS_NewContext(runtime);
    if (context == NULL) {
        return 1;
    }
    JS_SetMaxStackSize(runtime, MAX_STACK);
    JS_SetModuleLoaderFunc(runtime, NULL, load, NULL);
    reseed();
    JSModuleDef* host = JS_NewCModule(context, "faasm:host", fill_host);
    JS_AddModuleExportList(context, host, host_functions, N_HOST_FUNCTIONS);
    long len;
    char* text = faasmGetInputCopy(&len);
    if (len > 0 && !begin(text, (size_t)len)) {
        return fail();
    }
    free(text);
    JS_RunGC(runtime);
    fflush(NULL);
    return 0;
}

int main(void)
{
    long len;
    own_input = faasmGetInputCopy(&len);
    own_input_len = (size_t)len;
    if (!JS_IsUndefined(exports)) {
        return call_export("main");
    }
    JS_UpdateStackTop(runtime);
    bool good = begin(own_input, own_input_len);
    fflush(NULL);
    return good ? 0 : fail();
}
