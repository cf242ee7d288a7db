/*
 * Removing from the store, and looking whether it is whole.
 */
#pragma once

#include "store/store.h"

/* Which images go. */
struct store_prune {
    const char *const *ids; /* only these (NULL-terminated); NULL: any */
    bool named;             /* also those that have a name */
    uint64_t older_than;    /* only those not used for so many seconds; 0: any */
    uint64_t max_bytes;     /* the least recently used, until all together are no larger; 0: all */
};

struct store_pruned {
    char **ids;  /* of removed images; owned */
    char **busy; /* that would have gone but are used; owned */
    uint64_t bytes;
    unsigned layers, litter;
};
void store_pruned_free(struct store_pruned *p);
#define _cleanup_store_pruned_ __attribute__((cleanup(store_pruned_free)))

/* Removes images by @what, then layers that no image has, names and files that lead nowhere, and what killed
 * processes left. @what NULL: only that. */
int store_prune(const struct store *s, const struct store_prune *what, struct store_pruned *done,
                struct error *err);

/* Looks at every record, link and layer, and compares each layer with what it was. @tell gets one line for
 * each thing that is wrong; *problems counts them. */
int store_check(const struct store *s, void (*tell)(void *data, const char *text), void *data,
                unsigned *problems, struct error *err);

/* Bytes in all layers. */
int store_size(const struct store *s, uint64_t *bytes, struct error *err);
