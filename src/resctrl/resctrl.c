/*
 * Classes and monitoring groups: found, made, entered, removed.
 *
 * Paths are plain ones of the host: resctrl is the kernel's, and only root may mount or change it.
 */
#include "resctrl/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mountinfo.h"
#include "base/str.h"

#define SCHEMATA_MAX (1U << 20)
#define MONITORS     "mon_groups"

void resctrl_free(struct resctrl *r)
{
    free(r->group);
    free(r->monitor);
    *r = (struct resctrl){0};
}

static int take_mount(void *data, const struct mountinfo *line)
{
    char **root = data;

    if (strcmp(line->type, "resctrl") != 0 || *root)
        return 0;
    *root = strdup(line->target);
    return *root ? 0 : -ENOMEM;
}

int resctrl_find_root(const char *mountinfo, char **root, struct error *err)
{
    int r = mountinfo_each(mountinfo, take_mount, root, err);

    if (r < 0)
        return r == -ENOMEM ? error_oom(err) : r;
    if (*root)
        return 0;
    error_set(err, ENOTSUP, "linux.intelRdt: no resctrl file system is mounted");
    error_hint(
        err,
        "mount -t resctrl resctrl /sys/fs/resctrl; that takes a processor with Intel RDT or AMD QoS (rdt_a, "
        "cat_l3, mba in /proc/cpuinfo)");
    return -ENOTSUP;
}

/* A name that resctrl has for itself, or that is no name of a directory. */
static bool is_taken(const char *name)
{
    static const char *const taken[] = {"", ".", "..", "info", MONITORS, "mon_data"};

    for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
        if (strcmp(name, taken[i]) == 0)
            return true;
    return strchr(name, '/') || strchr(name, '\n') || strlen(name) > 255;
}

static bool is_root(const char *clos_id)
{
    return clos_id && strcmp(clos_id, "/") == 0;
}

static bool has_schemata(const struct oci_intel_rdt *rdt)
{
    return !str_empty(rdt->l3_cache_schema) || !str_empty(rdt->mem_bw_schema) ||
           (rdt->schemata && *rdt->schemata);
}

/* The class is there: it has to be what is asked for. */
static int compare(const char *group, const struct oci_intel_rdt *rdt, struct error *err)
{
    const struct {
        const char *lines, *property;
    } wanted[] = {{rdt->l3_cache_schema, "l3CacheSchema"}, {rdt->mem_bw_schema, "memBwSchema"}};
    _cleanup_free_ char *path = str_printf("%s/schemata", group), *text = NULL;

    if (!path)
        return error_oom(err);
    int r = file_read_at(AT_FDCWD, path, SCHEMATA_MAX, &text, NULL, err);
    if (r < 0) {
        error_prefix(err, "linux.intelRdt.closID: \"%s\"", rdt->clos_id);
        return r;
    }
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        if (str_empty(wanted[i].lines) || schemata_include(text, wanted[i].lines))
            continue;
        _cleanup_free_ char *shown = str_quote(wanted[i].lines, 200), *there = str_quote(text, 200);
        error_set(err, EINVAL,
                  "linux.intelRdt.%s: the class \"%s\" is there, with other values than \"%s\": \"%s\"",
                  wanted[i].property, rdt->clos_id, shown ? shown : "", there ? there : "");
        error_hint(err, "give the values that it has, or another closID");
        return -EINVAL;
    }
    return 0;
}

static int plan_named(const struct resctrl *r, const struct oci_intel_rdt *rdt, struct error *err)
{
    _cleanup_free_ char *shown = str_quote(rdt->clos_id, 80);

    if (!is_root(rdt->clos_id) && is_taken(rdt->clos_id))
        return error_set(
            err, EINVAL,
            "linux.intelRdt.closID: expected \"/\" or the name of a directory of resctrl, found \"%s\"",
            shown ? shown : "?");
    if (access(r->group, F_OK) == 0)
        return compare(r->group, rdt, err);
    if (errno != ENOENT)
        return error_sys(err, errno, "linux.intelRdt.closID: look at \"%s\"", r->group);
    if (has_schemata(rdt))
        return 0;
    error_set(err, ENOENT, "linux.intelRdt.closID: there is no class \"%s\"", r->group);
    error_hint(err, "make it first, or say by schemata what it is to be");
    return -ENOENT;
}

static int plan_own(struct resctrl *r, const char *id, struct error *err)
{
    if (is_taken(id)) {
        error_set(err, EINVAL, "linux.intelRdt: a class cannot have the container's name \"%s\"", id);
        error_hint(err, "name the class by closID, or the container otherwise");
        return -EINVAL;
    }
    if (access(r->group, F_OK) == 0) {
        error_set(err, EEXIST, "linux.intelRdt: the class \"%s\" exists", r->group);
        error_hint(err, "name it by closID to put the container into it; an empty one goes away by rmdir");
        return -EEXIST;
    }
    if (errno != ENOENT)
        return error_sys(err, errno, "linux.intelRdt: look at \"%s\"", r->group);
    r->own = true;
    return 0;
}

static int plan_monitor(struct resctrl *r, const char *id, struct error *err)
{
    r->monitor = str_printf("%s/" MONITORS "/%s", r->group, id);
    if (!r->monitor)
        return error_oom(err);
    if (access(r->monitor, F_OK) < 0)
        return 0;
    error_set(err, EEXIST, "linux.intelRdt.enableMonitoring: the monitoring group \"%s\" exists", r->monitor);
    error_hint(err, "if nobody uses it, remove it by rmdir");
    free(r->monitor);
    r->monitor = NULL;
    return -EEXIST;
}

