/*
 * The configuration that a tarball carries (image/protocol.h), caught on its way from the helper.
 */
#pragma once

#include <cjson/cJSON.h>

#include "base/error.h"
#include "base/str.h"
#include "image/client.h"

struct carried {
    const struct image_events *user; /* borrowed; NULL: nobody */
    struct strbuf text;
};
void carried_free(struct carried *c);
#define _cleanup_carried_ __attribute__((cleanup(carried_free)))

/* The events to give to whoever unpacks: the user's, and what catches the configuration. */
struct image_events carried_events(struct carried *c);
/* Adds it to @record as "config". What is no JSON object is left out, with a warning to the user. */
int carried_add(const struct carried *c, cJSON *record, struct error *err);
