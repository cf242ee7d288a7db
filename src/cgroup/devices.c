/*
 * See devices.h.
 */
#include "cgroup/devices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

/* What each container gets, last of all. */
static const struct device_rule default_rules[] = {
    {'c', true, DEVICE_MKNOD, DEVICE_ANY, DEVICE_ANY},
    {'b', true, DEVICE_MKNOD, DEVICE_ANY, DEVICE_ANY},
    {'c', true, DEVICE_ACCESS_ALL, 1, 3},            /* null */
    {'c', true, DEVICE_ACCESS_ALL, 1, 5},            /* zero */
    {'c', true, DEVICE_ACCESS_ALL, 1, 7},            /* full */
    {'c', true, DEVICE_ACCESS_ALL, 1, 8},            /* random */
    {'c', true, DEVICE_ACCESS_ALL, 1, 9},            /* urandom */
    {'c', true, DEVICE_ACCESS_ALL, 5, 0},            /* tty */
    {'c', true, DEVICE_ACCESS_ALL, 5, 1},            /* console */
    {'c', true, DEVICE_ACCESS_ALL, 5, 2},            /* ptmx */
    {'c', true, DEVICE_ACCESS_ALL, 136, DEVICE_ANY}, /* pts */
};

void device_rules_free(struct device_rules *rules)
{
    free(rules->items);
    *rules = (struct device_rules){0};
}

static bool covers_number(int64_t wide, int64_t number)
{
    return wide == DEVICE_ANY || wide == number;
}

/* Does @wide match all that a rule for @type @major @minor matches? */
static bool covers(const struct device_rule *wide, char type, int64_t major, int64_t minor)
{
    return wide->type == type && covers_number(wide->major, major) && covers_number(wide->minor, minor);
}

/* The array has room for all. */
static void add(struct device_rules *rules, struct device_rule rule)
{
    rules->items[rules->count++] = rule;
}

static unsigned parse_access(const char *access)
{
    unsigned bits = 0;

    for (const char *p = access ? access : ""; *p; p++)
        bits |= *p == 'r' ? DEVICE_READ : *p == 'w' ? DEVICE_WRITE : *p == 'm' ? DEVICE_MKNOD : 0;
    /* Left out, like a type or a number that is left out: all. */
    return bits ? bits : DEVICE_ACCESS_ALL;
}

static void add_configured(struct device_rules *rules, const struct oci_device_rule *from)
{
    struct device_rule rule = {.allow = from->allow,
                               .access = (uint8_t)parse_access(from->access),
                               .major = from->major.set ? from->major.value : DEVICE_ANY,
                               .minor = from->minor.set ? from->minor.value : DEVICE_ANY};
    rule.written = rule.access;
    char type = from->type && *from->type ? *from->type : 'a';

    if (type != 'a') {
        rule.type = type;
        add(rules, rule);
    } else if (rule.major == DEVICE_ANY && rule.minor == DEVICE_ANY && rule.access == DEVICE_ACCESS_ALL) {
        rules->allow = rule.allow;
        rules->count = 0;
    } else {
        rule.type = 'b';
        add(rules, rule);
        rule.type = 'c';
        add(rules, rule);
    }
}

/* Takes from each rule what later ones decide anyway, and leaves out what is empty then; and what repeats, in
 * front of all others, what holds for everything. */
static void simplify(struct device_rules *rules)
{
    size_t kept = rules->count, skip = 0;

    for (size_t i = rules->count; i-- > 0;) {
        struct device_rule rule = rules->items[i];
        for (size_t k = kept; k < rules->count; k++)
            if (covers(&rules->items[k], rule.type, rule.major, rule.minor))
                rule.access &= (uint8_t)~rules->items[k].access;
        if (rule.access)
            rules->items[--kept] = rule;
    }
    while (kept + skip < rules->count && rules->items[kept + skip].allow == rules->allow)
        skip++;
    rules->count -= kept + skip;
    memmove(rules->items, rules->items + kept + skip, rules->count * sizeof *rules->items);
}

