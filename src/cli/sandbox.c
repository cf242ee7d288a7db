/*
 * bryo sandbox: a command in a container made from an image.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "sandbox/host_secrets.h"
#include "sandbox/lazy.h"
#include "sandbox/sandbox.h"

#define AT(member) offsetof(struct sandbox_options, member)

static const struct option_def options[] = {
    {"env", 'e', OPT_STRV, AT(env), "NAME[=VALUE]", "set a variable; without a value, take the caller's"},
    {"env-file", 0, OPT_STRV, AT(env_file), "FILE", "read variables from a file, one a line"},
    {"cwd", 'w', OPT_STRING, AT(cwd), "DIR", "working directory inside (made if missing); default /"},
    {"user", 'u', OPT_STRING, AT(user), "USER[:GROUP]",
     "numbers, or names of the image's /etc/passwd; default 0:0"},
    {"hostname", 0, OPT_STRING, AT(hostname), "NAME", "host name inside; default the sandbox's name"},
    {"bind", 'v', OPT_STRV, AT(bind), "SRC:DST[:ro]", "show a file or directory of the host inside"},
    {"tmpfs", 0, OPT_STRV, AT(tmpfs), "DST[:OPTS]", "an empty file system in memory, e.g. /tmp:size=64m"},
    {"read-only", 0, OPT_FLAG, AT(read_only), NULL, "make the root file system read-only"},
    {"scratch", 0, OPT_STRING, AT(scratch), "disk|memory[:SIZE]",
     "where changes of an image are kept while it runs; default disk", .check = sandbox_check_scratch},
    {"cap-add", 0, OPT_STRV, AT(cap_add), "CAP", "grant a capability, or ALL"},
    {"cap-drop", 0, OPT_STRV, AT(cap_drop), "CAP", "withhold a capability, or ALL"},
    {"seccomp", 0, OPT_STRING, AT(seccomp), "PROFILE",
     "default, unconfined, or a file with a linux.seccomp object"},
    {"memory", 'm', OPT_STRING, AT(limits.memory), "BYTES", "limit of memory, such as 512m",
     .check = sandbox_check_memory},
    {"memory-swap", 0, OPT_STRING, AT(limits.memory_swap), "BYTES",
     "limit of memory and swap together; -1: no limit of swap", .check = sandbox_check_memory_swap},
    {"cpus", 0, OPT_STRING, AT(limits.cpus), "N", "limit of CPU time, in CPUs, such as 1.5",
     .check = sandbox_check_cpus},
    {"cpuset", 0, OPT_STRING, AT(limits.cpuset), "LIST", "the CPUs to run on, such as 0-2,7",
     .check = option_not_empty},
    {"pids", 0, OPT_STRING, AT(limits.pids), "N", "limit of processes and threads",
     .check = sandbox_check_pids},
    {"io-weight", 0, OPT_STRING, AT(limits.io_weight), "N",
     "share of disk accesses beside others, 10 to 1000", .check = sandbox_check_io_weight},
    {"no-new-privs", 0, OPT_FLAG, AT(no_new_privs), NULL, "setuid programs inside gain nothing"},
    {"net", 0, OPT_STRING, AT(net), "NET",
     "none (only loopback; the default), slirp (a network of its own), host, container:ID or ns:PATH (share "
     "one)"},
    {"host-loopback", 0, OPT_FLAG, AT(host_loopback), NULL,
     "the gateway's address leads to the loopback of the host"},
    {"publish", 'p', OPT_STRV, AT(publish), "[ADDR:]HOST:CONTAINER[/udp|/fast]",
     "let a port of the host lead inside"},
    {"publish-all", 'P', OPT_FLAG, AT(publish_all), NULL,
     "lead the ports that the image names inside, from the same ports of the host"},
    {"allow", 0, OPT_STRV, AT(allow), "HOST|NET[:PORT]", "reach this and nothing else; may be given again"},
    {"dns", 0, OPT_STRV, AT(dns), "ADDR", "ask this resolver, not those of the host"},
    {"add-host", 0, OPT_STRV, AT(add_host), "NAME:ADDR", "a line of /etc/hosts"},
    {"name", 0, OPT_STRING, AT(name), "ID", "name for bryo list, state and kill; default sandbox-XXXXXX"},
    {"keep", 0, OPT_FLAG, AT(keep), NULL, "keep state and unpacked files until bryo delete"},
    {"entry", 0, OPT_STRING, AT(entry), "PROGRAM", "run this program with CMD as its arguments"},
    {"interactive", 'i', OPT_FLAG, AT(interactive), NULL,
     "pass stdin, stdout and stderr through, no terminal"},
    {"tty", 't', OPT_FLAG, AT(tty), NULL, "give the command a terminal of its own"},
    {"lazy", 0, OPT_STRING, AT(lazy), "auto|always|never",
     "run a tarball without unpacking it; auto, the default: a large one, where that is possible",
     .check = sandbox_check_lazy},
    {"max-size", 0, OPT_SIZE, AT(max_size), "BYTES", "limit of what the image unpacks to; default 64g"},
    {"share", 0, OPT_STRV, AT(share), "PATH", "without IMAGE: show what is masked or in /run otherwise"},
    {"mask", 0, OPT_STRV, AT(mask), "PATH", "without IMAGE: hide this, too"},
    {"show-masks", 0, OPT_FLAG, AT(show_masks), NULL, "without IMAGE: print what is hidden, and run nothing"},
    {"ephemeral", 0, OPT_FLAG, AT(ephemeral), NULL, "without IMAGE: drop what was changed, at the end"},
    {NULL},
};

static int show_masks(const struct sandbox_options *o, struct error *err)
{
    _cleanup_strv_ char **masks = NULL;
    _cleanup_strbuf_ struct strbuf out = {0};
    int r = host_secrets(o->mask, o->share, &masks, NULL, err);
    if (r < 0)
        return r;
    strbuf_add(&out, "/run\n");
    STRV_FOREACH (path, masks) {
        _cleanup_free_ char *shown = str_quote(*path, 0);
        strbuf_addf(&out, "%s\n", shown ? shown : "?");
    }
    return out.oom ? error_oom(err) : cli_write(out.data, err);
}

/* No IMAGE: the host's own root. Where changes went is for a person to know, and for nobody who has no use
 * for it: one line, when there are some. */
