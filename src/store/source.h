/*
 * Where an image comes from, by the words that skopeo and podman have for it.
 */
#pragma once

#include "base/error.h"

enum source_kind {
    SOURCE_PLAIN, /* no transport is named: a file, a directory or a name of the store */
    SOURCE_OCI,
    SOURCE_OCI_ARCHIVE,
    SOURCE_DOCKER_ARCHIVE,
    SOURCE_DOCKER,     /* a registry, by skopeo or podman */
    SOURCE_CONTAINERS, /* podman's own store */
    SOURCE_URL,
};

struct source {
    enum source_kind kind;
    const char *name; /* as it was written; borrowed */
    char *path;       /* file, directory, or what follows the transport; owned */
    char *ref;        /* tag or digest behind it; owned, NULL: none */
};

/* Takes @text apart. -EINVAL for a transport without anything behind it, and for one that bryo does not
 * have. */
int source_parse(const char *text, struct source *source, struct error *err);
void source_free(struct source *source);
#define _cleanup_source_ __attribute__((cleanup(source_free)))
