/*
 * The parser of all command lines: words in, one filled struct out, by the table of a verb.
 *
 * Theory of operation: the callers of OCI runtimes speak two dialects, that of Go's flag package (runc:
 * `-no-pivot`,
 * `--flag=true`, `-b=DIR`) and that of getopt (crun: `-bDIR`, `-it`); both are read. A word of one dash is a
 * long option if the table knows its name, else letters. There is no abbreviation of long names: what a
 * script says today must not change its meaning when an option is added.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/suggest.h"
#include "cli/cli.h"
#include "cli/global.h"

struct parse {
    const struct verb *verb;
    char *target; /* the verb's struct */
    char **next;  /* first word not yet read */
    bool *help;
    struct error *err;
};

static const struct option_def *find_name(const struct verb *verb, const char *name, size_t len)
{
    for (const struct option_def *d = verb->options; d && d->name; d++)
        if (strncmp(d->name, name, len) == 0 && d->name[len] == '\0')
            return d;
    return NULL;
}

static const struct option_def *find_letter(const struct verb *verb, char letter)
{
    for (const struct option_def *d = verb->options; d && d->name; d++)
        if (d->letter == letter)
            return d;
    return NULL;
}

/* Puts the verb before an error's text; the code goes back to the caller. */
static int fail(const struct parse *p, int code)
{
    if (p->verb->name)
        error_prefix(p->err, "%s", p->verb->name);
    return code;
}

static int unknown_option(const struct parse *p, const char *word, const char *name, size_t len)
{
    _cleanup_free_ char *shown = str_quote(word, 80), *bare = strndup(name, len);
    const struct option_def *nearest = NULL;
    unsigned best = SUGGEST_FAR;

    if (!shown || !bare)
        return error_oom(p->err);
    error_set(p->err, EINVAL, "unknown option \"%s\"", shown);
    if (p->verb->name && find_name(&cli_global, name, len)) {
        error_hint(p->err, "--%s is a global option, it goes before the verb: bryo --%s … %s", bare, bare,
                   p->verb->name);
        return fail(p, -EINVAL);
    }
    for (const struct option_def *d = p->verb->options; d && d->name; d++) {
        unsigned distance = d->hidden ? SUGGEST_FAR : suggest_distance(bare, d->name);
        if (distance < best) {
            best = distance;
            nearest = d;
        }
    }
    if (nearest && suggest_is_near(best, len))
        error_hint(p->err, "did you mean --%s?", nearest->name);
    else
        error_hint(p->err, "bryo%s%s --help lists the options", p->verb->name ? " " : "",
                   p->verb->name ? p->verb->name : "");
    return fail(p, -EINVAL);
}

/* `expected WHAT, found "VALUE"`. */
static int bad_value(struct error *err, const char *what, const char *value)
{
    _cleanup_free_ char *shown = str_quote(value, 80);

    if (!shown)
        return error_oom(err);
    return error_set(err, EINVAL, "expected %s, found \"%s\"", what, shown);
}

int option_not_empty(const char *value, struct error *err)
{
    return *value ? 0 : error_set(err, EINVAL, "the argument is empty");
}

int option_table_or_json(const char *value, struct error *err)
{
    if (strcmp(value, "table") == 0 || strcmp(value, "json") == 0)
        return 0;
    _cleanup_free_ char *shown = str_quote(value, 80);
    return shown ? error_set(err, EINVAL, "expected table or json, found \"%s\"", shown) : error_oom(err);
}

static int parse_bool(const char *value, bool *out)
{
    static const struct {
        const char *text;
        bool value;
    } table[] = {{"true", true}, {"1", true}, {"false", false}, {"0", false}};

    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (strcmp(value, table[i].text) == 0) {
            *out = table[i].value;
            return 0;
        }
    return -EINVAL;
}

static int store(const struct parse *p, const struct option_def *d, const char *value)
{
    void *at = p->target + d->offset;
    uint32_t number;
    int r;

    switch (d->kind) {
    case OPT_FLAG:
        return parse_bool(value, at) < 0 ? bad_value(p->err, "true or false", value) : 0;
    case OPT_STRING:
        *(const char **)at = value;
        return 0;
    case OPT_STRV:
        return strv_add(at, value) < 0 ? error_oom(p->err) : 0;
    case OPT_U32:
        r = parse_u32(value, &number);
        if (r == -ERANGE)
            return bad_value(p->err, "a number up to 4294967295", value);
        if (r < 0)
            return bad_value(p->err, "a decimal number", value);
        *(unsigned *)at = number;
        return 0;
    case OPT_SIZE:
        if (parse_size(value, at) < 0)
            return bad_value(p->err, "a size in bytes, with k, m, g or t for powers of 1024", value);
        return 0;
    }
    return error_set(p->err, EINVAL, "the option table is wrong");
}

static int set_option(const struct parse *p, const struct option_def *d, const char *value)
{
    int r = d->check ? d->check(value, p->err) : 0;

    if (r == 0)
        r = store(p, d, value);
    if (r < 0) {
        error_prefix(p->err, "--%s", d->name);
        return fail(p, r);
    }
    return 0;
}

