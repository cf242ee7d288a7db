/*
 * Names of system calls to numbers, by libseccomp's tables.
 *
 * Two things libseccomp leaves to its users. Calls younger than the library: since Linux 5.1 new ones have
 * the same number on all architectures, so a short table here is enough. And the multiplexers of old
 * architectures: for "socket" on i386 libseccomp gives a pseudo number (-101: socketcall's call 1), while the
 * kernel has a direct call too.
 */
#include "security/seccomp_syscalls.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "security/libseccomp.h"

#define X32_BIT       0x40000000u
#define ARCH_64BIT    0x80000000u
#define SOCKET_PSEUDO (-100) /* minus the number of the call: SYS_SOCKET 1 … SYS_SENDMMSG 20 */
#define IPC_PSEUDO    (-200) /* SEMOP 1 … SHMCTL 24 */
#define PSEUDO_RANGE  50

static const uint32_t families[][SECCOMP_MAX_FAMILY] = {
    {SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32},
    {SCMP_ARCH_AARCH64, SCMP_ARCH_ARM},
    {SCMP_ARCH_PPC64, SCMP_ARCH_PPC},
    {SCMP_ARCH_S390X, SCMP_ARCH_S390},
    {SCMP_ARCH_MIPSEL64, SCMP_ARCH_MIPSEL64N32, SCMP_ARCH_MIPSEL},
    {SCMP_ARCH_MIPS64, SCMP_ARCH_MIPS64N32, SCMP_ARCH_MIPS},
    {SCMP_ARCH_PARISC64, SCMP_ARCH_PARISC},
};

/* Numbers on every architecture, without its base (include/uapi/asm-generic/unistd.h). */
static const struct {
    const char *name;
    uint32_t nr;
} young[] = {
    {"process_madvise", 440},
    {"epoll_pwait2", 441},
    {"mount_setattr", 442},
    {"quotactl_fd", 443},
    {"landlock_create_ruleset", 444},
    {"landlock_add_rule", 445},
    {"landlock_restrict_self", 446},
    {"memfd_secret", 447},
    {"process_mrelease", 448},
    {"futex_waitv", 449},
    {"set_mempolicy_home_node", 450},
    {"cachestat", 451},
    {"fchmodat2", 452},
    {"map_shadow_stack", 453},
    {"futex_wake", 454},
    {"futex_wait", 455},
    {"futex_requeue", 456},
    {"statmount", 457},
    {"listmount", 458},
    {"lsm_get_self_attr", 459},
    {"lsm_set_self_attr", 460},
    {"lsm_list_modules", 461},
    {"mseal", 462},
    {"setxattrat", 463},
    {"getxattrat", 464},
    {"listxattrat", 465},
    {"removexattrat", 466},
    {"open_tree_attr", 467},
    {"file_getattr", 468},
    {"file_setattr", 469},
    {"listns", 470},
};

/* Written once, before the first answer: what the process has loaded. */
static struct libseccomp loaded;

int seccomp_syscalls_open(struct error *err)
{
    return loaded.version ? 0 : libseccomp_load(&loaded, err);
}

/* A filter that leaves out what nobody could look up would be an open door. */
static const struct libseccomp *library(void)
{
    if (seccomp_syscalls_open(NULL) < 0)
        abort();
    return &loaded;
}

size_t seccomp_arch_family(uint32_t archs[SECCOMP_MAX_FAMILY])
{
    uint32_t native = library()->arch_native();
    size_t n = 0;

    archs[n++] = native;
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        const uint32_t *row = families[i];
        if (row[0] != native && row[1] != native && row[2] != native)
            continue;
        for (size_t j = 0; j < SECCOMP_MAX_FAMILY; j++)
            if (row[j] && row[j] != native)
                archs[n++] = row[j];
        break;
    }
    return n;
}

uint32_t seccomp_audit_arch(uint32_t arch)
{
    return arch == SCMP_ARCH_X32 ? SCMP_ARCH_X86_64 : arch;
}

bool seccomp_arch_narrow(uint32_t arch)
{
    return !(arch & ARCH_64BIT) && arch != SCMP_ARCH_X32;
}

/* What @arch adds to the common numbers. */
static uint32_t number_base(uint32_t arch)
{
    switch (arch) {
    case SCMP_ARCH_X32:
        return X32_BIT;
    case SCMP_ARCH_MIPS:
    case SCMP_ARCH_MIPSEL:
        return 4000;
    case SCMP_ARCH_MIPS64:
    case SCMP_ARCH_MIPSEL64:
        return 5000;
    case SCMP_ARCH_MIPS64N32:
    case SCMP_ARCH_MIPSEL64N32:
        return 6000;
    default:
        return 0;
    }
}

static bool resolve_young(uint32_t arch, const char *name, struct seccomp_number *out)
{
    for (size_t i = 0; i < ARRAY_SIZE(young); i++)
        if (strcmp(young[i].name, name) == 0) {
            out->direct = true;
            out->nr = number_base(arch) + young[i].nr;
            return true;
        }
    return false;
}

