/*
 * Gunfiles as words and strings.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"
#include "sandbox/gunfile.h"

enum gunfile_token { TOKEN_END, TOKEN_WORD, TOKEN_STRING };

struct gunfile_lexer {
    const char *name, *text, *end; /* borrowed */
    const char *at;                /* what comes next */
    unsigned line;
    const char *line_start;
    /* the token at hand */
    enum gunfile_token token;
    const char *start; /* where it begins, in the text */
    unsigned start_line;
    const char *start_line_start;
    struct strbuf value; /* without quotes and escapes */
};

/* Checks what the text as a whole must be (UTF-8, no NUL bytes, not too long), steps over a byte order mark,
 * and reads the first token. */
int gunfile_lex_open(struct gunfile_lexer *x, const char *name, const char *text, size_t len,
                     struct error *err);
void gunfile_lex_close(struct gunfile_lexer *x);
int gunfile_lex_next(struct gunfile_lexer *x, struct error *err);

/* Where the token at hand is. */
struct gunfile_place gunfile_lex_place(const struct gunfile_lexer *x);
/* What it is, for messages: `the word "apt"`, `a string`, `the end of the file`. The caller frees. */
char *gunfile_lex_describe(const struct gunfile_lexer *x);
/* Fills @err with FILE:LINE:COLUMN of the token at hand, the text, and as hint @hint (may be NULL) with the
 * line and a caret. Returns -EINVAL. */
int gunfile_lex_fail(const struct gunfile_lexer *x, struct error *err, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