int device_rules_make(struct device_rules *out, const struct oci_device_list *devices,
                      const struct oci_device_rule_list *rules, struct error *err)
{
    size_t n_devices = devices ? devices->count : 0, n_rules = rules ? rules->count : 0;
    struct device_rules made = {0};

    *out = made;
    if (n_devices + n_rules > DEVICE_RULES_MAX)
        return error_set(
            err, E2BIG, "linux.devices and linux.resources.devices have %zu entries, at most %d are possible",
            n_devices + n_rules, DEVICE_RULES_MAX);
    /* A rule for all types becomes two. */
    made.items = calloc(n_devices + 2 * n_rules + ARRAY_SIZE(default_rules), sizeof *made.items);
    if (!made.items)
        return error_oom(err);
    for (size_t i = 0; i < n_devices; i++) {
        const struct oci_device *d = &devices->items[i];
        if (d->type != 'p')
            add(&made, (struct device_rule){.type = d->type == 'b' ? 'b' : 'c',
                                            .allow = true,
                                            .access = DEVICE_ACCESS_ALL,
                                            .major = d->major.value,
                                            .minor = d->minor.value});
    }
    for (size_t i = 0; i < n_rules; i++)
        add_configured(&made, &rules->items[i]);
    for (size_t i = 0; i < ARRAY_SIZE(default_rules); i++)
        add(&made, default_rules[i]);
    simplify(&made);
    *out = made;
    return 0;
}

unsigned device_rules_allowed(const struct device_rules *rules, char type, int64_t major, int64_t minor)
{
    unsigned allowed = 0, open = DEVICE_ACCESS_ALL;

    for (size_t i = rules->count; i-- > 0 && open;) {
        const struct device_rule *rule = &rules->items[i];
        if (!covers(rule, type, major, minor))
            continue;
        if (rule->allow)
            allowed |= open & rule->access;
        open &= ~(unsigned)rule->access;
    }
    return rules->allow ? allowed | open : allowed;
}

/* What cgroup v1 would need: in a list of exceptions that only add to each other, the place of each. */
struct pattern {
    char type;
    int64_t major, minor;
};

static int compare_patterns(const void *a, const void *b)
{
    const struct pattern *x = a, *y = b;

    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    if (x->major != y->major)
        return x->major < y->major ? -1 : 1;
    return (x->minor > y->minor) - (x->minor < y->minor);
}

/* All patterns of the rules, and where two of them cross (all minors of one major, one minor of all majors).
 * Sorted, each once, and a wider one in front of a narrower. */
static struct pattern *all_patterns(const struct device_rules *rules, size_t *count)
{
    size_t majors = 0, minors = 0, n = 0;

    for (size_t i = 0; i < rules->count; i++) {
        majors += rules->items[i].minor == DEVICE_ANY;
        minors += rules->items[i].major == DEVICE_ANY;
    }
    struct pattern *list = calloc(rules->count + majors * minors + 1, sizeof *list);
    if (!list)
        return NULL;
    for (size_t i = 0; i < rules->count; i++) {
        const struct device_rule *a = &rules->items[i];
        list[n++] = (struct pattern){a->type, a->major, a->minor};
        for (size_t k = 0; k < rules->count && a->minor == DEVICE_ANY; k++) {
            const struct device_rule *b = &rules->items[k];
            if (b->major == DEVICE_ANY && b->type == a->type)
                list[n++] = (struct pattern){a->type, a->major, b->minor};
        }
    }
    qsort(list, n, sizeof *list, compare_patterns);
    *count = 0;
    for (size_t i = 0; i < n; i++)
        if (i == 0 || compare_patterns(&list[*count - 1], &list[i]) != 0)
            list[(*count)++] = list[i];
    return list;
}

static int hole(const struct device_rules *rules, const struct device_rule *rule, unsigned differ,
                struct error *err)
{
    char buf[DEVICE_RULE_TEXT_MAX];
    struct device_rule shown = *rule;

    shown.access = (uint8_t)differ;
    error_set(err, EINVAL,
              "linux.resources.devices: \"%s\" is %s out of a wider rule, which cgroup v1 cannot do",
              device_rule_text(buf, &shown), rules->allow ? "allowed" : "denied");
    error_hint(err,
               "cgroup v1 takes a list of what is %s, without order; write the wider rule as several "
               "narrow ones, or use cgroup v2",
               rules->allow ? "denied" : "allowed");
    return -EINVAL;
}

/* The last of @rules that speaks of just the devices of @rule; NULL if there is none. */
static const struct device_rule *same_devices(const struct device_rules *rules,
                                              const struct device_rule *rule)
{
    for (size_t i = rules->count; i-- > 0;)
        if (rules->items[i].type == rule->type && rules->items[i].major == rule->major &&
            rules->items[i].minor == rule->minor)
            return &rules->items[i];
    return NULL;
}

/* A rule and where it goes: the place of the one in the list that speaks of the same devices, then its own.
 */
