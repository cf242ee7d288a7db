/*
 * From linux.seccomp to a BPF program.
 *
 * Theory of operation: for each architecture every rule becomes one `struct match` per system call number.
 * Sorted by number, the matches of one call are put in the order in which they count, and the whole range of
 * numbers becomes a list of intervals: most hold a plain verdict (an allow list has long runs of those), some
 * a chain of conditions. A balanced tree of comparisons over the intervals' first numbers finds the verdict
 * in seven or eight steps. The kernel runs such a program once per call number when it is loaded (to find the
 * calls that are always allowed), so short paths count there too.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "security/seccomp.h"
#include "security/seccomp_bpf.h"
#include "security/seccomp_check.h"
#include "security/seccomp_syscalls.h"

#define X32_BIT   0x40000000u
#define MUX_CALLS 64 /* more than a multiplexer has */

/* One rule as it applies to one system call number. Kept small: a profile has a thousand, and at the start of
 * a process each new page of memory costs more than all that is done with it. */
struct match {
    uint32_t nr;
    uint32_t order;                     /* position among the rules */
    uint32_t verdict;                   /* SECCOMP_RET_* with its data */
    uint16_t n_args;                    /* 0: the rule holds whatever the arguments are */
    bool multiplexed;                   /* @args is of match_list.mux_args */
    const struct oci_seccomp_arg *args; /* borrowed */
};

/* Numbers from @first up to the next interval's first. */
struct interval {
    uint32_t first;
    uint32_t verdict;          /* when no condition holds */
    const struct match *chain; /* tried in this order */
    size_t n_chain;
};

/* What is worked with for one architecture after the other. */
struct match_list {
    struct match *items;
    size_t count;
    size_t room;
    uint64_t mux_seen[2];                /* calls of ipc and socketcall that have a rule without conditions */
    int32_t mux_strictest[2][MUX_CALLS]; /* the rank of their strictest rule with conditions */
    struct oci_seccomp_arg mux_args[2][MUX_CALLS]; /* what tells them, for those in mux_seen */
    struct interval *intervals;
    size_t n_intervals;
    size_t interval_room;
};

static void free_matches(struct match_list *list)
{
    free(list->items);
    free(list->intervals);
}

void seccomp_filter_free(struct seccomp_filter *filter)
{
    int saved = errno;

    free(filter->code);
    *filter = (struct seccomp_filter){0};
    errno = saved;
}

static int add_match(struct match_list *list, struct match match)
{
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 4096; /* pages that are not touched cost nothing */
        struct match *grown = reallocarray(list->items, room, sizeof *grown);
        if (!grown)
            return -ENOMEM;
        list->items = grown;
        list->room = room;
    }
    list->items[list->count++] = match;
    return 0;
}

/* Does the rule name one argument twice? Then each of its conditions is a rule of its own, as in runc. */
static bool same_argument_twice(const struct oci_seccomp_rule *rule)
{
    unsigned seen = 0;

    for (size_t i = 0; i < rule->args.count; i++) {
        unsigned bit = 1u << rule->args.items[i].index;
        if (seen & bit)
            return true;
        seen |= bit;
    }
    return false;
}

/* The kernel's order of actions: read as a signed number, the smaller is the more restrictive. */
static int32_t rank(uint32_t verdict)
{
    return (int32_t)(verdict & SECCOMP_RET_ACTION_FULL);
}

/* A rule for a call that is made through a multiplexer. Without conditions it becomes one on the
 * multiplexer's first argument, the first of several; with conditions it is only noted, for forget_bypasses.
 */
