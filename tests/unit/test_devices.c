/*
 * Device rules: the list that is made of a configuration, the program for cgroup v2 and the exceptions for
 * cgroup v1, compared with a plain reference over many random lists; and the program in the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "cgroup/device_bpf.h"
#include "cgroup/devices.h"

#define NUMBER(n)                 \
    {                             \
        .set = true, .value = (n) \
    }

static void make(struct device_rules *out, struct oci_device *devices, size_t n_devices,
                 struct oci_device_rule *rules, size_t n_rules)
{
    const struct oci_device_list d = {devices, n_devices};
    const struct oci_device_rule_list r = {rules, n_rules};
    _cleanup_error_ struct error err = ERROR_INIT;

    assert_int_equal(device_rules_make(out, &d, &r, &err), 0);
}

/* The list as text, one rule after the other. */
static void expect(const struct device_rules *rules, const char *text)
{
    char all[1024], buf[DEVICE_RULE_TEXT_MAX];

    snprintf(all, sizeof all, "%s", rules->allow ? "all" : "none");
    for (size_t i = 0; i < rules->count; i++) {
        size_t n = strlen(all);
        snprintf(all + n, sizeof all - n, ", %s%s", rules->items[i].allow ? "" : "!",
                 device_rule_text(buf, &rules->items[i]));
    }
    assert_string_equal(all, text);
}

#define DEFAULTS                                                                                            \
    "c *:* m, b *:* m, c 1:3 rwm, c 1:5 rwm, c 1:7 rwm, c 1:8 rwm, c 1:9 rwm, c 5:0 rwm, c 5:1 rwm, c 5:2 " \
    "rwm, c 136:* rwm"

static void test_defaults(void **state)
{
    _cleanup_device_rules_ struct device_rules none = {0}, denied = {0};
    struct oci_device_rule deny_all = {.allow = false, .access = (char *)"rwm"};

    (void)state;
    assert_int_equal(device_rules_make(&none, NULL, NULL, NULL), 0);
    expect(&none, "none, " DEFAULTS);
    make(&denied, NULL, 0, &deny_all, 1);
    expect(&denied, "none, " DEFAULTS);
    assert_int_equal(device_rules_allowed(&none, 'c', 1, 3), DEVICE_ACCESS_ALL);
    assert_int_equal(device_rules_allowed(&none, 'c', 136, 77), DEVICE_ACCESS_ALL);
    assert_int_equal(device_rules_allowed(&none, 'c', 10, 200), DEVICE_MKNOD);
    assert_int_equal(device_rules_allowed(&none, 'b', 8, 0), DEVICE_MKNOD);
}

static void test_everything(void **state)
{
    _cleanup_device_rules_ struct device_rules rules = {0};
    struct oci_device_rule allow_all[] = {{.allow = false, .type = (char *)"c", .access = (char *)"rwm"},
                                          {.allow = true, .type = (char *)"a", .access = (char *)"rwm"}};
    struct oci_device_rule some[] = {
        {.allow = true, .type = (char *)"", .major = NUMBER(-1), .minor = NUMBER(-1), .access = (char *)""},
        {.allow = false, .type = (char *)"b", .major = NUMBER(8), .access = (char *)"w"}};

    (void)state;
    make(&rules, NULL, 0, allow_all, 2);
    expect(&rules, "all");
    device_rules_free(&rules);
    make(&rules, NULL, 0, some, 2);
    expect(&rules, "all, !b 8:* w, " DEFAULTS);
}

/* A device of linux.devices may be opened, unless the rules say less. */
static void test_devices_asked_for(void **state)
{
    struct oci_device devices[] = {{.type = 'c', .major = NUMBER(10), .minor = NUMBER(229)},
                                   {.type = 'p'},
                                   {.type = 'b', .major = NUMBER(7), .minor = NUMBER(0)},
                                   {.type = 'u', .major = NUMBER(10), .minor = NUMBER(200)}};
    struct oci_device_rule rules[] = {{.allow = false, .access = (char *)"rwm"},
                                      {.allow = true,
                                       .type = (char *)"c",
                                       .major = NUMBER(10),
                                       .minor = NUMBER(229),
                                       .access = (char *)"r"}};
    _cleanup_device_rules_ struct device_rules all = {0}, less = {0};

    (void)state;
    make(&all, devices, 4, NULL, 0);
    assert_int_equal(device_rules_allowed(&all, 'c', 10, 229), DEVICE_ACCESS_ALL);
    assert_int_equal(device_rules_allowed(&all, 'c', 10, 200), DEVICE_ACCESS_ALL);
    assert_int_equal(device_rules_allowed(&all, 'b', 7, 0), DEVICE_ACCESS_ALL);
    make(&less, devices, 4, rules, 2);
    assert_int_equal(device_rules_allowed(&less, 'c', 10, 229), DEVICE_READ | DEVICE_MKNOD);
    assert_int_equal(device_rules_allowed(&less, 'b', 7, 0), DEVICE_MKNOD);
}

