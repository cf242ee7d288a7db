/*
 * /proc/PID/mountinfo, line by line. proc_pid_mountinfo(5).
 */
#include "base/mountinfo.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

#define MOUNTINFO_MAX (64U << 20)

/* "\040" and its like back to bytes, in place. */
static void unescape(char *s)
{
    char *out = s;

    while (*s) {
        unsigned a = (unsigned char)s[0] == '\\' ? (unsigned)(s[1] - '0') : 8;
        if (a < 4 && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
            *out++ = (char)(a * 64 + (unsigned)(s[2] - '0') * 8 + (unsigned)(s[3] - '0'));
            s += 4;
        } else {
            *out++ = *s++;
        }
    }
    *out = '\0';
}

/* Splits a line: ID parent dev ROOT TARGET OPTIONS [tags…] - TYPE SOURCE SUPER. Returns whether it has all.
 */
static bool split(char *line, struct mountinfo *out)
{
    char *fields[6], *tail = strstr(line, " - "), *save = NULL;
    char *rest[3] = {NULL};

    if (!tail)
        return false;
    *tail = '\0';
    tail += 3;
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        if (!(fields[i] = strtok_r(i ? NULL : line, " ", &save)))
            return false;
    for (size_t i = 0; i < ARRAY_SIZE(rest); i++)
        rest[i] = strtok_r(i ? NULL : tail, " ", &save);
    if (!rest[0])
        return false;
    if (parse_u64(fields[0], &out->id) < 0)
        return false;
    unescape(fields[3]);
    unescape(fields[4]);
    if (rest[1])
        unescape(rest[1]);
    out->root = fields[3];
    out->target = fields[4];
    out->options = fields[5];
    out->type = rest[0];
    out->source = rest[1] ? rest[1] : "";
    out->super = rest[2] ? rest[2] : "";
    return true;
}

int mountinfo_each(const char *path, int (*each)(void *data, const struct mountinfo *line), void *data,
                   struct error *err)
{
    _cleanup_free_ char *text = NULL;
    int r = file_read_at(AT_FDCWD, path, MOUNTINFO_MAX, &text, NULL, err);
    char *save = NULL;

    if (r < 0)
        return r;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        struct mountinfo info;
        if (split(line, &info) && (r = each(data, &info)) != 0)
            return r;
    }
    return 0;
}
