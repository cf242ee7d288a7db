/*
 * Subordinate id ranges: /etc/subuid, /etc/subgid, or libsubid's getsubids where nsswitch.conf says so.
 * subuid(5), subgid(5), nsswitch.conf(5).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct subid_range {
    uint64_t start;
    uint64_t count;
};
struct subid_ranges {
    struct subid_range *items;
    size_t count;
};

enum subid_kind { SUBID_UID, SUBID_GID };

/* The ranges delegated to @uid, in the order of the file. A line may name the user or give the number. None
 * is success with count 0. A line of this user that is not NAME:START:COUNT is an error that names file and
 * line; broken lines of others are passed over, as newuidmap does. The caller frees out->items. */
int subid_read(enum subid_kind kind, uid_t uid, struct subid_ranges *out, struct error *err);

/* The same from a given file, for tests and for `bryo check`. @name may be NULL (only the number counts). A
 * missing file is success with count 0. */
int subid_read_file(const char *path, const char *name, uid_t uid, struct subid_ranges *out,
                    struct error *err);

/* Several questions about one user: nsswitch.conf and the user's names are looked up once, and only when they
 * are needed. Start with SUBID_LOOKUP_INIT(uid). */
struct subid_lookup {
    uid_t uid;
    bool service_known;
    char *service; /* the word behind "subid:" in nsswitch.conf; NULL: files */
    bool names_known;
    char **names; /* names of the uid in /etc/passwd */
    bool nss_asked;
    char *nss_name; /* name of the uid by getpwuid(3) */
};
#define SUBID_LOOKUP_INIT(id) ((struct subid_lookup){.uid = (id)})
int subid_lookup(struct subid_lookup *lookup, enum subid_kind kind, struct subid_ranges *out,
                 struct error *err);
void subid_lookup_free(struct subid_lookup *lookup);

/* The user's name: from /etc/passwd, else by NSS; NULL if the uid has none. Owned by @lookup. */
const char *subid_user_name(struct subid_lookup *lookup);

/* Where ranges of @kind come from, for messages: "/etc/subuid", or "getsubids (subid: sss in nsswitch.conf)".
 * The caller frees; NULL when memory ran out. */
char *subid_source_text(const struct subid_lookup *lookup, enum subid_kind kind);

/* The first number from which 65536 ids are free in both files, for the command that a hint proposes. */
uint64_t subid_suggest_start(void);
