/*
 * Joining namespaces that exist, and the time namespace, which alone needs more than a clone flag.
 *
 * A path in config.json is only a path: it may name a FIFO, a device, or a namespace of another type, and
 * setns with type 0 would join whatever is there. So the file is opened without blocking, must be on nsfs,
 * and its type is asked for before it is used.
 */
#include "userns/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "oci/names.h"

#ifndef NSFS_MAGIC
#define NSFS_MAGIC 0x6e736673
#endif

static const char *type_name(int type)
{
    const char *name = name_of(oci_namespace_names, type);

    return name ? name : "unknown";
}

/* The name of the type whose clone flag is @flag. */
static const char *flag_name(int flag)
{
    for (int type = 0; type < OCI_NS_COUNT; type++)
        if (oci_namespace_flag(type) == (uint64_t)flag)
            return type_name(type);
    return "unknown";
}

int namespace_open(const char *path, int type, size_t index, struct error *err)
{
    struct statfs fs;

    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        int code = errno;
        error_sys(err, code, "linux.namespaces[%zu].path: open \"%s\"", index, path);
        if (code == ENOENT)
            error_hint(err, "the process or the bind mount that kept this %s namespace is gone",
                       type_name(type));
        else if (code == EACCES || code == EPERM)
            error_hint(err, "namespaces of another user's processes can be opened only by root");
        return -code;
    }
    if (fstatfs(fd, &fs) < 0)
        return error_sys(err, errno, "linux.namespaces[%zu].path: statfs \"%s\"", index, path);
    int found = fs.f_type == NSFS_MAGIC ? ioctl(fd, NS_GET_NSTYPE) : -1;
    if (found < 0)
        return error_set(err, EINVAL,
                         "linux.namespaces[%zu].path: \"%s\" is not a namespace, expected a %s namespace",
                         index, path, type_name(type));
    if ((uint64_t)found != oci_namespace_flag(type))
        return error_set(err, EINVAL,
                         "linux.namespaces[%zu].path: \"%s\" is a %s namespace, expected a %s namespace",
                         index, path, flag_name(found), type_name(type));
    return TAKE_FD(fd);
}

/* What setns(2) asks for, one row for each type. */
static const char *needed_right(int type)
{
    switch (type) {
    case OCI_NS_USER:
        return "the right to enter is with the user who made it, from outside of it; a process with several "
               "threads "
               "or a shared root directory cannot";
    case OCI_NS_MOUNT:
        return "CAP_SYS_ADMIN over its owner's user namespace and over the own one, and CAP_SYS_CHROOT, are "
               "needed";
    default:
        return "CAP_SYS_ADMIN in the user namespace that owns it and in the own one is needed: join that "
               "user "
               "namespace as well, or use root";
    }
}

int namespace_join(int fd, int type, const char *path, struct error *err)
{
    if (setns(fd, (int)oci_namespace_flag(type)) == 0)
        return 0;
    int code = errno;
    error_sys(err, code, "join the %s namespace \"%s\"", type_name(type), path ? path : "");
    if (code == EPERM)
        error_hint(err, "%s", needed_right(type));
    else if (code == EINVAL && type == OCI_NS_USER)
        error_hint(err, "it is the user namespace bryo is in already, or bryo has several threads");
    else if (code == EINVAL && type == OCI_NS_PID)
        error_hint(err, "only the own pid namespace and those below it can be joined");
    return -code;
}

int namespace_is_own(int fd, int type)
{
    const char *name = oci_namespace_proc_name(type);
    struct stat own, other;
    char path[64];

    if (!name)
        return -EINVAL;
    snprintf(path, sizeof path, "/proc/self/ns/%s", name);
    if (stat(path, &own) < 0 || fstat(fd, &other) < 0)
        return -errno;
    return own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

static void add_offset(struct strbuf *text, const char *clock, const struct oci_time_offset *offset)
{
    if (offset)
        strbuf_addf(text, "%s %lld %u\n", clock, (long long)offset->secs, offset->nanosecs);
}

int namespace_new_time(const struct oci_time_offsets *offsets, struct error *err)
{
    _cleanup_strbuf_ struct strbuf text = {0};

    if (unshare(CLONE_NEWTIME) < 0) {
        int code = errno;
        error_sys(err, code, "create a time namespace");
        if (code == EINVAL)
            error_hint(err, "the kernel was built without CONFIG_TIME_NS");
        return -code;
    }
    if (offsets) {
        add_offset(&text, "monotonic", offsets->monotonic);
        add_offset(&text, "boottime", offsets->boottime);
        if (text.oom)
            return error_oom(err);
    }
    /* The offsets hold for the namespace of the children, and only until the first process enters it. */
    if (text.len) {
        int r = file_write_at(AT_FDCWD, "/proc/self/timens_offsets", text.data, text.len, err);
        if (r < 0) {
            error_prefix(err, "linux.timeOffsets");
            if (r == -ERANGE)
                error_hint(err, "a clock would become negative or leave its range");
            return r;
        }
    }
    _cleanup_close_ int fd = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_sys(err, errno, "open \"/proc/self/ns/time_for_children\"");
    return namespace_join(fd, OCI_NS_TIME, "/proc/self/ns/time_for_children", err);
}
