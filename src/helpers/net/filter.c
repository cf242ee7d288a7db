/*
 * The system calls of bryo-net behind its set-up, and nothing else: sockets of IPv4 and IPv6, waiting,
 * memory. No call that takes a path, starts a program, makes a process or touches another.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/sysfilter.h"
#include "config.h"
#include "helpers/net/confine.h"

static const unsigned allowed[] = {
    /* one packet: first, because a filter is a list */
    SYS_read,
    SYS_writev,
    SYS_write,
#ifdef SYS_poll
    SYS_poll,
#endif
    SYS_ppoll,
    SYS_recvfrom,
    SYS_sendto,
    SYS_recvmsg,
    SYS_sendmsg,
#ifdef SYS_recv
    SYS_recv,
    SYS_send,
#endif
    SYS_splice,
    SYS_clock_gettime,
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
    SYS_epoll_pwait,
    SYS_epoll_ctl,
    /* sockets */
    SYS_connect,
    SYS_bind,
    SYS_listen,
#ifdef SYS_accept
    SYS_accept,
#endif
    SYS_accept4,
    SYS_setsockopt,
    SYS_getsockopt,
    SYS_getsockname,
    SYS_getpeername,
    SYS_shutdown,
    SYS_close,
    SYS_fcntl,
    SYS_pipe2,
#ifdef SYS_socketcall /* some 32-bit libcs know no other way; its arguments are out of a filter's sight */
    SYS_socketcall,
#endif
    /* memory */
    SYS_brk,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    /* the rest of a quiet process */
    SYS_futex,
    SYS_getrandom,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_restart_syscall,
    SYS_getpid,
    SYS_gettid,
    SYS_tgkill, /* abort(3) */
    SYS_exit,
    SYS_exit_group,
#ifdef SYS_fcntl64 /* 32-bit architectures */
    SYS_fcntl64,
    SYS_clock_gettime64,
    SYS_ppoll_time64,
    SYS_futex_time64,
#endif
};

static const struct sysfilter_check checked[] = {
    {SYS_socket, 0, 0, ~0U, AF_INET},   {SYS_socket, 0, 0, ~0U, AF_INET6},
#ifdef SYS_mmap2
    {SYS_mmap2, 2, PROT_EXEC, 0, 0},
#else
    {SYS_mmap, 2, PROT_EXEC, 0, 0},
#endif
    {SYS_ioctl, 1, 0, ~0U, FIONREAD}, /* how large the next datagram is */
    {SYS_mprotect, 2, PROT_EXEC, 0, 0},
};

int confine_calls(struct error *err)
{
    const struct sysfilter filter = {.allowed = allowed,
                                     .n_allowed = ARRAY_SIZE(allowed),
                                     .checked = checked,
                                     .n_checked = ARRAY_SIZE(checked)};

#ifdef BRYO_SANITIZED
    /* Sanitizers make system calls of their own, more than are worth listing. */
    (void)filter;
    (void)err;
    return 0;
#else
    return sysfilter_install(&filter, err);
#endif
}
