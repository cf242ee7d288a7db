/*
 * The probe: the one program in the root file system of a conformance test. It tells as JSON what a process
 * of the container sees and may do; the tests judge.
 *
 *   probe [TASK…]             a report on itself, with the results of the tasks, on standard output:
 *     path=PATH                 what is there: type, owner, mode, device number, whether it can be read, what
 *                               it holds, whether it can be written
 *     make=PATH                 makes a file there, and removes it again
 *     call=NAME[:ARG…]          a system call by a child: its errno, or the signal that it died of
 *     brief                     nothing but the results of tasks; for programs behind a narrow filter
 *     out=FILE                  the report goes there
 *     wait                      afterwards waits for a signal; SIGTERM ends it with success
 *     exit=N, kill=N            afterwards ends with the status, or of the signal
 *   probe hook=FILE [ARG…]    a hook: appends a line to FILE with what it was given; then ARG is exit=N, wait
 *   probe console=SOCKET      on the host: takes the master of a terminal from who connects to the socket (of
 *                             whatever length), and copies what the terminal says to standard output
 */
#pragma once

void report_process(void);                   /* ids, rights, limits, scheduling, names, clocks */
void report_places(void);                    /* namespaces, mounts, /dev, descriptors, interfaces */
void report_path(const char *path);          /* one value of "paths" */
void report_make(const char *path);          /* one value of "made" */
void report_call(const char *task);          /* one value of "calls" */
void report_environment(char **args);        /* arguments, environment, working directory */
int run_hook(const char *file, char **args); /* the exit status */
int take_console(const char *path);          /* the exit status */
/* The file as text without its last newline, or NULL. Static storage. */
const char *read_text(const char *path);
