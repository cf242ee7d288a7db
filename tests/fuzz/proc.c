/*
 * Texts of the kernel and of other programs: /proc/PID/stat, mountinfo, nsswitch.conf, the output of
 * getsubids. The first byte says which.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mountinfo.h"
#include "base/process.h"
#include "fuzz.h"
#include "userns/subid_internal.h"

static int look(void *data, const struct mountinfo *line)
{
    must(line->root && line->target && line->options && line->type && line->source && line->super,
         "a missing field");
    must(*line->type, "no type");
    *(size_t *)data += strlen(line->root) + strlen(line->target) + strlen(line->source);
    return 0;
}

static void check_mountinfo(const char *text, size_t size)
{
    static int fd = -1;
    char path[FD_PATH_MAX];
    size_t sum = 0;

    if (fd < 0)
        fd = memfd_create("mountinfo", MFD_CLOEXEC);
    must(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, text, size, 0) == (ssize_t)size, "write the file");
    must(mountinfo_each(fd_path(path, fd), look, &sum, NULL) == 0, "not read");
}

static void check_stat(char *text, size_t size)
{
    uint64_t start;
    pid_t parent;
    char state;
    int r = process_stat_parse(text, size, &start, &state, &parent);

    must(r == 0 || r == -EBADMSG, "%d", r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    _cleanup_free_ char *text = text_of(data + 1, size - 1);
    struct subid_ranges ranges = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    int r;

    switch (data[0]) {
    case 's':
        check_stat(text, size - 1);
        break;
    case 'm':
        check_mountinfo(text, size - 1);
        break;
    case 'n':
        free(subid_service(text));
        break;
    default:
        r = subid_parse_getsubids(text, &ranges, &err);
        if (r < 0)
            must_explain(r, &err);
        free(ranges.items);
        break;
    }
    return 0;
}
