/*
 * One entry of mounts[]: the first line is its type, the others are options.
 */
#include <sys/mount.h>

#include "base/str.h"
#include "base/syscalls.h"
#include "fuzz.h"
#include "rootfs/mount_options.h"

#define KNOWN_ATTRS                                                                                       \
    ((uint64_t)(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |            \
                MOUNT_ATTR__ATIME | MOUNT_ATTR_NOATIME | MOUNT_ATTR_STRICTATIME | MOUNT_ATTR_NODIRATIME | \
                MOUNT_ATTR_IDMAP | MOUNT_ATTR_NOSYMFOLLOW))

/* What mount_setattr would refuse must have been refused with a better text. */
static void check_attrs(uint64_t set, uint64_t clr)
{
    must((set & ~KNOWN_ATTRS) == 0 && (clr & ~KNOWN_ATTRS) == 0, "unknown attributes %#llx %#llx",
         (unsigned long long)set, (unsigned long long)clr);
    must((set & clr & ~(uint64_t)MOUNT_ATTR__ATIME) == 0, "%#llx is set and cleared",
         (unsigned long long)(set & clr));
    must(!(set & MOUNT_ATTR__ATIME) || (clr & MOUNT_ATTR__ATIME) == MOUNT_ATTR__ATIME,
         "an access time mode is set without clearing the others");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = text_of(data, size);
    _cleanup_strv_ char **options = NULL;
    _cleanup_mount_plan_ struct mount_plan plan = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    char *rest = text, *type = strsep(&rest, "\n");
    struct oci_mount mount = {
        .destination = (char *)"/d", .source = (char *)"/s", .type = *type ? type : NULL};

    for (char *line; (line = strsep(&rest, "\n"));)
        must(strv_add(&options, line) == 0, "memory");
    mount.options = options;
    int r = mount_plan_parse(&mount, 0, &plan, &err);
    if (r < 0) {
        must_explain(r, &err);
        return 0;
    }
    check_attrs(plan.attr_set, plan.attr_clr);
    check_attrs(plan.rattr_set, plan.rattr_clr);
    must((plan.sb_set & plan.sb_clr) == 0, "of the superblock %#lx is set and cleared",
         plan.sb_set & plan.sb_clr);
    must(!plan.propagation || !(plan.propagation &
                                ~(unsigned long)(MS_REC | MS_PRIVATE | MS_SLAVE | MS_SHARED | MS_UNBINDABLE)),
         "propagation %#lx", plan.propagation);
    must(!plan.recursive || plan.bind, "recursive, but no bind mount");
    STRV_FOREACH (option, plan.data)
        must(strv_has(options, *option), "\"%s\" was not asked for", *option);
    return 0;
}
