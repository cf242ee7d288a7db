/*
 * Sandboxes: what is above OCI. An image (a directory or an archive of a root file system) becomes a bundle,
 * the bundle a container that lives as long as its command, and nothing stays behind unless asked for.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "container/runtime.h"
#include "image/client.h"
#include "sandbox/limits.h"

/* What `bryo sandbox` was told; the command line fills it by its table. Strings are borrowed, vectors too. */
struct sandbox_options {
    char **env;           /* NAME=VALUE, or NAME: the caller's value */
    char **env_file;      /* files of the same, one a line */
    const char *cwd;      /* absolute, inside; NULL: the image's, else "/" */
    const char *user;     /* UID[:GID] or NAME[:GROUP] of the image; NULL: the image's, else 0:0 */
    const char *hostname; /* NULL: made from the name */
    char **bind;          /* SRC:DST[:ro|rw] */
    char **tmpfs;         /* DST[:OPTIONS] */
    bool read_only;
    char **cap_add;
    char **cap_drop;
    const char *seccomp; /* "default", "unconfined" or a file; NULL: default */
    const char *net;     /* as net/spec.h has it; NULL: none */
    char **dns;          /* addresses of resolvers */
    char **add_host;     /* NAME:ADDRESS */
    bool host_loopback;
    char **allow;     /* rules of base/netrule.h */
    char **publish;   /* ports of base/netport.h */
    bool publish_all; /* and those that the image names */
    const char *name; /* id of the container; NULL: a generated one */
    bool keep;
    const char *entry;   /* program that gets the command as its arguments; NULL: the image's */
    const char *scratch; /* where changes of an image go: "disk", "memory" or "memory:SIZE"; NULL: disk */
    bool interactive;    /* standard input, output and error as they are, even on a terminal */
    bool tty;            /* a terminal of its own, even where the caller has none */
    uint64_t max_size;   /* bytes the image may unpack to; 0: IMAGE_MAX_BYTES_DEFAULT */
    const char *lazy;    /* "auto", "always" or "never": run an archive without unpacking it; NULL: auto */
    bool no_new_privs;
    struct sandbox_limits limits;
    /* without an image: the host's own root */
    char **share;    /* paths that are shown although they are masked otherwise */
    char **mask;     /* more paths to mask */
    bool ephemeral;  /* drop what was changed */
    bool show_masks; /* for the command line: print the masks */
};

/* Is @text such a place? A check for the table of options. */
int sandbox_check_scratch(const char *text, struct error *err);

/* Exit codes for what is not the command's own, as docker and podman use them. */
#define SANDBOX_EXIT_FAILED     125 /* bryo itself failed */
#define SANDBOX_EXIT_CANNOT_RUN 126 /* the command is there but cannot be executed */
#define SANDBOX_EXIT_NOT_FOUND  127 /* there is no such command in the image */

/* Runs @command (NULL or empty: the image's, else /bin/sh) in a sandbox made from @image and cleans up behind
 * it. *exit_code: the command's code or 128 + signal; on failure (a negative return with @err filled) one of
 * SANDBOX_EXIT_*.
 * @events (may be NULL) hears of the unpacking. */
int sandbox_run(const struct runtime *rt, const struct sandbox_options *options, const char *image,
                char *const *command, const struct image_events *events, int *exit_code, struct error *err);

/* The same in a sandbox of the host's own root, in which what is written stays apart (sandbox/host.h). *kept:
 * the name under which that is kept, NULL if nothing was changed or it was dropped; the caller frees. */
int sandbox_run_host(const struct runtime *rt, const struct sandbox_options *options, char *const *command,
                     int *exit_code, char **kept, struct error *err);

/* Makes the OCI bundle @bundle (rootfs/ and config.json) from the archive @image. @bundle must not exist or
 * be an empty directory; a failure leaves it as it was. @max_size as in struct sandbox_options. */
int sandbox_make_bundle(const struct runtime *rt, const char *image, const char *bundle, uint64_t max_size,
                        const struct image_events *events, struct error *err);

/* Removes what killed sandboxes left in the caller's cache: directories that nobody has locked and whose
 * container is gone. Failures are passed over: the next call tries again. */
void sandbox_sweep(void);
