/*
 * What a sandbox of the host's root changed: its upper layers compared with the host as it is now.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"
#include "sandbox/host_box.h"

enum host_change_kind { HOST_ADDED, HOST_CHANGED, HOST_DELETED };

enum host_change_what {
    HOST_WHAT_TYPE = 1,
    HOST_WHAT_CONTENT = 2,
    HOST_WHAT_MODE = 4,
    HOST_WHAT_OWNER = 8,
};

struct host_change {
    enum host_change_kind kind;
    unsigned what;          /* of HOST_CHANGED: HOST_WHAT_* */
    const char *path;       /* of the host, absolute */
    const char *name;       /* its last component */
    int upper;              /* the directory of the box that it is in, to be read; of HOST_DELETED maybe -1 */
    int host;               /* the directory of the host that it is in; -1: the host has none (any more) */
    const struct stat *new; /* as the sandbox has it; NULL if deleted */
    const struct stat *old; /* as the host has it now; NULL if it has nothing of that name */
    bool opaque; /* a directory that was made where the host has another one: nothing of that shows through */
    bool copied; /* the host had it when the sandbox wrote to it */
};

/* Calls @each for every change, directories before what is in them, names sorted; what is below a deleted
 * directory is not told apart. Stops at the first result that is not 0 and returns it. No link is followed,
 * neither in the box nor on the host. Owners are seen as the caller's user namespace has them. */
typedef int host_change_fn(void *data, const struct host_change *change, struct error *err);
int host_changes(const struct host_box *box, host_change_fn *each, void *data, struct error *err);

/* Calls @call where all of a box can be read and owners are those that the sandbox saw: for an ordinary user
 * in a child process, in a user namespace with the same ids. What it changes in memory is lost then. */
int host_within(int (*call)(void *data, struct error *err), void *data, struct error *err);

/* "file", "directory", "link", "fifo", "socket", "device". */
const char *host_type_name(mode_t mode);
