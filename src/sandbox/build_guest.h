/*
 * What a command of a build finds in its root that is not the image's: files of /etc that it needs, and the
 * places of mounts. Both are taken back behind it, so that they are in no layer; what the command made of the
 * files stays.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"
#include "net/spec.h"

#define BUILD_GUEST_FILES 3

struct build_guest {
    int rootfd; /* borrowed */
    struct {
        const char *name; /* in /etc; NULL: nothing was put there */
        char *given;      /* owned */
        char *before;     /* owned: what the file held, or where the link led to; NULL: there was none */
        struct stat st;   /* of what was there */
        struct timespec made[2]; /* of ours, to tell it from one that the command wrote */
    } files[BUILD_GUEST_FILES];
    char **places; /* paths that are not in the image, parents first; owned */
};

/* Puts hosts, hostname and resolv.conf into /etc, and notes which destinations of @mounts are not there. */
int build_guest_arrive(struct build_guest *g, int rootfd, const char *hostname, const struct net_spec *net,
                       const cJSON *mounts, struct error *err);
/* Takes back what is as it was put there. */
int build_guest_leave(struct build_guest *g, struct error *err);
void build_guest_free(struct build_guest *g);
