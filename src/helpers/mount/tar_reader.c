#include "helpers/mount/tar_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "helpers/image/name.h"
#include "helpers/mount/tar_header.h"
#include "helpers/mount/tar_pax.h"

/* Headers lie close together where files are small, and then one read brings several. */
#define WINDOW_SIZE (8 * 1024)
#define WINDOW_FAR  1024 /* behind a large file: this one and perhaps the next */

/* What one extra header may hold; real ones are below 64 KiB. */
#define EXTRA_MAX (4u << 20)
/* A table of GNU sparse 1.0. */
#define MAP_MAX (TAR_PIECES_MAX * 42u)

struct tar_reader {
    struct tar_source source;
    uint64_t at; /* where the next header is */
    bool any;
    char window[WINDOW_SIZE];
    uint64_t window_at;
    size_t window_len;
    /* of the entry at hand */
    struct strbuf extra; /* the pax header, as it was read; later ones of the same entry behind it */
    struct strbuf long_name, long_link; /* GNU */
    char name[257], link[101];
    struct tar_pax pax;
    bool has_pax;
    struct tar_pieces pieces;
    const char *current;
};

int tar_open(const struct tar_source *source, struct tar_reader **out, struct error *err)
{
    struct tar_reader *t = calloc(1, sizeof *t);

    if (!t)
        return error_oom(err);
    t->source = *source;
    t->current = "";
    *out = t;
    return 0;
}

void tar_free(struct tar_reader *t)
{
    if (!t)
        return;
    strbuf_free(&t->extra);
    strbuf_free(&t->long_name);
    strbuf_free(&t->long_link);
    tar_pax_free(&t->pax);
    free(t->pieces.at);
    free(t);
}

uint64_t tar_end(const struct tar_reader *t)
{
    return t->at;
}

const char *tar_current_name(const struct tar_reader *t)
{
    return t->current;
}

static int cut_short(const char *what, struct error *err)
{
    return error_set(err, EBADMSG, "the archive is damaged or was cut short (%s)", what);
}

/* The block at @offset: 1, 0 at the end of the archive, or a failure. */
static int get_block(struct tar_reader *t, uint64_t offset, const void **block, struct error *err)
{
    if (offset < t->window_at || offset + TAR_BLOCK > t->window_at + t->window_len) {
        bool far = offset < t->window_at || offset - t->window_at > 2 * WINDOW_SIZE;
        ssize_t n = t->source.read(t->source.data, t->window, far ? WINDOW_FAR : WINDOW_SIZE, offset, err);
        if (n < 0)
            return (int)n;
        t->window_at = offset;
        t->window_len = (size_t)n;
        if (n == 0)
            return 0;
        if (n < TAR_BLOCK)
            return t->any ? cut_short("a block is not whole", err) : 0;
    }
    *block = t->window + (offset - t->window_at);
    return 1;
}

/* Appends the @n bytes at @offset. */
static int get_bytes(struct tar_reader *t, uint64_t offset, size_t n, struct strbuf *out, struct error *err)
{
    _cleanup_free_ char *bytes = malloc(n + 1);

    if (!bytes)
        return error_oom(err);
    ssize_t got = t->source.read(t->source.data, bytes, n, offset, err);
    if (got < 0)
        return (int)got;
    if ((size_t)got < n)
        return cut_short("a header ends with the archive", err);
    strbuf_addn(out, bytes, n);
    return out->oom ? error_oom(err) : 0;
}