int resctrl_plan(struct resctrl *out, const char *mountinfo, const struct oci_intel_rdt *rdt, const char *id,
                 struct error *err)
{
    _cleanup_free_ char *root = NULL;
    bool named = rdt && !str_empty(rdt->clos_id);
    int r;

    *out = (struct resctrl){0};
    if (!rdt)
        return 0;
    r = resctrl_find_root(mountinfo, &root, err);
    if (r < 0)
        return r;
    out->group = is_root(rdt->clos_id) ? strdup(root) : str_printf("%s/%s", root, named ? rdt->clos_id : id);
    if (!out->group)
        return error_oom(err);
    r = named ? plan_named(out, rdt, err) : plan_own(out, id, err);
    if (r == 0 && rdt->enable_monitoring.set && rdt->enable_monitoring.value)
        r = plan_monitor(out, id, err);
    return r;
}

/* Why the kernel refused, in its words: info/last_cmd_status of the file system. NULL: it said nothing. */
static char *last_status(const char *group)
{
    /* @group is a directory of the file system, perhaps not there, or its root. */
    const int lengths[] = {(int)(strrchr(group, '/') - group), (int)strlen(group)};

    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        _cleanup_free_ char *path = str_printf("%.*s/info/last_cmd_status", lengths[i], group), *text = NULL;
        if (!path || file_read_at(AT_FDCWD, path, 4096, &text, NULL, NULL) < 0)
            continue;
        text[strcspn(text, "\n")] = '\0';
        return strcmp(text, "ok") == 0 || !*text ? NULL : str_quote(text, 0);
    }
    return NULL;
}

static int refused(const char *group, int code, const char *what, const char *object, struct error *err)
{
    _cleanup_free_ char *status = last_status(group), *shown = str_quote(object, 200);

    return error_sys(err, code, "linux.intelRdt: %s \"%s\"%s%s", what, shown ? shown : "?",
                     status ? ": " : "", status ? status : "");
}

static int make_directory(const char *group, const char *path, const char *hint, struct error *err)
{
    if (mkdir(path, 0755) == 0)
        return 0;
    int code = errno;
    refused(group, code, "make", path, err);
    if (code == ENOSPC)
        error_hint(err, "%s", hint);
    else if (code == EACCES || code == EPERM)
        error_hint(err, "only root may change resctrl");
    return -code;
}

static int write_line(const char *group, const char *line, struct error *err)
{
    _cleanup_free_ char *path = str_printf("%s/schemata", group), *text = str_printf("%s\n", line);

    if (!path || !text)
        return error_oom(err);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return refused(group, errno, "open", path, err);
    /* One write a line: the kernel takes no part of one. */
    if (write(fd, text, strlen(text)) < 0)
        return refused(group, errno, "write to schemata", line, err);
    return 0;
}

int resctrl_update(const struct resctrl *r, const char *l3, const char *mem_bw, struct error *err)
{
    const char *const lines[] = {l3, mem_bw};

    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        int ret = str_empty(lines[i]) ? 0 : write_line(r->group, lines[i], err);
        if (ret < 0)
            return ret;
    }
    return 0;
}

int resctrl_make(struct resctrl *r, const struct oci_intel_rdt *rdt, struct error *err)
{
    bool absent = r->group && access(r->group, F_OK) < 0;
    int ret = 0;

    if (!r->group)
        return 0;
    if (r->own || absent) {
        ret = make_directory(r->group, r->group,
                             "all classes of the processor are in use (info/*/num_closids)", err);
        if (ret < 0) {
            r->own = false; /* what has the name is another's */
            return ret;
        }
        r->fresh = true;
        ret = resctrl_update(r, rdt->l3_cache_schema, rdt->mem_bw_schema, err);
    }
    STRV_FOREACH (line, rdt->schemata)
        if (ret == 0)
            ret = write_line(r->group, *line, err);
    if (ret < 0 || !r->monitor)
        return ret;
    ret =
        make_directory(r->group, r->monitor, "all monitoring groups are in use (info/L3_MON/num_rmids)", err);
    if (ret < 0) {
        free(r->monitor);
        r->monitor = NULL;
    }
    return ret;
}

static int write_task(const char *group, pid_t pid, struct error *err)
{
    _cleanup_free_ char *path = str_printf("%s/tasks", group);
    char number[16];

    if (!path)
        return error_oom(err);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    snprintf(number, sizeof number, "%d\n", (int)pid);
    if (fd < 0 || write(fd, number, strlen(number)) < 0)
        return refused(group, errno, "put the process into", path, err);
    return 0;
}

/* The class first: a monitoring group takes only tasks of its own class. */
int resctrl_enter(const struct resctrl *r, pid_t pid, struct error *err)
{
    int ret = r->group ? write_task(r->group, pid, err) : 0;

    return ret < 0 || !r->monitor ? ret : write_task(r->monitor, pid, err);
}

static int remove_directory(const char *path, struct error *err)
{
    if (rmdir(path) == 0 || errno == ENOENT)
        return 0;
    return error_sys(err, errno, "linux.intelRdt: remove \"%s\"", path);
}

int resctrl_remove(const struct resctrl *r, struct error *err)
{
    int ret = r->monitor ? remove_directory(r->monitor, err) : 0;

    return ret == 0 && r->group && (r->own || r->fresh) ? remove_directory(r->group, err) : ret;
}
