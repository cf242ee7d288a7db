#include "helpers/image/limits.h"

#include <errno.h>

#define STREAM_EXTRA (1ULL << 30)

int limits_entry(struct limits *l, struct error *err)
{
    if (l->entries >= l->max_entries) {
        error_set(err, EFBIG, "the archive holds more than %llu entries", (unsigned long long)l->max_entries);
        error_hint(err, "if you trust it, unpack it by tar(1) and name the directory instead of the archive");
        return -EFBIG;
    }
    l->entries++;
    return 0;
}

static int too_big(const struct limits *l, const char *what, struct error *err)
{
    error_set(err, EFBIG, "%s more than %llu bytes", what, (unsigned long long)l->max_bytes);
    error_hint(err, "if you trust it, raise the limit with --max-size");
    return -EFBIG;
}

int limits_size(const struct limits *l, uint64_t size, struct error *err)
{
    return size > l->max_bytes ? too_big(l, "the file is large:", err) : 0;
}

int limits_data(struct limits *l, uint64_t offset, uint64_t n, struct error *err)
{
    if (n > l->max_bytes - l->bytes)
        return too_big(l, "the archive's files hold", err);
    if (offset > l->max_bytes || n > l->max_bytes - offset)
        return too_big(l, "the file is large:", err);
    l->bytes += n;
    return 0;
}

int limits_stream(const struct limits *l, uint64_t n, struct error *err)
{
    if (l->max_bytes > (UINT64_MAX - STREAM_EXTRA) / 2 || n <= l->max_bytes * 2 + STREAM_EXTRA)
        return 0;
    return too_big(l, "the archive expands to far", err);
}
