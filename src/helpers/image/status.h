/*
 * What bryo-image says to its starter: the lines of image/protocol.h, each one write(2).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct status {
    int fd;
    uint64_t next_ms; /* no progress line before that time of CLOCK_MONOTONIC */
    bool gone;        /* nobody reads any more: the starter died */
};

/* Starts the clock: the first progress line comes after a tenth of a second. */
void status_init(struct status *s, int fd);

/* A progress line, unless the last one is younger than a tenth of a second. */
void status_progress(struct status *s, uint64_t read, uint64_t total, uint64_t entries);
/* A warning: one line, control bytes are escaped. */
void status_warn(struct status *s, const char *text);
/* The failure with its hint. */
void status_error(struct status *s, const struct error *err);
/* A fact of image/protocol.h: @value holds no blanks. */
void status_info(struct status *s, const char *key, const char *value);
/* The configuration that the archive carries, in pieces. */
void status_config(struct status *s, const char *text);
void status_done(struct status *s, uint64_t entries, uint64_t bytes);
