#include "helpers/mount/acl_text.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

#define ACL_VERSION      2
#define ACL_UNDEFINED_ID UINT32_MAX

static const struct {
    const char *name;
    uint16_t plain, named;
} tags[] = {
    {"user", 0x01, 0x02}, {"u", 0x01, 0x02}, {"group", 0x04, 0x08}, {"g", 0x04, 0x08},
    {"mask", 0x10, 0},    {"m", 0x10, 0},    {"other", 0x20, 0},    {"o", 0x20, 0},
};

struct field {
    const char *at;
    size_t len;
};

/* "rwx", "r-x", or a digit. -1: neither. */
static int parse_perm(const struct field *f)
{
    int perm = 0;

    if (f->len == 1 && f->at[0] >= '0' && f->at[0] <= '7')
        return f->at[0] - '0';
    for (size_t i = 0; i < f->len; i++) {
        switch (f->at[i]) {
        case 'r':
            perm |= 4;
            break;
        case 'w':
            perm |= 2;
            break;
        case 'x':
            perm |= 1;
            break;
        case '-':
            break;
        default:
            return -1;
        }
    }
    return f->len > 0 ? perm : -1;
}

/* The number of a named entry: the fourth field, else a name that is one. */
static int parse_number(const struct field *f, size_t n, uint32_t *id)
{
    for (size_t i = n > 3 ? 3 : 1; i == 3 || i == 1; i -= 2) {
        char text[16] = "";
        if (f[i].len > 0 && f[i].len < sizeof text) {
            memcpy(text, f[i].at, f[i].len);
            if (parse_id(text, id) == 0)
                return 0;
        }
        if (i == 1)
            break;
    }
    return -1;
}

/* "TAG:NAME:PERM[:ID]"; other and mask also "TAG::PERM" or "TAG:PERM". Returns 1, 0: left out, -1: no entry.
 */
static int parse_entry(const char *text, size_t len, bool (*known)(void *, bool, uint32_t), void *data,
                       struct acl_binary_entry *out)
{
    struct field f[4] = {{0}};
    size_t n = 0, tag = 0;
    uint32_t id = ACL_UNDEFINED_ID;

    for (size_t i = 0, start = 0; i <= len; i++)
        if (i == len || text[i] == ':') {
            if (n == ARRAY_SIZE(f))
                return -1;
            f[n++] = (struct field){text + start, i - start};
            start = i + 1;
        }
    while (tag < ARRAY_SIZE(tags) &&
           (strlen(tags[tag].name) != f[0].len || memcmp(tags[tag].name, f[0].at, f[0].len) != 0))
        tag++;
    if (tag == ARRAY_SIZE(tags) || n < 2)
        return -1;
    bool named = tags[tag].named && n > 2 && (f[1].len > 0 || f[3].len > 0);
    int perm = parse_perm(&f[n == 2 ? 1 : 2]);
    if (perm < 0)
        return -1;
    if (named && (parse_number(f, n, &id) < 0 || !known(data, tags[tag].plain == 0x04, id)))
        return 0;
    *out = (struct acl_binary_entry){.tag = htole16(named ? tags[tag].named : tags[tag].plain),
                                     .perm = htole16((uint16_t)perm),
                                     .id = htole32(named ? id : ACL_UNDEFINED_ID)};
    return 1;
}

static int compare(const void *a, const void *b)
{
    const struct acl_binary_entry *x = a, *y = b;
    uint16_t tx = le16toh(x->tag), ty = le16toh(y->tag);
    uint32_t ix = le32toh(x->id), iy = le32toh(y->id);

    return tx != ty ? (tx < ty ? -1 : 1) : (ix > iy) - (ix < iy);
}

size_t acl_from_text(const char *text, bool (*known)(void *, bool, uint32_t), void *data, void *out,
                     bool *left_out)
{
    struct acl_binary_entry entries[ACL_ENTRIES_MAX];
    const uint32_t version = htole32(ACL_VERSION);
    size_t n = 0;

    while (*text) {
        text += strspn(text, ", \t\n");
        size_t len = strcspn(text, ", \t\n#");
        if (len > 0 && n < ACL_ENTRIES_MAX) {
            int r = parse_entry(text, len, known, data, &entries[n]);
            n += r > 0;
            *left_out = *left_out || r <= 0;
        }
        text += len;
        if (*text == '#')
            text += strcspn(text, "\n");
    }
    if (n == 0)
        return 0;
    qsort(entries, n, sizeof entries[0], compare);
    size_t kept = 1;
    for (size_t i = 1; i < n; i++)
        if (compare(&entries[i], &entries[kept - 1]) != 0)
            entries[kept++] = entries[i];
    n = kept;
    memcpy(out, &version, ACL_BINARY_HEAD);
    memcpy((char *)out + ACL_BINARY_HEAD, entries, n * sizeof entries[0]);
    return ACL_BINARY_HEAD + n * sizeof entries[0];
}
