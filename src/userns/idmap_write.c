/*
 * Writing maps: by us where the kernel lets us, else by newuidmap and newgidmap, which run at the same time.
 *
 * The kernel takes a map once, in one write. Without rights a process may write one line with its own id, and
 * for gids only after "deny" went to setgroups (CVE-2014-8989: dropping a group must not open files).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/process.h"
#include "userns/idmap.h"
#include "userns/internal.h"

#define HELPER_OUTPUT_MAX (16 << 10)

static const struct oci_id_map_list *list_of(const struct idmap *map, enum subid_kind kind)
{
    return kind == SUBID_UID ? &map->uids : &map->gids;
}

/* Adds the cause of a refused write, as far as it shows. */
static void explain_refusal(enum subid_kind kind, const struct oci_id_map_list *list, struct error *err)
{
    uint64_t caps = idmap_capabilities();
    bool root = false;

    if (!err || err->code != EPERM)
        return;
    for (size_t i = 0; i < list->count; i++)
        root = root || list->items[i].host_id == 0;
    if (root && !(caps & (1ULL << CAP_SETFCAP))) {
        error_hint(
            err,
            "mapping id 0 needs CAP_SETFCAP since Linux 5.12: grant it to the container that bryo runs in "
            "(--cap-add setfcap), or run bryo as another user");
        return;
    }
    if (userns_apparmor_restricts()) {
        userns_hint_powerless(err);
        return;
    }
    if (!idmap_privileged(kind, caps) && list->count > 1)
        error_hint(err, "without CAP_SET%s only the own id can be mapped", kind == SUBID_UID ? "UID" : "GID");
    else
        error_hint(
            err,
            "a seccomp filter or a security module of the container that bryo runs in may forbid it; the "
            "process must also still be dumpable");
}

/* The file is opened and written in one go; its name carries the pid, so that no text is needed twice. */
static int write_file(pid_t pid, const char *name, const char *text, size_t len, struct error *err)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return file_write_at(AT_FDCWD, path, text, len, err);
}

static int write_direct(const struct idmap *map, enum subid_kind kind, pid_t pid, struct error *err)
{
    const struct oci_id_map_list *list = list_of(map, kind);
    _cleanup_strbuf_ struct strbuf text = {0};
    int r = 0;

    idmap_format(list, &text);
    if (text.oom)
        return error_oom(err);
    if (!text.len)
        return error_set(err, EINVAL, "write the %s id map of process %d: the map is empty", idmap_word(kind),
                         (int)pid);
    if (kind == SUBID_GID && map->deny_setgroups)
        r = write_file(pid, "setgroups", "deny", 4, err);
    if (r == 0)
        r = write_file(pid, kind == SUBID_UID ? "uid_map" : "gid_map", text.data, text.len, err);
    if (r < 0) {
        error_prefix(err, "write the %s id map of process %d", idmap_word(kind), (int)pid);
        explain_refusal(kind, list, err);
    }
    return r;
}

/* Starts `newuidmap PID INSIDE OUTSIDE COUNT …`. Its environment is two words: it needs none, a locale would
 * be loaded for nothing, and its messages stay as they are. */
