#include "helpers/mount/tar_pax.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

int tar_pieces_add(struct tar_pieces *p, uint64_t offset, uint64_t len, struct error *err)
{
    if (p->n >= TAR_PIECES_MAX)
        return error_set(err, EBADMSG, "the archive is damaged: a sparse file of more than %u pieces",
                         TAR_PIECES_MAX);
    if (p->n == p->room) {
        size_t room = p->room ? p->room * 2 : 64;
        void *more = reallocarray(p->at, room, sizeof *p->at);
        if (!more)
            return error_oom(err);
        p->at = more;
        p->room = room;
    }
    p->at[p->n++] = (struct tar_piece){.offset = offset, .len = len};
    return 0;
}

static int bad_record(const char *key, struct error *err)
{
    _cleanup_free_ char *shown = str_quote(key, 60);

    return error_set(err, EBADMSG, "the archive is damaged: a bad value of \"%s\" in a pax header",
                     shown ? shown : "?");
}

/* Decimal seconds with a fraction of any length. Beyond what a time can hold it is cut to the end of that. */
static int parse_time(const char *text, int64_t *seconds, uint32_t *ns)
{
    bool negative = *text == '-';
    int64_t value = 0;
    uint32_t fraction = 0, scale = 100000000;

    text += negative;
    if (*text < '0' || *text > '9')
        return -EINVAL;
    for (; *text >= '0' && *text <= '9'; text++)
        value = value > (INT64_MAX - 9) / 10 ? INT64_MAX / 10 : value * 10 + (*text - '0');
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9'; text++, scale /= 10)
            fraction += (uint32_t)(*text - '0') * scale;
    if (*text)
        return -EINVAL;
    *seconds = negative ? -value : value;
    if (negative && fraction) {
        *seconds -= 1;
        fraction = 1000000000 - fraction;
    }
    *ns = fraction;
    return 0;
}

static int add_attribute(struct tar_pax *pax, const char *key, size_t key_len, const char *value, size_t len,
                         struct error *err)
{
    if (pax->n_attributes >= TAR_ATTRIBUTES_MAX)
        return error_set(err, EBADMSG, "the archive is damaged: an entry with more than %u attributes",
                         TAR_ATTRIBUTES_MAX);
    if (pax->n_attributes == pax->room) {
        size_t room = pax->room ? pax->room * 2 : 16;
        void *more = reallocarray(pax->attribute, room, sizeof *pax->attribute);
        if (!more)
            return error_oom(err);
        pax->attribute = more;
        pax->room = room;
    }
    pax->attribute[pax->n_attributes++] = (struct tar_attribute){key, value, key_len, len};
    return 0;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* "%41" is "A". In place; returns the length. */
static size_t url_decode(char *text, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '%' && i + 2 < len && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
            text[n++] = (char)(hex(text[i + 1]) << 4 | hex(text[i + 2]));
            i += 2;
        } else {
            text[n++] = text[i];
        }
    }
    return n;
}

/* In place; what is no letter of base 64 ends it. Returns the length. */
static size_t base64_decode(char *text, size_t len)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    unsigned have = 0;
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        const char *letter = text[i] ? strchr(letters, text[i]) : NULL;
        if (!letter)
            break;
        bits = bits << 6 | (uint32_t)(letter - letters);
        have += 6;
        if (have >= 8) {
            have -= 8;
            text[n++] = (char)(bits >> have & 0xff);
        }
    }
    return n;
}