static int add_multiplexed(struct match_list *list, struct match match, const struct seccomp_number *number,
                           bool conditions)
{
    int mux = number->mux_mask == UINT32_MAX;
    uint32_t call = number->mux_call % MUX_CALLS;
    int32_t *strictest = &list->mux_strictest[mux][call];

    if (conditions) {
        if (rank(match.verdict) < *strictest)
            *strictest = rank(match.verdict);
        return 0;
    }
    if (list->mux_seen[mux] & UINT64_C(1) << call)
        return 0;
    list->mux_seen[mux] |= UINT64_C(1) << call;
    list->mux_args[mux][call] = (struct oci_seccomp_arg){
        .value = number->mux_mask, .value_two = number->mux_call, .op = SCMP_CMP_MASKED_EQ};
    match.nr = number->mux_nr;
    match.n_args = 1;
    match.multiplexed = true;
    match.args = &list->mux_args[mux][call];
    return add_match(list, match);
}

/* `socket` allowed but for some arguments: the multiplexer cannot see those, so it must not be a way around.
 * What then holds for it is the rule for the multiplexer itself, or the default. */
static void forget_bypasses(struct match_list *list, uint32_t otherwise)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++) {
        const struct match *m = &list->items[i];
        if (m->multiplexed) {
            int32_t strictest =
                list->mux_strictest[m->args->value == UINT32_MAX][m->args->value_two % MUX_CALLS];
            if (strictest < rank(m->verdict) && rank(otherwise) < rank(m->verdict))
                continue;
        }
        list->items[kept++] = *m;
    }
    list->count = kept;
}

/* The rule for one name on one architecture. */
static int add_rule(struct match_list *list, const struct oci_seccomp_rule *rule, struct match match,
                    const struct seccomp_number *number)
{
    const struct oci_seccomp_arg_list *args = &rule->args;
    int r = 0;

    if (number->multiplexed)
        r = add_multiplexed(list, match, number, args->count > 0);
    if (r < 0 || !number->direct)
        return r;
    match.nr = number->nr;
    match.args = args->items;
    match.n_args = (uint16_t)args->count;
    if (!same_argument_twice(rule))
        return add_match(list, match);
    match.n_args = 1;
    for (size_t i = 0; i < args->count && r == 0; i++) {
        match.args = &args->items[i];
        r = add_match(list, match);
    }
    return r;
}

/* Gathers the rules as they apply on @arch. known[N] (for the Nth name of all rules) is set for names that
 * some architecture has. */
static int gather(struct match_list *list, const struct oci_seccomp *seccomp, uint32_t arch, bool *known)
{
    uint32_t otherwise = seccomp_default_verdict(seccomp);
    size_t n = 0;

    for (uint32_t i = 0; i < MUX_CALLS; i++)
        list->mux_strictest[0][i] = list->mux_strictest[1][i] = INT32_MAX;
    for (size_t i = 0; i < seccomp->rules.count; i++) {
        const struct oci_seccomp_rule *rule = &seccomp->rules.items[i];
        struct match match = {.order = (uint32_t)i, .verdict = seccomp_rule_verdict(rule)};
        /* Without conditions it says what holds anyway, and must not come before a later rule. */
        bool idle = !rule->args.count && match.verdict == otherwise;
        STRV_FOREACH (name, rule->names) {
            struct seccomp_number number;
            bool found = seccomp_resolve(arch, *name, &number);
            known[n++] |= found;
            if (found && !idle && add_rule(list, rule, match, &number) < 0)
                return -ENOMEM;
        }
    }
    forget_bypasses(list, otherwise);
    return 0;
}

