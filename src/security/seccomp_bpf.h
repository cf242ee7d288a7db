/*
 * A small assembler for classic BPF programs of seccomp.
 *
 * Theory of operation: jumps of classic BPF only go forward, so a program is written from its end: whatever
 * an instruction jumps to has been written before it and has a label, and its distance is known at once. A
 * conditional jump reaches 255 instructions; where a target is further away, a `ja` is put in between without
 * the caller's doing.
 */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oci/config.h"

#define BPF_RET_CACHE 8

/* Zero-initialise. After a failed allocation `oom` is set and nothing more is written: check once at the end.
 */
struct bpf_builder {
    struct sock_filter *code; /* owned; last instruction first */
    size_t len;
    size_t cap;
    bool oom;
    struct {
        uint32_t value;
        size_t label;
    } rets[BPF_RET_CACHE]; /* returns written lately, to be jumped to again */
    size_t n_rets;
};

/* The place of an instruction that was written. */
typedef size_t bpf_label;

void bpf_builder_free(struct bpf_builder *b);
#define _cleanup_bpf_ __attribute__((cleanup(bpf_builder_free)))

/* `ret value`, or a near one that is there. */
bpf_label bpf_return(struct bpf_builder *b, uint32_t value);

/* Loads the word at @offset of struct seccomp_data, then goes on at @next. */
bpf_label bpf_load(struct bpf_builder *b, uint32_t offset, bpf_label next);

/* Compares the loaded word with @k by @op (BPF_JEQ, BPF_JGT, BPF_JGE). */
bpf_label bpf_jump(struct bpf_builder *b, uint16_t op, uint32_t k, bpf_label yes, bpf_label no);

/* Does the argument meet @cond? @narrow: an architecture of 32 bits, whose arguments have no high word. */
bpf_label bpf_condition(struct bpf_builder *b, const struct oci_seccomp_arg *cond, bool narrow, bpf_label yes,
                        bpf_label no);

/* Puts the program, which starts at @entry, the right way round and gives it away (NULL: memory ran out). */
struct sock_filter *bpf_finish(struct bpf_builder *b, bpf_label entry, size_t *len);
