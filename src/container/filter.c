#include "container/filter.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/str.h"
#include "container/seccomp_agent.h"
#include "security/seccomp_check.h"

struct shared_filter {
    struct seccomp_filter filter; /* its code is that below */
    struct sock_filter code[BPF_MAXINSNS];
};

int filter_plan(struct container *c, struct error *err)
{
    const struct oci_seccomp *seccomp = c->config->linux_.seccomp;
    int r;

    if (!seccomp)
        return 0;
    r = seccomp_check(seccomp, err);
    if (r == 0 && seccomp_notifies(seccomp))
        r = seccomp_agent_connect(seccomp->listener_path, &c->agent_fd, err);
    return r;
}

int filter_share(struct container *c, struct error *err)
{
    if (!c->config->linux_.seccomp)
        return 0;
    void *at = mmap(NULL, sizeof *c->filter, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return error_sys(err, errno, "map memory for the seccomp filter");
    c->filter = at;
    return 0;
}

int filter_compile(struct container *c, struct error *err)
{
    _cleanup_seccomp_ struct seccomp_filter filter = {0};
    _cleanup_strv_ char **unknown = NULL;
    int r;

    if (!c->filter)
        return 0;
    r = seccomp_compile(c->config->linux_.seccomp, &filter, &unknown, err);
    if (r < 0)
        return r;
    if (c->fail_unknown_syscall && unknown) {
        error_set(err, EINVAL, "linux.seccomp: unknown system call \"%s\"", unknown[0]);
        error_hint(err, "the annotation run.oci.seccomp_fail_unknown_syscall makes it an error");
        return -EINVAL;
    }
    STRV_FOREACH (name, unknown)
        log_info(c->rt->log, "linux.seccomp: unknown system call \"%s\" is left out", *name);
    memcpy(c->filter->code, filter.code, filter.len * sizeof *filter.code);
    c->filter->filter = (struct seccomp_filter){
        .code = c->filter->code, .len = filter.len, .flags = filter.flags, .notify = filter.notify};
    return 0;
}

const struct seccomp_filter *filter_of_init(struct container *c)
{
    return c->filter ? &c->filter->filter : NULL;
}

void filter_free(struct container *c)
{
    if (c->filter)
        (void)munmap(c->filter, sizeof *c->filter);
    c->filter = NULL;
}