struct ranked {
    size_t rank, index;
    struct device_rule rule;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* As @rules list them, config.json's before the defaults; those that none of them names at the end. Rules
 * that cross in hundreds of majors and minors make a long list, so it is sorted. */
static int order_as(struct device_rules *flat, const struct device_rules *rules, struct error *err)
{
    _cleanup_free_ struct ranked *list = calloc(flat->count + 1, sizeof *list);

    if (!list)
        return error_oom(err);
    for (size_t i = 0; i < flat->count; i++) {
        const struct device_rule *place = same_devices(rules, &flat->items[i]);
        list[i] = (struct ranked){place ? (size_t)(place - rules->items) : SIZE_MAX, i, flat->items[i]};
    }
    qsort(list, flat->count, sizeof *list, compare_ranked);
    for (size_t i = 0; i < flat->count; i++)
        flat->items[i] = list[i].rule;
    return 0;
}

int device_rules_flatten(struct device_rules *rules, struct error *err)
{
    size_t n = 0;
    _cleanup_free_ struct pattern *patterns = all_patterns(rules, &n);
    struct device_rules flat = {.allow = rules->allow};

    if (patterns)
        flat.items = calloc(n + 1, sizeof *flat.items);
    if (!flat.items)
        return error_oom(err);
    for (size_t i = 0; i < n; i++) {
        const struct pattern *p = &patterns[i];
        /* The access that differs from what holds for everything: here, and for the next wider patterns. */
        unsigned normal = rules->allow ? DEVICE_ACCESS_ALL : 0;
        unsigned here = device_rules_allowed(rules, p->type, p->major, p->minor) ^ normal;
        unsigned wider[] = {device_rules_allowed(rules, p->type, p->major, DEVICE_ANY) ^ normal,
                            device_rules_allowed(rules, p->type, DEVICE_ANY, p->minor) ^ normal,
                            device_rules_allowed(rules, p->type, DEVICE_ANY, DEVICE_ANY) ^ normal};
        struct device_rule rule = {p->type, !rules->allow, (uint8_t)here, p->major, p->minor};
        bool said = here == 0;
        const bool itself[] = {p->minor == DEVICE_ANY, p->major == DEVICE_ANY,
                               p->major == DEVICE_ANY && p->minor == DEVICE_ANY};
        for (size_t k = 0; k < ARRAY_SIZE(wider); k++) {
            if (itself[k])
                continue;
            if (wider[k] & ~here) {
                int r = hole(rules, &rule, wider[k] & ~here, err);
                device_rules_free(&flat);
                return r;
            }
            said = said || wider[k] == here;
            /* The kernel asks for the making of a node by itself: what a wider rule says of it need not be
             * said again. That keeps a rule of config.json as it is written, for those who read devices.list.
             */
            const struct device_rule *written = same_devices(rules, &rule);
            if (written && written->written)
                rule.access &= (uint8_t) ~(wider[k] & DEVICE_MKNOD & ~written->written);
        }
        said = said || !rule.access;
        if (!said)
            add(&flat, rule);
    }
    int r = order_as(&flat, rules, err);
    if (r < 0) {
        device_rules_free(&flat);
        return r;
    }
    device_rules_free(rules);
    *rules = flat;
    return 0;
}

const char *device_rule_text(char buf[DEVICE_RULE_TEXT_MAX], const struct device_rule *rule)
{
    char major[24] = "*", minor[24] = "*";

    if (rule->major != DEVICE_ANY)
        snprintf(major, sizeof major, "%lld", (long long)rule->major);
    if (rule->minor != DEVICE_ANY)
        snprintf(minor, sizeof minor, "%lld", (long long)rule->minor);
    snprintf(buf, DEVICE_RULE_TEXT_MAX, "%c %s:%s %s%s%s", rule->type, major, minor,
             rule->access & DEVICE_READ ? "r" : "", rule->access & DEVICE_WRITE ? "w" : "",
             rule->access & DEVICE_MKNOD ? "m" : "");
    return buf;
}

static int parse_number(const char *text, int64_t *number)
{
    uint32_t value;

    if (strcmp(text, "*") == 0) {
        *number = DEVICE_ANY;
        return 0;
    }
    int r = parse_u32(text, &value);
    if (r == 0)
        *number = value;
    return r;
}

int device_rule_parse(const char *line, struct device_rule *rule, bool *all)
{
    char type, major[16], minor[16], access[8];

    if (sscanf(line, "%c %15[0-9*]:%15[0-9*] %7[rwm]", &type, major, minor, access) != 4 ||
        !strchr("abc", type))
        return -EINVAL;
    *all = type == 'a';
    *rule = (struct device_rule){.type = type, .allow = true, .access = (uint8_t)parse_access(access)};
    return parse_number(major, &rule->major) < 0 || parse_number(minor, &rule->minor) < 0 ? -EINVAL : 0;
}
