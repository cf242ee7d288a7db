/*
 * The files /etc/subuid and /etc/subgid: lines of OWNER:START:COUNT, where OWNER is a user's name or number.
 * Where else ranges may come from, and which names a user has: subid_source.c.
 */
#include "userns/subid.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"
#include "userns/subid_internal.h"

#define SUBID_FILE_MAX (16U << 20) /* sites with thousands of users have files of some 100 KiB */
#define ID_SPACE       (1ULL << 32)
#define SUGGEST_FIRST  100000

const char *subid_path(enum subid_kind kind)
{
    return kind == SUBID_UID ? "/etc/subuid" : "/etc/subgid";
}

int subid_add(struct subid_ranges *out, uint64_t start, uint64_t count)
{
    struct subid_range *grown = reallocarray(out->items, out->count + 1, sizeof *grown);

    if (!grown)
        return -ENOMEM;
    out->items = grown;
    out->items[out->count++] = (struct subid_range){start, count};
    return 0;
}

/* Whose line it is: 1 this user's, 0 somebody else's by number, -1 somebody else's by name. */
static int line_owner(const char *owner, char *const *names, uid_t uid)
{
    uint32_t number;

    if (strv_has(names, owner))
        return 1;
    if (parse_u32(owner, &number) == 0)
        return number == uid;
    return -1;
}

/* Splits a line behind its owner. Returns 0 with *start and *count, or what is wrong with it as a text. */
static const char *parse_range(char *rest, uint64_t *start, uint64_t *count)
{
    char *second = rest ? strchr(rest, ':') : NULL;

    if (!second)
        return "expected OWNER:START:COUNT";
    *second++ = '\0';
    if (parse_u64(rest, start) < 0)
        return "the start is not a number";
    if (parse_u64(second, count) < 0)
        return "the count is not a number";
    if (*count == 0)
        return "the count is 0";
    if (*start >= ID_SPACE || *count > ID_SPACE - *start)
        return "the range ends beyond 4294967295";
    return NULL;
}

int subid_parse(const char *path, const char *text, char *const *names, uid_t uid, struct subid_ranges *out,
                bool *others, struct error *err)
{
    unsigned number = 0;

    for (const char *p = text; *p;) {
        size_t len = strcspn(p, "\n");
        _cleanup_free_ char *line = strndup(p, len);
        if (!line)
            return error_oom(err);
        p += len;
        p += *p == '\n';
        number++;

        line[strcspn(line, "\r")] = '\0';
        if (!*line || *line == '#')
            continue;
        /* The owner ends at the colon; a line without one is still told by its first word ("alice 100000").
         */
        char *end = line + strcspn(line, ": \t");
        char *rest = *end == ':' ? end + 1 : NULL;
        *end = '\0';
        int owner = line_owner(line, names, uid);
        if (owner < 0 && others)
            *others = true;
        if (owner != 1)
            continue;
        uint64_t start, count;
        const char *wrong = parse_range(rest, &start, &count);
        if (wrong) {
            error_set(err, EINVAL, "%s:%u: %s", path, number, wrong);
            error_hint(err, "the line of \"%s\" must look like %s:100000:65536", line, line);
            return -EINVAL;
        }
        if (subid_add(out, start, count) < 0)
            return error_oom(err);
    }
    return 0;
}

/* Reads a subid file; a missing one is empty. */
static int read_text(const char *path, char **text, struct error *err)
{
    _cleanup_error_ struct error failed = ERROR_INIT;
    int r = file_read_at(AT_FDCWD, path, SUBID_FILE_MAX, text, NULL, &failed);

    if (r == -ENOENT) {
        *text = strdup("");
        return *text ? 0 : error_oom(err);
    }
    if (r < 0)
        error_move(err, &failed);
    return r;
}

int subid_read_file(const char *path, const char *name, uid_t uid, struct subid_ranges *out,
                    struct error *err)
{
    char *names[] = {(char *)(uintptr_t)name, NULL};
    _cleanup_free_ char *text = NULL;

    *out = (struct subid_ranges){0};
    int r = read_text(path, &text, err);
    if (r == 0)
        r = subid_parse(path, text, names, uid, out, NULL, err);
    if (r < 0) {
        free(out->items);
        *out = (struct subid_ranges){0};
    }
    return r;
}

int subid_read(enum subid_kind kind, uid_t uid, struct subid_ranges *out, struct error *err)
{
    struct subid_lookup lookup = SUBID_LOOKUP_INIT(uid);
    int r = subid_lookup(&lookup, kind, out, err);

    subid_lookup_free(&lookup);
    return r;
}

/* The end of the highest range of anybody in @path, or @floor if that is more. */
static uint64_t highest_end(const char *path, uint64_t floor)
{
    _cleanup_free_ char *text = NULL;
    char *save = NULL;

    if (read_text(path, &text, NULL) < 0)
        return floor;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *rest = strchr(line, ':');
        uint64_t start, count;
        if (*line == '#' || !rest || parse_range(rest + 1, &start, &count))
            continue;
        if (start + count > floor)
            floor = start + count;
    }
    return floor;
}

uint64_t subid_suggest_start(void)
{
    uint64_t start = highest_end(subid_path(SUBID_GID), highest_end(subid_path(SUBID_UID), SUGGEST_FIRST));

    return start + 65536 < ID_SPACE ? start : SUGGEST_FIRST;
}
