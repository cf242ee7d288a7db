/*
 * What a container may reach, as people write it: HOST, ADDRESS or NETWORK, with :PORT or without.
 *
 *     example.com   *.example.com:443   192.0.2.7:8080   10.0.0.0/8   [2001:db8::/32]:443
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/netaddr.h"

#define NETRULE_NAME_MAX 254

struct netrule {
    char name[NETRULE_NAME_MAX]; /* lower case; "": by address */
    bool below;                  /* every name below @name (and not @name itself) */
    struct netblock block;
    uint16_t port; /* 0: any */
};

/* The error speaks of the value only. Returns 0 or -EINVAL. */
int netrule_parse(const char *text, struct netrule *rule, struct error *err);

/* Does @rule speak of the name @name (lower case, without a dot at its end)? */
bool netrule_has_name(const struct netrule *rule, const char *name);
