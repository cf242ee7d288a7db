/*
 * The runtime's side of bryo-image: where the program is, its command line, and what it answers.
 *
 * Theory of operation: this floor knows no user namespaces, so it does not start the helper. Whoever does
 * calls image_helper_path and image_unpack_argv (or image_remove_argv), starts that with the descriptors that
 * image/protocol.h numbers (userns_spawn), closes its own copy of the status pipe's writing end and calls
 * image_read_status until the pipe closes. The helper reads hostile bytes and may be taken over by them, so
 * its answers are not trusted either: lines are bounded, numbers are parsed strictly, control bytes escaped.
 *
 *     r = image_helper_path(&helper, err);
 *     r = image_unpack_argv(helper, "rootfs.tar.gz", max_bytes, max_entries, &argv, err);
 *     r = userns_spawn(map, argv, env, stdio, (int[]){archive, dir, status[1]}, 3, false, &pid, err);
 *     close(status[1]);
 *     r = image_read_status(status[0], &events, &entries, &bytes, err);
 *     process_wait(pid, &wait_status);
 *     if (r == -EPIPE)
 *         r = image_helper_died(wait_status, err);
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define IMAGE_INFO_MAX 64

/* Who hears what while the helper works. Any callback may be NULL. */
struct image_events {
    /* @read bytes of the archive were read of @total (0: not known), @entries entries written. At most ten
     * times a second. */
    void (*progress)(void *data, uint64_t read, uint64_t total, uint64_t entries);
    /* A warning for the user: one line without a newline, safe to print. */
    void (*warn)(void *data, const char *text);
    /* A fact of image/protocol.h; @value has at most IMAGE_INFO_MAX bytes. */
    void (*info)(void *data, const char *key, const char *value);
    /* A piece of the configuration that the archive carries (image/protocol.h). */
    void (*config)(void *data, const char *piece);
    /* Called before each blocking read of @status_fd: may poll it together with what else the caller waits
     * for (signals), and returns when @status_fd has something to say. */
    void (*wait)(void *data, int status_fd);
    /* The helper has nothing more to say: what was drawn can go. Called once, also after a failure. */
    void (*end)(void *data);
    void *data; /* handed to all of them */
};

/* The absolute path of bryo-image: below $BRYO_HELPER_DIR if that is set, else beside the running program (a
 * build tree), else where it is installed. The caller frees *path. -ENOENT, with a hint, if it is not there
 * or not executable (bryo was built without libarchive). */
int image_helper_path(char **path, struct error *err);

/* The argument vector of `bryo-image unpack`: @helper its path, @name what messages call the archive, the
 * limits as in image/protocol.h. *argv is a vector of base/str.h, freed by strv_free. Returns 0 or -ENOMEM.
 */
int image_unpack_argv(const char *helper, const char *name, uint64_t max_bytes, uint64_t max_entries,
                      char ***argv, struct error *err);

/* The same for `bryo-image transport`. */
int image_transport_argv(const char *helper, const char *name, uint64_t max_bytes, uint64_t max_entries,
                         char ***argv, struct error *err);

/* The argument vector of `bryo-image layer`. */
struct image_layer_request {
    const char *name;                /* what messages call the archive */
    uint64_t max_bytes, max_entries; /* as in image/protocol.h */
    bool whiteouts;                  /* entries may be whiteouts */
    const char *blob, *content;      /* SHA-256 expected, 64 digits; NULL: any */
};
int image_layer_argv(const char *helper, const struct image_layer_request *q, char ***argv,
                     struct error *err);

/* The argument vectors of `bryo-image copy` (@whiteouts: "none", "overlay" or "files") and `bryo-image
 * tally`. */
int image_copy_argv(const char *helper, const char *name, const char *whiteouts, char ***argv,
                    struct error *err);
int image_tally_argv(const char *helper, const char *name, char ***argv, struct error *err);
/* The argument vector of `bryo-image pack`. */
struct image_pack_request {
    const char *name;     /* what messages call the directory */
    bool layer;           /* whiteouts of overlayfs become those of images */
    bool own;             /* everything belongs to 0:0 */
    const char *compress; /* "none", "gzip" or "zstd" */
    int64_t epoch;        /* no time is later than that (seconds); -1: times as they are */
    const char *config;   /* carried along; NULL or "": none */
};
int image_pack_argv(const char *helper, const struct image_pack_request *q, char ***argv, struct error *err);

/* The argument vector of `bryo-image remove`: removes the tree @name (one path component, else -EINVAL) below
 * the directory on IMAGE_FD_DIR. */
int image_remove_argv(const char *helper, const char *name, char ***argv, struct error *err);

/* The same for bryo-image-mount, and its argument vector. @uids and @gids: the maps, as uid_map has them. */
int image_mount_path(char **path, struct error *err);
int image_mount_argv(const char *helper, const char *name, uint64_t max_bytes, uint64_t max_entries,
                     const char *uids, const char *gids, char ***argv, struct error *err);

/* Reads the helper's answers from @status_fd (not closed) until it says that it is done or has failed, or the
 * other end closes. *entries and *bytes (may be NULL) get the counts of the `d` line. Returns 0, or the
 * helper's own failure as -errno with its text and hint, -EPROTO if it said something that is not in the
 * protocol, -EPIPE (without text: see image_helper_died) if it ended without a last word. */
int image_read_status(int status_fd, const struct image_events *events, uint64_t *entries, uint64_t *bytes,
                      struct error *err);

/* Explains the end of a helper that gave no last word, by its wait status: killed by which signal, exit code.
 * What it unpacked may be left. Returns -EPIPE. */
int image_helper_died(int wait_status, struct error *err);
