/*
 * The cache of builds: what each step of a Gunfile left, kept by what went into it.
 *
 * Theory of operation. Below $XDG_DATA_HOME/bryo/build (root of the machine: /var/lib/bryo/build), mode 0700:
 *
 *     layers/KEY/tree         the files of a step, as overlayfs keeps them in an upper directory
 *     layers/KEY/record.json  what is known of it; "whole": nothing lies below it
 *     layers/KEY/synced       it is on the disk for sure
 *     caches/KEY              a directory of Cache
 *     outputs/KEY             what was written to where, so that it need not be written again
 *     tmp/XXXXXX              being made, or replaced
 *
 * A layer is made in tmp/ and renamed: it is there as a whole or not at all, whatever kills its maker. What
 * the kernel had not written when the machine went down may be damaged: a layer of an earlier boot counts
 * only if it was synced, which a later build does when it costs nothing any more. Whoever builds holds the
 * lock of the whole (flock, shared). Who has it alone for a moment knows that all in tmp/ is litter, and
 * removes it.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "userns/idmap.h"

#define BUILD_KEY 32 /* hexadecimal digits */

struct build_cache {
    char *path; /* absolute; owned */
    int fd;
    char boot[64]; /* of this run of the machine */
};
#define BUILD_CACHE_INIT ((struct build_cache){.fd = -EBADF})

/* Opens it, makes it if it is not there, removes litter, and takes its lock: shared, or (@alone) -EBUSY if
 * somebody builds. @map: of those who made what is in it. */
int build_cache_open(struct build_cache *c, const struct idmap *map, bool alone, struct error *err);
/* At the end of a build: removes what was replaced meanwhile, if nobody else builds. */
void build_cache_tidy(const struct build_cache *c, const struct idmap *map);
void build_cache_close(struct build_cache *c);
#define _cleanup_build_cache_ __attribute__((cleanup(build_cache_close)))

/* Is the layer there, and can it be trusted? */
bool build_cache_has(const struct build_cache *c, const char *key);
/* Its record. The caller frees with cJSON_Delete. */
int build_cache_record(const struct build_cache *c, const char *key, cJSON **record, struct error *err);
/* Its tree, open for reading, or -errno. */
int build_cache_tree(const struct build_cache *c, const char *key);
/* Marks those of @keys that the kernel has written by now as synced. */
void build_cache_settle(const struct build_cache *c, char *const *keys);

/* A directory below tmp/. */
struct build_temp {
    char *path; /* absolute; owned */
    int fd;
};
#define BUILD_TEMP_INIT ((struct build_temp){.fd = -EBADF})
int build_temp_make(const struct build_cache *c, struct build_temp *temp, struct error *err);
/* Removes it as who is called: from where its files were made. */
void build_temp_remove(struct build_temp *temp);
#define _cleanup_build_temp_ __attribute__((cleanup(build_temp_remove)))

/* Makes @temp/@name the tree of layer @key; @record (borrowed) tells about it. One that is there stays,
 * unless
 * @replace or it can't be trusted. */
int build_cache_publish(const struct build_cache *c, struct build_temp *temp, const char *name,
                        const char *key, cJSON *record, bool replace, struct error *err);

/* The directory for Cache @key, made with @mode if it is not there. The caller frees *path. */
int build_cache_directory(const struct build_cache *c, const char *key, char **path, struct error *err);

/* What was noted for the output @key, or NULL. The caller frees. */
char *build_cache_output(const struct build_cache *c, const char *key);
int build_cache_note_output(const struct build_cache *c, const char *key, const char *text,
                            struct error *err);

/* Removes everything. The lock must be held alone. */
int build_cache_clear(const struct build_cache *c, const struct idmap *map, struct error *err);
