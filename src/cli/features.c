/*
 * bryo features: what this runtime can do, as the features document of the OCI specification.
 */
#include <config.h> /* in angles: "config.h" would be this folder's */

#include "cli/verbs.h"
#include "oci/spec.h"
#include "rootfs/mount_options.h"

static int run(const struct invocation *inv, struct error *err)
{
    const struct features_options features = {.mount_options = mount_option_names(),
                                              .cgroup_v1 = true,
                                              .cgroup_v2 = true,
                                              .cgroup_systemd = HAVE_SYSTEMD,
                                              .cgroup_systemd_user = HAVE_SYSTEMD};

    (void)inv;
    return cli_write_json(oci_features(&features), true, err);
}

const struct verb cli_features = {
    .name = "features",
    .group = "OCI runtime",
    .summary = "Print what this runtime supports as JSON",
    .usage = "",
    .no_state = true,
    .run = run,
};
