/*
 * Which groups the current user namespace has: for options of file systems and sysctls that name groups.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/syscalls.h"
#include "rootfs/internal.h"

/* A map has at most 340 lines. */
#define GID_MAP_MAX 32768

bool gid_is_mapped(uint32_t gid, uint32_t *last)
{
    _cleanup_free_ char *text = NULL;

    *last = UINT32_MAX - 1;
    if (file_read_at(AT_FDCWD, "/proc/self/gid_map", GID_MAP_MAX, &text, NULL, NULL) < 0)
        return true;
    for (char *line = text; line && *line;) {
        unsigned long first, count;
        if (sscanf(line, "%lu %*u %lu", &first, &count) == 2 && gid >= first && gid - first < count) {
            *last = (uint32_t)(first + count - 1);
            return true;
        }
        line = strchr(line, '\n');
        line += line ? 1 : 0;
    }
    return false;
}
