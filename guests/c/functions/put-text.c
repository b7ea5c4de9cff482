/*
 * Puts a text into state.
 * Input: the state key, a newline, the text. Output: the text's size in bytes.
 * The value is written and pushed to the global tier.
 */
#include <stdio.h>
#include <string.h>

#include <faasm/core.h>

int main(void)
{
    long len;
    char* key = faasmGetInputCopy(&len);
    char* newline = memchr(key, '\n', (size_t)len);
    if (newline == NULL || newline == key) {
        return 1;
    }
    *newline = '\0';
    char* text = newline + 1;
    long textLen = len - (text - key);
    if (textLen == 0) {
        return 1;
    }
    faasmWriteState(key, (uint8_t*)text, textLen);
    faasmPushState(key);
    char answer[16];
    faasmSetOutput(answer, snprintf(answer, sizeof answer, "%ld", textLen));
    return 0;
}
