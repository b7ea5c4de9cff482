/*
 * A command around QuickJS: runs a script and prints what it prints.
 *
 *     quickjs FILE [ARGS]      a script in a preopened directory
 *     quickjs -e TEXT [ARGS]
 *     quickjs < FILE
 *
 * Scripts see print, console.log, readFile(path), writeFile(path, text) and
 * scriptArgs. Exit code 0; 1 where the script throws; 2 where it cannot be read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quickjs.h"

/* How much of the stack in linear memory a script may use. Endless recursion is
 * then an exception of the script: this much goes with some 720 JavaScript
 * calls, whose native frames take less than 512 KiB. */
#define MAX_STACK (192 * 1024)

static JSValue js_print(JSContext* context, JSValueConst this, int argc, JSValueConst* argv)
{
    (void)this;
    for (int i = 0; i < argc; i++) {
        const char* text = JS_ToCString(context, argv[i]);
        if (text == NULL) {
            return JS_EXCEPTION;
        }
        printf("%s%s", i == 0 ? "" : " ", text);
        JS_FreeCString(context, text);
    }
    putchar('\n');
    return JS_UNDEFINED;
}

/* Reads all of a file; the caller frees it. */
static char* read_all(FILE* file, size_t* len)
{
    size_t capacity = 4096;
    char* data = malloc(capacity + 1);
    *len = 0;
    for (size_t n; (n = fread(data + *len, 1, capacity - *len, file)) > 0;) {
        *len += n;
        if (*len == capacity) {
            capacity *= 2;
            data = realloc(data, capacity + 1);
        }
    }
    data[*len] = '\0';
    return data;
}

static JSValue js_read_file(JSContext* context, JSValueConst this, int argc, JSValueConst* argv)
{
    (void)this, (void)argc;
    const char* path = JS_ToCString(context, argv[0]);
    if (path == NULL) {
        return JS_EXCEPTION;
    }
    FILE* file = fopen(path, "rb");
    if (file == NULL) {
        JSValue error = JS_ThrowReferenceError(context, "cannot read %s", path);
        JS_FreeCString(context, path);
        return error;
    }
    JS_FreeCString(context, path);
    size_t len;
    char* data = read_all(file, &len);
    fclose(file);
    JSValue text = JS_NewStringLen(context, data, len);
    free(data);
    return text;
}

static JSValue js_write_file(JSContext* context, JSValueConst this, int argc, JSValueConst* argv)
{
    (void)this, (void)argc;
    size_t len;
    const char* path = JS_ToCString(context, argv[0]);
    const char* text = JS_ToCStringLen(context, &len, argv[1]);
    FILE* file = path == NULL || text == NULL ? NULL : fopen(path, "wb");
    int good = file != NULL && fwrite(text, 1, len, file) == len;
    good = file != NULL && fclose(file) == 0 && good;
    JS_FreeCString(context, path);
    JS_FreeCString(context, text);
    return good ? JS_UNDEFINED : JS_ThrowReferenceError(context, "cannot write");
}

static void define(JSContext* context, JSValueConst object, const char* name,
                   JSCFunction* function, int argc)
{
    JS_SetPropertyStr(context, object, name, JS_NewCFunction(context, function, name, argc));
}

static void define_globals(JSContext* context, int argc, char** argv)
{
    JSValue global = JS_GetGlobalObject(context);
    JSValue console = JS_NewObject(context);
    define(context, console, "log", js_print, 1);
    JS_SetPropertyStr(context, global, "console", console);
    define(context, global, "print", js_print, 1);
    define(context, global, "readFile", js_read_file, 1);
    define(context, global, "writeFile", js_write_file, 2);
    JSValue args = JS_NewArray(context);
    for (int i = 0; i < argc; i++) {
        JS_SetPropertyUint32(context, args, (uint32_t)i, JS_NewString(context, argv[i]));
    }
    JS_SetPropertyStr(context, global, "scriptArgs", args);
    JS_FreeValue(context, global);
}

static void print_exception(JSContext* context)
{
    JSValue exception = JS_GetException(context);
    const char* text = JS_ToCString(context, exception);
    fprintf(stderr, "%s\n", text == NULL ? "exception" : text);
    JS_FreeCString(context, text);
    JSValue stack = JS_GetPropertyStr(context, exception, "stack");
    if (JS_IsString(stack)) {
        text = JS_ToCString(context, stack);
        fputs(text, stderr);
        JS_FreeCString(context, text);
    }
    JS_FreeValue(context, stack);
    JS_FreeValue(context, exception);
}

static int run_script(JSContext* context, const char* source, size_t len, const char* name)
{
    JSValue result = JS_Eval(context, source, len, name, JS_EVAL_TYPE_GLOBAL);
    int code = JS_IsException(result) ? 1 : 0;
    if (code != 0) {
        print_exception(context);
    }
    JS_FreeValue(context, result);
    JSContext* pending;
    int left;
    while ((left = JS_ExecutePendingJob(JS_GetRuntime(context), &pending)) != 0) {
        if (left < 0) {
            print_exception(pending);
            code = 1;
        }
    }
    return code;
}

int main(int argc, char** argv)
{
    const char* name = "<stdin>";
    int taken = 1;
    char* source;
    size_t len;
    if (argc > 2 && strcmp(argv[1], "-e") == 0) {
        name = "<text>";
        source = strdup(argv[2]);
        len = strlen(source);
        taken = 3;
    } else if (argc > 1) {
        name = argv[1];
        FILE* file = fopen(name, "rb");
        if (file == NULL) {
            perror(name);
            return 2;
        }
        source = read_all(file, &len);
        fclose(file);
        taken = 2;
    } else {
        source = read_all(stdin, &len);
    }
    JSRuntime* runtime = JS_NewRuntime();
    JS_SetMaxStackSize(runtime, MAX_STACK);
    JSContext* context = JS_NewContext(runtime);
    define_globals(context, argc - taken, argv + taken);
    int code = run_script(context, source, len, name);
    JS_FreeContext(context);
    JS_FreeRuntime(runtime);
    free(source);
    return code;
}
