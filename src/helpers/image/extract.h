/*
 * One entry of an archive becomes one file.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "helpers/image/deferred.h"
#include "helpers/image/dirs.h"
#include "helpers/image/idrange.h"
#include "helpers/image/limits.h"
#include "helpers/image/reader.h"
#include "helpers/image/warnings.h"
#include "helpers/image/whiteout.h"

struct archive_entry;

/* What an unpacking works with. */
struct extract {
    int root; /* borrowed; a descriptor of the new root that can be read */
    const struct ids *ids;
    struct limits limits;
    struct warnings *warnings;
    struct reader *reader;
    struct dirs dirs;
    struct deferred deferred;
    struct strbuf name; /* the clean name of the entry at hand */
    bool transport;     /* it may look like an image in a transport format */
    bool layer;         /* entries may be whiteouts */
    enum whiteout_form form;
    uint64_t whiteouts; /* made so far */
};

/* Makes @entry below the root; later entries of the same name replace earlier ones, a directory only if it is
 * empty. Errors do not name the entry: the caller does. */
int extract_entry(struct extract *x, struct archive_entry *entry, struct error *err);
