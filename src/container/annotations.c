#include "container/annotations.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

#define KEEP_GROUPS "run.oci.keep_original_groups"
#define HANDLER     "run.oci.handler"

/* What crun does for these has no counterpart here; a container without it is still the one that was asked
 * for. */
static const char *const without_effect[] = {
    "run.oci.delegate-cgroup",    "run.oci.hooks.stderr",     "run.oci.hooks.stdout",
    "run.oci.mount_context_type", "run.oci.systemd.subgroup",
};

/* Engines that read a value from a file leave its newline in. */
static bool is_value(const char *value, const char *expected)
{
    size_t len = strlen(expected);

    return strncmp(value, expected, len) == 0 && value[len + strspn(value + len, "\n")] == '\0';
}

bool annotations_keep_groups(const struct oci_config *config)
{
    const char *value = oci_config_annotation(config, KEEP_GROUPS);

    return value && is_value(value, "1");
}

int annotations_check(const struct oci_config *config, const struct log *log, struct error *err)
{
    const char *keep = oci_config_annotation(config, KEEP_GROUPS);
    const char *handler = oci_config_annotation(config, HANDLER);

    if (keep && !is_value(keep, "0") && !is_value(keep, "1")) {
        _cleanup_free_ char *shown = str_quote(keep, 80);
        return error_set(err, EINVAL,
                         "annotations[\"" KEEP_GROUPS "\"]: expected \"0\" or \"1\", found \"%s\"",
                         shown ? shown : "?");
    }
    if (handler && !is_value(handler, "")) {
        _cleanup_free_ char *shown = str_quote(handler, 80);
        error_set(err, ENOTSUP, "annotations[\"" HANDLER "\"]: \"%s\": this version has no handlers",
                  shown ? shown : "?");
        error_hint(
            err, "bryo runs programs of this machine; virtual machines and WebAssembly need another runtime");
        return -ENOTSUP;
    }
    for (size_t i = 0; i < ARRAY_SIZE(without_effect); i++)
        if (oci_config_annotation(config, without_effect[i]))
            log_warn(log, "annotations[\"%s\"] has no effect in this version", without_effect[i]);
    return 0;
}
