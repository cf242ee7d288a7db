#include "helpers/image/warnings.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/str.h"

/* Behind the count: "1 entry …" and "N entries …". */
static const struct {
    const char *one, *many;
} texts[] = {
    [WARNING_OWNERS_NOT_KEPT] = {"owners are not kept: 1 entry of another user belongs to root now",
                                 "owners are not kept: %llu entries of other users belong to root now"},
    [WARNING_OWNER_BEYOND] = {"1 entry has an owner outside the id map and belongs to root now",
                              "%llu entries have owners outside the id map and belong to root now"},
    [WARNING_DEVICE] = {"1 device node was left out: this user may not make it",
                        "%llu device nodes were left out: this user may not make them"},
    [WARNING_SOCKET] = {"1 socket was left out", "%llu sockets were left out"},
    [WARNING_XATTR_KIND] = {"1 extended attribute of a kind that images do not carry over was left out",
                            "%llu extended attributes of kinds that images do not carry over were left out"},
    [WARNING_XATTR_REFUSED] = {"1 extended attribute was not taken by the file system",
                               "%llu extended attributes were not taken by the file system"},
    [WARNING_ACL] = {"1 access control list was left out", "%llu access control lists were left out"},
    [WARNING_HEADER] = {"1 entry has an odd header", "%llu entries have odd headers"},
    [WARNING_TRAILING] = {"the archive has data behind its end, which was ignored",
                          "the archive has data behind its end, which was ignored"},
};
_Static_assert(ARRAY_SIZE(texts) == WARNING_COUNT, "a text for each kind of warning");

void warnings_free(struct warnings *w)
{
    for (size_t i = 0; i < WARNING_COUNT; i++)
        free(w->kind[i].first);
    *w = (struct warnings){0};
}

void warnings_add(struct warnings *w, enum warning kind, const char *name, const char *detail)
{
    if (w->kind[kind].count++ > 0)
        return;
    _cleanup_free_ char *quoted = str_quote(name, 200);
    if (quoted)
        w->kind[kind].first =
            str_printf("\"%s\"%s%s", quoted[0] ? quoted : ".", detail ? ", " : "", detail ? detail : "");
}

void warnings_send(const struct warnings *w, struct status *status)
{
    for (size_t i = 0; i < WARNING_COUNT; i++) {
        _cleanup_strbuf_ struct strbuf text = {0};
        unsigned long long count = w->kind[i].count;
        if (count == 0)
            continue;
        if (count == 1) {
            strbuf_add(&text, texts[i].one);
        } else {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            strbuf_addf(&text, texts[i].many, count);
#pragma GCC diagnostic pop
        }
        if (w->kind[i].first && i != WARNING_TRAILING)
            strbuf_addf(&text, " (%s%s)", count == 1 ? "" : "the first: ", w->kind[i].first);
        if (!text.oom)
            status_warn(status, text.data);
    }
}