/* Direct numbers of calls that libseccomp only gives as pseudo numbers: the ranges are short and in one order
 * each. */
struct direct_range {
    uint32_t first;
    const char *const *names; /* ends with NULL */
};

static const char *const x86_sockets[] = {
    "socket",      "socketpair",  "bind",   "connect", "listen",   "accept4", "getsockopt", "setsockopt",
    "getsockname", "getpeername", "sendto", "sendmsg", "recvfrom", "recvmsg", "shutdown",   NULL};
static const char *const recv_many[] = {"recvmmsg", NULL};
static const char *const send_many[] = {"sendmmsg", NULL};
static const char *const common_ipc[] = {"semget", "semctl", "shmget", "shmctl", "shmat", "shmdt",
                                         "msgget", "msgsnd", "msgrcv", "msgctl", NULL};
static const char *const ppc_sockets[] = {
    "socket",     "bind",    "connect", "listen",   "accept",   "getsockname", "getpeername",
    "socketpair", "send",    "sendto",  "recv",     "recvfrom", "shutdown",    "setsockopt",
    "getsockopt", "sendmsg", "recvmsg", "recvmmsg", "accept4",  NULL};
static const char *const timed_semop[] = {"semtimedop", NULL};

static const struct direct_range x86_ranges[] = {
    {337, recv_many}, {345, send_many}, {359, x86_sockets}, {393, common_ipc}, {0, NULL}};
static const struct direct_range s390_ranges[] = {
    {357, recv_many}, {358, send_many}, {359, x86_sockets}, {393, common_ipc}, {0, NULL}};
static const struct direct_range s390x_ranges[] = {{357, recv_many},   {358, send_many},  {359, x86_sockets},
                                                   {392, timed_semop}, {393, common_ipc}, {0, NULL}};
static const struct direct_range ppc_ranges[] = {
    {326, ppc_sockets}, {349, send_many}, {393, common_ipc}, {0, NULL}};
static const struct direct_range ppc64_ranges[] = {
    {326, ppc_sockets}, {349, send_many}, {392, timed_semop}, {393, common_ipc}, {0, NULL}};

static const struct direct_range *direct_ranges(uint32_t arch)
{
    switch (arch) {
    case SCMP_ARCH_X86:
        return x86_ranges;
    case SCMP_ARCH_S390:
        return s390_ranges;
    case SCMP_ARCH_S390X:
        return s390x_ranges;
    case SCMP_ARCH_PPC:
        return ppc_ranges;
    case SCMP_ARCH_PPC64:
    case SCMP_ARCH_PPC64LE:
        return ppc64_ranges;
    default:
        return NULL;
    }
}

/* Looks libseccomp's table through backwards: slow, for the architectures without a table here. */
static bool search_direct(uint32_t arch, const char *name, uint32_t *nr)
{
    uint32_t base = number_base(arch);

    for (uint32_t i = base; i <= base + 450; i++) {
        _cleanup_free_ char *found = library()->syscall_resolve_num_arch(arch, (int)i);
        if (found && strcmp(found, name) == 0) {
            *nr = i;
            return true;
        }
    }
    return false;
}

static bool find_direct(uint32_t arch, const char *name, uint32_t *nr)
{
    const struct direct_range *range = direct_ranges(arch);

    if (!range)
        return search_direct(arch, name, nr);
    for (; range->names; range++)
        for (size_t i = 0; range->names[i]; i++)
            if (strcmp(range->names[i], name) == 0) {
                *nr = range->first + (uint32_t)i;
                return true;
            }
    return false;
}

bool seccomp_resolve(uint32_t arch, const char *name, struct seccomp_number *out)
{
    int nr = library()->syscall_resolve_name_arch(arch, name), call = 0;
    const char *mux = NULL;

    *out = (struct seccomp_number){0};
    /* Numbers of x32 have bit 30 set and stay positive; pseudo numbers are small negative ones. */
    if (nr >= 0) {
        out->direct = true;
        out->nr = (uint32_t)nr;
        return true;
    }
    if (nr == __NR_SCMP_ERROR)
        return resolve_young(arch, name, out);
    if (nr < SOCKET_PSEUDO && nr > SOCKET_PSEUDO - PSEUDO_RANGE) {
        mux = "socketcall";
        call = SOCKET_PSEUDO - nr;
    } else if (nr < IPC_PSEUDO && nr > IPC_PSEUDO - PSEUDO_RANGE) {
        mux = "ipc";
        call = IPC_PSEUDO - nr;
    }
    int mux_nr = mux ? library()->syscall_resolve_name_arch(arch, mux) : -1;
    if (mux_nr < 0)
        return true;
    out->multiplexed = true;
    out->mux_nr = (uint32_t)mux_nr;
    out->mux_call = (uint32_t)call;
    /* ipc's upper half is the version of its interface, which the kernel cuts off. */
    out->mux_mask = nr > IPC_PSEUDO ? UINT32_MAX : 0xffff;
    out->direct = find_direct(arch, name, &out->nr);
    return true;
}