static void test_rule_text(void **state)
{
    struct device_rule rule;
    char buf[DEVICE_RULE_TEXT_MAX];
    bool all;
    static const char *const bad[] = {"", "c", "x 1:2 r", "c 1 r", "c 1:2", "c 1*:2 r", "c 1:4294967296 r"};

    (void)state;
    assert_int_equal(device_rule_parse("c 1:* rm", &rule, &all), 0);
    assert_false(all);
    assert_string_equal(device_rule_text(buf, &rule), "c 1:* rm");
    assert_int_equal(device_rule_parse("a *:* rwm", &rule, &all), 0);
    assert_true(all);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(device_rule_parse(bad[i], &rule, &all), -EINVAL);
}

static void test_too_many(void **state)
{
    struct oci_device_rule_list list = {.count = DEVICE_RULES_MAX + 1};
    _cleanup_error_ struct error err = ERROR_INIT;
    struct device_rules rules;

    (void)state;
    assert_int_equal(device_rules_make(&rules, NULL, &list, &err), -E2BIG);
    assert_string_equal(
        error_text(&err),
        "linux.devices and linux.resources.devices have 1025 entries, at most 1024 are possible");
}

static void test_hole(void **state)
{
    struct oci_device_rule rules[] = {
        {.allow = true, .type = (char *)"c", .major = NUMBER(10), .access = (char *)"rw"},
        {.allow = false,
         .type = (char *)"c",
         .major = NUMBER(10),
         .minor = NUMBER(200),
         .access = (char *)"w"}};
    struct oci_device_rule open[] = {
        {.allow = true},
        {.allow = false, .type = (char *)"b", .access = (char *)"rwm"},
        {.allow = true, .type = (char *)"b", .major = NUMBER(8), .minor = NUMBER(1), .access = (char *)"r"}};
    _cleanup_device_rules_ struct device_rules list = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    make(&list, NULL, 0, rules, 2);
    assert_int_equal(device_rules_flatten(&list, &err), -EINVAL);
    assert_string_equal(
        error_text(&err),
        "linux.resources.devices: \"c 10:200 w\" is denied out of a wider rule, which cgroup v1 cannot do");
    assert_non_null(strstr(err.hint, "use cgroup v2"));
    device_rules_free(&list);
    make(&list, NULL, 0, open, 3);
    assert_int_equal(device_rules_flatten(&list, &err), -EINVAL);
    assert_string_equal(
        error_text(&err),
        "linux.resources.devices: \"b 8:1 r\" is allowed out of a wider rule, which cgroup v1 cannot do");
}

/* One exception must have all of an access: what wider ones give is repeated. */
static void test_flatten(void **state)
{
    struct oci_device_rule rules[] = {
        {.allow = true, .type = (char *)"c", .major = NUMBER(10), .access = (char *)"r"},
        {.allow = true, .type = (char *)"c", .minor = NUMBER(7), .access = (char *)"w"},
        {.allow = true, .type = (char *)"c", .major = NUMBER(10), .minor = NUMBER(5), .access = (char *)"r"}};
    _cleanup_device_rules_ struct device_rules list = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    make(&list, NULL, 0, rules, 3);
    assert_int_equal(device_rules_flatten(&list, &err), 0);
    expect(&list, "none, c 10:* r, c *:7 w, c *:* m, b *:* m, c 1:3 rwm, c 1:5 rwm, c 1:7 rwm, c 1:8 rwm, "
                  "c 1:9 rwm, c 5:0 rwm, c 5:1 rwm, c 5:2 rwm, c 136:* rwm, c 10:7 rwm");
}

/* Who reads devices.list finds the rules of config.json in their order and as they are written, then the
 * others. */
