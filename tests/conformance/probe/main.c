/*
 * The tasks of the probe in their order. See probe.h.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "probe.h"

/* What stands behind "NAME=", or NULL. */
static const char *value_of(const char *task, const char *name)
{
    size_t n = strlen(name);

    return strncmp(task, name, n) == 0 && task[n] == '=' ? task + n + 1 : NULL;
}

static bool has_task(char **tasks, const char *name)
{
    for (; *tasks; tasks++)
        if (strcmp(*tasks, name) == 0)
            return true;
    return false;
}

static const char *find_value(char **tasks, const char *name)
{
    const char *value = NULL;

    for (; *tasks && !value; tasks++)
        value = value_of(*tasks, name);
    return value;
}

/* One member of the report for all tasks of one kind. */
static void report_tasks(char **tasks, const char *name, const char *member, void (*report)(const char *))
{
    json_object(member);
    for (; *tasks; tasks++)
        if (value_of(*tasks, name))
            report(value_of(*tasks, name));
    json_end();
}

static void report_all(char **args)
{
    char **tasks = args + 1;
    const char *file = find_value(tasks, "out");

    json_begin(file ? open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : STDOUT_FILENO);
    json_object(NULL);
    if (!has_task(tasks, "brief")) {
        report_environment(args);
        report_process();
        report_places();
    }
    report_tasks(tasks, "path", "paths", report_path);
    report_tasks(tasks, "make", "made", report_make);
    report_tasks(tasks, "call", "calls", report_call);
    json_end();
    json_finish();
}

static void on_term(int sig)
{
    (void)sig;
    _exit(0);
}

static int finish(char **tasks)
{
    const char *value;

    if ((value = find_value(tasks, "kill"))) {
        /* The first process of a pid namespace cannot be killed by a signal of its own. */
        signal((int)strtol(value, NULL, 10), SIG_DFL);
        raise((int)strtol(value, NULL, 10));
        return 99;
    }
    if (has_task(tasks, "wait")) {
        signal(SIGTERM, on_term);
        for (;;)
            pause();
    }
    value = find_value(tasks, "exit");
    return value ? (int)strtol(value, NULL, 10) : 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && value_of(argv[1], "hook"))
        return run_hook(value_of(argv[1], "hook"), argv) ? 98 : finish(argv + 2);
    if (argc > 1 && value_of(argv[1], "console"))
        return take_console(value_of(argv[1], "console"));
    report_all(argv);
    return finish(argv + 1);
}
