/*
 * Where sandboxes of the host's root keep what was changed in them: $XDG_STATE_HOME/bryo/host/NAME, else
 * ~/.local/state/bryo/host/NAME.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "userns/idmap.h"

/* One directory of the host that the sandbox may write to, and where what it wrote is. */
struct host_layer {
    char *path;   /* of the host, absolute */
    char *dir;    /* below the box: the upper directory of an overlay, or of a stump the directory itself */
    bool stump;   /* no overlay: a plain directory in which @names were put before the start */
    char **names; /* of an overlay: paths of directories that were made in it before the start */
};

/* What a box is made of. Strings are owned. */
struct host_layout {
    struct host_layer *layers;
    size_t n;
    char **fixed; /* paths where something is mounted, or that stand for such a place: never a difference */
};
void host_layout_free(struct host_layout *layout);

/* Appends a layer; takes nothing over. Returns it, NULL when memory ran out. */
struct host_layer *host_layout_add(struct host_layout *layout, const char *path, const char *dir, bool stump);

struct host_box {
    char *name;
    char *path;    /* absolute */
    int fd;        /* O_RDONLY; while it is open and locked the box is in use */
    int skel_lock; /* keeps what sandbox/host_skel.h made */
    /* what host_box_open reads, and host_box_write writes */
    char *created;         /* RFC 3339 */
    struct timespec start; /* by the clock of file systems: a file of the host that changed later than this
                            * changed while the sandbox was there */
    char **command;
    struct host_layout layout;
};
#define HOST_BOX_INIT ((struct host_box){.fd = -EBADF, .skel_lock = -EBADF})
void host_box_close(struct host_box *box);
#define _cleanup_host_box_ __attribute__((cleanup(host_box_close)))

/* The directory of all boxes; makes nothing. The caller frees. */
int host_box_base(char **path, struct error *err);

/* Makes and locks a box with nothing in it. -EEXIST if there is one of this name. */
int host_box_make(const char *name, struct host_box *box, struct error *err);

/* Writes down what is in it, so that it can be looked at whatever becomes of this process. */
int host_box_write(const struct host_box *box, struct error *err);

/* Opens and locks a box. -ENOENT with the names there are as hint; -EBUSY if its sandbox still runs. One that
 * a killed call left without a description has no layers. */
int host_box_open(const char *name, struct host_box *box, struct error *err);

/* Removes all of it. @map: as for tree_remove_mapped. */
int host_box_remove(struct host_box *box, const struct idmap *map, struct error *err);

/* The names of all boxes, sorted. The caller frees with strv_free. */
int host_box_names(char ***names, struct error *err);

/* Is the sandbox of the box @name still running? */
bool host_box_in_use(const char *name);

/* Opens @dir (as in struct host_layer) below the box, without following a link. Returns it or -errno. */
int host_box_open_dir(const struct host_box *box, const char *dir);
