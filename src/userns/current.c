#include "userns/current.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

bool userns_is_initial(void)
{
    _cleanup_free_ char *text = NULL;
    unsigned inside, outside, count;

    if (file_read_at(AT_FDCWD, "/proc/self/uid_map", 64 << 10, &text, NULL, NULL) < 0)
        return true;
    return sscanf(text, "%u %u %u", &inside, &outside, &count) == 3 && inside == 0 && outside == 0 &&
           count == 4294967295u;
}

bool userns_denies_setgroups(void)
{
    _cleanup_free_ char *text = NULL;

    return file_read_at(AT_FDCWD, "/proc/self/setgroups", 64, &text, NULL, NULL) == 0 &&
           str_starts(text, "deny");
}
