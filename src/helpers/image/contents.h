/*
 * Is this a root file system, or an image in a transport format (docker save, podman save, an OCI layout)?
 * Those hold the layers of a root file system as archives, and unpacked as they are would make a root without
 * programs.
 */
#pragma once

#include <stdbool.h>

struct contents {
    bool blobs, oci_layout, index, manifest, layer;
    bool other; /* something that no transport format holds */
};

/* Looks at the clean name of one entry. */
void contents_note(struct contents *c, const char *name);
/* Is everything so far an image archive, and nothing else? */
bool contents_are_image(const struct contents *c);
