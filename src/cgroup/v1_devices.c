/*
 * Device rules in cgroup v1: devices.allow and devices.deny (kernel: cgroup-v1/devices.rst).
 *
 * Theory of operation. The kernel holds one verdict for everything and a set of exceptions. "a" written to
 * one of the files changes the verdict and forgets the exceptions; it can only be done where no cgroup is
 * below. In a cgroup that denies, devices.list tells the exceptions, so that a change writes only what
 * differs, what is allowed anew first. In one that allows it tells nothing: it is set anew, with the
 * processes stopped, who would meet a refusal otherwise that nobody asked for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cgroup/device_bpf.h"
#include "cgroup/v1.h"

/* What the kernel has. */
static int read_rules(const char *dir, struct device_rules *rules, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    char *save = NULL;
    size_t lines = 0;
    int r = v1_read(dir, "devices.list", &text, err);

    *rules = (struct device_rules){0};
    if (r < 0)
        return r;
    for (const char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    rules->items = calloc(lines + 1, sizeof *rules->items);
    if (!rules->items)
        return error_oom(err);
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        struct device_rule rule;
        bool all;
        if (device_rule_parse(line, &rule, &all) < 0)
            return error_set(err, EINVAL, "\"%s/devices.list\": expected a rule, found \"%s\"", dir, line);
        if (all)
            rules->allow = true;
        else
            rules->items[rules->count++] = rule;
    }
    return 0;
}

static int write_rule(const char *dir, bool allow, const struct device_rule *rule, unsigned access,
                      struct error *err)
{
    struct device_rule part = *rule;
    char text[DEVICE_RULE_TEXT_MAX];

    if (!access)
        return 0;
    part.access = (uint8_t)access;
    int r = v1_write(dir, allow ? "devices.allow" : "devices.deny", device_rule_text(text, &part), err);
    if (r == -EPERM && allow)
        error_hint(err, "a cgroup above it denies this device");
    return r;
}

/* The access that @rules has an exception with just that pattern for. */
static unsigned access_of(const struct device_rules *rules, const struct device_rule *like)
{
    unsigned access = 0;

    for (size_t i = 0; i < rules->count; i++) {
        const struct device_rule *rule = &rules->items[i];
        if (rule->type == like->type && rule->major == like->major && rule->minor == like->minor)
            access |= rule->access;
    }
    return access;
}

/* Both deny. */
static int change_exceptions(const char *dir, const struct device_rules *old,
                             const struct device_rules *rules, struct error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < rules->count; i++)
        r = write_rule(dir, true, &rules->items[i],
                       rules->items[i].access & ~access_of(old, &rules->items[i]), err);
    for (size_t i = 0; r == 0 && i < old->count; i++)
        r = write_rule(dir, false, &old->items[i], old->items[i].access & ~access_of(rules, &old->items[i]),
                       err);
    return r;
}

static const char *rule_line(const void *data, size_t i, char text[V1_LINE_MAX])
{
    return device_rule_text(text, &((const struct device_rules *)data)->items[i]);
}
_Static_assert((int)V1_LINE_MAX >= (int)DEVICE_RULE_TEXT_MAX, "a rule is a line");

/* A cgroup below that was removed counts a moment longer. */
static int change_verdict(const char *dir, bool allow, struct error *err)
{
    enum { TRIES = 8, FIRST_MS = 1 };
    struct timespec wait = {.tv_nsec = FIRST_MS * 1000000L};

    for (int i = 0;; i++) {
        _cleanup_error_ struct error why = ERROR_INIT;
        int r = v1_write(dir, allow ? "devices.allow" : "devices.deny", "a", &why);
        if (r == -EINVAL && i < TRIES) {
            nanosleep(&wait, NULL);
            wait.tv_nsec *= 2;
            continue;
        }
        if (r == -EINVAL)
            error_hint(
                &why, "the verdict for all devices cannot be changed while there are cgroups below this one");
        else if (r == -EPERM)
            error_hint(&why, "a cgroup above it denies devices");
        error_move(err, &why);
        return r;
    }
}

static int set_anew(const char *dir, const struct device_rules *rules, struct error *err)
{
    const struct v1_lines lines = {rules->count, rule_line, rules};
    int r = change_verdict(dir, rules->allow, err);

    if (r == 0)
        r = v1_write_lines(dir, rules->allow ? "devices.deny" : "devices.allow", &lines, err);
    if (r == -EPERM && !rules->allow && err && !err->hint)
        error_hint(err, "a cgroup above it denies this device");
    return r;
}

static int set_anew_frozen(const struct v1_tree *tree, const char *dir, const struct device_rules *rules,
                           struct error *err)
{
    bool stop = v1_with(tree, V1_FREEZER) && !v1_is_frozen(tree);
    int r = stop ? v1_freeze(tree, true, err) : 0;

    if (r < 0)
        return r;
    r = set_anew(dir, rules, err);
    if (stop) {
        int thawed = v1_freeze(tree, false, r < 0 ? NULL : err);
        r = r < 0 ? r : thawed;
    }
    return r;
}

/* Without the controller the program of cgroup2 does it, if that is mounted. */
static int apply_to_cgroup2(const struct v1_tree *tree, const struct device_rules *rules, struct error *err)
{
    const struct v1_hierarchy *h = v1_cgroup2(tree);
    _cleanup_close_ int fd = h ? v1_open(h, err) : -EBADF;

    if (!h)
        return error_set(err, ENOTSUP,
                         "device rules: this machine has neither the controller \"devices\" of cgroup v1 nor "
                         "cgroup2 mounted");
    return fd < 0 ? fd : device_bpf_apply(fd, h->dir, rules, err);
}

int v1_devices_apply(const struct v1_tree *tree, struct device_rules *rules, bool fresh, struct error *err)
{
    const struct v1_hierarchy *h = v1_with(tree, V1_DEVICES);
    _cleanup_device_rules_ struct device_rules old = {0};

    if (!h)
        return apply_to_cgroup2(tree, rules, err);
    int r = device_rules_flatten(rules, err);
    if (r == 0 && fresh)
        return set_anew(h->dir, rules, err);
    if (r == 0)
        r = read_rules(h->dir, &old, err);
    if (r < 0)
        return r;
    return old.allow || rules->allow ? set_anew_frozen(tree, h->dir, rules, err)
                                     : change_exceptions(h->dir, &old, rules, err);
}
