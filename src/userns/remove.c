/*
 * Removing trees whose files belong to the ids of a user namespace.
 *
 * Theory of operation: what the caller may remove is removed at once. For the rest a child unshares a user
 * namespace, the parent writes the same maps that the container had, and the child removes the tree with the
 * capabilities it has there over every mapped id. No program is executed, so it works without bryo-image. The
 * child keeps the caller's own ids: the directory above the tree belongs to those, and may lie outside the
 * maps. What the child could not remove it reports over a socket: one message, errno first and the text
 * behind it.
 */
#include "userns/remove.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/process.h"
#include "base/str.h"

/* What the child says, on a SOCK_SEQPACKET pair: READY once it has its namespace, then the outcome. */
struct report {
    int code; /* 0 or a positive errno */
    char text[2048];
};

/* Splits @path into the descriptor of its directory and its last component (*name: the caller frees). */
static int open_parent(const char *path, int *dirfd, char **name, struct error *err)
{
    _cleanup_free_ char *copy = strdup(path);
    if (!copy)
        return error_oom(err);
    size_t len = strlen(copy);
    while (len > 1 && copy[len - 1] == '/')
        copy[--len] = '\0';
    char *slash = strrchr(copy, '/');
    const char *last = slash ? slash + 1 : copy;
    if (!*last || !strcmp(last, ".") || !strcmp(last, ".."))
        return error_set(err, EINVAL, "remove \"%s\": its last component is not a name", path);
    *name = strdup(last);
    if (!*name)
        return error_oom(err);

    const char *dir = ".";
    if (slash) {
        slash[slash == copy ? 1 : 0] = '\0';
        dir = copy;
    }
    *dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*dirfd < 0 && errno == ENOENT)
        return 0; /* then the tree is gone as well */
    if (*dirfd < 0)
        return error_sys(err, errno, "remove \"%s\": open \"%s\"", path, dir);
    return 0;
}

static void send_report(int sock, int code, const char *text)
{
    struct report report = {.code = code};
    size_t len = text ? strnlen(text, sizeof report.text - 1) : 0;
    memcpy(report.text, text ? text : "", len);
    fd_send(sock, &report, offsetof(struct report, text) + len + 1, NULL, 0);
}

/* Receives one report; *code gets what it says and @err its text. A peer that died is -EPIPE. */
static int receive_report(int sock, int *code, struct error *err)
{
    struct report report;
    size_t nfds = 0;
    ssize_t n = fd_recv(sock, &report, sizeof report, NULL, &nfds);
    if (n < (ssize_t)offsetof(struct report, text) + 1)
        return n < 0 ? (int)n : -EPIPE;
    report.text[n - (ssize_t)offsetof(struct report, text) - 1] = '\0';
    *code = report.code;
    if (report.code && report.text[0])
        error_set(err, report.code, "%s", report.text);
    return 0;
}

/* Runs as: the caller's ids; after unshare with every capability in a user namespace of its own, in the
 * host's other namespaces. Should: remove the one tree. Mustn't: return into the parent's code. */
_Noreturn static void child(int sock, int dirfd, const char *name)
{
    if (unshare(CLONE_NEWUSER) < 0) {
        send_report(sock, errno, NULL);
        _exit(1);
    }
    send_report(sock, 0, NULL);
    char go;
    size_t nfds = 0;
    if (fd_recv(sock, &go, 1, NULL, &nfds) != 1)
        _exit(1);
    struct error err = ERROR_INIT;
    int r = remove_tree_at(dirfd, name, &err);
    send_report(sock, r < 0 ? -r : 0, r < 0 ? error_text(&err) : NULL);
    _exit(r < 0 ? 1 : 0);
}

/* Parent's half: waits for the namespace, writes the maps, lets the child go, hears how it went. @made: the
 * namespace came about, so that a failure is one of removing. */
static int supervise(const struct idmap *map, int sock, pid_t pid, bool *made, struct error *err)
{
    int code = 0;
    int r = receive_report(sock, &code, err);
    if (r < 0 || code)
        return r < 0 ? error_sys(err, -r, "make a user namespace to remove a tree in")
                     : userns_explain(code, err);

    struct idmap_job job;
    r = idmap_start(map, pid, &job, err);
    if (r < 0)
        return r;
    r = idmap_finish(map, &job, err);
    if (r < 0)
        return r;
    *made = true;

    r = fd_send(sock, "g", 1, NULL, 0);
    if (r == 0)
        r = receive_report(sock, &code, err);
    if (r < 0)
        return error_sys(err, -r, "remove a tree in a user namespace: the process that does it is gone");
    return -code;
}

static int remove_in_userns(const struct idmap *map, int dirfd, const char *name, bool *made,
                            struct error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_sys(err, errno, "make a socket pair");
    _cleanup_close_ int ours = pair[0], theirs = pair[1];
    _cleanup_pid_ pid_t pid = fork();
    if (pid < 0)
        return error_sys(err, errno, "fork");
    if (pid == 0) {
        fd_close(&ours);
        child(theirs, dirfd, name);
    }
    fd_close(&theirs);
    int r = supervise(map, ours, pid, made, err);
    if (*made) { /* it is at its end: reaped, not killed */
        int status;
        process_wait(pid, &status);
        pid = -1;
    }
    return r;
}

int tree_remove_mapped(const struct idmap *map, const char *path, struct error *err)
{
    _cleanup_close_ int dirfd = -EBADF;
    _cleanup_free_ char *name = NULL;
    int r = open_parent(path, &dirfd, &name, err);
    if (r < 0 || dirfd < 0)
        return r;
    if (faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        return 0;

    /* As the caller first: most trees are the caller's own through and through, and a namespace costs more
     * than they. */
    _cleanup_error_ struct error plain = ERROR_INIT, mapped = ERROR_INIT;
    r = remove_tree_at(dirfd, name, &plain);
    if (r == 0)
        return 0;
    bool made = false, worth = map && map->uids.count > 0 && map->gids.count > 0 && geteuid() != 0;
    if (worth) {
        r = remove_in_userns(map, dirfd, name, &made, &mapped);
        if (r == 0)
            return 0;
    }
    error_move(err, worth ? &mapped : &plain);
    error_prefix(err, "remove \"%s\"", path);
    return r;
}