/* An option that was found: @attached is the argument in the same word, or NULL. */
static int take_option(struct parse *p, const struct option_def *d, const char *attached)
{
    if (attached)
        return set_option(p, d, attached);
    if (d->kind == OPT_FLAG)
        return set_option(p, d, "true");
    if (!*p->next) { /* the wording that podman looks for when it probes a runtime */
        error_set(p->err, EINVAL, "flag needs an argument: --%s %s", d->name, d->arg);
        return fail(p, -EINVAL);
    }
    return set_option(p, d, *p->next++);
}

static bool is_help(const char *name, size_t len)
{
    return (len == 4 && strncmp(name, "help", 4) == 0) || (len == 1 && *name == 'h');
}

/* Letters behind one dash: `-it`, `-bDIR`, `-b=DIR`, `-d=false`. */
static int take_letters(struct parse *p, const char *word)
{
    for (const char *c = word + 1; *c; c++) {
        const struct option_def *d = find_letter(p->verb, *c);
        const char *attached = NULL;
        int r;

        if (!d && *c == 'h') {
            *p->help = true;
            return 0;
        }
        if (!d)
            return unknown_option(p, word, word + 1, strcspn(word + 1, "="));
        if (c[1] == '=')
            attached = c + 2;
        else if (c[1] && d->kind != OPT_FLAG)
            attached = c + 1;
        r = take_option(p, d, attached);
        if (r < 0 || attached)
            return r;
    }
    return 0;
}

static int take_word(struct parse *p, const char *word)
{
    bool two = word[1] == '-';
    const char *name = word + 1 + two, *value = strchr(name, '=');
    size_t len = value ? (size_t)(value - name) : strlen(name);
    const struct option_def *d = find_name(p->verb, name, len);

    /* One dash and one character is a letter, whatever long names there are. */
    if (d && (two || len > 1))
        return take_option(p, d, value ? value + 1 : NULL);
    if (is_help(name, len) && !value && (two || len > 1)) {
        *p->help = true;
        return 0;
    }
    if (two)
        return unknown_option(p, word, name, len);
    return take_letters(p, word);
}

/* The @n-th argument that must be there, by the usage line: "[OPTIONS] IMAGE BUNDLE", 1 → "BUNDLE". */
static int required_name(const char *usage, size_t n, char name[32])
{
    while (*usage) {
        size_t len = strcspn(usage, " ");
        if (len > 0 && *usage != '[' && n-- == 0) {
            snprintf(name, 32, "%.*s", (int)len, usage);
            return 0;
        }
        usage += len + strspn(usage + len, " ");
    }
    return -ENOENT;
}

static int check_count(const struct parse *p, const struct invocation *inv)
{
    const struct verb *verb = p->verb;
    char missing[32] = "argument";

    size_t min = verb->dashes_for_first && inv->dashes ? verb->min_args - 1 : verb->min_args;

    if (inv->n_args < min) {
        required_name(verb->usage, inv->n_args, missing);
        error_set(p->err, EINVAL, "%s is missing", missing);
    } else if (inv->n_args > verb->max_args) {
        const char *extra = inv->args[verb->max_args];
        _cleanup_free_ char *shown = str_quote(extra, 80);
        if (!shown)
            return error_oom(p->err);
        error_set(p->err, EINVAL, "unexpected argument \"%s\"", shown);
        if (verb->stop_at_first && extra[0] == '-') {
            error_hint(p->err, "options go before the arguments: bryo %s %s", verb->name, verb->usage);
            return fail(p, -EINVAL);
        }
    } else {
        return 0;
    }
    error_hint(p->err, "usage: bryo %s %s", verb->name, verb->usage);
    return fail(p, -EINVAL);
}

int options_parse(const struct verb *verb, char **argv, struct invocation *inv, bool *help, struct error *err)
{
    size_t n_words = strv_len(argv), size = verb->options_size;
    struct parse p = {.verb = verb, .next = argv, .help = help, .err = err};
    bool only_args = false;

    *help = false;
    inv->dashes = false;
    inv->n_args = 0;
    inv->args = calloc(n_words + 1, sizeof *inv->args);
    inv->options = p.target = calloc(1, size ? size : 1);
    if (!inv->args || !p.target)
        return error_oom(err);
    if (verb->defaults)
        memcpy(p.target, verb->defaults, size);
    while (*p.next) {
        char *word = *p.next++;
        if (!only_args && strcmp(word, "--") == 0) {
            only_args = true;
            inv->dashes = inv->n_args == 0;
        } else if (only_args || word[0] != '-' || word[1] == '\0') {
            inv->args[inv->n_args++] = word;
            only_args |= verb->stop_at_first;
        } else {
            int r = take_word(&p, word);
            if (r < 0)
                return r;
            if (*help)
                return 0;
        }
    }
    return check_count(&p, inv);
}

void options_free(const struct verb *verb, struct invocation *inv)
{
    char *target = (char *)inv->options;

    for (const struct option_def *d = verb->options; target && d && d->name; d++)
        if (d->kind == OPT_STRV) {
            char ***list = (char ***)(void *)(target + d->offset);
            strv_free(*list);
            *list = NULL; /* two rows may share one target */
        }
    free(target);
    free(inv->args);
    inv->options = NULL;
    inv->args = NULL;
    inv->n_args = 0;
}
