/* What the tests of subid.c and subid_source.c reach besides the public functions. */
#pragma once

#include "userns/subid.h"

/* Parses the text of a subid file. @names: the user's names (NULL-terminated, may be NULL). *others (may be
 * NULL) is set if a line names some other user, which may still be a name of this one. Appends to @out. */
int subid_parse(const char *path, const char *text, char *const *names, uid_t uid, struct subid_ranges *out,
                bool *others, struct error *err);

/* The first word behind "subid:" in the text of nsswitch.conf; NULL if there is none or it is "files". The
 * caller frees. */
char *subid_service(const char *nsswitch_text);

/* Parses what getsubids prints: "0: alice 100000 65536" lines. */
int subid_parse_getsubids(const char *text, struct subid_ranges *out, struct error *err);

/* Appends a range. Returns 0 or -ENOMEM. */
int subid_add(struct subid_ranges *out, uint64_t start, uint64_t count);

const char *subid_path(enum subid_kind kind);
