/*
 * Which devices a container may open, as an ordered list that both kinds of cgroups can carry out.
 *
 * Theory of operation. linux.resources.devices is a list of rules, and of those that match a device the last
 * one counts, apart for each of reading, writing and making a node. It is brought into one form: a verdict
 * for everything, then rules for block or character devices only. What later rules take back altogether is
 * left out. cgroup v2 gets the list as a program (device_bpf.h); cgroup v1 knows no order, but a set of
 * exceptions from one verdict: device_rules_flatten makes that of it, or tells why it can't be done.
 *
 * The order is: nothing is allowed; linux.devices are; then linux.resources.devices as it stands; then what
 * the specification promises to each container (config-linux.md#default-devices: null, zero, full, random,
 * urandom, tty, console, ptmx, pts), and the making of nodes, which without a rule for opening them is of no
 * use. So a first rule that denies everything, which engines write, takes back linux.devices, and an engine
 * that gives a device read-only gets it so.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "oci/config.h"

/* The same bits as BPF_DEVCG_ACC_* of <linux/bpf.h>. */
enum {
    DEVICE_MKNOD = 1,
    DEVICE_READ = 2,
    DEVICE_WRITE = 4,
    DEVICE_ACCESS_ALL = 7,
};

#define DEVICE_ANY (-1)

struct device_rule {
    char type; /* 'b' or 'c' */
    bool allow;
    uint8_t access;       /* DEVICE_* bits, at least one */
    int64_t major, minor; /* DEVICE_ANY: all */
    uint8_t written;      /* of a rule of config.json: the access as it stands there; 0: none */
};

struct device_rules {
    bool allow;                /* what holds for a device that no rule matches */
    struct device_rule *items; /* of those that match, the last counts; owned */
    size_t count;
};

/* The most rules that linux.devices and linux.resources.devices may have together. */
#define DEVICE_RULES_MAX 1024

/* The list of a container. Both may be NULL or empty. The caller frees with device_rules_free. Errors: -E2BIG
 * above DEVICE_RULES_MAX, -ENOMEM. */
int device_rules_make(struct device_rules *out, const struct oci_device_list *devices,
                      const struct oci_device_rule_list *rules, struct error *err);

void device_rules_free(struct device_rules *rules);
#define _cleanup_device_rules_ __attribute__((cleanup(device_rules_free)))

/* Is nothing forbidden? */
static inline bool device_rules_allow_all(const struct device_rules *rules)
{
    return rules->allow && !rules->count;
}

/* The DEVICE_* bits that are allowed for a device. DEVICE_ANY stands for a number that no rule has. */
unsigned device_rules_allowed(const struct device_rules *rules, char type, int64_t major, int64_t minor);

/* For cgroup v1: rewrites the list so that the order does not matter and all rules have the same verdict, the
 * opposite of rules->allow; no rule relies on another for a part of its access. -EINVAL when that can't be
 * said without order: a rule takes back a part of what another one with a wider pattern gives. */
int device_rules_flatten(struct device_rules *rules, struct error *err);

/* "c 1:3 rwm", as cgroup v1 and messages have it. */
#define DEVICE_RULE_TEXT_MAX 64
const char *device_rule_text(char buf[DEVICE_RULE_TEXT_MAX], const struct device_rule *rule);

/* Reads one line of devices.list. Returns 0 or -EINVAL; *all: it is the line `a *:* rwm`. */
int device_rule_parse(const char *line, struct device_rule *rule, bool *all);
