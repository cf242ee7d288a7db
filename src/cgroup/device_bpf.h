/*
 * Device rules in cgroup v2: an eBPF program, asked by the kernel at each open and mknod of a device.
 *
 * Theory of operation. Rules become instructions from the last rule to the first; a register holds the kinds
 * of access that are asked for and not decided yet. A rule that denies ends with "no" if it has one of them;
 * one that allows takes its own out, and ends with "yes" if nothing is left. Behind all rules stands the
 * verdict for everything. The program is attached beside those of others (systemd's), all of which must say
 * yes, and is known by its name: a new list replaces it in one step, without a moment in which nothing or
 * something else holds.
 *
 * It needs CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN, in the initial user namespace. bpf(2),
 * <linux/bpf.h>.
 */
#pragma once

#include <linux/bpf.h>
#include <stddef.h>

#include "base/error.h"
#include "cgroup/devices.h"

/* The name of the program, as bpftool shows it. */
#define DEVICE_BPF_NAME "bryo_devices"

struct device_program {
    struct bpf_insn *code; /* owned */
    size_t len;
};

/* The program for @rules. The caller frees code. Errors: -ENOMEM. */
int device_bpf_compile(const struct device_rules *rules, struct device_program *out, struct error *err);

/* Makes @rules hold for the cgroup whose directory @cgroup_fd is open (not O_PATH), in place of those that a
 * call before has set. @path is for messages. Errors: -EPERM without the right (nothing has changed), or what
 * bpf(2) says, with a text that names the step. */
int device_bpf_apply(int cgroup_fd, const char *path, const struct device_rules *rules, struct error *err);
