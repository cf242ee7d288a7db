/*
 * The assembler of seccomp_bpf.h, and 64-bit comparisons made of 32-bit ones.
 */
#include "security/seccomp_bpf.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>

/* The furthest a conditional jump may go, less one: the other branch may still need a `ja` in front of it. */
#define NEAR 254

void bpf_builder_free(struct bpf_builder *b)
{
    int saved = errno;

    free(b->code);
    *b = (struct bpf_builder){0};
    errno = saved;
}

static bpf_label emit(struct bpf_builder *b, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
    if (b->len == b->cap && !b->oom) {
        size_t cap = b->cap ? b->cap * 2 : 512;
        struct sock_filter *grown = reallocarray(b->code, cap, sizeof *grown);
        if (grown) {
            b->code = grown;
            b->cap = cap;
        } else {
            b->oom = true;
        }
    }
    if (b->oom)
        return 0;
    b->code[b->len] = (struct sock_filter){.code = code, .jt = jt, .jf = jf, .k = k};
    return b->len++;
}

/* How many instructions lie between the one to be written next and @target. */
static size_t distance(const struct bpf_builder *b, bpf_label target)
{
    return b->len - target - 1;
}

static bpf_label emit_goto(struct bpf_builder *b, bpf_label target)
{
    return emit(b, BPF_JMP | BPF_JA, 0, 0, (uint32_t)distance(b, target));
}

/* Makes @next what is executed behind the instruction to be written next. */
static void fall_into(struct bpf_builder *b, bpf_label next)
{
    if (!b->oom && distance(b, next) != 0)
        emit_goto(b, next);
}

bpf_label bpf_return(struct bpf_builder *b, uint32_t value)
{
    size_t i;

    for (i = 0; i < b->n_rets && b->rets[i].value != value; i++)
        ;
    if (i < b->n_rets && distance(b, b->rets[i].label) < NEAR)
        return b->rets[i].label;
    bpf_label label = emit(b, BPF_RET | BPF_K, 0, 0, value);
    if (i == BPF_RET_CACHE)
        i = value % BPF_RET_CACHE;
    if (i == b->n_rets)
        b->n_rets++;
    b->rets[i].value = value;
    b->rets[i].label = label;
    return label;
}

bpf_label bpf_load(struct bpf_builder *b, uint32_t offset, bpf_label next)
{
    fall_into(b, next);
    return emit(b, BPF_LD | BPF_W | BPF_ABS, 0, 0, offset);
}

static bpf_label emit_and(struct bpf_builder *b, uint32_t mask, bpf_label next)
{
    if (mask == UINT32_MAX)
        return next;
    fall_into(b, next);
    return emit(b, BPF_ALU | BPF_AND | BPF_K, 0, 0, mask);
}

bpf_label bpf_jump(struct bpf_builder *b, uint16_t op, uint32_t k, bpf_label yes, bpf_label no)
{
    if (yes == no || b->oom)
        return yes;
    if (distance(b, yes) > NEAR)
        yes = emit_goto(b, yes);
    if (distance(b, no) > NEAR)
        no = emit_goto(b, no);
    return emit(b, BPF_JMP | op | BPF_K, (uint8_t)distance(b, yes), (uint8_t)distance(b, no), k);
}

/* Offset of the low or high half of argument @index in struct seccomp_data, which has the machine's byte
 * order. */
static uint32_t arg_offset(uint32_t index, bool high)
{
    bool second = high == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

    return (uint32_t)offsetof(struct seccomp_data, args) + index * 8 + (second ? 4 : 0);
}

/* (arg & mask) == value; a half that the mask leaves out is not looked at. */
static bpf_label emit_masked_equal(struct bpf_builder *b, uint32_t index, uint64_t mask, uint64_t value,
                                   bool narrow, bpf_label yes, bpf_label no)
{
    for (int high = 0; high <= (narrow ? 0 : 1); high++) {
        uint32_t m = (uint32_t)(high ? mask >> 32 : mask);
        uint32_t v = (uint32_t)(high ? value >> 32 : value) & m;
        if (!m)
            continue;
        yes = bpf_jump(b, BPF_JEQ, v, yes, no);
        yes = emit_and(b, m, yes);
        yes = bpf_load(b, arg_offset(index, high), yes);
    }
    return yes;
}

/* arg > value (@op BPF_JGT) or arg >= value (BPF_JGE), unsigned. */
static bpf_label emit_greater(struct bpf_builder *b, uint16_t op, uint32_t index, uint64_t value, bool narrow,
                              bpf_label yes, bpf_label no)
{
    uint32_t high = (uint32_t)(value >> 32), low = (uint32_t)value;

    if (narrow && high)
        return no;
    bpf_label label = bpf_load(b, arg_offset(index, false), bpf_jump(b, op, low, yes, no));
    if (narrow)
        return label;
    label = bpf_jump(b, BPF_JEQ, high, label, no);
    label = bpf_jump(b, BPF_JGT, high, yes, label);
    return bpf_load(b, arg_offset(index, true), label);
}

bpf_label bpf_condition(struct bpf_builder *b, const struct oci_seccomp_arg *cond, bool narrow, bpf_label yes,
                        bpf_label no)
{
    switch (cond->op) {
    case SCMP_CMP_EQ:
        return emit_masked_equal(b, cond->index, UINT64_MAX, cond->value, narrow, yes, no);
    case SCMP_CMP_NE:
        return emit_masked_equal(b, cond->index, UINT64_MAX, cond->value, narrow, no, yes);
    case SCMP_CMP_MASKED_EQ:
        return emit_masked_equal(b, cond->index, cond->value, cond->value_two, narrow, yes, no);
    case SCMP_CMP_GT:
        return emit_greater(b, BPF_JGT, cond->index, cond->value, narrow, yes, no);
    case SCMP_CMP_GE:
        return emit_greater(b, BPF_JGE, cond->index, cond->value, narrow, yes, no);
    case SCMP_CMP_LE:
        return emit_greater(b, BPF_JGT, cond->index, cond->value, narrow, no, yes);
    case SCMP_CMP_LT:
        return emit_greater(b, BPF_JGE, cond->index, cond->value, narrow, no, yes);
    default:
        /* seccomp_compile has refused every other number. */
        abort();
    }
}

struct sock_filter *bpf_finish(struct bpf_builder *b, bpf_label entry, size_t *len)
{
    fall_into(b, entry);
    if (b->oom)
        return NULL;
    for (size_t i = 0; i < b->len / 2; i++) {
        struct sock_filter swap = b->code[i];
        b->code[i] = b->code[b->len - 1 - i];
        b->code[b->len - 1 - i] = swap;
    }
    struct sock_filter *code = b->code;
    *len = b->len;
    *b = (struct bpf_builder){0};
    return code;
}
