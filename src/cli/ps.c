/*
 * bryo ps: the processes of a container, as ps(1) shows them or as a JSON list of pids.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/str.h"
#include "cli/verbs.h"
#include "container/processes.h"

#define PS_OUTPUT_MAX ((size_t)256 << 20)

struct ps_options {
    const char *format;
};

static const struct option_def options[] = {
    {"format", 'f', OPT_STRING, offsetof(struct ps_options, format), "table|json",
     "a table as ps(1) prints it (the default), or a JSON list of pids", .check = option_table_or_json},
    {NULL},
};

static int print_json(const pid_t *pids, size_t n, struct error *err)
{
    cJSON *array = cJSON_CreateArray();

    for (size_t i = 0; array && i < n; i++) {
        cJSON *number = cJSON_CreateNumber(pids[i]);
        if (number && cJSON_AddItemToArray(array, number))
            continue;
        cJSON_Delete(number);
        cJSON_Delete(array);
        array = NULL;
    }
    return cli_write_json(array, false, err);
}

/* Runs ps(1) with the caller's options (default -ef); *out becomes what it printed. */
static int run_ps(char *const *args, char **out, struct error *err)
{
    char *const usual[] = {(char[]){"-ef"}, NULL};
    _cleanup_close_ int memory = memfd_create("ps", MFD_CLOEXEC);
    _cleanup_free_ char *said = NULL;
    _cleanup_strv_ char **argv = NULL;
    struct spawn s = SPAWN_INIT;
    int status, r;

    if (memory < 0)
        return error_sys(err, errno, "make room for the output of ps");
    r = strv_add(&argv, "ps");
    for (char *const *a = *args ? args : usual; r == 0 && *a; a++)
        r = strv_add(&argv, *a);
    if (r < 0)
        return error_oom(err);
    s.path = "ps";
    s.argv = argv;
    s.stdout_fd = memory;
    r = spawn_start(&s, err);
    if (r == -ENOENT)
        error_hint(err, "the table needs ps(1) (Debian: apt-get install procps); --format json does not");
    if (r == 0)
        r = spawn_finish(&s, &status, &said, err);
    if (r < 0)
        return r;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return error_set(err, EINVAL, "ps failed: %.*s", (int)strcspn(said ? said : "", "\n"),
                         said ? said : "");
    if (lseek(memory, 0, SEEK_SET) < 0)
        return error_sys(err, errno, "read the output of ps");
    r = fd_read_to_end(memory, PS_OUTPUT_MAX, out, NULL);
    return r < 0 ? error_sys(err, -r, "read the output of ps") : 0;
}

/* The @column-th word (from 0) of @line as a pid; 0 if it is none. */
static pid_t word_as_pid(const char *line, size_t column)
{
    uint32_t pid;

    for (;; column--) {
        line += strspn(line, " ");
        size_t len = strcspn(line, " ");
        if (!len)
            return 0;
        if (column == 0) {
            char word[16];
            if (len >= sizeof word)
                return 0;
            memcpy(word, line, len);
            word[len] = '\0';
            return parse_u32(word, &pid) == 0 ? (pid_t)pid : 0;
        }
        line += len;
    }
}

/* Where the heading has PID. Returns the column or SIZE_MAX. */
static size_t pid_column(const char *heading)
{
    for (size_t column = 0;; column++) {
        heading += strspn(heading, " ");
        size_t len = strcspn(heading, " ");
        if (!len)
            return SIZE_MAX;
        if (len == 3 && strncmp(heading, "PID", 3) == 0)
            return column;
        heading += len;
    }
}

static bool has_pid(const pid_t *pids, size_t n, pid_t pid)
{
    for (size_t i = 0; i < n; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

/* The heading, and the lines of our pids. */
static int print_table(char *const *args, const pid_t *pids, size_t n, struct error *err)
{
    _cleanup_strbuf_ struct strbuf kept = {0};
    _cleanup_free_ char *text = NULL;
    size_t column = SIZE_MAX;
    char *save = NULL;
    int r = run_ps(args, &text, err);

    if (r < 0)
        return r;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        bool heading = column == SIZE_MAX;
        if (heading)
            column = pid_column(line);
        if (column == SIZE_MAX) {
            error_set(err, EINVAL, "ps: its output has no column PID");
            return error_hint(err, "add one to the options, for example: -o pid,args");
        }
        if (heading || has_pid(pids, n, word_as_pid(line, column)))
            strbuf_addf(&kept, "%s\n", line);
    }
    return kept.oom ? error_oom(err) : cli_write(kept.data ? kept.data : "", err);
}

static int run(const struct invocation *inv, struct error *err)
{
    const struct ps_options *o = inv->options;
    _cleanup_free_ pid_t *pids = NULL;
    size_t n = 0;
    int r = container_processes(inv->rt, inv->args[0], &pids, &n, err);

    if (r < 0)
        return r;
    return o->format && strcmp(o->format, "json") == 0 ? print_json(pids, n, err)
                                                       : print_table(inv->args + 1, pids, n, err);
}

const struct verb cli_ps = {
    .name = "ps",
    .group = "OCI runtime",
    .summary = "Show the processes of a container",
    .usage = "[OPTIONS] ID [PS-OPTION...]",
    .details = "What follows ID are options for ps(1) (default: -ef), whose output must have a column PID; "
               "the lines of "
               "other processes are left out. Pids are those of the caller's pid namespace.",
    .options = options,
    .options_size = sizeof(struct ps_options),
    .min_args = 1,
    .max_args = SIZE_MAX,
    .stop_at_first = true,
    .run = run,
};
