/*
 * See device_bpf.h. The instruction set: Documentation/bpf/standardization/instruction-set.rst.
 */
#include "cgroup/device_bpf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

_Static_assert((int)DEVICE_MKNOD == BPF_DEVCG_ACC_MKNOD && (int)DEVICE_READ == BPF_DEVCG_ACC_READ &&
                   (int)DEVICE_WRITE == BPF_DEVCG_ACC_WRITE,
               "device access bits are the kernel's");

/* What the registers hold. Numbers are loaded anew for each comparison, so that the kernel's verifier, which
 * follows all paths, meets the same state at each rule whatever came before: its work grows with the number
 * of rules and not with its square. */
enum { RESULT = BPF_REG_0, CONTEXT = BPF_REG_1, OPEN = BPF_REG_2, SCRATCH = BPF_REG_3 };

/* The most instructions of a rule, and of all that stands around the rules. */
#define PER_RULE 6
#define AROUND   13

static void emit(struct device_program *p, uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
    p->code[p->len++] =
        (struct bpf_insn){.code = code, .dst_reg = dst & 0xf, .src_reg = src & 0xf, .off = off, .imm = imm};
}

static void load(struct device_program *p, uint8_t reg, size_t offset)
{
    emit(p, BPF_LDX | BPF_MEM | BPF_W, reg, CONTEXT, (int16_t)offset, 0);
}

static void jump(struct device_program *p, uint8_t op, uint8_t reg, uint32_t value, int16_t distance)
{
    emit(p, BPF_JMP32 | op | BPF_K, reg, 0, distance, (int32_t)value);
}

static void finish(struct device_program *p, bool verdict)
{
    emit(p, BPF_ALU64 | BPF_MOV | BPF_K, RESULT, 0, 0, verdict);
    emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* Until its end is known, a jump out of a rule has one of these distances. */
enum { TO_NEXT = INT16_MAX, TO_YES = INT16_MAX - 1, TO_NO = INT16_MAX - 2 };
_Static_assert((2 * DEVICE_RULES_MAX + 64) * PER_RULE + AROUND < TO_NO, "a jump reaches every place");

/* Makes the jumps with the distance @mark, from instruction @first on, lead to the next instruction. Are
 * there any? */
static bool resolve(struct device_program *p, size_t first, int16_t mark)
{
    bool found = false;

    for (size_t i = first; i < p->len; i++)
        if (BPF_CLASS(p->code[i].code) == BPF_JMP32 && p->code[i].off == mark) {
            p->code[i].off = (int16_t)(p->len - i - 1);
            found = true;
        }
    return found;
}

static void emit_number(struct device_program *p, size_t offset, int64_t number)
{
    if (number == DEVICE_ANY)
        return;
    load(p, SCRATCH, offset);
    jump(p, BPF_JNE, SCRATCH, (uint32_t)number, TO_NEXT);
}

static void emit_rule(struct device_program *p, const struct device_rule *rule)
{
    size_t first = p->len;

    emit_number(p, offsetof(struct bpf_cgroup_dev_ctx, major), rule->major);
    emit_number(p, offsetof(struct bpf_cgroup_dev_ctx, minor), rule->minor);
    if (rule->allow) {
        emit(p, BPF_ALU | BPF_AND | BPF_K, OPEN, 0, 0, (int32_t)(~rule->access & DEVICE_ACCESS_ALL));
        jump(p, BPF_JEQ, OPEN, 0, TO_YES);
    } else {
        jump(p, BPF_JSET, OPEN, rule->access, TO_NO);
    }
    resolve(p, first, TO_NEXT);
}

/* The rules for one type, last one first, then the verdicts: that for everything is fallen into. */
static void emit_section(struct device_program *p, const struct device_rules *rules, char type)
{
    size_t first = p->len;

    for (size_t i = rules->count; i-- > 0;)
        if (rules->items[i].type == type)
            emit_rule(p, &rules->items[i]);
    resolve(p, first, rules->allow ? TO_YES : TO_NO);
    finish(p, rules->allow);
    /* The kernel refuses instructions that nothing leads to. */
    if (resolve(p, first, rules->allow ? TO_NO : TO_YES))
        finish(p, !rules->allow);
}

int device_bpf_compile(const struct device_rules *rules, struct device_program *out, struct error *err)
{
    struct device_program p = {.code = calloc(rules->count * PER_RULE + AROUND, sizeof *p.code)};

    if (!p.code)
        return error_oom(err);
    /* The upper half of access_type is the access, the lower one the type: block or else character. */
    load(&p, OPEN, offsetof(struct bpf_cgroup_dev_ctx, access_type));
    emit(&p, BPF_ALU | BPF_MOV | BPF_X, SCRATCH, OPEN, 0, 0);
    emit(&p, BPF_ALU | BPF_AND | BPF_K, SCRATCH, 0, 0, 0xffff);
    emit(&p, BPF_ALU | BPF_RSH | BPF_K, OPEN, 0, 0, 16);
    jump(&p, BPF_JNE, SCRATCH, BPF_DEVCG_DEV_CHAR, TO_NEXT);
    emit_section(&p, rules, 'c');
    resolve(&p, 0, TO_NEXT);
    emit_section(&p, rules, 'b');
    *out = p;
    return 0;
}

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
    return (int)syscall(SYS_bpf, cmd, attr, sizeof *attr);
}

