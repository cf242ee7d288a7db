/*
 * `bryo --version`: the lines that callers of OCI runtimes read, and what the program was built with.
 */
#include <seccomp.h>

#include "base/str.h"
#include "bryo-commit.h" /* made by the makefile: BRYO_COMMIT */
#include "cli/verbs.h"
#include "config.h"
#include "oci/spec.h"

char *cli_version_text(void)
{
    const struct scmp_version *v = seccomp_version();
    struct strbuf b = {0};

    strbuf_addf(&b, "bryo version %s\ncommit: %s\nspec: %s\n", PACKAGE_VERSION, BRYO_COMMIT, OCI_VERSION_MAX);
    if (v)
        strbuf_addf(&b, "libseccomp: %u.%u.%u\n", v->major, v->minor, v->micro);
    strbuf_add(&b, "+SECCOMP +CAP -SYSTEMD +SELINUX +APPARMOR -CRIU\n");
    return strbuf_take(&b);
}
