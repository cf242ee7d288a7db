/*
 * For tests of seccomp_compile: profiles built by hand, and an interpreter of classic BPF that runs what
 * comes out.
 */
#pragma once

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "security/seccomp.h"
#include "security/seccomp_syscalls.h"

#define ALLOW     ((int)SECCOMP_RET_ALLOW)
#define ERRNO     ((int)SECCOMP_RET_ERRNO)
#define LOG       ((int)SECCOMP_RET_LOG)
#define TRACE     ((int)SECCOMP_RET_TRACE)
#define NOTIFY    ((int)SECCOMP_RET_USER_NOTIF)
#define KILL      ((int)SECCOMP_RET_KILL_THREAD)
#define KILL_ALL  ((int)SECCOMP_RET_KILL_PROCESS)
#define X32_BIT   0x40000000u
#define MAX_RULES 64

/* A profile built by hand; names and arguments are not owned. */
struct profile {
    struct oci_seccomp seccomp;
    struct oci_seccomp_rule rules[MAX_RULES];
    char *names[MAX_RULES][2];
    struct oci_seccomp_arg args[MAX_RULES][6];
    uint32_t archs[8];
};

static inline struct profile *new_profile(int default_action)
{
    struct profile *p = calloc(1, sizeof *p);

    assert_non_null(p);
    p->seccomp.default_action = default_action;
    p->seccomp.rules.items = p->rules;
    p->seccomp.architectures.items = p->archs;
    return p;
}

static inline struct oci_seccomp_rule *rule(struct profile *p, const char *name, int action)
{
    size_t i = p->seccomp.rules.count++;

    assert_true(i < MAX_RULES);
    p->names[i][0] = (char *)name;
    p->rules[i] = (struct oci_seccomp_rule){.names = p->names[i], .action = action};
    p->rules[i].args.items = p->args[i];
    return &p->rules[i];
}

static inline struct oci_seccomp_rule *with_errno(struct oci_seccomp_rule *r, uint32_t value)
{
    r->errno_ret = (struct opt_u32){true, value};
    return r;
}

static inline struct oci_seccomp_rule *with_arg(struct oci_seccomp_rule *r, uint32_t index, int op,
                                                uint64_t value, uint64_t value_two)
{
    r->args.items[r->args.count++] =
        (struct oci_seccomp_arg){.index = index, .op = op, .value = value, .value_two = value_two};
    return r;
}

static inline void add_arch(struct profile *p, uint32_t arch)
{
    p->archs[p->seccomp.architectures.count++] = arch;
}

/* Runs @code over @data as the kernel would. */
static inline uint32_t run(const struct sock_filter *code, size_t len, const struct seccomp_data *data)
{
    uint32_t a = 0, word;

    for (size_t pc = 0; pc < len; pc++) {
        const struct sock_filter *i = &code[pc];
        bool yes;
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            assert_true(i->k % 4 == 0 && i->k + 4 <= sizeof *data);
            memcpy(&word, (const char *)data + i->k, 4);
            a = word;
            continue;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= i->k;
            continue;
        case BPF_RET | BPF_K:
            return i->k;
        case BPF_JMP | BPF_JA:
            pc += i->k;
            continue;
        case BPF_JMP | BPF_JEQ | BPF_K:
            yes = a == i->k;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            yes = a > i->k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            yes = a >= i->k;
            break;
        default:
            fail_msg("instruction %#x at %zu", i->code, pc);
            return 0;
        }
        pc += yes ? i->jt : i->jf;
    }
    fail_msg("ran over the end");
    return 0;
}

static inline uint32_t run_call(const struct seccomp_filter *f, uint32_t arch, uint32_t nr, uint64_t a0,
                                uint64_t a1)
{
    struct seccomp_data data = {.arch = arch, .nr = (int)nr, .args = {a0, a1}};

    return run(f->code, f->len, &data);
}

static inline uint32_t number(uint32_t arch, const char *name)
{
    struct seccomp_number n;

    assert_true(seccomp_resolve(arch, name, &n));
    assert_true(n.direct);
    return n.nr;
}

static inline void compile(struct profile *p, struct seccomp_filter *f)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    *f = (struct seccomp_filter){0};
    if (seccomp_compile(&p->seccomp, f, NULL, &err) < 0)
        fail_msg("seccomp_compile: %s", error_text(&err));
}

#define RET_ERRNO(e) (SECCOMP_RET_ERRNO | (e))

static inline uint32_t native(void)
{
    return seccomp_arch_native();
}
