/*
 * The root file system of a sandbox: a directory in place, or an image of the store with an upper directory
 * for what the command changes.
 */
#pragma once

#include "rootfs/rootfs.h"
#include "sandbox/cache.h"
#include "sandbox/image.h"
#include "sandbox/layered.h"

struct root {
    char *path; /* absolute: what root.path names; owned */
    bool own;   /* what is changed is thrown away; else it is somebody's directory */
    int *fds;   /* of the directories that hold its files, the topmost first; owned */
    size_t n;
    bool overlays; /* @overlay is to be mounted */
    struct rootfs_overlay overlay;
    char **lowers; /* its paths; owned */
    char *scratch; /* owned */
    int seed;      /* a directory over the image, for files that bryo brings; -EBADF: none */
};
#define ROOT_INIT ((struct root){.seed = -EBADF})
void root_free(struct root *r);
#define _cleanup_root_ __attribute__((cleanup(root_free)))

/* Where the image's files can be read before it is mounted. */
struct layered root_files(const struct root *r);

/* Makes the root in @dir from @image, which is opened. @memory: what is changed is kept in memory, in at most
 * so many bytes as it says (tmpfs(5)); "": the kernel's default; NULL: in @dir, or in memory where that can't
 * be; *note (may stay NULL) says so then. The caller frees *note. */
int root_make(struct root *r, struct image *image, const struct run_dir *dir, const struct idmap *map,
              const char *memory, const struct image_events *events, char **note, struct error *err);

/* The same for an archive that is mounted at @lower when the container is made. @files: a directory with what
 * is read of it before (copied). */
int root_serve(struct root *r, int files, const char *lower, const struct run_dir *dir, const char *memory,
               char **note, struct error *err);

/* Makes a copy of the image where overlayfs cannot be had: slower, and all else as before. */
int root_copy(struct root *r, const struct image *image, const struct run_dir *dir, const struct idmap *map,
              const struct image_events *events, struct error *err);

/* Copies the layers of @image, from the lowest, onto the directory @fd. */
int image_copy_layers(const struct image *image, const struct idmap *map, int fd,
                      const struct image_events *events, struct error *err);