static uint64_t address(const void *p)
{
    return (uint64_t)(uintptr_t)p;
}

static int failed(int code, const char *path, const char *what, struct error *err)
{
    error_sys(err, code, "cgroup \"%s\": device rules: %s", path, what);
    if (code == EINVAL || code == ENOSYS)
        error_hint(err, "a kernel with CONFIG_CGROUP_BPF is needed");
    return -code;
}

/* Returns the descriptor of the program. */
static int load_program(const struct device_program *p, const char *path, struct error *err)
{
    union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
                           .insn_cnt = (uint32_t)p->len,
                           .insns = address(p->code),
                           .license = address("MIT"),
                           .prog_name = DEVICE_BPF_NAME,
                           .expected_attach_type = BPF_CGROUP_DEVICE};
    int fd = bpf(BPF_PROG_LOAD, &attr);

    return fd < 0 ? failed(errno, path, "load the program", err) : fd;
}

/* Is program @id one of ours? Returns a descriptor of it, -ENOENT if it is another's, or another error. */
static int open_if_ours(uint32_t id)
{
    struct bpf_prog_info info = {0};
    union bpf_attr get = {.prog_id = id};
    _cleanup_close_ int fd = bpf(BPF_PROG_GET_FD_BY_ID, &get);

    if (fd < 0)
        return -errno;
    union bpf_attr attr = {.info = {.bpf_fd = (uint32_t)fd, .info_len = sizeof info, .info = address(&info)}};
    if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) < 0)
        return -errno;
    return strncmp(info.name, DEVICE_BPF_NAME, sizeof info.name) == 0 ? TAKE_FD(fd) : -ENOENT;
}

/* The program that a call before has attached to just this cgroup; -ENOENT: there is none. */
#define ATTACHED_MAX 64 /* the kernel's own limit */
static int find_ours(int cgroup_fd)
{
    uint32_t ids[ATTACHED_MAX] = {0};
    union bpf_attr attr = {.query = {.target_fd = (uint32_t)cgroup_fd,
                                     .attach_type = BPF_CGROUP_DEVICE,
                                     .prog_ids = address(ids),
                                     .prog_cnt = ATTACHED_MAX}};

    if (bpf(BPF_PROG_QUERY, &attr) < 0)
        return -errno;
    for (uint32_t i = 0; i < attr.query.prog_cnt; i++) {
        int fd = open_if_ours(ids[i]);
        /* One that is gone meanwhile was another's: only we remove ours, and the container is locked. */
        if (fd != -ENOENT)
            return fd;
    }
    return -ENOENT;
}

int device_bpf_apply(int cgroup_fd, const char *path, const struct device_rules *rules, struct error *err)
{
    _cleanup_close_ int fd = -EBADF, old = find_ours(cgroup_fd);
    _cleanup_free_ struct bpf_insn *code = NULL;
    struct device_program program;
    int r;

    if (device_rules_allow_all(rules) && (old == -ENOENT || old == -EPERM))
        return 0; /* nothing is forbidden, and nothing of ours is in the way */
    if (old < 0 && old != -ENOENT)
        return failed(-old, path, "find the program in force", err);
    r = device_bpf_compile(rules, &program, err);
    if (r < 0)
        return r;
    code = program.code;
    fd = load_program(&program, path, err);
    if (fd < 0)
        return fd;
    union bpf_attr attr = {.target_fd = (uint32_t)cgroup_fd,
                           .attach_bpf_fd = (uint32_t)fd,
                           .attach_type = BPF_CGROUP_DEVICE,
                           .attach_flags = BPF_F_ALLOW_MULTI};
    if (old >= 0) {
        attr.attach_flags |= BPF_F_REPLACE;
        attr.replace_bpf_fd = (uint32_t)old;
    }
    if (bpf(BPF_PROG_ATTACH, &attr) < 0)
        return failed(errno, path, "attach the program", err);
    return 0;
}
