/*
 * What a sandbox takes over from its host so that names resolve and clocks show the local time: /etc/hosts,
 * /etc/hostname, /etc/resolv.conf and TZ.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "net/spec.h"
#include "sandbox/cache.h"
#include "sandbox/layered.h"

struct sandbox_etc {
    const char *hostname;
    const struct net_spec *net; /* the host's: its resolvers and hosts hold inside too */
    char *const *dns;           /* resolvers that were asked for */
    char *const *add_host;      /* NAME:ADDRESS, checked */
    struct layered files;       /* the image's */
    int own; /* a directory of this sandbox that files can be written to; -EBADF: they are bound
                over those that exist, so that a directory of the user's is left as it is */
    const struct run_dir *dir; /* where files to bind are kept */
};

/* Is @text NAME:ADDRESS for /etc/hosts? The error speaks of the value only. */
int sandbox_check_host(const char *text, struct error *err);

/* Puts the files in place; what is bound is appended to @mounts. */
int sandbox_etc_apply(const struct sandbox_etc *etc, cJSON *mounts, struct error *err);

/* The caller's time zone as a POSIX TZ string ("CET-1CEST,M3.5.0,M10.5.0/3"), which needs no files in the
 * image: from @tz (the caller's TZ, may be NULL), else from /etc/localtime. *out is NULL for UTC or when it
 * is not known; the caller frees. Returns 0 or -ENOMEM. */
int sandbox_timezone(const char *tz, char **out, struct error *err);

/* The TZ string at the end of the TZif file @data (RFC 8536, version 2 and up), or NULL. The caller frees. */
char *sandbox_tzif_footer(const char *data, size_t len);