/* "0,512,1048576,4": offsets and lengths by turns. */
static int parse_map(struct tar_pax *pax, char *value, struct error *err)
{
    char *rest = value, *word;
    uint64_t number[2];

    for (size_t i = 0; (word = strsep(&rest, ",")); i++) {
        if (i == 0 && !*word && !rest)
            return 0;
        if (parse_u64(word, &number[i % 2]) < 0 || (i % 2 == 0 && !rest))
            return bad_record("GNU.sparse.map", err);
        int r = i % 2 ? tar_pieces_add(&pax->pieces, number[0], number[1], err) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

static int take_sparse(struct tar_pax *pax, const char *key, char *value, struct error *err)
{
    uint64_t number;

    pax->sparse = true;
    if (strcmp(key, "name") == 0) {
        pax->sparse_name = value;
        return 0;
    }
    if (strcmp(key, "map") == 0)
        return parse_map(pax, value, err);
    if (parse_u64(value, &number) < 0 || number > INT64_MAX)
        return bad_record(key, err);
    if (strcmp(key, "size") == 0 || strcmp(key, "realsize") == 0) {
        pax->real_size = (int64_t)number;
        pax->has_real_size = true;
    } else if (strcmp(key, "major") == 0) {
        pax->sparse_in_data = number == 1;
    } else if (strcmp(key, "offset") == 0) {
        pax->offset = number;
        pax->has_offset = true;
    } else if (strcmp(key, "numbytes") == 0) {
        if (!pax->has_offset)
            return bad_record("GNU.sparse.numbytes", err);
        pax->has_offset = false;
        return tar_pieces_add(&pax->pieces, pax->offset, number, err);
    }
    return 0;
}

static int take_number(const char *key, const char *value, bool *has, int64_t *out, struct error *err)
{
    int r = parse_i64(value, out);

    if (r == -ERANGE)
        *out = -1;
    else if (r < 0)
        return bad_record(key, err);
    *has = true;
    return 0;
}

static int take_record(struct tar_pax *pax, char *key, char *value, size_t len, struct error *err)
{
    static const char schily[] = "SCHILY.xattr.", libarchive[] = "LIBARCHIVE.xattr.",
                      sparse[] = "GNU.sparse.";
    const struct {
        const char *key;
        char **text;
    } texts[] = {
        {"path", &pax->path},
        {"linkpath", &pax->linkpath},
        {"SCHILY.acl.access", &pax->acl_access},
        {"SCHILY.acl.default", &pax->acl_default},
    };
    const struct {
        const char *key;
        bool *has;
        int64_t *value;
    } numbers[] = {
        {"size", &pax->has_size, &pax->size},
        {"uid", &pax->has_uid, &pax->uid},
        {"gid", &pax->has_gid, &pax->gid},
        {"SCHILY.devmajor", &pax->has_major, &pax->major},
        {"SCHILY.devminor", &pax->has_minor, &pax->minor},
    };

    if (str_starts(key, schily))
        return add_attribute(pax, key + strlen(schily), strlen(key) - strlen(schily), value, len, err);
    if (str_starts(key, libarchive)) {
        char *name = key + strlen(libarchive);
        size_t name_len = url_decode(name, strlen(name));
        return add_attribute(pax, name, name_len, value, base64_decode(value, len), err);
    }
    /* A text with a NUL in it would mean something else to everybody. */
    if (str_starts(key, sparse))
        return strlen(value) == len ? take_sparse(pax, key + strlen(sparse), value, err)
                                    : bad_record(key, err);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (strcmp(key, texts[i].key) == 0) {
            if (strlen(value) != len)
                return bad_record(key, err);
            *texts[i].text = value;
            return 0;
        }
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        if (strcmp(key, numbers[i].key) == 0)
            return take_number(key, value, numbers[i].has, numbers[i].value, err);
    if (strcmp(key, "mtime") == 0) {
        if (parse_time(value, &pax->mtime, &pax->mtime_ns) < 0)
            return bad_record(key, err);
        pax->has_mtime = true;
    }
    return 0;
}

int tar_pax_parse(struct tar_pax *pax, char *data, size_t len, struct error *err)
{
    for (size_t at = 0; at < len;) {
        size_t n = 0, digits = 0;
        char *record = data + at;
        while (at + digits < len && digits < 9 && record[digits] >= '0' && record[digits] <= '9')
            n = n * 10 + (size_t)(record[digits++] - '0');
        char *equals = NULL;
        if (digits > 0 && n > digits + 2 && n <= len - at && record[digits] == ' ' && record[n - 1] == '\n')
            equals = memchr(record + digits + 1, '=', n - digits - 2);
        if (!equals)
            return error_set(err, EBADMSG, "the archive is damaged: a pax header that is none");
        *equals = '\0';
        record[n - 1] = '\0';
        char *key = record + digits + 1;
        if (strlen(key) != (size_t)(equals - key))
            return error_set(err, EBADMSG, "the archive is damaged: a pax header that is none");
        int r = take_record(pax, key, equals + 1, (size_t)(record + n - 1 - (equals + 1)), err);
        if (r < 0)
            return r;
        at += n;
    }
    return 0;
}

void tar_pax_free(struct tar_pax *pax)
{
    free(pax->pieces.at);
    free(pax->attribute);
    *pax = (struct tar_pax){0};
}