static int by_number(const void *a, const void *b)
{
    const struct match *x = a, *y = b;

    if (x->nr != y->nr)
        return x->nr < y->nr ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static int by_rank(const void *a, const void *b)
{
    const struct match *x = a, *y = b;
    int32_t p = rank(x->verdict), q = rank(y->verdict);

    if (p != q)
        return p < q ? -1 : 1;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* Makes one interval of the @n matches of one call, which are sorted by their order in the profile. */
static struct interval settle(struct match *group, size_t n, uint32_t otherwise)
{
    struct interval interval = {.first = group->nr, .verdict = otherwise, .chain = group};
    size_t kept = 0, plain = 0;

    for (size_t i = 0; i < n; i++)
        if (group[i].n_args || !plain++)
            group[kept++] = group[i];
    qsort(group, kept, sizeof *group, by_rank);
    for (n = 0; n < kept && group[n].n_args; n++)
        ;
    if (n < kept)
        interval.verdict = group[n].verdict;
    while (n && group[n - 1].verdict == interval.verdict)
        n--;
    interval.n_chain = n;
    return interval;
}

/* Appends, or lengthens the last one where nothing changes. The list has the room. */
static void add_interval(struct match_list *list, struct interval interval)
{
    struct interval *last = list->n_intervals ? &list->intervals[list->n_intervals - 1] : NULL;

    if (!last || interval.n_chain || last->n_chain || last->verdict != interval.verdict)
        list->intervals[list->n_intervals++] = interval;
}

/* All numbers from 0 to UINT32_MAX. @x32: above bit 30 are the numbers of x32, which are not in the profile.
 */
static int make_intervals(struct match_list *list, uint32_t otherwise, bool no_x32)
{
    size_t room = 2 * list->count + 3;
    uint32_t next = 0;

    if (room > list->interval_room) {
        free(list->intervals);
        list->interval_room = 0;
        list->intervals = malloc(room * sizeof *list->intervals);
        if (!list->intervals)
            return -ENOMEM;
        list->interval_room = room;
    }
    list->n_intervals = 0;
    if (list->count)
        qsort(list->items, list->count, sizeof *list->items, by_number);
    for (size_t i = 0, n; i < list->count; i += n) {
        uint32_t nr = list->items[i].nr;
        for (n = 1; i + n < list->count && list->items[i + n].nr == nr; n++)
            ;
        if (nr > next)
            add_interval(list, (struct interval){.first = next, .verdict = otherwise});
        add_interval(list, settle(&list->items[i], n, otherwise));
        next = nr + 1;
    }
    add_interval(list, (struct interval){.first = next, .verdict = otherwise});
    if (no_x32) {
        add_interval(list, (struct interval){.first = X32_BIT, .verdict = SECCOMP_RET_KILL_PROCESS});
        /* -1 is no call: a tracer has skipped it. */
        add_interval(list, (struct interval){.first = UINT32_MAX, .verdict = otherwise});
    }
    return 0;
}

static bpf_label emit_interval(struct bpf_builder *b, const struct interval *interval, bool narrow)
{
    bpf_label next = bpf_return(b, interval->verdict);

    for (size_t i = interval->n_chain; i-- > 0;) {
        const struct match *match = &interval->chain[i];
        bpf_label yes = bpf_return(b, match->verdict), no = next;
        next = yes;
        for (size_t j = match->n_args; j-- > 0;)
            next = bpf_condition(b, &match->args[j], narrow, next, no);
    }
    return next;
}

/* A tree over the intervals [@from, @to); depth is the logarithm of their number. */
static bpf_label emit_tree(struct bpf_builder *b, const struct interval *items, size_t from, size_t to,
                           bool narrow)
{
    if (to - from == 1)
        return emit_interval(b, &items[from], narrow);
    size_t middle = from + (to - from) / 2;
    bpf_label upper = emit_tree(b, items, middle, to, narrow);
    bpf_label lower = emit_tree(b, items, from, middle, narrow);
    return bpf_jump(b, BPF_JGE, items[middle].first, upper, lower);
}

static bool listed(const struct oci_seccomp *seccomp, uint32_t arch)
{
    for (size_t i = 0; i < seccomp->architectures.count; i++)
        if (seccomp->architectures.items[i] == arch)
            return true;
    return false;
}

/* The code for @arch (with x32 for x86_64, which the kernel tells apart by the number only). @list: what is
 * left of the architecture before it is its memory. */
static int emit_arch(struct bpf_builder *b, struct match_list *list, const struct oci_seccomp *seccomp,
                     uint32_t arch, bool *known, bpf_label *entry)
{
    bool x86_64 = arch == SCMP_ARCH_X86_64, x32 = x86_64 && listed(seccomp, SCMP_ARCH_X32);

    list->count = 0;
    list->mux_seen[0] = list->mux_seen[1] = 0;
    int r = gather(list, seccomp, arch, known);
    if (r == 0 && x32)
        r = gather(list, seccomp, SCMP_ARCH_X32, known);
    if (r == 0)
        r = make_intervals(list, seccomp_default_verdict(seccomp), x86_64 && !x32);
    if (r < 0)
        return r;
    *entry = emit_tree(b, list->intervals, 0, list->n_intervals, seccomp_arch_narrow(arch));
    *entry = bpf_load(b, offsetof(struct seccomp_data, nr), *entry);
    return 0;
}

/* The whole program, last instruction first; the native architecture is asked for first. */
static int emit_program(struct bpf_builder *b, const struct oci_seccomp *seccomp, bool *known,
                        bpf_label *entry)
{
    uint32_t family[SECCOMP_MAX_FAMILY], archs[SECCOMP_MAX_FAMILY];
    bpf_label entries[SECCOMP_MAX_FAMILY] = {0};
    _cleanup_(free_matches) struct match_list list = {0};
    size_t n_family = seccomp_arch_family(family), n = 0;

    for (size_t i = 0; i < n_family; i++)
        if (i == 0 || (family[i] != SCMP_ARCH_X32 && listed(seccomp, family[i])))
            archs[n++] = family[i];
    for (size_t i = n; i-- > 0;) {
        int r = emit_arch(b, &list, seccomp, archs[i], known, &entries[i]);
        if (r < 0)
            return r;
    }
    bpf_label next = bpf_return(b, SECCOMP_RET_KILL_PROCESS);
    for (size_t i = n; i-- > 0;)
        next = bpf_jump(b, BPF_JEQ, seccomp_audit_arch(archs[i]), entries[i], next);
    *entry = bpf_load(b, offsetof(struct seccomp_data, arch), next);
    return 0;
}

/* The names that no architecture has, each once. */
static int list_unknown(const struct oci_seccomp *seccomp, const bool *known, char ***out)
{
    _cleanup_strv_ char **unknown = NULL;
    size_t n = 0;

    for (size_t i = 0; i < seccomp->rules.count; i++)
        STRV_FOREACH (name, seccomp->rules.items[i].names)
            if (!known[n++] && !strv_has(unknown, *name) && strv_add(&unknown, *name) < 0)
                return -ENOMEM;
    *out = TAKE_PTR(unknown);
    return 0;
}

int seccomp_compile(const struct oci_seccomp *seccomp, struct seccomp_filter *out, char ***unknown,
                    struct error *err)
{
    _cleanup_bpf_ struct bpf_builder builder = {0};
    _cleanup_free_ bool *known = NULL;
    _cleanup_strv_ char **names = NULL;
    bpf_label entry = 0;
    size_t n_names = 0, len = 0;

    int r = seccomp_check(seccomp, err);
    if (r == 0)
        r = seccomp_syscalls_open(err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < seccomp->rules.count; i++)
        n_names += strv_len(seccomp->rules.items[i].names);
    known = calloc(n_names + 1, sizeof *known);
    if (!known || emit_program(&builder, seccomp, known, &entry) < 0 ||
        (unknown && list_unknown(seccomp, known, &names) < 0))
        return error_oom(err);
    _cleanup_free_ struct sock_filter *code = bpf_finish(&builder, entry, &len);
    if (!code)
        return error_oom(err);
    if (len > BPF_MAXINSNS) {
        error_set(err, E2BIG,
                  "linux.seccomp: the rules need a filter of %zu instructions, the kernel takes at most %d",
                  len, BPF_MAXINSNS);
        error_hint(err, "fewer conditions on arguments, or fewer architectures, make it shorter");
        return -E2BIG;
    }
    *out = (struct seccomp_filter){
        .code = TAKE_PTR(code), .len = (unsigned short)len, .notify = seccomp_notifies(seccomp)};
    out->flags = seccomp->flags;
    if (!out->notify) /* it is about how a notified call waits: there is none */
        out->flags &= ~(unsigned)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    if (unknown)
        *unknown = TAKE_PTR(names);
    return 0;
}
