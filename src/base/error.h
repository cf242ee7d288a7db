/*
 * Errors as values: what was being done to which object, and why it failed.
 *
 * A fallible function returns 0 (or a count, or a descriptor) on success and a negative errno on failure,
 * and takes a `struct error *` as its last parameter. The function that meets the failure fills it, once.
 * A caller adds context (error_prefix) only where it knows something the callee could not.
 *
 * The text follows one shape, all lower case as the callers of OCI runtimes expect it:
 *     mount "/sys" (sysfs) at "/sys": operation not permitted (EPERM)
 * What a person can mend carries a hint, printed on a line of its own.
 *
 * Libraries never print; commands (floors 7 and 8) do. Every function here accepts err == NULL, and then
 * only passes the code on.
 */
#pragma once

#include <stdarg.h>

struct error {
    int code;   /* positive errno, 0 while nothing failed */
    char *text; /* owned; what failed, without a trailing newline */
    char *hint; /* owned, may be NULL; what mends it */
};

#define ERROR_INIT \
    (struct error) \
    {              \
        0, 0, 0    \
    }

/* Fills @err with a text that stands alone (no errno description is added); replaces an older error.
 * @code: positive errno. Returns -@code. errno is kept. */
int error_set(struct error *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Like error_set, and appends ": DESCRIPTION (ENAME)" of @code, the description with a small first letter. */
int error_sys(struct error *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Adds "hint: …" to an error already set; replaces an older hint. Returns -err->code, so that a caller can
 * write `return error_hint(err, …)`; with err == NULL returns -EINVAL, so keep the code where err may be
 * NULL. */
int error_hint(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "CONTEXT: " before the text of an error already set. */
void error_prefix(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Out of memory: fills @err without allocating more than it must. Returns -ENOMEM. */
int error_oom(struct error *err);

/* Moves the content of @from to @to (freeing what @to had) and leaves @from empty. */
void error_move(struct error *to, struct error *from);

/* Frees the texts and resets to ERROR_INIT. */
void error_clear(struct error *err);

/* The text to show: never NULL. */
const char *error_text(const struct error *err);

/* "EPERM" for EPERM; "E?" for a number that no one knows. Static storage. */
const char *errno_name(int code);

#define _cleanup_error_ __attribute__((cleanup(error_clear)))
