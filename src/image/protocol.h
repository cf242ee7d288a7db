/*
 * How bryo talks to its helper bryo-image: the command line, the numbers of the descriptors it is given, and
 * the lines it answers with. The helper reads hostile bytes, so it opens nothing by itself: whatever it needs
 * is handed over as a descriptor, and it gives up everything else before it reads the first byte.
 *
 *   bryo-image unpack NAME MAX_BYTES MAX_ENTRIES
 *       archive on descriptor 3, empty destination directory (open for reading) on 4
 *   bryo-image transport NAME MAX_BYTES MAX_ENTRIES
 *       the same for an image in a transport format, which "unpack" refuses
 *   bryo-image layer NAME MAX_BYTES MAX_ENTRIES layer|root BLOB CONTENT
 *       the same for the store: with digests, and "layer": entries may be whiteouts. BLOB and CONTENT are the
 *       SHA-256 that the archive must have, as it is and decompressed; "-": any
 *   bryo-image copy NAME none|overlay|files
 *       a layer's tree on descriptor 3 is copied onto the tree on 4; how it writes whiteouts
 *   bryo-image tally NAME
 *       a number that changes with anything in the tree on 4
 *   bryo-image pack NAME root|layer own|keep none|gzip|zstd EPOCH CONFIG
 *       the directory on 4 becomes an archive on 3; "layer": whiteouts of overlayfs become those of images;
 *       "own": everything belongs to 0:0. No time in it is later than EPOCH, unless that is -1. CONFIG, if it
 *       is not empty, is carried along (IMAGE_CONFIG_MARK)
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
 *   c TEXT                 the next piece of the configuration that the archive carries
 *   d ENTRIES BYTES        done
 * An exit status other than 0 without an `e` line means that the helper was killed or crashed.
 */
#pragma once

#include <stdint.h>

#define IMAGE_HELPER_NAME "bryo-image"

#define IMAGE_FD_ARCHIVE 3
#define IMAGE_FD_DIR     4
#define IMAGE_FD_STATUS  5

/* Sane bounds for what one archive may become; --max-size changes the first. */
#define IMAGE_MAX_BYTES_DEFAULT   (64ULL << 30)
#define IMAGE_MAX_ENTRIES_DEFAULT 10000000ULL

/*
 *   bryo-image-mount NAME MAX_BYTES MAX_ENTRIES UIDS GIDS
 *
 * A program of its own, so that its start does not wait for libarchive and what that loads. It serves an
 * archive as a file system (FUSE) until the last mount of it is gone. It runs as the caller, in the caller's
 * namespaces; UIDS and GIDS are the maps of the container as uid_map has them ("0 1000 1\n1 100000 65536"),
 * of which the first and the third column count. Its descriptors: the archive, a regular file, on 3; the
 * saved index of it on 4, or anything that is no regular file; the status pipe on 5, with the lines of above;
 * on 6 a socket (SOCK_SEQPACKET) on which, after `d`, the container's init sends the opened /dev/fuse beside
 * one byte; on 7 an empty memfd for the answer; on 8 an empty file without a name, for what is decompressed.
 */
#define IMAGE_MOUNT_NAME "bryo-image-mount"

#define IMAGE_FD_INDEX   4
#define IMAGE_FD_CONTROL 6
#define IMAGE_FD_ANSWER  7
#define IMAGE_FD_SPOOL   8

#define IMAGE_ANSWER_MAGIC    0x6f797262u
#define IMAGE_ANSWER_NONE     UINT32_MAX /* there is no such file */
#define IMAGE_ANSWER_FILE_MAX (1u << 20)
#define IMAGE_ANSWER_INDEX    (4u << 20) /* where the index begins */

enum {
    IMAGE_HAS_ROOT = 1 << 0,    /* /bin, /usr or /sbin */
    IMAGE_ETC_PLAIN = 1 << 1,   /* /etc is a directory of root's, without attributes */
    IMAGE_ETC_MISSING = 1 << 2, /* there is none */
    IMAGE_HAS_HOSTS = 1 << 3,   /* these are files, by whatever links */
    IMAGE_HAS_HOSTNAME = 1 << 4,
    IMAGE_HAS_RESOLV_CONF = 1 << 5,
};

/* The answer: this, then the content of /etc/passwd, then that of /etc/group; at IMAGE_ANSWER_INDEX the index
 * to save. */
struct image_answer {
    uint32_t magic, flags;
    uint32_t etc_mode, unused;
    uint32_t passwd_len, group_len;
    uint64_t index_len; /* 0: the saved one is good */
};

/* A tarball of a root file system may carry the image's configuration (config.md of the OCI image
 * specification, the object "config", as JSON in one line): as the comment of a global pax header at its very
 * beginning, which no tar unpacks or complains about. The comment begins with the mark. It
 * has to lie in what is read first of an archive, so it is short. */
#define IMAGE_CONFIG_MARK "bryo-image-config:"
#define IMAGE_CONFIG_MAX  ((size_t)16 << 10)
