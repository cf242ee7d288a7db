/*
 * What a hook was given: arguments, environment, working directory, the state on standard input, namespaces.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "probe.h"

#define STATE_MAX 65536

extern char **environ;

void report_environment(char **args)
{
    char cwd[4096];

    json_list("args");
    for (char **arg = args; *arg; arg++)
        json_string(NULL, *arg);
    json_end();
    json_list("env");
    for (char **env = environ; *env; env++)
        json_string(NULL, *env);
    json_end();
    json_string("cwd", getcwd(cwd, sizeof cwd));
}

int run_hook(const char *file, char **args)
{
    static const char *const namespaces[] = {"mnt", "pid", "net", "uts", "ipc", "user"};
    static char state[STATE_MAX];
    char path[32], link[64];
    size_t n = fread(state, 1, sizeof state - 1, stdin);
    int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);

    if (fd < 0)
        return 1;
    while (n && state[n - 1] == '\n')
        n--;
    state[n] = '\0';
    json_begin(fd);
    json_object(NULL);
    report_environment(args);
    json_raw("state", n ? state : "null");
    json_number("pid", getpid());
    json_object("namespaces");
    for (size_t i = 0; i < sizeof namespaces / sizeof *namespaces; i++) {
        snprintf(path, sizeof path, "/proc/self/ns/%s", namespaces[i]);
        ssize_t len = readlink(path, link, sizeof link - 1);
        if (len > 0)
            json_bytes(namespaces[i], link, len);
        else
            json_null(namespaces[i]);
    }
    json_end();
    json_end();
    json_finish();
    return 0;
}
