/*
 * For tests that give up rights: each runs in a child, which reports by its exit code and standard error.
 * cmocka's own assertions would jump back into the runner there.
 */
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"

#define CHILD_SKIP 77

#define CHECK(cond)                                                                      \
    do {                                                                                 \
        if (!(cond)) {                                                                   \
            fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #cond, errno); \
            _exit(1);                                                                    \
        }                                                                                \
    } while (0)

#define CHECK_TEXT(err, expected)                                                                    \
    do {                                                                                             \
        if (strcmp(error_text(err), expected) != 0) {                                                \
            fprintf(stderr, "%s:%d: \"%s\", expected \"%s\"\n", __FILE__, __LINE__, error_text(err), \
                    expected);                                                                       \
            _exit(1);                                                                                \
        }                                                                                            \
    } while (0)

/* Runs @body in a child with standard output into *output (may be NULL; the caller frees). Returns the wait
 * status. */
static inline int run_child(void (*body)(const void *), const void *arg, char **output)
{
    int out[2], status = -1;
    size_t len = 0, room = 16384;
    char *text = malloc(room);

    if (!text || pipe2(out, O_CLOEXEC) < 0)
        abort();
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        abort();
    if (pid == 0) {
        dup2(out[1], 1);
        body(arg);
        fflush(stdout);
        _exit(0);
    }
    close(out[1]);
    for (ssize_t n; len < room - 1 && (n = read(out[0], text + len, room - 1 - len)) > 0;)
        len += (size_t)n;
    text[len] = '\0';
    close(out[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (output)
        *output = text;
    else
        free(text);
    return status;
}

static inline void write_proc(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    CHECK(fd >= 0);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

/* In a child: a new user namespace in which the own id is @inside and nothing else is mapped. */
static inline void enter_userns(unsigned inside)
{
    unsigned uid = geteuid(), gid = getegid();
    char text[64];

    if (unshare(CLONE_NEWUSER) < 0) {
        fprintf(stderr, "no user namespaces here: %s\n", strerror(errno));
        _exit(CHILD_SKIP);
    }
    write_proc("/proc/self/setgroups", "deny");
    snprintf(text, sizeof text, "%u %u 1\n", inside, uid);
    write_proc("/proc/self/uid_map", text);
    snprintf(text, sizeof text, "%u %u 1\n", inside, gid);
    write_proc("/proc/self/gid_map", text);
}

/* Ends a test by the status of its child. */
#define EXPECT_CHILD_OK(status)                                       \
    do {                                                              \
        int _status = (status);                                       \
        if (WIFEXITED(_status) && WEXITSTATUS(_status) == CHILD_SKIP) \
            skip();                                                   \
        if (!WIFEXITED(_status) || WEXITSTATUS(_status) != 0)         \
            fail_msg("the child failed, wait status %#x", _status);   \
    } while (0)
