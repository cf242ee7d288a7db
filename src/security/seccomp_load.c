/*
 * Loading a filter by seccomp(2), and handing its listener over.
 *
 * Theory of operation: a filter that notifies stops every call that it catches until the agent answers, and
 * the agent can only answer once it has the listener, which the loading call returns. If the filter catches
 * what is needed to send it (sendmsg, or everything), the process would wait for itself. So a second thread
 * is started before and does not get the filter (it is loaded without TSYNC): it waits for the descriptor in
 * shared memory, sends it and ends, while the loading thread makes no system call at all but spins on the
 * result.
 */
#include <errno.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "security/seccomp.h"

#ifndef SECCOMP_FILTER_FLAG_TSYNC_ESRCH
#define SECCOMP_FILTER_FLAG_TSYNC_ESRCH (1UL << 4)
#endif

#define SENDER_STACK ((size_t)64 * 1024)
#define POLL_NS      20000

static int load_error(struct error *err, int code)
{
    error_sys(err, code, "load the seccomp filter");
    switch (code) {
    case EACCES:
        error_hint(err,
                   "without CAP_SYS_ADMIN the kernel takes a filter only if process.noNewPrivileges is true");
        break;
    case EBUSY:
        error_hint(err,
                   "a filter of an outer container already notifies an agent, and there can be one only");
        break;
    case ENOMEM:
        error_hint(err, "all filters of a process, outer containers' included, may have 32768 instructions");
        break;
    case EINVAL:
        error_hint(err, "the kernel refuses the filter or one of linux.seccomp.flags");
        break;
    default:
        break;
    }
    return -code;
}

int seccomp_filter_load(const struct seccomp_filter *filter, int *listener, struct error *err)
{
    const struct sock_fprog program = {.len = filter->len, .filter = filter->code};
    unsigned long flags = filter->flags;

    if (filter->notify && !listener)
        return error_set(err, EINVAL, "load the seccomp filter: it notifies, and there is no agent");
    if (filter->notify) {
        flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
        if (flags & SECCOMP_FILTER_FLAG_TSYNC)
            flags |= SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
    }
    long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (r < 0)
        return load_error(err, errno);
    if (filter->notify)
        *listener = (int)r; /* O_CLOEXEC by birth */
    else if (r > 0)
        return error_set(err, ESRCH, "load the seccomp filter: thread %ld could not take it over", r);
    return 0;
}

/* What the two threads share; on the loading thread's stack, which stays until @result is set. */
struct handover {
    int agent_fd;
    const char *message;
    atomic_int listener; /* WAITING, then the descriptor or CANCELLED */
    atomic_int result;   /* RUNNING, then 0 or a negative errno: the sender's last touch */
};

enum { WAITING = -1, CANCELLED = -2, RUNNING = 1 };

/* Sender. Runs beside the loading thread with the same rights, without the filter. Should: send one message,
 * close the listener, end. Mustn't: touch the handover after the result is set. */
static void *send_listener(void *arg)
{
    struct handover *h = arg;
    const struct timespec pause = {.tv_nsec = POLL_NS};
    int fd, r = 0;

    while ((fd = atomic_load(&h->listener)) == WAITING)
        nanosleep(&pause, NULL);
    if (fd >= 0) {
        r = fd_send(h->agent_fd, h->message, strlen(h->message), &fd, 1);
        cleanup_close(&fd);
    }
    atomic_store(&h->result, r);
    return NULL;
}

static int start_sender(struct handover *h)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all;
    size_t stack = SENDER_STACK > (size_t)PTHREAD_STACK_MIN ? SENDER_STACK : (size_t)PTHREAD_STACK_MIN;

    int r = pthread_attr_init(&attr);
    if (r != 0)
        return -r;
    sigfillset(&all);
    r = pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (r == 0)
        r = pthread_attr_setstacksize(&attr, stack);
    if (r == 0)
        r = pthread_attr_setsigmask_np(&attr, &all);
    if (r == 0)
        r = pthread_create(&thread, &attr, send_listener, h);
    pthread_attr_destroy(&attr);
    return -r;
}

static inline void spin(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

int seccomp_filter_load_and_send(const struct seccomp_filter *filter, int agent_fd, const char *message,
                                 struct error *err)
{
    struct handover h = {.agent_fd = agent_fd, .message = message, .listener = WAITING, .result = RUNNING};
    struct seccomp_filter mine = *filter;
    int listener = CANCELLED;

    if (!filter->notify)
        return seccomp_filter_load(filter, NULL, err);
    if (agent_fd < 0 || !message || !*message)
        return error_set(err, EINVAL, "load the seccomp filter: it notifies, and there is no agent");
    int r = start_sender(&h);
    if (r < 0)
        return error_sys(err, -r, "start a thread to send the seccomp listener");
    /* With TSYNC the sender would get the filter too. It is the only other thread and ends by itself, so that
     * all threads of the process have the filter all the same. */
    mine.flags &= ~(unsigned)SECCOMP_FILTER_FLAG_TSYNC;
    r = seccomp_filter_load(&mine, &listener, err);
    atomic_store(&h.listener, r < 0 ? CANCELLED : listener);
    /* From here until the result is there: no system call. */
    int sent;
    while ((sent = atomic_load(&h.result)) == RUNNING)
        spin();
    if (r < 0)
        return r;
    if (sent < 0)
        return error_sys(err, -sent, "send the seccomp listener to the agent at linux.seccomp.listenerPath");
    return 0;
}
