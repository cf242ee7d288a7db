/*
 * bryo exec: one more process in a container.
 */
#include "container/exec.h"

#include <errno.h>
#include <stdint.h>

#include "cli/verbs.h"

#define AT(member)       offsetof(struct exec_options, member)
#define EXIT_EXEC_FAILED 255 /* as runc: no code of the program's own is taken for ours */

static const struct option_def options[] = {
    {"process", 'p', OPT_STRING, AT(process_file), "FILE", "start the process that this JSON file describes",
     .check = option_not_empty},
    {"tty", 't', OPT_FLAG, AT(tty), NULL, "give it a terminal"},
    {"detach", 'd', OPT_FLAG, AT(detach), NULL, "return once the program runs"},
    {"console-socket", 0, OPT_STRING, AT(console_socket), "SOCKET",
     "send the master of its terminal to this unix socket", .check = option_not_empty},
    {"pid-file", 0, OPT_STRING, AT(pid_file), "FILE", "write its pid to FILE once the program runs",
     .check = option_not_empty},
    {"pidfd-socket", 0, OPT_STRING, AT(pidfd_socket), "SOCKET", "send a pidfd of it to this unix socket",
     .check = option_not_empty},
    {"cwd", 0, OPT_STRING, AT(cwd), "DIR", "its working directory", .check = option_not_empty},
    {"env", 'e', OPT_STRV, AT(env), "NAME=VALUE", "add to its environment; may be given again"},
    {"user", 'u', OPT_STRING, AT(user), "UID[:GID]", "run it as this user and group, in numbers",
     .check = option_not_empty},
    {"additional-gids", 'g', OPT_STRV, AT(additional_gids), "GID", "one more group; may be given again"},
    {"cap", 'c', OPT_STRV, AT(caps), "NAME", "one more capability; may be given again"},
    {"apparmor", 0, OPT_STRING, AT(apparmor), "PROFILE", "confine it by this AppArmor profile",
     .check = option_not_empty},
    {"process-label", 0, OPT_STRING, AT(process_label), "LABEL", "run it with this SELinux label",
     .check = option_not_empty},
    {"no-new-privs", 0, OPT_FLAG, AT(no_new_privs), NULL, "set no_new_privs, whatever the container has"},
    {"cgroup", 0, OPT_STRING, AT(cgroup), "PATH", "put it into this cgroup below the container's",
     .check = option_not_empty},
    {"ignore-paused", 0, OPT_FLAG, AT(ignore_paused), NULL, "into a paused container too"},
    {"preserve-fds", 0, OPT_U32, AT(preserve_fds), "N",
     "hand N descriptors from 3 on to it, besides those of LISTEN_FDS"},
    {"no-subreaper", 0, OPT_FLAG, AT(no_subreaper), NULL, "exec adopts no processes anyway", .hidden = true},
    {NULL},
};

static int run(const struct invocation *inv, struct error *err)
{
    struct exec_options exec = *(const struct exec_options *)inv->options;
    int exit_code = 0;

    exec.id = inv->args[0];
    exec.args = inv->args + 1;
    if (!exec.process_file && inv->n_args < 2)
        error_set(err, EINVAL, "exec: no command: give one behind the id, or --process FILE");
    else if (exec.process_file && inv->n_args > 1)
        error_set(err, EINVAL, "exec: --process FILE and a command exclude each other");
    else if (container_exec(inv->rt, &exec, &exit_code, err) == 0)
        return exit_code;
    return -EINVAL;
}

const struct verb cli_exec = {
    .name = "exec",
    .group = "OCI runtime",
    .summary = "Run one more process in a container",
    .usage = "[OPTIONS] ID [COMMAND [ARGUMENT...]]",
    .details =
        "The process gets the container's namespaces, environment, user, capabilities, limits and seccomp "
        "filter "
        "as they were at create, changed by the options. The exit code is the program's, 128 + N if signal N "
        "ended it, and 255 if bryo failed. Options go before ID.",
    .seals = true,
    .options = options,
    .options_size = sizeof(struct exec_options),
    .min_args = 1,
    .max_args = SIZE_MAX,
    .stop_at_first = true,
    .failure_code = EXIT_EXEC_FAILED,
    .run = run,
};
