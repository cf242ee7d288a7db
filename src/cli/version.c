/*
 * `bryo --version`: the lines that callers of OCI runtimes read, and what the program was built with.
 */
#include "base/str.h"
#include "bryo-commit.h" /* made by the makefile: BRYO_COMMIT */
#include "cli/verbs.h"
#include "config.h"
#include "oci/spec.h"
#include "security/libseccomp.h"

char *cli_version_text(void)
{
    struct libseccomp lib;
    const struct scmp_version *v = libseccomp_load(&lib, NULL) == 0 ? lib.version() : NULL;
    struct strbuf b = {0};

    strbuf_addf(&b, "bryo version %s\ncommit: %s\nspec: %s\n", PACKAGE_VERSION, BRYO_COMMIT, OCI_VERSION_MAX);
    if (v)
        strbuf_addf(&b, "libseccomp: %u.%u.%u\n", v->major, v->minor, v->micro);
    strbuf_addf(&b, "+SECCOMP +CAP %cSYSTEMD +SELINUX +APPARMOR -CRIU\n", HAVE_SYSTEMD ? '+' : '-');
    return strbuf_take(&b);
}