static int start_helper(const struct idmap *map, enum subid_kind kind, struct idmap_job *job,
                        struct error *err)
{
    const char *known = kind == SUBID_UID ? map->uid_helper_path : map->gid_helper_path;
    const struct oci_id_map_list *list = list_of(map, kind);
    char *env[] = {"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    _cleanup_free_ char *found = NULL;

    if (!known) {
        int r = idmap_find_helper(kind, &found, err);
        if (r < 0)
            return r;
    }
    /* All numbers lie in one buffer, each with its NUL. */
    enum { WIDTH = 12 };
    size_t n = 0, words = 2 + 3 * list->count;
    _cleanup_free_ char **argv = calloc(words + 1, sizeof *argv);
    _cleanup_free_ char(*numbers)[WIDTH] = calloc(words, WIDTH);
    if (!argv || !numbers)
        return error_oom(err);
    argv[n++] = (char *)(uintptr_t)idmap_program(kind);
    snprintf(numbers[n], WIDTH, "%d", (int)job->target);
    argv[n] = numbers[n];
    n++;
    for (size_t i = 0; i < list->count; i++) {
        const uint32_t values[3] = {list->items[i].container_id, list->items[i].host_id, list->items[i].size};
        for (size_t j = 0; j < 3; j++, n++) {
            snprintf(numbers[n], WIDTH, "%u", values[j]);
            argv[n] = numbers[n];
        }
    }
    struct spawn s = SPAWN_INIT;
    s.path = known ? known : found;
    s.argv = argv;
    s.env = env;
    s.brief = true;
    int r = spawn_start(&s, err);
    if (r < 0)
        return r;
    job->helper[kind].pid = s.pid;
    job->helper[kind].out_fd = s.out_fd;
    return 0;
}

int idmap_start(const struct idmap *map, pid_t pid, struct idmap_job *job, struct error *err)
{
    static const enum subid_kind kinds[] = {SUBID_UID, SUBID_GID};
    int r = 0;

    *job = (struct idmap_job){.target = pid};
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        job->helper[i].pid = -1;
        job->helper[i].out_fd = -EBADF;
        job->helper[i].program = idmap_program(kinds[i]);
    }
    /* The helpers first: they run while we write what is ours to write. */
    if (map->uid_helper)
        r = start_helper(map, SUBID_UID, job, err);
    if (r == 0 && map->gid_helper)
        r = start_helper(map, SUBID_GID, job, err);
    if (r == 0 && !map->uid_helper)
        r = write_direct(map, SUBID_UID, pid, err);
    if (r == 0 && !map->gid_helper)
        r = write_direct(map, SUBID_GID, pid, err);
    for (size_t i = 0; r < 0 && i < ARRAY_SIZE(job->helper); i++) {
        process_kill_reap(&job->helper[i].pid);
        fd_close(&job->helper[i].out_fd);
    }
    return r;
}

/* What the helper's words mean. The texts are those of shadow-utils; a helper that says something else gets
 * its words shown and no hint. */
static void explain_helper(const struct idmap *map, enum subid_kind kind, pid_t target, const char *said,
                           struct error *err)
{
    const struct oci_id_map_list *list = list_of(map, kind);

    if (strstr(said, "not allowed")) {
        const struct oci_id_map *last = &list->items[list->count - 1];
        error_hint(err,
                   "the helper does not find these ranges (the last one asked for is %u-%u) among the "
                   "subordinate ids of this user; `bryo check` shows what it finds",
                   last->host_id, last->host_id + last->size - 1);
    } else if (strstr(said, "owned by a different user")) {
        error_hint(err, "process %d changed its ids or is not dumpable", (int)target);
    } else if (strstr(said, "_map failed")) {
        error_hint(
            err,
            "the kernel refused the map: bryo may run in a container whose namespace does not hold these "
            "ids, or whose seccomp filter or security module forbids it");
    } else if (strstr(said, "/proc")) {
        error_hint(err, "the helper must see process %d in its /proc", (int)target);
    }
}

static int finish_helper(const struct idmap *map, enum subid_kind kind, struct idmap_job *job,
                         struct error *err)
{
    _cleanup_close_ int out = TAKE_FD(job->helper[kind].out_fd);
    pid_t pid = job->helper[kind].pid;
    _cleanup_free_ char *said = NULL;
    int status;

    if (pid <= 0)
        return 0;
    job->helper[kind].pid = -1;
    int r = fd_read_to_end(out, HELPER_OUTPUT_MAX, &said, NULL);
    if (r < 0)
        fd_close(&out); /* it may write as much as it likes */
    r = process_wait(pid, &status);
    if (r < 0)
        return error_sys(err, -r, "wait for %s", job->helper[kind].program);
    if (status == 0)
        return 0;
    if (said)
        said[strcspn(said, "\n")] = '\0';
    _cleanup_free_ char *shown = said ? str_quote(said, 300) : NULL;
    char text[WAIT_TEXT_MAX];
    process_status_text(text, status);
    /* The helper says its own name first. */
    size_t name = strlen(job->helper[kind].program);
    const char *words = shown ? shown : "";
    if (strncmp(words, job->helper[kind].program, name) == 0 && str_starts(words + name, ": "))
        words += name + 2;
    error_set(err, EPERM, "write the %s id map of process %d: %s: %s (%s)", idmap_word(kind),
              (int)job->target, job->helper[kind].program, *words ? words : "it said nothing", text);
    explain_helper(map, kind, job->target, said ? said : "", err);
    return -EPERM;
}

int idmap_finish(const struct idmap *map, struct idmap_job *job, struct error *err)
{
    int r = finish_helper(map, SUBID_UID, job, err);
    /* Both are reaped, and the first failure is told. */
    int q = finish_helper(map, SUBID_GID, job, r < 0 ? NULL : err);

    return r < 0 ? r : q;
}
