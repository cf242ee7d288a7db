/*
 * Progress of an unpacking on a terminal, and its warnings.
 */
#pragma once

#include <stdbool.h>
#include <time.h>

#include "base/log.h"
#include "image/client.h"

struct progress {
    const struct log *log;
    const char *image; /* what is unpacked */
    bool terminal;     /* draw at all */
    bool drawn;        /* a line stands there */
    struct timespec start;
};

/* Lines are drawn on standard error when it is a terminal and messages go there as text, once a second has
 * passed. */
void progress_init(struct progress *p, const struct log *log, const char *image);
/* The callbacks for sandbox_run and sandbox_make_bundle. */
struct image_events progress_events(struct progress *p);
