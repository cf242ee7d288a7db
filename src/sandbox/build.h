/*
 * `bryo build`: an image from a Gunfile.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "container/runtime.h"

/* What the command line says. Strings and vectors are borrowed. */
struct build_options {
    const char *file;     /* the Gunfile; NULL: "Gunfile" in the context */
    const char *output;   /* FILE, oci:DIR, oci-archive:FILE or docker-archive:FILE; NULL: only build */
    char **args;          /* NAME=VALUE */
    char **secrets;       /* id=NAME,src=FILE */
    const char *compress; /* none, gzip, zstd; NULL: by the name of the output */
    const char *tag;      /* name of the image in an OCI or docker archive */
    const char *progress; /* plain or json; NULL: plain */
    bool no_cache;
    bool prune; /* removes the cache instead of building */
    bool shell_on_failure;
    uint64_t max_size; /* bytes an image of Using may unpack to; 0: IMAGE_MAX_BYTES_DEFAULT */
};

enum build_event_kind {
    BUILD_STEP,   /* a step begins */
    BUILD_CACHED, /* it is in the cache already */
    BUILD_DONE,   /* it is done, after @ms */
    BUILD_OUTPUT, /* a line that its command wrote */
    BUILD_WARN,
    BUILD_PACK,    /* the output is being written */
    BUILD_WRITTEN, /* it is, after @ms */
    BUILD_CURRENT, /* it was written before, and nothing has changed */
    BUILD_SHELL,   /* a shell where a step failed */
};

struct build_event {
    enum build_event_kind kind;
    const char *stage; /* its name; NULL if the Gunfile has one stage */
    unsigned number, total;
    const char *text; /* the step as it stands in the Gunfile, a line, the name of the output */
    uint64_t ms;
};

/* Who hears of it. @lines: commands' output comes as BUILD_OUTPUT; else it goes to standard error as it is,
 * as long as one stage is built at a time. */
struct build_listener {
    void (*hear)(void *data, const struct build_event *event);
    void *data;
    bool lines;
};

/* Builds the Gunfile for the files below @context. 0, or a negative errno with @err filled; nothing is left
 * then but steps that went well. */
int build_image(const struct runtime *rt, const struct build_options *options, const char *context,
                const struct build_listener *listener, struct error *err);

/* Checks of options: the text of an error speaks of the value only. */
int build_check_output(const char *value, struct error *err);
int build_check_compress(const char *value, struct error *err);
int build_check_progress(const char *value, struct error *err);
