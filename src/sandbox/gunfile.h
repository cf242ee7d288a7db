/*
 * Gunfiles: how an image is built. man/gunfile.5 has the grammar.
 *
 * Theory of operation: the lexer (gunfile_lex.c) cuts the text into words, strings and their places; the
 * parser (gunfile.c) is one table of instructions. What a string says with ${NAME} is filled in at once, so
 * that nobody behind the parser knows of arguments. Errors name FILE:LINE:COLUMN, what was expected and what
 * was found, and show the line with a caret below the place.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define GUNFILE_MAX        ((size_t)1 << 20)  /* bytes of the file */
#define GUNFILE_STRING_MAX ((size_t)64 << 10) /* of one string, with what was filled in */
#define GUNFILE_STAGES_MAX 64
#define GUNFILE_STEPS_MAX  1000 /* of all stages together */
#define GUNFILE_WORDS_MAX  1000 /* of one instruction */

struct gunfile_place {
    unsigned line, column; /* from 1; the column in characters */
};

enum gunfile_kind {
    GUNFILE_ARG,
    GUNFILE_CACHE,
    GUNFILE_CMD,
    GUNFILE_COPY,
    GUNFILE_ENTRY,
    GUNFILE_ENV,
    GUNFILE_EXEC,
    GUNFILE_EXPOSE,
    GUNFILE_LABEL,
    GUNFILE_NET,
    GUNFILE_SECRET,
    GUNFILE_USER,
    GUNFILE_WORKDIR,
};

struct gunfile_step {
    enum gunfile_kind kind;
    struct gunfile_place place;
    char **words; /* owned; Arg: NAME, VALUE. Env and Label: NAME, VALUE. Copy: sources, destination */
    int from;     /* Copy: the stage that sources are taken from; -1: the context */
};

struct gunfile_stage {
    char *name; /* owned; NULL: none */
    char *base; /* owned; what stands behind Using */
    int from;   /* the stage that @base names; -1: an image */
    struct gunfile_place place;
    struct gunfile_step *steps; /* owned */
    size_t n_steps;
};

struct gunfile {
    struct gunfile_stage *stages; /* owned; at least one, the last one is the image */
    size_t n_stages;
};

/* Parses the @len bytes of @text, called @name in messages. @args: NAME=VALUE for what the file declares by
 * Arg (NULL: none); one that it does not declare is an error. Returns 0, -EINVAL, -E2BIG or -ENOMEM. */
int gunfile_parse(const char *name, const char *text, size_t len, char *const *args, struct gunfile *g,
                  struct error *err);
void gunfile_free(struct gunfile *g);
#define _cleanup_gunfile_ __attribute__((cleanup(gunfile_free)))

/* "Exec", "Copy" … Static storage. */
const char *gunfile_kind_name(enum gunfile_kind kind);