/* Where the content of @size bytes behind the header at @t->at ends, to the next block. */
static int skip(struct tar_reader *t, uint64_t size, struct error *err)
{
    if (size > (uint64_t)INT64_MAX - 2 * TAR_BLOCK - t->at)
        return cut_short("a size that is none", err);
    t->at += (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
    return 0;
}

static int get_size(const struct tar_header *h, uint64_t *size, struct error *err)
{
    int64_t value;

    if (tar_number(h->size, sizeof h->size, &value) < 0 || value < 0)
        return cut_short("a size that is none", err);
    *size = (uint64_t)value;
    return 0;
}

/* A header whose content says something about the next: 'L', 'K', 'x'. */
static int take_extra(struct tar_reader *t, const struct tar_header *h, struct error *err)
{
    struct strbuf *to = h->type == 'L' ? &t->long_name : h->type == 'K' ? &t->long_link : &t->extra;
    uint64_t size = 0;
    int r = get_size(h, &size, err);

    if (r < 0)
        return r;
    bool pax = h->type == 'x' || h->type == 'X';
    if (size > EXTRA_MAX)
        return error_set(err, EBADMSG, "the archive is damaged: an extra header of %llu bytes",
                         (unsigned long long)size);
    /* The last one counts; pax records were taken apart already and their texts stay. */
    if (pax && t->has_pax)
        return cut_short("two pax headers for one entry", err);
    to->len = 0;
    r = get_bytes(t, t->at, (size_t)size, to, err);
    if (r == 0)
        r = skip(t, size, err);
    if (r == 0 && pax && size > 0) {
        t->has_pax = true;
        r = tar_pax_parse(&t->pax, to->data, to->len, err);
    }
    return r;
}

/* GNU's old format: four pieces in the header, more in blocks behind it. */
static int take_old_sparse(struct tar_reader *t, const struct tar_header *first, struct tar_entry *e,
                           struct error *err)
{
    struct tar_header h = *first;
    bool more = h.gnu.extended;
    int64_t offset, len, real;

    if (tar_number(h.gnu.realsize, sizeof h.gnu.realsize, &real) < 0 || real < 0)
        return cut_short("a size that is none", err);
    e->size = (uint64_t)real;
    e->sparse = true;
    for (size_t i = 0, max = ARRAY_SIZE(h.gnu.sparse);; i++) {
        struct tar_sparse_block block;
        if (i == max) {
            const void *at;
            if (!more)
                return 0;
            int r = get_block(t, t->at, &at, err);
            if (r <= 0)
                return r < 0 ? r : cut_short("a table of a sparse file", err);
            memcpy(&block, at, sizeof block);
            t->at += TAR_BLOCK;
            more = block.extended;
            max = ARRAY_SIZE(block.sparse);
            i = 0;
        }
        const char *o = max == 4 ? h.gnu.sparse[i].offset : block.sparse[i].offset;
        const char *n = max == 4 ? h.gnu.sparse[i].len : block.sparse[i].len;
        if (!*o && !*n) {
            if (!more)
                return 0;
            i = max - 1;
            continue;
        }
        if (tar_number(o, 12, &offset) < 0 || tar_number(n, 12, &len) < 0 || offset < 0 || len < 0)
            return cut_short("a table of a sparse file", err);
        int r = tar_pieces_add(&t->pieces, (uint64_t)offset, (uint64_t)len, err);
        if (r < 0)
            return r;
    }
}

/* One decimal line of the table at *@p; moves on. */
static int map_number(const char **p, const char *end, uint64_t *out)
{
    uint64_t value = 0;
    const char *start = *p;

    for (; *p < end && **p >= '0' && **p <= '9'; ++*p) {
        if (value > UINT64_MAX / 16)
            return -ERANGE;
        value = value * 10 + (uint64_t)(**p - '0');
    }
    if (*p == start || *p == end || **p != '\n')
        return -EINVAL;
    ++*p;
    *out = value;
    return 0;
}

/* Version 1.0: the table lies before the data, as decimal lines, padded to a block. */
static int take_new_sparse(struct tar_reader *t, struct tar_entry *e, struct error *err)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    uint64_t count = 0, offset, len, blocks = 0;

    /* Read as much as it takes: how long it is only its lines tell. */
    for (size_t want = TAR_BLOCK;; want *= 4) {
        uint64_t n = want < e->stored ? want : e->stored;
        if (n > MAP_MAX)
            return cut_short("a table of a sparse file", err);
        text.len = 0;
        int r = get_bytes(t, e->data, (size_t)n, &text, err);
        if (r < 0)
            return r;
        const char *p = text.data, *end = p + text.len;
        t->pieces.n = 0;
        r = map_number(&p, end, &count);
        for (uint64_t i = 0; r == 0 && i < count; i++) {
            r = map_number(&p, end, &offset);
            if (r == 0)
                r = map_number(&p, end, &len);
            if (r == 0 && (r = tar_pieces_add(&t->pieces, offset, len, err)) < 0)
                return r;
        }
        if (r == 0) {
            blocks = ((uint64_t)(p - text.data) + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
            break;
        }
        if (r == -ERANGE || n == e->stored || memchr(p, '\n', (size_t)(end - p)))
            return cut_short("a table of a sparse file", err);
    }
    if (blocks > e->stored)
        return cut_short("a table of a sparse file", err);
    e->data += blocks;
    e->stored -= blocks;
    return 0;
}

/* Gives the pieces their places, and checks that they are in order, inside the file, and have their data. */
static int place_pieces(struct tar_entry *e, struct tar_pieces *p, struct error *err)
{
    uint64_t end = 0, data = 0;
    size_t kept = 0;

    for (size_t i = 0; i < p->n; i++) {
        struct tar_piece *piece = &p->at[i];
        /* GNU tar ends a table by an empty piece at the end of the file. */
        if (piece->len == 0)
            continue;
        if (piece->offset < end || piece->len > e->stored - data || piece->offset > INT64_MAX)
            return cut_short("a table of a sparse file", err);
        p->at[kept] = (struct tar_piece){piece->offset, piece->len, e->data + data};
        end = piece->offset + piece->len;
        data += piece->len;
        kept++;
    }
    p->n = kept;
    /* A piece may reach beyond the size that is told: then that is what the file looks like. */
    if (end > e->size)
        e->size = end;
    e->piece = p->at;
    e->n_pieces = kept;
    return 0;
}

static void join_name(struct tar_reader *t, const struct tar_header *h, enum tar_magic magic)
{
    size_t prefix = magic == TAR_USTAR ? strnlen(h->prefix, sizeof h->prefix) : 0;
    size_t name = strnlen(h->name, sizeof h->name);
    char *to = t->name;

    if (prefix) {
        memcpy(to, h->prefix, prefix);
        to += prefix;
        *to++ = '/';
    }
    memcpy(to, h->name, name);
    to[name] = '\0';
    size_t link = strnlen(h->link, sizeof h->link);
    memcpy(t->link, h->link, link);
    t->link[link] = '\0';
}

static int take_numbers(const struct tar_header *h, const struct tar_pax *pax, struct tar_entry *e,
                        struct error *err)
{
    int64_t mode, major = 0, minor = 0;

    if (tar_number(h->mode, sizeof h->mode, &mode) < 0)
        return cut_short("a mode that is none", err);
    e->mode = (uint32_t)mode & 07777;
    /* An owner that no number can hold is one that no map has. */
    if (tar_number(h->uid, sizeof h->uid, &e->uid) < 0)
        e->uid = -1;
    if (tar_number(h->gid, sizeof h->gid, &e->gid) < 0)
        e->gid = -1;
    if (tar_number(h->mtime, sizeof h->mtime, &e->mtime) < 0)
        e->mtime = 0;
    if (tar_number(h->major, sizeof h->major, &major) < 0 ||
        tar_number(h->minor, sizeof h->minor, &minor) < 0)
        major = minor = 0;
    if (pax->has_uid)
        e->uid = pax->uid;
    if (pax->has_gid)
        e->gid = pax->gid;
    if (pax->has_mtime) {
        e->mtime = pax->mtime;
        e->mtime_ns = pax->mtime_ns;
    }
    e->major = (uint32_t)(pax->has_major ? pax->major : major);
    e->minor = (uint32_t)(pax->has_minor ? pax->minor : minor);
    return 0;
}

/* Does the content of a hard link follow? Only the pax format has that; GNU tar and v7 write the size of the
 * file and no content; ustar by others does one or the other, and what comes next tells. */
static int link_has_content(struct tar_reader *t, enum tar_magic magic, uint64_t size, struct error *err)
{
    const void *next;

    if (size == 0 || t->has_pax)
        return size > 0;
    if (magic != TAR_USTAR)
        return 0;
    int r = get_block(t, t->at, &next, err);
    return r < 0 ? r : r > 0 && !tar_is_zero(next) && !tar_checksum_fits(next);
}

/* The last NUL of what GNU tar writes belongs to it. */
static const char *long_text(const struct strbuf *b)
{
    return b->len > 0 ? b->data : NULL;
}

static char type_of(const struct tar_header *h, enum tar_magic magic, const char *name)
{
    size_t len = strlen(name);

    switch (h->type) {
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
        return h->type;
    case 'D': /* GNU's dump of a directory: its content is a list */
        return '5';
    default:
        /* Old archives know a directory by its slash; POSIX takes unknown types for files. */
        return (h->type == '0' || !h->type) && magic != TAR_GNU && len > 0 && name[len - 1] == '/' ? '5'
                                                                                                   : '0';
    }
}

static int take_content(struct tar_reader *t, const struct tar_header *h, enum tar_magic magic,
                        struct tar_entry *e, struct error *err)
{
    const struct tar_pax *pax = &t->pax;
    uint64_t stored = 0;
    int r = get_size(h, &stored, err);

    if (r < 0)
        return r;
    if (pax->has_size) {
        if (pax->size < 0)
            return cut_short("a size that is none", err);
        stored = (uint64_t)pax->size;
    }
    if (e->type == '1') {
        r = link_has_content(t, magic, stored, err);
        if (r < 0)
            return r;
        stored = r > 0 ? stored : 0;
    } else if (e->type >= '2' && e->type <= '6' && h->type != 'D') {
        stored = 0;
    }
    e->size = e->stored = stored;
    if (e->type != '0') {
        e->size = 0;
        return skip(t, stored, err);
    }
    struct tar_pieces *pieces = &t->pieces;
    if (h->type == 'S' && magic == TAR_GNU)
        r = take_old_sparse(t, h, e, err);
    e->data = t->at;
    if (r < 0 || (r = skip(t, stored, err)) < 0)
        return r;
    if (pax->sparse) {
        if (pax->has_real_size)
            e->size = (uint64_t)pax->real_size;
        e->sparse = true;
        if (pax->sparse_in_data)
            r = take_new_sparse(t, e, err);
        else
            pieces = &t->pax.pieces;
    }
    return r == 0 && e->sparse ? place_pieces(e, pieces, err) : r;
}

static int take_entry(struct tar_reader *t, const struct tar_header *h, struct tar_entry *e,
                      struct error *err)
{
    enum tar_magic magic = tar_magic_of(h);
    const struct tar_pax *pax = &t->pax;
    const char *long_name = long_text(&t->long_name), *long_link = long_text(&t->long_link);

    join_name(t, h, magic);
    *e = (struct tar_entry){
        .name = pax->sparse_name ? pax->sparse_name
                : pax->path      ? pax->path
                : long_name      ? long_name
                                 : t->name,
        .link = pax->linkpath ? pax->linkpath
                : long_link   ? long_link
                              : t->link,
        .attribute = pax->attribute,
        .n_attributes = pax->n_attributes,
        .acl_access = pax->acl_access,
        .acl_default = pax->acl_default,
    };
    t->current = e->name;
    e->type = type_of(h, magic, e->name);
    int r = take_numbers(h, pax, e, err);
    return r == 0 ? take_content(t, h, magic, e, err) : r;
}

static void forget_entry(struct tar_reader *t)
{
    if (t->has_pax)
        tar_pax_free(&t->pax);
    t->has_pax = false;
    t->pieces.n = 0;
    t->long_name.len = t->long_link.len = 0;
}

int tar_next(struct tar_reader *t, struct tar_entry *e, struct error *err)
{
    forget_entry(t);
    for (;;) {
        const void *block;
        int r = get_block(t, t->at, &block, err);
        if (r < 0)
            return r;
        if (r == 0 && t->any)
            return error_set(err, EBADMSG, "the archive has no end marker: it was cut short");
        if (r > 0 && tar_is_zero(block))
            return t->has_pax || t->long_name.len ? cut_short("it ends behind an extra header", err) : 0;
        if (r == 0 || !tar_checksum_fits(block)) {
            if (!t->any)
                return -ENOEXEC;
            return cut_short("a header whose check sum is wrong", err);
        }
        /* The window may move. */
        struct tar_header h;
        memcpy(&h, block, sizeof h);
        t->any = true;
        t->at += TAR_BLOCK;
        switch (h.type) {
        case 'L':
        case 'K':
        case 'x':
        case 'X':
            r = take_extra(t, &h, err);
            break;
        case 'g': /* of all that follows: nothing in it is kept */
        case 'V': /* the name of the volume */
        case 'A': {
            uint64_t size = 0;
            r = get_size(&h, &size, err);
            r = r == 0 ? skip(t, size, err) : r;
            break;
        }
        case 'M':
            return error_set(err, ENOTSUP, "the archive has several volumes: join them first");
        default:
            r = take_entry(t, &h, e, err);
            return r < 0 ? r : 1;
        }
        if (r < 0)
            return r;
    }
}
