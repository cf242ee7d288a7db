#include "seccomp_reference.h"

#include <seccomp.h>
#include <stdbool.h>

#include "base/str.h"
#include "fuzz.h"
#include "security/seccomp_check.h"
#include "security/seccomp_syscalls.h"

#define X32_BIT   0x40000000u
#define MUX_CALLS 64

static int32_t rank(uint32_t verdict)
{
    return (int32_t)(verdict & SECCOMP_RET_ACTION_FULL);
}

static bool listed(const struct oci_seccomp *p, uint32_t arch)
{
    for (size_t i = 0; i < p->architectures.count; i++)
        if (p->architectures.items[i] == arch)
            return true;
    return false;
}

static bool condition_holds(const struct oci_seccomp_arg *c, const struct seccomp_data *call, bool narrow)
{
    uint64_t arg = narrow ? (uint32_t)call->args[c->index] : call->args[c->index];
    uint64_t low = narrow ? UINT32_MAX : UINT64_MAX;

    switch (c->op) {
    case SCMP_CMP_EQ:
        return ((arg ^ c->value) & low) == 0;
    case SCMP_CMP_NE:
        return ((arg ^ c->value) & low) != 0;
    case SCMP_CMP_MASKED_EQ:
        /* seccomp_rule_add(3): both sides are masked. */
        return ((arg ^ c->value_two) & c->value & low) == 0;
    case SCMP_CMP_LT:
        return arg < c->value;
    case SCMP_CMP_LE:
        return arg <= c->value;
    case SCMP_CMP_GE:
        return arg >= c->value;
    case SCMP_CMP_GT:
        return arg > c->value;
    default:
        abort();
    }
}

static bool argument_twice(const struct oci_seccomp_rule *rule)
{
    for (size_t i = 0; i < rule->args.count; i++)
        for (size_t j = 0; j < i; j++)
            if (rule->args.items[i].index == rule->args.items[j].index)
                return true;
    return false;
}

static bool conditions_hold(const struct oci_seccomp_rule *rule, const struct seccomp_data *call, bool narrow)
{
    bool any = false, all = true;

    for (size_t i = 0; i < rule->args.count; i++) {
        bool holds = condition_holds(&rule->args.items[i], call, narrow);
        any |= holds;
        all &= holds;
    }
    return argument_twice(rule) ? any : all;
}

/* What is known so far: the first rule without conditions, and the strictest with ones that hold. */
struct finding {
    bool plain, conditional;
    uint32_t plain_verdict, verdict;
    size_t plain_order, order;
};

static void hold(struct finding *f, uint32_t verdict, size_t order)
{
    if (f->conditional &&
        (rank(f->verdict) < rank(verdict) || (rank(f->verdict) == rank(verdict) && f->order <= order)))
        return;
    f->conditional = true;
    f->verdict = verdict;
    f->order = order;
}

/* Is a rule without conditions for the call that is made through this multiplexer to be followed? Not, if one
 * with conditions is stricter, and the default would be, too. */
static bool followed(const struct oci_seccomp *p, uint32_t arch, const struct seccomp_number *mux,
                     uint32_t verdict)
{
    uint32_t otherwise = seccomp_default_verdict(p);

    for (size_t i = 0; i < p->rules.count; i++) {
        const struct oci_seccomp_rule *rule = &p->rules.items[i];
        STRV_FOREACH (name, rule->names) {
            struct seccomp_number n;
            if (rule->args.count && seccomp_resolve(arch, *name, &n) && n.multiplexed &&
                n.mux_mask == mux->mux_mask && n.mux_call == mux->mux_call &&
                rank(seccomp_rule_verdict(rule)) < rank(verdict) && rank(otherwise) < rank(verdict))
                return false;
        }
    }
    return true;
}

static void look_at_rules(const struct oci_seccomp *p, uint32_t arch, const struct seccomp_data *call,
                          struct finding *f)
{
    uint32_t nr = (uint32_t)call->nr, otherwise = seccomp_default_verdict(p);
    bool narrow = seccomp_arch_narrow(arch), seen[2][MUX_CALLS] = {{false}};

    for (size_t i = 0; i < p->rules.count; i++) {
        const struct oci_seccomp_rule *rule = &p->rules.items[i];
        uint32_t verdict = seccomp_rule_verdict(rule);
        if (!rule->args.count && verdict == otherwise)
            continue;
        STRV_FOREACH (name, rule->names) {
            struct seccomp_number n;
            if (!seccomp_resolve(arch, *name, &n))
                continue;
            if (n.direct && n.nr == nr) {
                if (rule->args.count && conditions_hold(rule, call, narrow)) {
                    hold(f, verdict, i);
                } else if (!rule->args.count && !f->plain) {
                    f->plain = true;
                    f->plain_verdict = verdict;
                    f->plain_order = i;
                }
            }
            if (!n.multiplexed || rule->args.count || seen[n.mux_mask == UINT32_MAX][n.mux_call % MUX_CALLS])
                continue;
            seen[n.mux_mask == UINT32_MAX][n.mux_call % MUX_CALLS] = true;
            if (n.mux_nr == nr && ((uint32_t)call->args[0] & n.mux_mask) == n.mux_call &&
                followed(p, arch, &n, verdict))
                hold(f, verdict, i);
        }
    }
}

uint32_t seccomp_reference(const struct oci_seccomp *p, const struct seccomp_data *call)
{
    uint32_t family[SECCOMP_MAX_FAMILY], nr = (uint32_t)call->nr;
    size_t n = seccomp_arch_family(family), at = 0;
    struct finding f = {0};

    while (at < n && (family[at] == SCMP_ARCH_X32 || seccomp_audit_arch(family[at]) != call->arch ||
                      (at > 0 && !listed(p, family[at]))))
        at++;
    if (at == n)
        return SECCOMP_RET_KILL_PROCESS;
    bool x32 = listed(p, SCMP_ARCH_X32);
    if (family[at] == SCMP_ARCH_X86_64 && !x32 && nr >= X32_BIT && nr != UINT32_MAX)
        return SECCOMP_RET_KILL_PROCESS;
    look_at_rules(p, family[at], call, &f);
    if (family[at] == SCMP_ARCH_X86_64 && x32 && !f.plain && !f.conditional)
        look_at_rules(p, SCMP_ARCH_X32, call, &f);
    if (!f.plain)
        return f.conditional ? f.verdict : seccomp_default_verdict(p);
    if (f.conditional && (rank(f.verdict) < rank(f.plain_verdict) ||
                          (rank(f.verdict) == rank(f.plain_verdict) && f.order < f.plain_order)))
        return f.verdict;
    return f.plain_verdict;
}

uint32_t seccomp_run(const struct sock_filter *code, size_t len, const struct seccomp_data *call)
{
    uint32_t a = 0;

    must(len > 0 && len <= BPF_MAXINSNS, "%zu instructions", len);
    for (size_t pc = 0; pc < len; pc++) {
        const struct sock_filter *i = &code[pc];
        bool yes = false;
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            must(i->k % 4 == 0 && i->k + 4 <= sizeof *call, "loads at %u", i->k);
            memcpy(&a, (const char *)call + i->k, 4);
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
            must(false, "instruction %#x at %zu", i->code, pc);
        }
        pc += yes ? i->jt : i->jf;
    }
    must(false, "ran over the end");
    return 0;
}
