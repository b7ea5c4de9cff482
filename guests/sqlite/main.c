/*
 * A command around SQLite: runs SQL and prints the rows.
 *
 *     sqlite DATABASE SQL...      DATABASE in a preopened directory, or :memory:
 *     sqlite DATABASE < FILE
 *
 * Columns are separated by '|', NULL is empty. Exit code 0; 1 where a statement
 * fails, with the reason on stderr; 2 for wrong usage.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite3.h"

static int print_row(void* context, int columns, char** values, char** names)
{
    (void)context, (void)names;
    for (int i = 0; i < columns; i++) {
        printf("%s%s", i == 0 ? "" : "|", values[i] == NULL ? "" : values[i]);
    }
    putchar('\n');
    return 0;
}

static int run_sql(sqlite3* database, const char* sql)
{
    char* reason = NULL;
    if (sqlite3_exec(database, sql, print_row, NULL, &reason) == SQLITE_OK) {
        return 0;
    }
    fprintf(stderr, "error: %s\n", reason == NULL ? sqlite3_errmsg(database) : reason);
    sqlite3_free(reason);
    return 1;
}

/* Runs stdin's statements as soon as each is complete. */
static int run_input(sqlite3* database)
{
    char* sql = calloc(1, 1);
    size_t len = 0;
    char line[4096];
    int code = 0;
    while (code == 0 && fgets(line, sizeof line, stdin) != NULL) {
        size_t more = strlen(line);
        sql = realloc(sql, len + more + 1);
        memcpy(sql + len, line, more + 1);
        len += more;
        if (sqlite3_complete(sql)) {
            code = run_sql(database, sql);
            len = 0;
            sql[0] = '\0';
        }
    }
    if (code == 0) {
        code = run_sql(database, sql);
    }
    free(sql);
    return code;
}

int main(int argc, char** argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: sqlite DATABASE [SQL...]\n");
        return 2;
    }
    sqlite3* database;
    if (sqlite3_open(argv[1], &database) != SQLITE_OK) {
        fprintf(stderr, "error: %s\n", sqlite3_errmsg(database));
        return 1;
    }
    int code = argc == 2 ? run_input(database) : 0;
    for (int i = 2; i < argc && code == 0; i++) {
        code = run_sql(database, argv[i]);
    }
    sqlite3_close(database);
    return code;
}