static void test_flatten_order(void **state)
{
    struct oci_device_rule rules[] = {
        {.allow = false, .access = (char *)"rwm"},
        {.allow = true,
         .type = (char *)"c",
         .major = NUMBER(10),
         .minor = NUMBER(229),
         .access = (char *)"rwm"},
        {.allow = true, .type = (char *)"b", .major = NUMBER(8), .minor = NUMBER(20), .access = (char *)"rw"},
        {.allow = true,
         .type = (char *)"b",
         .major = NUMBER(10),
         .minor = NUMBER(200),
         .access = (char *)"r"}};
    _cleanup_device_rules_ struct device_rules list = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    make(&list, NULL, 0, rules, 4);
    assert_int_equal(device_rules_flatten(&list, &err), 0);
    expect(&list,
           "none, c 10:229 rwm, b 8:20 rw, b 10:200 r, c *:* m, b *:* m, c 1:3 rwm, c 1:5 rwm, c 1:7 rwm, "
           "c 1:8 rwm, c 1:9 rwm, c 5:0 rwm, c 5:1 rwm, c 5:2 rwm, c 136:* rwm");
}

/* What the kernel does with a program of ours: an interpreter of the instructions that the compiler uses. */
static unsigned interpret(const struct device_program *p, const struct bpf_cgroup_dev_ctx *ctx)
{
    uint64_t reg[4] = {0};

    for (size_t pc = 0;; pc++) {
        assert_true(pc < p->len);
        const struct bpf_insn *in = &p->code[pc];
        assert_true(in->dst_reg < 4);
        uint32_t value = (uint32_t)reg[in->dst_reg], imm = (uint32_t)in->imm;
        bool taken = false;
        switch (in->code) {
        case BPF_LDX | BPF_MEM | BPF_W:
            assert_int_equal(in->src_reg, BPF_REG_1);
            memcpy(&value, (const char *)ctx + in->off, sizeof value);
            reg[in->dst_reg] = value;
            break;
        case BPF_ALU | BPF_MOV | BPF_X:
            reg[in->dst_reg] = (uint32_t)reg[in->src_reg];
            break;
        case BPF_ALU64 | BPF_MOV | BPF_K:
            reg[in->dst_reg] = imm;
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            reg[in->dst_reg] = value & imm;
            break;
        case BPF_ALU | BPF_RSH | BPF_K:
            reg[in->dst_reg] = value >> imm;
            break;
        case BPF_JMP32 | BPF_JNE | BPF_K:
            taken = value != imm;
            break;
        case BPF_JMP32 | BPF_JEQ | BPF_K:
            taken = value == imm;
            break;
        case BPF_JMP32 | BPF_JSET | BPF_K:
            taken = value & imm;
            break;
        case BPF_JMP | BPF_EXIT:
            return (unsigned)reg[0];
        default:
            fail_msg("instruction %zu has the unknown code %#x", pc, in->code);
        }
        if (taken) {
            assert_true(in->off >= 0);
            pc += (size_t)in->off;
        }
    }
}

