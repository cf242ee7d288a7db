/*
 * exec: one more process in a container that is there. runc(8) exec; contracts of podman, conmon and
 * containerd.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "container/runtime.h"

struct exec_options {
    const char *id;
    char *const *args;        /* the command; ignored with process_file */
    const char *process_file; /* a process object (config.md#process); NULL: built from the options below over
                               * the container's own process */
    const char *console_socket; /* connects and sends the pty master */
    const char *pidfd_socket;   /* connects and sends a pidfd of the process */
    const char *pid_file;       /* written once the program runs, never when it failed to start */
    bool tty;
    bool detach;                  /* return once the program runs */
    const char *cwd;              /* NULL: the container's */
    char *const *env;             /* NAME=VALUE, added to the container's */
    const char *user;             /* UID[:GID]; NULL: the container's */
    char *const *additional_gids; /* numbers, added */
    char *const *caps;         /* names, added to the bounding, effective, permitted and inheritable sets */
    const char *apparmor;      /* profile; NULL: the container's */
    const char *process_label; /* of SELinux; NULL: the container's */
    bool no_new_privs;         /* set it, also where the container's process has it not */
    const char *cgroup;        /* below the container's; made if it is not there. NULL: the container's */
    bool ignore_paused;        /* into a paused container too (the process waits until it is resumed) */
    bool no_subreaper;
    unsigned preserve_fds;
};

/* *exit_code: the program's, or 128 + signal; 0 with detach. A negative return means that the program did not
 * run. */
int container_exec(const struct runtime *rt, const struct exec_options *opts, int *exit_code,
                   struct error *err);
