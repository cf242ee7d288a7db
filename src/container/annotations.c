#include "container/annotations.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cgroup/cgroup.h"

#define PREFIX         "run.oci."
#define FAIL_UNKNOWN   PREFIX "seccomp_fail_unknown_syscall"
#define HANDLER        PREFIX "handler"
#define HOOKS_ERR      PREFIX "hooks.stderr"
#define HOOKS_OUT      PREFIX "hooks.stdout"
#define KEEP_GROUPS    PREFIX "keep_original_groups"
#define MOUNT_CONTEXT  PREFIX "mount_context_type"
#define PIDFD_RECEIVER PREFIX "pidfd_receiver"

enum kind {
    SWITCH,  /* "0" or "1" */
    CONTEXT, /* one of mount_contexts */
    PATH,    /* anything but nothing */
    REFUSED, /* would change the container, and is not carried out */
    CGROUP,  /* the cgroup manager's to check, and to warn of what it cannot do (cgroup/cgroup.h) */
};

/* Those that crun documents. */
static const struct known {
    const char *name;
    enum kind kind;
    const char *hint; /* REFUSED */
} known[] = {
    {CGROUP_DELEGATE, CGROUP, NULL},
    {HANDLER, REFUSED,
     "bryo runs programs of this machine; virtual machines and WebAssembly need another runtime"},
    {HOOKS_ERR, PATH, NULL},
    {HOOKS_OUT, PATH, NULL},
    {KEEP_GROUPS, SWITCH, NULL},
    {MOUNT_CONTEXT, CONTEXT, NULL},
    {PIDFD_RECEIVER, PATH, NULL},
    {PREFIX "seccomp.plugins", REFUSED,
     "bryo loads no code of others: run a seccomp agent (linux.seccomp.listenerPath)"},
    {PREFIX "seccomp.receiver", REFUSED, "the specification has linux.seccomp.listenerPath for it"},
    {PREFIX "seccomp_bpf_data", REFUSED, "write the rules in linux.seccomp"},
    {FAIL_UNKNOWN, SWITCH, NULL},
    {PREFIX "systemd.force_cgroup_v1", REFUSED, "mount a cgroup of type v1 with an entry of mounts"},
    {CGROUP_SUBGROUP, CGROUP, NULL},
    {PREFIX "timens_offset", REFUSED, "the specification has linux.timeOffsets for it"},
};

static const char *const mount_contexts[] = {"context", "fscontext", "defcontext", "rootcontext"};

/* Engines that read a value from a file leave its newline in. */
static size_t length(const char *value)
{
    size_t len = strlen(value);

    while (len && value[len - 1] == '\n')
        len--;
    return len;
}

static bool is_value(const char *value, const char *expected)
{
    size_t len = strlen(expected);

    return length(value) == len && strncmp(value, expected, len) == 0;
}

static const char *find(const struct oci_map *annotations, const char *name)
{
    for (size_t i = 0; i < annotations->count; i++)
        if (strcmp(annotations->items[i].key, name) == 0)
            return annotations->items[i].value;
    return NULL;
}

static bool is_on(const struct oci_map *annotations, const char *name)
{
    const char *value = find(annotations, name);

    return value && is_value(value, "1");
}

bool annotations_keep_groups(const struct oci_map *annotations)
{
    return is_on(annotations, KEEP_GROUPS);
}

bool annotations_fail_unknown_syscall(const struct oci_map *annotations)
{
    return is_on(annotations, FAIL_UNKNOWN);
}

const char *annotations_mount_context(const struct oci_map *annotations)
{
    const char *value = find(annotations, MOUNT_CONTEXT);

    for (size_t i = 0; value && i < ARRAY_SIZE(mount_contexts); i++)
        if (is_value(value, mount_contexts[i]))
            return mount_contexts[i];
    return mount_contexts[0];
}

/* The path, absolute; NULL in *out if there is none. */
static int path_of(const struct oci_map *annotations, const char *name, const char *bundle, char **out,
                   struct error *err)
{
    const char *value = find(annotations, name);
    int len = value ? (int)length(value) : 0;

    *out = NULL;
    if (!len)
        return 0;
    *out = value[0] == '/' ? strndup(value, (size_t)len) : str_printf("%s/%.*s", bundle, len, value);
    return *out ? 0 : error_oom(err);
}

int annotations_hook_output(const struct oci_map *annotations, const char *bundle, char **out, char **err_out,
                            struct error *err)
{
    int r = path_of(annotations, HOOKS_OUT, bundle, out, err);

    return r < 0 ? r : path_of(annotations, HOOKS_ERR, bundle, err_out, err);
}

int annotations_pidfd_socket(const struct oci_map *annotations, const char *bundle, char **out,
                             struct error *err)
{
    return path_of(annotations, PIDFD_RECEIVER, bundle, out, err);
}

static int wrong(const char *name, const char *expected, const char *value, struct error *err)
{
    _cleanup_free_ char *shown = str_quote(value, 80);

    return error_set(err, EINVAL, "annotations[\"%s\"]: expected %s, found \"%s\"", name, expected,
                     shown ? shown : "?");
}

static int check_one(const struct known *k, const char *value, struct error *err)
{
    _cleanup_free_ char *shown = NULL;
    bool good = false;

    switch (k->kind) {
    case SWITCH:
        return is_value(value, "0") || is_value(value, "1") ? 0
                                                            : wrong(k->name, "\"0\" or \"1\"", value, err);
    case CONTEXT:
        for (size_t i = 0; i < ARRAY_SIZE(mount_contexts); i++)
            good |= is_value(value, mount_contexts[i]);
        return good ? 0
                    : wrong(k->name, "one of \"context\", \"fscontext\", \"defcontext\", \"rootcontext\"",
                            value, err);
    case PATH:
    case CGROUP:
        break;
    case REFUSED:
        shown = str_quote(value, 80);
        error_set(err, ENOTSUP, "annotations[\"%s\"]: \"%s\" is not supported", k->name, shown ? shown : "?");
        error_hint(err, "%s", k->hint);
        return -ENOTSUP;
    }
    return 0;
}

int annotations_check(const struct oci_map *annotations, const struct log *log, struct error *err)
{
    for (size_t i = 0; i < annotations->count; i++) {
        const struct oci_pair *a = &annotations->items[i];
        const struct known *found = NULL;
        if (!str_starts(a->key, PREFIX) || length(a->value) == 0)
            continue;
        for (size_t n = 0; n < ARRAY_SIZE(known); n++)
            if (strcmp(known[n].name, a->key) == 0)
                found = &known[n];
        if (!found) {
            _cleanup_free_ char *shown = str_quote(a->key, 80);
            log_warn(log, "annotations[\"%s\"] is unknown and has no effect", shown ? shown : "?");
            continue;
        }
        int r = check_one(found, a->value, err);
        if (r < 0)
            return r;
    }
    return 0;
}