static void test_instructions(void **state)
{
    struct device_rule items[] = {{'c', true, DEVICE_READ | DEVICE_WRITE, 1, 3},
                                  {'b', false, DEVICE_WRITE, 8, DEVICE_ANY}};
    const struct device_rules rules = {.allow = false, .items = items, .count = 2};
    const struct bpf_insn want[] = {
        {BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, 0, 0},
        {BPF_ALU | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0},
        {BPF_ALU | BPF_AND | BPF_K, BPF_REG_3, 0, 0, 0xffff},
        {BPF_ALU | BPF_RSH | BPF_K, BPF_REG_2, 0, 0, 16},
        {BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_3, 0, 10, BPF_DEVCG_DEV_CHAR},
        {BPF_LDX | BPF_MEM | BPF_W, BPF_REG_3, BPF_REG_1, 4, 0},
        {BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_3, 0, 4, 1},
        {BPF_LDX | BPF_MEM | BPF_W, BPF_REG_3, BPF_REG_1, 8, 0},
        {BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_3, 0, 2, 3},
        {BPF_ALU | BPF_AND | BPF_K, BPF_REG_2, 0, 0, DEVICE_MKNOD},
        {BPF_JMP32 | BPF_JEQ | BPF_K, BPF_REG_2, 0, 2, 0},
        {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0},
        {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
        {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1},
        {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
        {BPF_LDX | BPF_MEM | BPF_W, BPF_REG_3, BPF_REG_1, 4, 0},
        {BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_3, 0, 1, 8},
        {BPF_JMP32 | BPF_JSET | BPF_K, BPF_REG_2, 0, 0, DEVICE_WRITE},
        {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0},
        {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
    };
    struct device_program p;

    (void)state;
    assert_int_equal(device_bpf_compile(&rules, &p, NULL), 0);
    assert_int_equal(p.len, ARRAY_SIZE(want));
    for (size_t i = 0; i < p.len; i++)
        if (memcmp(&p.code[i], &want[i], sizeof want[i]) != 0)
            fail_msg("instruction %zu: %#x r%u r%u %d %d", i, p.code[i].code, p.code[i].dst_reg,
                     p.code[i].src_reg, p.code[i].off, p.code[i].imm);
    free(p.code);
}

/* --- random lists --- */

static uint64_t seed = 20250801;

static unsigned pick(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % n;
}

/* Small numbers, so that rules meet; 9 is in no rule. */
static const int64_t numbers[] = {1, 3, 5, 7, 136, 9};

static bool matches(const struct opt_i64 *rule, int64_t number)
{
    return !rule->set || rule->value == -1 || rule->value == number;
}

/* What the specification's text says, in order, bit by bit. */
static bool reference_bit(const struct oci_device_list *devices, const struct oci_device_rule_list *rules,
                          char type, int64_t major, int64_t minor, char access)
{
    static const int64_t defaults[][2] = {{1, 3}, {1, 5}, {1, 7}, {1, 8},   {1, 9},
                                          {5, 0}, {5, 1}, {5, 2}, {136, -1}};
    bool allowed = false;

    for (size_t i = 0; i < devices->count; i++)
        if ((devices->items[i].type == 'b') == (type == 'b') && devices->items[i].type != 'p' &&
            devices->items[i].major.value == major && devices->items[i].minor.value == minor)
            allowed = true;
    for (size_t i = 0; i < rules->count; i++) {
        const struct oci_device_rule *r = &rules->items[i];
        bool same_type = !r->type || !*r->type || *r->type == 'a' || *r->type == type;
        if (same_type && matches(&r->major, major) && matches(&r->minor, minor) &&
            (!r->access || !*r->access || strchr(r->access, access)))
            allowed = r->allow;
    }
    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
        if (type == 'c' && defaults[i][0] == major && (defaults[i][1] == -1 || defaults[i][1] == minor))
            allowed = true;
    return allowed || access == 'm';
}

static unsigned reference(const struct oci_device_list *devices, const struct oci_device_rule_list *rules,
                          char type, int64_t major, int64_t minor)
{
    return (reference_bit(devices, rules, type, major, minor, 'r') ? DEVICE_READ : 0) |
           (reference_bit(devices, rules, type, major, minor, 'w') ? DEVICE_WRITE : 0) |
           (reference_bit(devices, rules, type, major, minor, 'm') ? DEVICE_MKNOD : 0);
}

/* The kernel's cgroup v1: match_exception and match_exception_partial of security/device_cgroup.c. */
static bool v1_allows(const struct device_rules *flat, char type, int64_t major, int64_t minor,
                      unsigned access)
{
    for (size_t i = 0; i < flat->count; i++) {
        const struct device_rule *e = &flat->items[i];
        assert_true(e->allow != flat->allow);
        if (e->type != type || (e->major != DEVICE_ANY && e->major != major) ||
            (e->minor != DEVICE_ANY && e->minor != minor))
            continue;
        if (flat->allow ? (access & e->access) != 0 : (access & ~(unsigned)e->access) == 0)
            return !flat->allow;
    }
    return flat->allow;
}

static void random_rule(struct oci_device_rule *rule)
{
    static char *const types[] = {NULL, (char *)"", (char *)"a", (char *)"b", (char *)"c", (char *)"c"};
    static char *const accesses[] = {NULL,         (char *)"",   (char *)"r",  (char *)"w",  (char *)"m",
                                     (char *)"rw", (char *)"rm", (char *)"mw", (char *)"rwm"};

    *rule = (struct oci_device_rule){.allow = pick(2),
                                     .type = types[pick(ARRAY_SIZE(types))],
                                     .access = accesses[pick(ARRAY_SIZE(accesses))]};
    if (pick(4))
        rule->major = (struct opt_i64)NUMBER(pick(6) ? numbers[pick(5)] : -1);
    if (pick(4))
        rule->minor = (struct opt_i64)NUMBER(pick(6) ? numbers[pick(5)] : -1);
}

struct random_list {
    struct oci_device devices[3];
    struct oci_device_rule rules[12];
    struct oci_device_list device_list;
    struct oci_device_rule_list rule_list;
};

static void random_list(struct random_list *l)
{
    static const char types[] = "cbup";

    l->device_list = (struct oci_device_list){l->devices, pick(ARRAY_SIZE(l->devices) + 1)};
    l->rule_list = (struct oci_device_rule_list){l->rules, pick(ARRAY_SIZE(l->rules) + 1)};
    for (size_t i = 0; i < l->device_list.count; i++)
        l->devices[i] = (struct oci_device){
            .type = types[pick(4)], .major = NUMBER(numbers[pick(5)]), .minor = NUMBER(numbers[pick(5)])};
    for (size_t i = 0; i < l->rule_list.count; i++)
        random_rule(&l->rules[i]);
}

/* Is there a device that has less (@less) or more than one which no rule names in that place? */
static bool has_hole(const struct random_list *l, bool less)
{
    for (size_t t = 0; t < 2; t++)
        for (size_t a = 0; a < ARRAY_SIZE(numbers); a++)
            for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                const int64_t wide[][2] = {{numbers[a], 1000}, {1000, numbers[i]}, {1000, 1000}};
                unsigned here = reference(&l->device_list, &l->rule_list, "bc"[t], numbers[a], numbers[i]);
                for (size_t k = 0; k < ARRAY_SIZE(wide); k++) {
                    unsigned there =
                        reference(&l->device_list, &l->rule_list, "bc"[t], wide[k][0], wide[k][1]);
                    if (less ? there & ~here : here & ~there)
                        return true;
                }
            }
    return false;
}

/* Compares all verdicts for one device. */
static void compare(const struct random_list *l, const struct device_rules *rules,
                    const struct device_program *program, const struct device_rules *flat, char type,
                    int64_t major, int64_t minor)
{
    unsigned want = reference(&l->device_list, &l->rule_list, type, major, minor);

    assert_int_equal(device_rules_allowed(rules, type, major, minor), want);
    for (unsigned access = 1; access <= DEVICE_ACCESS_ALL; access++) {
        const struct bpf_cgroup_dev_ctx ctx = {access << 16 |
                                                   (type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR),
                                               (uint32_t)major, (uint32_t)minor};
        assert_int_equal(interpret(program, &ctx), (access & ~want) == 0);
        /* Never the making of a node together with its use. */
        if (flat && (access == DEVICE_MKNOD || !(access & DEVICE_MKNOD)))
            assert_int_equal(v1_allows(flat, type, major, minor, access), (access & ~want) == 0);
    }
}

static void test_random(void **state)
{
    unsigned flattened = 0, holes = 0;

    (void)state;
    for (int round = 0; round < 4000; round++) {
        struct random_list l;
        _cleanup_device_rules_ struct device_rules rules = {0}, flat = {0};
        struct device_program program;
        random_list(&l);
        assert_int_equal(device_rules_make(&rules, &l.device_list, &l.rule_list, NULL), 0);
        assert_int_equal(device_rules_make(&flat, &l.device_list, &l.rule_list, NULL), 0);
        assert_int_equal(device_bpf_compile(&rules, &program, NULL), 0);
        bool is_flat = device_rules_flatten(&flat, NULL) == 0;
        assert_int_equal(is_flat, !has_hole(&l, !rules.allow));
        flattened += is_flat;
        holes += !is_flat;
        for (size_t a = 0; a < ARRAY_SIZE(numbers); a++)
            for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                compare(&l, &rules, &program, is_flat ? &flat : NULL, 'b', numbers[a], numbers[i]);
                compare(&l, &rules, &program, is_flat ? &flat : NULL, 'c', numbers[a], numbers[i]);
            }
        free(program.code);
    }
    /* Both happen, or the comparison is worth nothing. */
    assert_true(flattened > 400 && holes > 400);
}

/* --- the kernel --- */

/* A new directory in the machine's cgroup v2; false where there is none or it can't be made. */
static bool make_cgroup(char path[64])
{
    static const char *const tops[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    char file[128];

    for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
        snprintf(file, sizeof file, "%s/cgroup.controllers", tops[i]);
        snprintf(path, 64, "%s/bryo-test-%d", tops[i], (int)getpid());
        if (access(file, F_OK) == 0)
            return mkdir(path, 0755) == 0;
    }
    return false;
}

static int count_attached(int cgroup)
{
    uint32_t ids[64];
    union bpf_attr attr = {.query = {.target_fd = (uint32_t)cgroup,
                                     .attach_type = BPF_CGROUP_DEVICE,
                                     .prog_ids = (uint64_t)(uintptr_t)ids,
                                     .prog_cnt = 64}};

    assert_int_equal(syscall(SYS_bpf, BPF_PROG_QUERY, &attr, sizeof attr), 0);
    return (int)attr.query.prog_cnt;
}

/* What a process in the cgroup may open, as two digits: /dev/null and /dev/zero, 1 for yes. */
static int try_devices(const char *cgroup)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        char procs[128];
        snprintf(procs, sizeof procs, "%s/cgroup.procs", cgroup);
        int fd = open(procs, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, "0", 1) != 1)
            _exit(99);
        _exit((open("/dev/null", O_RDWR | O_CLOEXEC) >= 0 ? 10 : 0) +
              (open("/dev/zero", O_RDONLY | O_CLOEXEC) >= 0 ? 1 : 0));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status);
}

