/*
 * A published port, as people write it: [ADDRESS:]HOST[-LAST]:CONTAINER[-LAST][/tcp|/udp][/source|/fast].
 *
 *     8080:80   127.0.0.1:5353:53/udp   [::1]:8080:80   8000-8009:8000-8009   8080:80/fast
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/netaddr.h"

struct netport {
    struct netaddr host; /* that is listened on; 0.0.0.0 unless given */
    uint16_t host_port, container_port, count;
    bool udp;
    bool
        fast; /* connections are joined past the network of the container, which costs the client's address */
};

#define NETPORT_SYNTAX "[ADDRESS:]HOST:CONTAINER[/udp|/fast]"

/* The error speaks of the value only. Returns 0 or -EINVAL. */
int netport_parse(const char *text, struct netport *port, struct error *err);
