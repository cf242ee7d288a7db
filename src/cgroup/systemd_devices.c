/*
 * Device rules as properties of a unit of the system's systemd: DevicePolicy and DeviceAllow of
 * systemd.resource-control(5).
 *
 * systemd carries them out by a program on the unit's cgroup, we by one on the container's (device_bpf.h),
 * and the kernel asks both. So the properties may allow more than the rules do, and never less: what they
 * have no words for, such as a device that is taken back from all others, is left to our program alone, with
 * the policy "auto" and no list, which forbids nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cgroup/devices.h"
#include "cgroup/systemd.h"

#define POLICY "DevicePolicy"
#define ALLOW  "DeviceAllow"

bool unit_has_device_annotations(const struct oci_map *annotations)
{
    for (size_t i = 0; annotations && i < annotations->count; i++)
        if (strcmp(annotations->items[i].key, "org.systemd.property." POLICY) == 0 ||
            strcmp(annotations->items[i].key, "org.systemd.property." ALLOW) == 0)
            return true;
    return false;
}

/* What systemd calls the devices of a rule; a number stands for its device whatever its node is called, and
 * whether there is one. NULL with -ENOTSUP: it has no name for all majors with one minor. */
static int name_devices(const struct device_rule *rule, char **out)
{
    const char *class = rule->type == 'b' ? "block" : "char";

    if (rule->major == DEVICE_ANY && rule->minor == DEVICE_ANY)
        *out = str_printf("%s-*", class);
    else if (rule->minor == DEVICE_ANY)
        *out = str_printf("%s-%lld", class, (long long)rule->major);
    else if (rule->major == DEVICE_ANY)
        return -ENOTSUP;
    else
        *out = str_printf("/dev/%s/%lld:%lld", class, (long long)rule->major, (long long)rule->minor);
    return *out ? 0 : -ENOMEM;
}

static int add_rule(struct variant *list, const struct device_rule *rule)
{
    _cleanup_variant_ struct variant pair = {.type = 'r'}, devices = {0}, access = {0};
    _cleanup_free_ char *name = NULL;
    char letters[4];
    int r = name_devices(rule, &name);

    if (r < 0)
        return r;
    snprintf(letters, sizeof letters, "%s%s%s", rule->access & DEVICE_READ ? "r" : "",
             rule->access & DEVICE_WRITE ? "w" : "", rule->access & DEVICE_MKNOD ? "m" : "");
    if (variant_string(name, &devices) < 0 || variant_string(letters, &access) < 0 ||
        variant_add(&pair, &devices) < 0 || variant_add(&pair, &access) < 0)
        return -ENOMEM;
    return variant_add(list, &pair);
}

/* 0 with *list; -ENOTSUP: it can't be said. */
static int make_list(struct device_rules *rules, struct variant *list)
{
    _cleanup_error_ struct error hole = ERROR_INIT;
    int r = rules->allow ? -ENOTSUP : device_rules_flatten(rules, &hole);

    if (r < 0)
        return r == -EINVAL ? -ENOTSUP : r;
    if (variant_array("(ss)", list) < 0)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < rules->count; i++)
        r = add_rule(list, &rules->items[i]);
    if (r < 0)
        variant_free(list);
    return r;
}

static int add_policy(struct unit_properties *p, const char *policy)
{
    struct variant value;

    return variant_string(policy, &value) < 0 ? -ENOMEM : unit_properties_set(p, POLICY, &value, false);
}

int unit_properties_of_devices(struct unit_properties *p, struct device_rules *rules, bool fresh,
                               struct error *err)
{
    struct variant list = {0}, nothing;
    int said = make_list(rules, &list), r = 0;

    if (said < 0 && said != -ENOTSUP)
        return error_oom(err);
    if (said < 0 && fresh)
        return 0;
    r = add_policy(p, said < 0 ? "auto" : "strict");
    /* To systemd a list is more of what was said before, and an empty one the end of that. */
    if (r == 0 && !fresh) {
        r = variant_array("(ss)", &nothing);
        if (r == 0)
            r = unit_properties_append(p, ALLOW, &nothing, false);
    }
    if (r == 0 && said == 0 && list.count)
        r = unit_properties_append(p, ALLOW, &list, false);
    variant_free(&list);
    return r < 0 ? error_oom(err) : 0;
}
