#include "base/helper.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

/* The path of @name in the directory of the running program if it is there as well. The caller frees; NULL if
 * not. */
static char *beside_program(const char *name)
{
    _cleanup_free_ char *program = calloc(1, PATH_MAX);

    if (!program || readlink("/proc/self/exe", program, PATH_MAX - 1) <= 0)
        return NULL;
    char *slash = strrchr(program, '/');
    if (!slash || program[0] != '/')
        return NULL;
    *slash = '\0';
    _cleanup_free_ char *helper = str_printf("%s/%s", program, name);
    return helper && access(helper, X_OK) == 0 ? TAKE_PTR(helper) : NULL;
}

int helper_find(const char *name, const char *purpose, char **path, struct error *err)
{
    const char *dir = getenv("BRYO_HELPER_DIR");
    bool given = dir && dir[0] == '/';
    _cleanup_free_ char *found = given ? NULL : beside_program(name);

    if (!found)
        found = str_printf("%s/%s", given ? dir : BRYO_HELPER_DIR, name);
    if (!found)
        return error_oom(err);
    if (access(found, X_OK) < 0)
        return error_sys(err, errno, "find the helper program \"%s\", which %s", found, purpose);
    *path = TAKE_PTR(found);
    return 0;
}
