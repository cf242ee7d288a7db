/*
 * run: create, start and, unless detached, stay until the end.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/process.h"
#include "container/console.h"
#include "container/create.h"
#include "container/hooks.h"
#include "container/notify.h"
#include "container/supervise.h"

/* Tells init to start the program and waits until it runs. */
static int start_program(struct container *c, struct error *err)
{
    int r = channel_send(&c->channel, STEP_START, 0, NULL, -1, err);

    if (r == 0)
        r = channel_expect_end(&c->channel, err);
    fd_close(&c->channel.fd);
    if (r < 0)
        return r;
    return hooks_run(&c->state->poststart, "poststart", c->state, "running", &c->hook_output, err);
}

/* The program ran, and its exit code is the answer: what goes wrong from here on is a warning. */
static void finish(struct container *c)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    int r;

    if (c->opts->keep) /* it is a stopped container now, to be looked at and deleted later */
        return;
    /* By the descriptor: behind the name may be another container by now. */
    r = statedir_lock(&c->dir, c->opts->id, &err);
    if (r == -ENOENT) /* somebody deleted it meanwhile: that is what we were to do */
        return;
    if (r == 0)
        r = container_destroy(c->rt, &c->dir, c->state, &err);
    if (r < 0)
        log_warn_error(c->rt->log, &err);
}

static int stay(struct container *c, struct supervisor *s, int *exit_code, struct error *err)
{
    int r;

    /* Other calls (state, kill, a second delete) may use the container while we wait. */
    fd_close(&c->dir.lock_fd);
    r = supervise(s, exit_code, err);
    if (s->con)
        console_close(s->con);
    if (r < 0) {
        container_unmake(c);
        return r;
    }
    c->init_pid = 0; /* reaped */
    c->net_helper.pid = s->net_pid;
    net_helper_stop(&c->net_helper);
    finish(c);
    return 0;
}

/* The service manager is to know the container's process, since we are no longer there. */
static int stay_until_ready(struct container *c, struct notify *notify, struct error *err)
{
    fd_close(&c->dir.lock_fd);
    notify->main_pid = c->init_pid;
    return notify_wait(notify, c->init_pidfd, err);
}

int container_run(const struct runtime *rt, const struct create_options *opts, int *exit_code,
                  struct error *err)
{
    __attribute__((cleanup(container_free))) struct container c = {0};
    __attribute__((cleanup(console_close))) struct console con = {.master = -EBADF};
    __attribute__((cleanup(supervise_end))) struct supervisor s = {.signal_fd = -EBADF};
    _cleanup_notify_ struct notify notify = NOTIFY_INIT;
    _cleanup_close_ int master = -EBADF;
    int r = container_plan(&c, rt, opts, false, err);

    if (r < 0)
        return r;
    if (!c.detached && !opts->no_subreaper)
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    r = container_make(&c, &master, err);
    if (r == 0 && !c.detached) {
        s.pid = c.init_pid;
        s.pidfd = c.init_pidfd;
        s.net_pid = c.net_helper.pid;
        s.archive_pid = opts->archive ? opts->archive->server : 0;
        s.log = rt->log;
        s.default_signals = opts->default_signals;
        r = supervise_begin(&s, err);
    }
    /* Behind the signals: one that ended us here would leave the caller's terminal in raw mode. */
    if (r == 0 && master >= 0) {
        r = console_open(&con, TAKE_FD(master), err);
        s.con = &con;
    }
    if (r == 0)
        r = notify_open(&notify, c.dir.fd, opts->notify_socket, rt->log, err);
    if (r == 0)
        r = start_program(&c, err);
    if (r < 0) {
        console_close(&con);
        container_unmake(&c);
        return r;
    }
    *exit_code = 0;
    if (c.detached)
        return stay_until_ready(&c, &notify, err);
    s.notify = &notify;
    return stay(&c, &s, exit_code, err);
}
