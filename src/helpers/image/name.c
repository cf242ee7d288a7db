#include "helpers/image/name.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

int name_clean(const char *raw, struct strbuf *out, struct error *err)
{
    out->len = 0;
    strbuf_addn(out, "", 0);
    if (!raw[0])
        return error_set(err, EINVAL, "the entry has an empty name");
    if (strnlen(raw, NAME_LIMIT + 1) > NAME_LIMIT)
        return error_set(err, ENAMETOOLONG, "the name is longer than %d bytes", NAME_LIMIT);
    for (const char *p = raw; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.')
            return error_set(err, EINVAL, "the name leads out of the archive (\"..\")");
        if (n > NAME_MAX)
            return error_set(err, ENAMETOOLONG, "the name has a component of %zu bytes, more than %d", n,
                             NAME_MAX);
        if (n > 0 && !(n == 1 && p[0] == '.')) {
            if (out->len > 0)
                strbuf_addn(out, "/", 1);
            strbuf_addn(out, p, n);
        }
        p += n;
        p += *p == '/';
    }
    return out->oom ? error_oom(err) : 0;
}

size_t name_parent_len(const char *clean)
{
    const char *slash = strrchr(clean, '/');

    return slash ? (size_t)(slash - clean) : 0;
}

const char *name_base(const char *clean)
{
    const char *slash = strrchr(clean, '/');

    return slash ? slash + 1 : clean;
}
