/*
 * The form of a file schemata: a line for each resource, "L3:0=7ff;1=7ff", with a value for each id.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "resctrl/resctrl.h"

static const char *skip_blanks(const char *s)
{
    return s + strspn(s, " \t");
}

/* "0=7ff": masks are hexadecimal and padded to a width of the kernel's; a percentage reads the same in both.
 */
static bool same_value(const char *a, size_t a_len, const char *b, size_t b_len)
{
    char *a_end, *b_end;

    errno = 0;
    unsigned long long x = strtoull(a, &a_end, 16), y = strtoull(b, &b_end, 16);
    if (errno == 0 && a_end == a + a_len && b_end == b + b_len)
        return x == y;
    return a_len == b_len && strncmp(a, b, a_len) == 0;
}

/* The value of @id in @pairs ("0=7ff;1=7ff"), up to the end of the line. */
static const char *find_value(const char *pairs, const char *id, size_t id_len, size_t *len)
{
    while (*pairs && *pairs != '\n') {
        pairs = skip_blanks(pairs);
        size_t n = strcspn(pairs, "=;\n");
        if (pairs[n] == '=' && n == id_len && strncmp(pairs, id, n) == 0) {
            const char *value = skip_blanks(pairs + n + 1);
            *len = strcspn(value, "; \t\n");
            return value;
        }
        pairs += strcspn(pairs, ";\n");
        pairs += *pairs == ';';
    }
    return NULL;
}

/* What follows "NAME:" in @file; NULL without such a line. */
static const char *find_line(const char *file, const char *name, size_t len)
{
    for (; *file; file += strcspn(file, "\n"), file += *file == '\n') {
        const char *line = skip_blanks(file);
        if (strncmp(line, name, len) == 0 && line[len] == ':')
            return line + len + 1;
    }
    return NULL;
}

static bool line_included(const char *file, const char *line, size_t len)
{
    const char *end = line + len, *colon = memchr(line, ':', len);
    const char *there = colon ? find_line(file, line, (size_t)(colon - line)) : NULL;

    if (!there)
        return false;
    for (const char *pair = colon + 1; pair < end;) {
        pair = skip_blanks(pair);
        size_t id_len = strcspn(pair, "=;\n"), wanted_len, found_len;
        if (pair[id_len] != '=')
            return false;
        const char *wanted = find_value(pair, pair, id_len, &wanted_len);
        const char *found = find_value(there, pair, id_len, &found_len);
        if (!wanted || !found || !same_value(wanted, wanted_len, found, found_len))
            return false;
        pair += strcspn(pair, ";\n");
        pair += *pair == ';';
        if (*pair == '\n' || !*pair)
            break;
    }
    return true;
}

bool schemata_include(const char *file, const char *lines)
{
    while (*lines) {
        const char *line = skip_blanks(lines);
        size_t len = strcspn(line, "\n");
        if (len && !line_included(file, line, len))
            return false;
        lines = line + len;
        lines += *lines == '\n';
    }
    return true;
}
