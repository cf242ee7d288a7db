/*
 * Properties that a caller adds: annotations `org.systemd.property.NAME`, with values in the text form of
 * GVariant, as runc and crun document them. NAMESec takes seconds where systemd knows NAMEUSec only.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "cgroup/systemd.h"

#define PREFIX "org.systemd.property."

/* What makes the unit that of the container is not for others to say. */
static const char *const own_properties[] = {"PIDs", "PIDFDs", "Slice", "Delegate"};

static int bad(const char *key, const char *why, struct error *err)
{
    _cleanup_free_ char *shown = str_quote(key, 120);

    return shown ? error_set(err, EINVAL, "annotations[\"%s\"]: %s", shown, why) : error_oom(err);
}

static int check_name(const char *key, const char *name, struct error *err)
{
    bool good = isupper((unsigned char)*name);

    for (const char *c = name; *c; c++)
        good = good && isalnum((unsigned char)*c);
    if (!good)
        return bad(key, "expected the name of a unit's property behind \"" PREFIX "\"", err);
    for (size_t i = 0; i < ARRAY_SIZE(own_properties); i++)
        if (strcmp(name, own_properties[i]) == 0)
            return bad(key, "this property is set by bryo itself", err);
    return 0;
}

/* Seconds as a whole number or a fraction; false for what is no number of them. */
static bool to_microseconds(struct variant *v)
{
    double d = v->number.d;

    if (strchr("nix", v->type)) {
        if (v->number.i < 0)
            return false;
        v->number.u = (uint64_t)v->number.i;
    } else if (v->type == 'd') {
        if (!(d >= 0 && d < (double)(UINT64_MAX / 1000000)))
            return false;
        variant_u64((uint64_t)(d * 1e6 + 0.5), v);
        return true;
    } else if (!strchr("yqut", v->type)) {
        return false;
    }
    if (v->number.u > UINT64_MAX / 1000000)
        return false;
    variant_u64(v->number.u * 1000000, v);
    return true;
}

/* "TimeoutStopSec", not "TimeoutStopUSec" or "Sec". */
static bool is_seconds(const char *name)
{
    size_t len = strlen(name);

    return len > 3 && strcmp(name + len - 3, "Sec") == 0 && islower((unsigned char)name[len - 4]);
}

/* A bare number is an int32 to GVariant, which no time of systemd's is. */
static const char *type_of_bare(const char *name, const char *text)
{
    text += strspn(text, " \t\n");
    bool whole = isdigit((unsigned char)*text) && !strpbrk(text, ".eE");

    return whole && (is_seconds(name) || str_ends(name, "USec")) ? "t" : NULL;
}

static int add(struct unit_properties *properties, const char *key, const char *text, struct error *err)
{
    const char *name = key + strlen(PREFIX);
    _cleanup_variant_ struct variant value = {0};
    _cleanup_free_ char *own = NULL;
    int r = check_name(key, name, err);

    if (r < 0)
        return r;
    r = variant_parse(text, type_of_bare(name, text), &value, err);
    if (r < 0) {
        error_prefix(err, "annotations[\"%s\"]", key);
        return r;
    }
    if (is_seconds(name)) {
        if (!to_microseconds(&value))
            return bad(key, "expected a number of seconds", err);
        own = str_printf("%.*sUSec", (int)strlen(name) - 3, name);
        if (!own)
            return error_oom(err);
        name = own;
    }
    return unit_properties_set(properties, name, &value, false) < 0 ? error_oom(err) : 0;
}

int unit_properties_of_annotations(struct unit_properties *properties, const struct oci_map *annotations,
                                   struct error *err)
{
    int r = 0;

    for (size_t i = 0; annotations && r == 0 && i < annotations->count; i++)
        if (str_starts(annotations->items[i].key, PREFIX))
            r = add(properties, annotations->items[i].key, annotations->items[i].value, err);
    return r;
}
