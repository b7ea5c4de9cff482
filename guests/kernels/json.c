/* Writes a JSON text of some 40 KB, then parses it n times: tokens, nesting,
 * escapes and numbers. */
#include "kernel.h"

#define SIZE (64 * 1024)
#define MAX_DEPTH 32

static char text[SIZE];
static int32_t text_len;

static void put(const char* piece)
{
    while (*piece != '\0') {
        text[text_len++] = *piece++;
    }
}

static void put_number(uint32_t value)
{
    char reversed[10];
    int len = 0;
    do {
        reversed[len++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (len > 0) {
        text[text_len++] = reversed[--len];
    }
}

static void write_text(void)
{
    uint64_t seed = 13;
    text_len = 0;
    put("{\"users\": [");
    for (int i = 0; text_len < 40000; i++) {
        put(i == 0 ? "\n  {\"id\": " : ",\n  {\"id\": ");
        put_number((uint32_t)i);
        put(", \"name\": \"user \\\"");
        put_number((uint32_t)(next_random(&seed) >> 50));
        put("\\\" caf\\u00e9\", \"score\": -");
        put_number((uint32_t)(next_random(&seed) >> 48));
        put(".");
        put_number((uint32_t)(next_random(&seed) >> 54));
        put("e2, \"tags\": [true, false, null, [], {}]}");
    }
    put("\n]}");
    text[text_len] = '\0';
}

struct Parser {
    const char* at;
    uint64_t sum;
    int depth;
};

static void skip_space(struct Parser* p)
{
    while (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' || *p->at == '\r') {
        p->at++;
    }
}

static int parse_string(struct Parser* p)
{
    uint32_t hash = 0;
    for (p->at++; *p->at != '"'; p->at++) {
        if (*p->at == '\0') {
            return 0;
        }
        if (*p->at == '\\') {
            p->at++;
            if (*p->at == 'u') {
                p->at += 4;
            }
        }
        hash = hash * 31 + (uint8_t)*p->at;
    }
    p->at++;
    p->sum = mix(p->sum, hash);
    return 1;
}

static int parse_number(struct Parser* p)
{
    double sign = 1;
    if (*p->at == '-') {
        sign = -1;
        p->at++;
    }
    double value = 0;
    while (*p->at >= '0' && *p->at <= '9') {
        value = value * 10 + (*p->at++ - '0');
    }
    if (*p->at == '.') {
        double place = 1;
        p->at++;
        while (*p->at >= '0' && *p->at <= '9') {
            place /= 10;
            value += place * (*p->at++ - '0');
        }
    }
    if (*p->at == 'e' || *p->at == 'E') {
        p->at++;
        int exponent = 0;
        while (*p->at >= '0' && *p->at <= '9') {
            exponent = exponent * 10 + (*p->at++ - '0');
        }
        while (exponent-- > 0) {
            value *= 10;
        }
    }
    p->sum = mix_double(p->sum, sign * value);
    return 1;
}

static int parse_word(struct Parser* p, const char* word)
{
    for (; *word != '\0'; word++, p->at++) {
        if (*p->at != *word) {
            return 0;
        }
    }
    p->sum = mix(p->sum, (uint8_t)word[-1]);
    return 1;
}

static int parse_value(struct Parser* p);

static int parse_members(struct Parser* p, char end)
{
    if (++p->depth > MAX_DEPTH) {
        return 0;
    }
    p->at++;
    skip_space(p);
    while (*p->at != end) {
        if (end == '}') {
            if (*p->at != '"' || !parse_string(p)) {
                return 0;
            }
            skip_space(p);
            if (*p->at++ != ':') {
                return 0;
            }
        }
        if (!parse_value(p)) {
            return 0;
        }
        if (*p->at == ',') {
            p->at++;
            skip_space(p);
        } else if (*p->at != end) {
            return 0;
        }
    }
    p->at++;
    p->depth--;
    p->sum = mix(p->sum, (uint8_t)end);
    return 1;
}

static int parse_value(struct Parser* p)
{
    int good;
    skip_space(p);
    switch (*p->at) {
    case '{': good = parse_members(p, '}'); break;
    case '[': good = parse_members(p, ']'); break;
    case '"': good = parse_string(p); break;
    case 't': good = parse_word(p, "true"); break;
    case 'f': good = parse_word(p, "false"); break;
    case 'n': good = parse_word(p, "null"); break;
    default: good = parse_number(p); break;
    }
    skip_space(p);
    return good;
}

int64_t run(int32_t n)
{
    write_text();
    struct Parser parser = {text, 0, 0};
    for (int32_t i = 0; i < n; i++) {
        parser.at = text;
        if (!parse_value(&parser) || *parser.at != '\0') {
            return -1;
        }
    }
    return (int64_t)parser.sum;
}
