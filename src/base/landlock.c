#include "base/landlock.h"

#include <errno.h>
#include <linux/landlock.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/syscalls.h"

/* Rights by the version of the interface that brought them; headers may be older than the kernel. */
#define VERSION_MIN 2 /* hard links between directories (REFER): before that, no landlock at all */
static const struct {
    int version;
    uint64_t fs, net, scoped;
} rights[] = {
    {1, (1ULL << 13) - 1, 0, 0}, /* EXECUTE … MAKE_SYM */
    {2, 1ULL << 13, 0, 0},       /* REFER */
    {3, 1ULL << 14, 0, 0},       /* TRUNCATE */
    {4, 0, 3, 0},                /* BIND_TCP, CONNECT_TCP */
    {5, 1ULL << 15, 0, 0},       /* IOCTL_DEV */
    {6, 0, 0, 3},                /* ABSTRACT_UNIX_SOCKET, SIGNAL */
};

/* The ruleset's attributes grew with the versions: the kernel takes any prefix. */
struct attributes {
    uint64_t fs, net, scoped;
};

int landlock_restrict(const struct landlock_rules *rules, struct error *err)
{
    int version = sys_landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    struct attributes attr = {0};

    if (version < VERSION_MIN)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(rights); i++) {
        if (rights[i].version > version)
            break;
        attr.fs |= rights[i].fs;
        attr.net |= rules->tcp ? rights[i].net : 0;
        attr.scoped |= rights[i].scoped;
    }
    size_t size = attr.scoped ? sizeof attr : attr.net ? 2 * sizeof(uint64_t) : sizeof attr.fs;
    _cleanup_close_ int ruleset = sys_landlock_create_ruleset(&attr, size, 0);
    if (ruleset < 0)
        return error_sys(err, errno, "make a landlock ruleset");
    struct landlock_path_beneath_attr beneath = {.allowed_access = rules->allowed & attr.fs,
                                                 .parent_fd = rules->dir};
    if (rules->dir >= 0 && sys_landlock_add_rule(ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
        return error_sys(err, errno, "add a landlock rule");
    if (rules->also) {
        beneath.allowed_access = rules->also->allowed & attr.fs;
        beneath.parent_fd = rules->also->dir;
        if (sys_landlock_add_rule(ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
            return error_sys(err, errno, "add a landlock rule");
    }
    if (sys_landlock_restrict_self(ruleset, 0) < 0)
        return error_sys(err, errno, "restrict the process by landlock");
    return 1;
}