static void test_kernel(void **state)
{
    char path[64];
    struct device_rule one[] = {{'c', true, DEVICE_ACCESS_ALL, 1, 3}},
                       two[] = {{'c', false, DEVICE_READ, 1, 3}};
    const struct device_rules null_only = {.items = one, .count = 1}, not_null = {true, two, 1},
                              all = {.allow = true};
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    if (geteuid() != 0 || !make_cgroup(path)) {
        print_message("needs root of the machine and cgroup v2\n");
        skip();
    }
    int cgroup = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = device_bpf_apply(cgroup, path, &all, &err);
    if (r == 0)
        r = count_attached(cgroup); /* nothing to forbid, nothing attached */
    if (r == 0)
        r = device_bpf_apply(cgroup, path, &null_only, &err);
    int first = r == 0 ? try_devices(path) : -1;
    if (r == 0)
        r = device_bpf_apply(cgroup, path, &not_null, &err);
    int second = r == 0 ? try_devices(path) : -1, attached = r == 0 ? count_attached(cgroup) : -1;
    if (r == 0)
        r = device_bpf_apply(cgroup, path, &all, &err);
    int third = r == 0 ? try_devices(path) : -1;
    close(cgroup);
    rmdir(path);
    if (r == -EPERM) {
        print_message("needs the right to load programs\n");
        skip();
    }
    assert_null(err.text);
    assert_int_equal(first, 10);
    assert_int_equal(second, 1);
    assert_int_equal(attached, 1);
    assert_int_equal(third, 11);
}

