/*
 * The command line: a table of verbs, a table of options for each, one parser for all.
 *
 * A verb is one file cli/VERB.c that defines a `const struct verb cli_VERB`. The same tables make `--help`, and
 * tests/cli checks man pages and completions against them (`bryo --dump-options` prints them as JSON).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/log.h"
#include "container/runtime.h"

enum option_kind {
    OPT_FLAG,   /* no argument; also --name=true|false; target: bool */
    OPT_STRING, /* target: const char * (points into argv) */
    OPT_STRV,   /* may be given again; target: char ** (copies) */
    OPT_U32,    /* strict decimal; target: struct opt_u32-like unsigned, see `unsigned` */
    OPT_SIZE,   /* bytes, with k m g t; target: uint64_t */
};

struct option_def {
    const char *name;     /* long name without dashes */
    char letter;          /* short name, 0: none */
    enum option_kind kind;
    size_t offset;        /* of the target in the verb's option struct */
    const char *arg;      /* name of the argument for help, "FILE" */
    const char *help;     /* one line, no full stop */
    bool hidden;          /* accepted for callers of other runtimes, documented in the man page's compatibility section */
    int (*check)(const char *value, struct error *err); /* may be NULL */
};

struct invocation {
    struct runtime *rt;
    struct log *log;
    char **args;     /* what is not an option, NULL-terminated, borrowed */
    size_t n_args;
    const void *options; /* the verb's struct, filled */
};

struct verb {
    const char *name;
    const char *group;   /* "OCI runtime", "Sandbox", "Help" */
    const char *summary; /* one line */
    const char *usage;   /* "[OPTIONS] ID" */
    const char *details; /* more paragraphs for --help, may be NULL */
    const struct option_def *options; /* ends with a NULL name */
    size_t options_size; /* of the struct */
    const void *defaults;/* initial content of the struct; NULL: zeros */
    size_t min_args, max_args;
    bool stop_at_first;  /* options end at the first argument (exec, kill, ps, sandbox) */
    /* Returns the exit code of bryo (0 … 255), or a negative errno with @err filled (printed by main, exit 1). */
    int (*run)(const struct invocation *inv, struct error *err);
};

/* NULL-terminated. */
extern const struct verb *const cli_verbs[];

/* Parses @argv (without program and verb) by the verb's table into a fresh struct. The caller frees with
 * options_free. Errors name the option and what it takes; an unknown one gets the nearest name as hint. */
int options_parse(const struct verb *verb, char **argv, struct invocation *inv, bool *help, struct error *err);
void options_free(const struct verb *verb, struct invocation *inv);