static int run_host(const struct invocation *inv, struct error *err)
{
    _cleanup_free_ char *kept = NULL;
    int exit_code;
    const struct sandbox_options *o = inv->options;
    if (o->show_masks) {
        int r = show_masks(o, err);
        return r < 0 ? SANDBOX_EXIT_FAILED : r;
    }
    (void)sandbox_run_host(inv->rt, inv->options, inv->args, &exit_code, &kept, err);
    if (kept)
        dprintf(STDERR_FILENO,
                "changes are kept as %s: bryo diff %s shows them, bryo discard %s drops them\n", kept, kept,
                kept);
    return exit_code;
}

/* A failure has an exit code of its own here, not the 1 of other verbs: main prints @err beside it. */
static int run(const struct invocation *inv, struct error *err)
{
    if (inv->dashes)
        return run_host(inv, err);
    if (((const struct sandbox_options *)inv->options)->show_masks) {
        error_set(err, EINVAL,
                  "--show-masks: it is for sandboxes of the host's root, those without an IMAGE");
        error_hint(err, "bryo sandbox --show-masks --");
        return SANDBOX_EXIT_FAILED;
    }
    char *const *command = inv->n_args > 1 ? inv->args + 1 : NULL;
    if (command && !strcmp(command[0], "--"))
        command++;

    struct progress progress;
    progress_init(&progress, inv->log, inv->args[0]);
    struct image_events events = progress_events(&progress);
    int exit_code;
    (void)sandbox_run(inv->rt, inv->options, inv->args[0], command, &events, &exit_code, err);
    return exit_code;
}

const struct verb cli_sandbox = {
    .name = "sandbox",
    .group = "Sandbox",
    .summary = "Run a command in a container made from a tarball, a directory, or the host's own root",
    .usage = "[OPTIONS] IMAGE [--] [CMD…]",
    .details =
        "IMAGE is a tarball of a root file system (plain, gzip, bzip2, xz or zstd; - is standard input) or a "
        "directory. A tarball is unpacked once, into the store of images (bryo images), and what the command "
        "writes lies over it and is gone when it ends; a large one runs without being unpacked (--lazy). A "
        "directory is used in place, and what the command writes stays in it "
        "unless --read-only is given. Without CMD a shell, /bin/sh, is run.\n\n"
        "The sandbox has no network but loopback; --net slirp gives it one of its own, from which it reaches "
        "what the caller can, but not the loopback of the host; --net host shares the host's. Nothing of the "
        "caller's "
        "environment is passed on but TERM and the time zone. With standard input, output and error on a "
        "terminal "
        "the command gets one of its own; -i prevents that, -t asks for it elsewhere.\n\n"
        "Without IMAGE, with -- in its place (bryo sandbox -- make install), the command sees the host's own "
        "files, and what it writes stays apart: bryo diff shows it, bryo discard drops it. "
        "Keys, tokens, browser profiles and the sockets of the session are hidden (--show-masks).\n\n"
        "The exit code is the command's, 128 + N if signal N ended it; 127 if there is no such command in "
        "the image, "
        "126 if it cannot be executed, 125 if bryo itself failed.",
    .seals = true,
    .options = options,
    .options_size = sizeof(struct sandbox_options),
    .min_args = 1,
    .max_args = (size_t)-1,
    .stop_at_first = true,
    .dashes_for_first = true,
    .failure_code = SANDBOX_EXIT_FAILED,
    .run = run,
};
