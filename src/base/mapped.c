#include "base/mapped.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

/* A map has at most 340 lines. */
#define MAP_MAX 32768

bool id_is_mapped(enum id_kind kind, uint32_t id, uint32_t *last)
{
    const char *path = kind == ID_USER ? "/proc/self/uid_map" : "/proc/self/gid_map";
    _cleanup_free_ char *text = NULL;

    *last = UINT32_MAX - 1;
    if (file_read_at(AT_FDCWD, path, MAP_MAX, &text, NULL, NULL) < 0)
        return true;
    for (char *line = text; line && *line;) {
        unsigned long first, count;
        if (sscanf(line, "%lu %*u %lu", &first, &count) == 2 && id >= first && id - first < count) {
            *last = (uint32_t)(first + count - 1);
            return true;
        }
        line = strchr(line, '\n');
        line += line ? 1 : 0;
    }
    return false;
}
