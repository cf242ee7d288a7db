/*
 * Running the archive helper, as uid 0 of a user namespace: what it makes has the owners that containers will
 * see.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "image/client.h"
#include "userns/idmap.h"

/* Facts that the helper told (image/protocol.h). */
struct worker_facts {
    char content[IMAGE_INFO_MAX + 1], blob[IMAGE_INFO_MAX + 1];
    char whiteouts[IMAGE_INFO_MAX + 1], tally[IMAGE_INFO_MAX + 1];
    uint64_t entries, bytes;
};

/* Runs the helper with the command line @argv in a user namespace of @map, with @from (or -1) and @dir as its
 * descriptors for an archive and a directory. @events and @facts may be NULL. The ending signals must be
 * blocked (worker_block_signals); one that comes ends the helper, which is a failure then. After a failure
 * the directory may hold what a killed helper left: the caller removes it. */
int worker_run(const struct idmap *map, char *const *argv, int from, int dir,
               const struct image_events *events, struct worker_facts *facts, struct error *err);

/* `bryo-image unpack`: the archive @archive, called @name in messages, into the empty directory @dir.
 * @max_bytes: limit, 0 for the default. */
int worker_unpack(const struct idmap *map, const char *name, int archive, int dir, uint64_t max_bytes,
                  const struct image_events *events, struct error *err);

/* Blocks the signals that ask bryo to end, so that what was begun can be taken back first; *old is for
 * worker_unblock_signals, which lets a signal that came meanwhile do its work. */
void worker_block_signals(sigset_t *old);
void worker_unblock_signals(const sigset_t *old);
/* Did one come meanwhile? */
bool worker_signal_pending(void);
