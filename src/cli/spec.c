/*
 * bryo spec: a config.json to start from.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/verbs.h"
#include "oci/spec.h"

struct spec_cli_options {
    const char *bundle;
    bool rootless;
};

#define AT(member) offsetof(struct spec_cli_options, member)

static const struct option_def options[] = {
    {"bundle", 'b', OPT_STRING, AT(bundle), "DIR", "write DIR/config.json (default: the current directory)",
     .check = option_not_empty},
    {"rootless", 0, OPT_FLAG, AT(rootless), NULL,
     "for a caller without root: a user namespace, no mount that needs more"},
    {NULL},
};

/* A new file or none: what is there is never written over, and a half-written file does not stay. */
static int write_new(const char *path, const char *text, struct error *err)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    if (fd < 0 && errno == EEXIST) {
        error_set(err, EEXIST, "\"%s\" exists", path);
        error_hint(err, "spec never writes over a file: remove it, or name another directory with --bundle");
        return -EEXIST;
    }
    if (fd < 0)
        return error_sys(err, errno, "create \"%s\"", path);
    int r = fd_write_all(fd, text, strlen(text));
    if (r < 0) {
        unlink(path);
        return error_sys(err, -r, "write \"%s\"", path);
    }
    return 0;
}

static int run(const struct invocation *inv, struct error *err)
{
    const struct spec_cli_options *o = inv->options;
    const struct spec_options spec = {.rootless = o->rootless};
    _cleanup_cjson_ cJSON *json = oci_spec_default(&spec);
    _cleanup_free_ char *text = json ? json_print(json, true) : NULL;
    _cleanup_free_ char *path = o->bundle ? str_printf("%s/config.json", o->bundle) : strdup("config.json");

    return text && path ? write_new(path, text, err) : error_oom(err);
}

const struct verb cli_spec = {
    .name = "spec",
    .group = "OCI runtime",
    .summary = "Write a config.json to start from",
    .usage = "[OPTIONS]",
    .details = "The container runs sh in the directory rootfs of the bundle. With --rootless no id mappings "
               "are written: "
               "bryo maps the caller and the ranges of /etc/subuid and /etc/subgid when the container is "
               "created, so that "
               "the file works for every user.",
    .options = options,
    .options_size = sizeof(struct spec_cli_options),
    .no_state = true,
    .run = run,
};
