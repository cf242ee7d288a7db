/*
 * How bryo talks to its helper bryo-image: the command line, the numbers of the descriptors it is given, and
 * the lines it answers with. The helper reads hostile bytes, so it opens nothing by itself: whatever it needs
 * is handed over as a descriptor, and it gives up everything else before it reads the first byte.
 *
 *   bryo-image unpack NAME MAX_BYTES MAX_ENTRIES
 *       archive on descriptor 3, empty destination directory (open for reading) on 4
 *   bryo-image layer NAME MAX_BYTES MAX_ENTRIES layer|root BLOB CONTENT
 *       the same for the store: with digests, and "layer": entries may be whiteouts. BLOB and CONTENT are the
 *       SHA-256 that the archive must have, as it is and decompressed; "-": any
 *   bryo-image copy NAME none|overlay|files
 *       a layer's tree on descriptor 3 is copied onto the tree on 4; how it writes whiteouts
 *   bryo-image tally NAME
 *       a number that changes with anything in the tree on 4
 *   bryo-image remove NAME
 *       directory that holds NAME on descriptor 4: removes the tree NAME
 *
 * It runs as uid 0 of a user namespace whose maps the container will have (userns_spawn), so that owners come
 * out right and what subordinate ids own can be removed again; as real root it runs as it is. Answers are
 * lines on descriptor 5:
 *   p READ TOTAL ENTRIES   progress: bytes of the archive read, its size (0: unknown), entries written
 *   w TEXT                 a warning for the user, one line (control bytes escaped)
 *   e ERRNO TEXT           it failed: positive errno, one line; nothing it wrote is left then
 *   h TEXT                 the hint for the line before
 *   i KEY VALUE            a fact: "content", "blob" (SHA-256), "whiteouts" (none, overlay, files), "tally"
 *   d ENTRIES BYTES        done
 * An exit status other than 0 without an `e` line means that the helper was killed or crashed.
 */
#pragma once

#define IMAGE_HELPER_NAME "bryo-image"

#define IMAGE_FD_ARCHIVE 3
#define IMAGE_FD_DIR     4
#define IMAGE_FD_STATUS  5

/* Sane bounds for what one archive may become; --max-size changes the first. */
#define IMAGE_MAX_BYTES_DEFAULT   (64ULL << 30)
#define IMAGE_MAX_ENTRIES_DEFAULT 10000000ULL
