/*
 * The index of an archive as a file, so that the next start need not read the headers again.
 *
 * Theory of operation. The file is the arrays of the tree behind a head. It is used only if everything fits:
 * version, sizes of the structs, a check sum over all of it, and of the archive device, inode, size, times
 * and a digest of its head and tail. Then every number in it is checked, as if a stranger had written it: an
 * index that lies can make the sandbox see other files, which its owner could do anyway, but it can't make
 * this program read or write where it must not. The whole file is read into memory first, so that nobody
 * changes it behind the check.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "helpers/mount/restart.h"
#include "helpers/mount/tar_index.h"

/* What the index was made of. */
struct saved_key {
    uint64_t device, inode, size;
    int64_t mtime, mtime_ns, ctime, ctime_ns;
    uint64_t digest; /* of head and tail */
};

/* Of the archive on @fd. Returns 0 or a negative errno with a text. */
int saved_key_of(int fd, struct saved_key *key, struct error *err);

/* The index in the file @fd if it is one for @key. @x as for tar_index_read; @restart gets the restart
 * points. Returns 1, 0 if it is not to be used (*why, static, tells the reason), or -ENOMEM. */
int saved_load(int fd, const struct saved_key *key, struct tar_index *x, struct restart *restart,
               const char **why, struct error *err);

/* Writes the index at @offset of @fd. Before owners_apply. Returns its length or a negative errno with a
 * text. */
int64_t saved_store(int fd, uint64_t offset, const struct saved_key *key, const struct tar_index *x,
                    const struct restart *restart, struct error *err);

/* The same, from and to memory: for tests. @data is changed and kept by @x. */
int saved_parse(void *data, size_t len, const struct saved_key *key, struct tar_index *x,
                struct restart *restart, const char **why, struct error *err);

/* Makes the check sum of such bytes fit again: for tests, which damage what is behind it. */
void saved_sum(void *data, size_t len);
