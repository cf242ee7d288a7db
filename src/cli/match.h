/*
 * --regex: one verb done to every container whose id matches.
 */
#pragma once

#include "cli/cli.h"

/* What is done to one container; @data is the caller's. Returns 0 or a negative errno with @err filled. */
typedef int match_action(const struct runtime *rt, const char *id, void *data, struct error *err);

/* Calls @action for every id that @pattern (POSIX extended, found anywhere in the id) matches; an empty one
 * is refused. A failure does not stop the others; the first one is returned, with the count if there were
 * more. No match is -ENOENT unless @none_ok. */
int match_each(const struct runtime *rt, const char *pattern, bool none_ok, match_action *action, void *data,
               struct error *err);
