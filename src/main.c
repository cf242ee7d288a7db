/*
 * Program start: the standard descriptors, the global options, one verb from the table, and the one place
 * where an error becomes a message and an exit code.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/global.h"
#include "cli/help.h"
#include "cli/verbs.h"
#include "container/runtime.h"
#include "container/seal.h"
#include "oci/config.h"

/* A caller that closed one of 0, 1 or 2 would get the next file we open there (a log, a pty, a container's
 * root) as its standard stream: put /dev/null in the gap. open gives the lowest free number. */
static int fill_standard_fds(struct error *err)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return error_sys(err, errno, "open \"/dev/null\" as descriptor %d", fd);
    return 0;
}

static int print_verb_help(const struct verb *verb, struct error *err)
{
    _cleanup_strbuf_ struct strbuf out = {0};

    if (verb)
        help_verb(&out, verb, help_width());
    else
        help_overview(&out, help_width());
    return out.oom ? error_oom(err) : cli_write(out.data, err);
}

static int print_version(struct error *err)
{
    _cleanup_free_ char *text = cli_version_text();

    return text ? cli_write(text, err) : error_oom(err);
}

/* @argv: behind the verb's name; @whole: all of the program's arguments. */
static int run_verb(const struct verb *verb, char **argv, char **whole, const struct global_options *global,
                    struct log *log, struct error *err)
{
    struct runtime rt = {.log = log, .rootless = -1};
    struct invocation inv = {.rt = &rt, .log = log};
    bool help = false;

    int r = options_parse(verb, argv, &inv, &help, err);
    if (r == 0 && help)
        r = print_verb_help(verb, err);
    else if (r == 0) {
        if (verb->seals)
            r = seal_self(whole, err);
        if (r == 0 && !verb->no_state)
            r = runtime_init(&rt, global->root, log, err);
        rt.rootless = global_rootless(global);
        rt.cgroup_manager = global_cgroup_manager(global);
        rt.limits = global_limits(global);
        if (r == 0)
            r = verb->run(&inv, err);
        runtime_free(&rt);
    }
    options_free(verb, &inv);
    return r < 0 && verb->failure_code ? verb->failure_code : r;
}

/* Returns the exit code, or a negative errno with @err filled. */
static int bryo(char **whole, char **argv, struct log *log, struct error *err)
{
    struct invocation inv = {.log = log};
    struct error log_err = ERROR_INIT;
    bool help = false;

    int r = fill_standard_fds(err);
    if (r < 0)
        return r;
    r = options_parse(&cli_global, argv, &inv, &help, err);
    const struct global_options *global = inv.options;
    /* Also after an error, which is to be told where and how the caller reads messages. */
    if (global && global_apply_log(global, log, &log_err) < 0 && r == 0) {
        r = -log_err.code;
        error_move(err, &log_err);
    }
    error_clear(&log_err);
    if (r < 0) {
        ;
    } else if (help) {
        r = print_verb_help(NULL, err);
    } else if (global->version) {
        r = print_version(err);
    } else if (global->dump_options) {
        r = cli_write_json(cli_dump_options(), true, err);
    } else if (global->dump_schema) {
        r = cli_write_json(oci_config_dump_schema(), true, err);
    } else if (inv.n_args == 0) {
        r = print_verb_help(NULL, err); /* for the person; a script that lost its verb gets a failure */
        r = r == 0 ? EXIT_FAILURE : r;
    } else {
        const struct verb *verb = cli_find_verb(inv.args[0]);
        r = verb ? run_verb(verb, inv.args + 1, whole, global, log, err) : cli_unknown_verb(inv.args[0], err);
    }
    options_free(&cli_global, &inv);
    return r;
}

/* To the log; with --log FILE the person at the terminal sees it too (once, if FILE is that terminal). */
static void report(const struct log *log, const struct error *err)
{
    struct log terminal = LOG_INIT;
    struct stat a, b;

    log_error(log, err);
    if (log->fd == STDERR_FILENO || !isatty(STDERR_FILENO))
        return;
    if (fstat(log->fd, &a) < 0 || fstat(STDERR_FILENO, &b) < 0 || a.st_dev != b.st_dev ||
        a.st_ino != b.st_ino)
        log_error(&terminal, err);
}

int main(int argc, char **argv)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct log log = LOG_INIT;

    /* A reader that went away is an error of one write, never the end of a runtime halfway through its work.
     * The container's process gets all signals back at their defaults. */
    signal(SIGPIPE, SIG_IGN);
    /* A caller that ignores SIGCHLD would make our children vanish unseen. */
    signal(SIGCHLD, SIG_DFL);
    int r = bryo(argv, argc > 0 ? argv + 1 : argv, &log, &err);
    if (r < 0 || (r > 0 && err.text))
        report(&log, &err);
    log_close(&log);
    return r < 0 ? EXIT_FAILURE : r;
}
