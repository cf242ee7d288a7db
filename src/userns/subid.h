/*
 * Subordinate id ranges: /etc/subuid, /etc/subgid, or libsubid's getsubids where nsswitch.conf says so.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct subid_range { uint64_t start; uint64_t count; };
struct subid_ranges { struct subid_range *items; size_t count; };

enum subid_kind { SUBID_UID, SUBID_GID };

/* The ranges delegated to @uid, in the order of the file. A line may name the user or give the number. None is
 * success with count 0. A line that is not NAME:START:COUNT is an error that names file and line. The caller
 * frees out->items. */
int subid_read(enum subid_kind kind, uid_t uid, struct subid_ranges *out, struct error *err);

/* The same from a given file, for tests and for `bryo check`. @name may be NULL (only the number counts). */
int subid_read_file(const char *path, const char *name, uid_t uid, struct subid_ranges *out, struct error *err);
