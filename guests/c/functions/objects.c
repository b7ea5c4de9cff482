/*
 * Object calls, one line of input after the other.
 *
 * input   lines: buckets, keys BUCKET [PREFIX], get BUCKET KEY, try BUCKET KEY,
 *         add BUCKET KEY TEXT, replace BUCKET KEY TEXT
 * output  a line for each: names, the text, or what the call returned
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <faasm/core.h>
#include <faasm/host_interface.h>

static char output[1 << 16];

static void say(const char* text, int len)
{
    strlcat(output, " ", sizeof output);
    size_t used = strlen(output);
    snprintf(output + used, sizeof output - used, "%.*s", len, text);
}

static void say_number(int number)
{
    char text[16];
    say(text, snprintf(text, sizeof text, "%d", number));
}

static void list(const char* bucket, const char* prefix)
{
    int n = !bucket  ? __faasm_s3_get_num_buckets()
            : prefix ? __faasm_s3_get_num_keys_with_prefix(bucket, prefix)
                     : __faasm_s3_get_num_keys(bucket);
    char** names = calloc((size_t)n + 1, sizeof *names);
    int* lens = calloc((size_t)n + 1, sizeof *lens);
    if (!bucket) {
        __faasm_s3_list_buckets(names, lens);
    } else if (prefix) {
        __faasm_s3_list_keys_with_prefix(bucket, prefix, names, lens);
    } else {
        __faasm_s3_list_keys(bucket, names, lens);
    }
    say_number(n);
    for (int i = 0; i < n; i++) {
        say(names[i], strlen(names[i]) == (size_t)lens[i] ? lens[i] : 0);
        free(names[i]);
    }
}

static void get(const char* bucket, const char* key, int tolerate)
{
    char* bytes = NULL;
    int len = -1;
    int missing = __faasm_s3_get_key_bytes(bucket, key, &bytes, &len, tolerate);
    if (missing) {
        say("missing", 7);
    } else {
        say(bytes, len);
        free(bytes);
    }
}

int main(void)
{
    char* input = faasmGetInputCopy(NULL);
    for (char *line = strtok(input, "\n"), *next; line; line = next) {
        next = strtok(NULL, "\n");
        char* part[4] = {line};
        for (int i = 1; i < 4 && part[i - 1] && (part[i] = strchr(part[i - 1], ' ')); i++) {
            *part[i]++ = '\0';
        }
        if (strcmp(part[0], "get") == 0 || strcmp(part[0], "try") == 0) {
            get(part[1], part[2], part[0][0] == 't');
        } else if (strcmp(part[0], "add") == 0 || strcmp(part[0], "replace") == 0) {
            say_number(__faasm_s3_add_key_bytes(part[1], part[2], part[3], (int)strlen(part[3]),
                                                part[0][0] == 'r'));
        } else {
            list(part[1], part[1] ? part[2] : NULL);
        }
        strlcat(output, "\n", sizeof output);
    }
    faasmSetOutput(output, (long)strlen(output));
    return 0;
}
