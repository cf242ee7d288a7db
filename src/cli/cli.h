/*
 * The command line: a table of verbs, a table of options for each, one parser for all.
 *
 * A verb is one file cli/VERB.c that defines a `const struct verb cli_VERB`. The same tables make `--help`,
 * and tests/cli checks man pages and completions against them (`bryo --dump-options` prints them as JSON).
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/log.h"
#include "container/runtime.h"

enum option_kind {
    OPT_FLAG,   /* no argument; also --name=true|false; target: bool */
    OPT_STRING, /* target: const char * (points into argv); given again, the last one counts */
    OPT_STRV,   /* may be given again; target: char ** (copies) */
    OPT_U32,    /* strict decimal; target: unsigned */
    OPT_SIZE,   /* bytes, with k m g t; target: uint64_t */
};

struct option_def {
    const char *name; /* long name without dashes */
    char letter;      /* short name, 0: none */
    enum option_kind kind;
    size_t offset;    /* of the target in the verb's option struct */
    const char *arg;  /* name of the argument for help, "FILE" */
    const char *help; /* one line, no full stop */
    bool hidden;      /* accepted for callers of other runtimes, left out of --help */
    /* Looks at the argument as written; may be NULL. Its error text speaks of the value only
     * (`expected text or json, found "xml"`): the parser puts verb and option before it. */
    int (*check)(const char *value, struct error *err);
};

struct invocation {
    struct runtime *rt;
    struct log *log;
    char **args; /* what is not an option, NULL-terminated; the strings are argv's */
    size_t n_args;
    bool dashes;         /* "--" stood in front of the first argument */
    const void *options; /* the verb's struct, filled */
};

struct verb {
    const char *name;    /* NULL: the global options */
    const char *group;   /* "OCI runtime", "Sandbox", "Help" */
    const char *summary; /* one line */
    const char *usage;   /* "[OPTIONS] ID": words without brackets are the arguments that must be there */
    const char *details; /* more paragraphs for --help, may be NULL */
    const struct option_def *options; /* ends with a NULL name; NULL: none */
    size_t options_size;              /* of the struct */
    const void *defaults;             /* initial content of the struct; NULL: zeros */
    size_t min_args, max_args;
    bool stop_at_first; /* options end at the first argument (kill, sandbox); a `--` behind it is an argument
                         */
    bool dashes_for_first; /* "--" in front stands for a first argument that is left out */
    int failure_code;      /* exit code when bryo fails, bad usage included; 0: 1 */
    bool seals;    /* puts a process of bryo's into a container: runs from a copy that nobody can write where
                    * that is needed (container/seal.h) */
    bool no_state; /* works without a state directory: none is looked for, rt->root stays NULL */
    /* Returns the exit code of bryo (0 … 255), or a negative errno with @err filled (printed by main, exit
     * 1). An exit code above 0 with @err filled is printed too: for verbs that have codes of their own for
     * their failures. */
    int (*run)(const struct invocation *inv, struct error *err);
};

/* NULL-terminated, in the order of the overview. */
extern const struct verb *const cli_verbs[];

/* Parses @argv (without program and verb) by the verb's table into a fresh struct. Accepts --name VALUE,
 * --name=VALUE, the same with one dash, -x VALUE, -xVALUE, -x=VALUE, flags in one word (-it), `--` as the end
 * of options, and -h/--help (then *help is set, the rest is not looked at and the count of arguments is not
 * checked). The caller frees with options_free, after an error too: what was read before it is in @inv.
 * Errors (-EINVAL) name the option and what it takes; an unknown one gets the nearest name as hint. @inv: rt
 * and log are left alone. */
int options_parse(const struct verb *verb, char **argv, struct invocation *inv, bool *help,
                  struct error *err);
void options_free(const struct verb *verb, struct invocation *inv);

/* A check for options whose empty argument makes no sense (paths). */
int option_not_empty(const char *value, struct error *err);
/* A check for --format. */
int option_table_or_json(const char *value, struct error *err);

/* Finds a verb of the table; NULL if there is none. */
const struct verb *cli_find_verb(const char *name);

/* Writes @text to standard output. Returns 0; 1 without a word when the reader is gone (EPIPE); or a negative
 * errno with @err filled: what a verb's run() may return as it is. */
int cli_write(const char *text, struct error *err);

/* The same for a JSON document, which is taken over. NULL is reported as out of memory. */
int cli_write_json(cJSON *json, bool pretty, struct error *err);
