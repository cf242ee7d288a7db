#include "sandbox/build_pack.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/process.h"
#include "base/str.h"
#include "store/worker.h"

#define LOOK_MS 100 /* for a signal that asks us to end */

int build_pack_start(const struct idmap *map, const struct image_pack_request *q, int dir, int out,
                     struct build_packer *p, struct error *err)
{
    _cleanup_strv_ char **argv = NULL;
    int status[2], r = image_helper_path(&p->program, err);
    if (r == 0)
        r = image_pack_argv(p->program, q, &argv, err);
    if (r < 0)
        return r;
    if (pipe2(status, O_CLOEXEC) < 0)
        return error_sys(err, errno, "make a pipe");
    _cleanup_close_ int status_read = status[0], status_write = status[1];
    _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (null < 0)
        return error_sys(err, errno, "open \"/dev/null\"");
    r = userns_spawn(map, argv, (char *[]){NULL}, (int[]){null, null, -1}, (int[]){out, dir, status_write}, 3,
                     false, &p->pid, err);
    if (r == 0)
        p->status = TAKE_FD(status_read);
    return r;
}

/* What one packing hears. */
struct hearing {
    const struct image_events *warn;
    struct build_packed *done;
    pid_t pid;
};

static void on_info(void *data, const char *key, const char *value)
{
    struct hearing *h = data;
    char *to = !strcmp(key, "blob") ? h->done->blob : !strcmp(key, "content") ? h->done->content : NULL;
    if (to && sha256_is_hex(value))
        memcpy(to, value, SHA256_HEX + 1);
}

static void on_warn(void *data, const char *text)
{
    const struct hearing *h = data;
    if (h->warn && h->warn->warn)
        h->warn->warn(h->warn->data, text);
}

static void on_wait(void *data, int fd)
{
    const struct hearing *h = data;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, LOOK_MS) <= 0)
        if (worker_signal_pending())
            kill(h->pid, SIGTERM);
}

int build_pack_finish(struct build_packer *p, const struct image_events *warn, struct build_packed *done,
                      struct error *err)
{
    *done = (struct build_packed){0};
    struct hearing h = {.warn = warn, .done = done, .pid = p->pid};
    const struct image_events events = {.info = on_info, .warn = on_warn, .wait = on_wait, .data = &h};
    int wait_status = 0, r = image_read_status(p->status, &events, NULL, &done->bytes, err);
    if (r == -EPROTO)
        return r;
    int w = process_wait(p->pid, &wait_status);
    p->pid = -1;
    if (w < 0)
        return error_sys(err, -w, "wait for %s", p->program);
    if (r == 0 && (!done->blob[0] || !done->content[0]))
        return error_set(err, EPROTO, "%s did not tell the digest", p->program);
    return r == -EPIPE ? image_helper_died(wait_status, err) : r;
}

void build_pack_abort(struct build_packer *p)
{
    process_kill_reap(&p->pid);
    fd_close(&p->status);
    free(p->program);
    p->program = NULL;
}