/* The longest list there is passes the verifier. */
static void test_kernel_limit(void **state)
{
    _cleanup_free_ struct oci_device_rule *items = NULL;
    _cleanup_device_rules_ struct device_rules rules = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    static char *const accesses[] = {(char *)"r", (char *)"w", (char *)"rm", (char *)"rw"};
    char path[64];

    (void)state;
    if (geteuid() != 0 || !make_cgroup(path)) {
        print_message("needs root of the machine and cgroup v2\n");
        skip();
    }
    items = calloc(DEVICE_RULES_MAX, sizeof *items);
    assert_non_null(items);
    for (size_t i = 0; i < DEVICE_RULES_MAX; i++) {
        items[i] = (struct oci_device_rule){
            .allow = i % 3 != 0, .major = NUMBER(200 + (int64_t)i), .access = accesses[pick(4)]};
        if (i % 2)
            items[i].minor = (struct opt_i64)NUMBER((int64_t)i);
    }
    make(&rules, NULL, 0, items, DEVICE_RULES_MAX);
    assert_true(rules.count > 2 * DEVICE_RULES_MAX - 10);
    int cgroup = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = device_bpf_apply(cgroup, path, &rules, &err);
    int tried = r == 0 ? try_devices(path) : -1;
    close(cgroup);
    rmdir(path);
    if (r == -EPERM) {
        print_message("needs the right to load programs\n");
        skip();
    }
    assert_null(err.text);
    assert_int_equal(tried, 11);
}

/* Without the right nothing happens, and the text names the step. */
static void test_no_right(void **state)
{
    const struct device_rules none = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    if (geteuid() == 0) {
        print_message("root has the right\n");
        skip();
    }
    int cgroup = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(device_bpf_apply(cgroup, "/some/where", &none, &err), -EPERM);
    close(cgroup);
    assert_string_equal(error_text(&err), "cgroup \"/some/where\": device rules: find the program in force: "
                                          "operation not permitted (EPERM)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_devices_asked_for),
        cmocka_unit_test(test_rule_text),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_hole),
        cmocka_unit_test(test_flatten),
        cmocka_unit_test(test_flatten_order),
        cmocka_unit_test(test_instructions),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_kernel),
        cmocka_unit_test(test_kernel_limit),
        cmocka_unit_test(test_no_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
