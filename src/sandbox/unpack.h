/*
 * Running the archive helper: an archive becomes a tree, with the owners that the container will see.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "image/client.h"
#include "sandbox/image.h"
#include "userns/idmap.h"

/* Unpacks the archive @image into the empty directory @dirfd within a user namespace of @map. @max_bytes:
 * limit, 0 for the default. @events may be NULL. The ending signals must be blocked (sandbox_block_signals);
 * one that comes ends the helper, which is a failure then. After a failure the directory may hold what a
 * killed helper left: the caller removes it. */
int sandbox_unpack(const struct image *image, const struct idmap *map, int dirfd, uint64_t max_bytes,
                   const struct image_events *events, struct error *err);

/* Blocks the signals that ask bryo to end, so that what was begun can be taken back first; *old is for
 * sandbox_unblock_signals, which lets a signal that came meanwhile do its work. */
void sandbox_block_signals(sigset_t *old);
void sandbox_unblock_signals(const sigset_t *old);
/* Did one come meanwhile? */
bool sandbox_signal_pending(void);
