#include "helpers/image/sniff.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

struct magic {
    size_t offset;
    const char *bytes;
    size_t len;
    int is; /* a compression */
    const char *what;
};
#define MAGIC(bytes) bytes, sizeof(bytes) - 1

static const struct magic compressions[] = {
    {0, MAGIC("\x1f\x8b\x08"), COMPRESSION_GZIP, "gzip"},
    {0, MAGIC("BZh"), COMPRESSION_BZIP2, "bzip2"},
    {0,
     MAGIC("\xfd"
           "7zXZ\0"),
     COMPRESSION_XZ, "xz"},
    {0, MAGIC("\x28\xb5\x2f\xfd"), COMPRESSION_ZSTD, "zstd"},
    {0, MAGIC("\x04\x22\x4d\x18"), COMPRESSION_LZ4, "lz4"},
    {0, MAGIC("\x02\x21\x4c\x18"), COMPRESSION_LZ4, "lz4"}, /* its old frame */
};

/* The first that fits is told, so that the longer ones come first. */
static const struct magic kinds[] = {
    {0,
     MAGIC("\x7f"
           "ELF"),
     0, "an ELF program"},
    {0, MAGIC("hsqs"), 0, "a squashfs image"},
    {0, MAGIC("PK\3\4"), 0, "a zip file"},
    {0, MAGIC("PK\5\6"), 0, "an empty zip file"},
    {0, MAGIC("7z\xbc\xaf\x27\x1c"), 0, "a 7-Zip file"},
    {0, MAGIC("Rar!\x1a\x07"), 0, "a RAR file"},
    {0, MAGIC("QFI\xfb"), 0, "a qcow2 disk image"},
    {0, MAGIC("\xed\xab\xee\xdb"), 0, "an RPM package"},
    {0, MAGIC("!<arch>\ndebian"), 0, "a Debian package"},
    {0, MAGIC("!<arch>\n"), 0, "an ar archive"},
    {0, MAGIC("070701"), 0, "a cpio archive"},
    {0, MAGIC("070702"), 0, "a cpio archive"},
    {0, MAGIC("070707"), 0, "a cpio archive"},
    {0, MAGIC("\xc7\x71"), 0, "a cpio archive"},
    {0, MAGIC("\x1f\x9d"), 0, "a file compressed by compress(1)"},
    {0, MAGIC("LZIP"), 0, "a file compressed by lzip"},
    {0, MAGIC("\x5d\0\0"), 0, "a file compressed by lzma"},
    {0, MAGIC("\x89LZO\0\r\n\x1a\n"), 0, "a file compressed by lzop"},
    {0, MAGIC("SIF_MAGIC"), 0, "a Singularity image"},
    {32, MAGIC("SIF_MAGIC"), 0, "a Singularity image"},
    {0x438, MAGIC("\x53\xef"), 0, "an ext4 file system image"},
    {0x8001, MAGIC("CD001"), 0, "an ISO 9660 image"},
    {0, MAGIC("version https://git-lfs"), 0, "a Git LFS pointer, not the file it stands for"},
    {0, MAGIC("#!"), 0, "a script"},
    {0, MAGIC("%PDF"), 0, "a PDF document"},
    {0, MAGIC("-----BEGIN "), 0, "a PEM file"},
    {510, MAGIC("\x55\xaa"), 0, "a disk image"},
};

const char *compression_name(enum compression c)
{
    for (size_t i = 0; i < ARRAY_SIZE(compressions); i++)
        if (compressions[i].is == (int)c)
            return compressions[i].what;
    return "no compression";
}

static bool fits(const struct magic *m, const unsigned char *head, size_t len)
{
    return len >= m->offset + m->len && memcmp(head + m->offset, m->bytes, m->len) == 0;
}

enum compression sniff_compression(const unsigned char *head, size_t len)
{
    for (size_t i = 0; i < ARRAY_SIZE(compressions); i++)
        if (fits(&compressions[i], head, len))
            return (enum compression)compressions[i].is;
    return COMPRESSION_NONE;
}

/* Text documents begin with blanks, and with capitals as they like. */
static const char *text_kind(const unsigned char *head, size_t len)
{
    static const struct {
        const char *start, *what;
    } starts[] = {
        {"<!doctype html", "an HTML page (an error page of a web server?)"},
        {"<html", "an HTML page (an error page of a web server?)"},
        {"<?xml", "an XML file"},
        {"{", "a JSON file"},
        {"[", "a JSON file"},
    };
    size_t skip = 0;

    while (skip < len && memchr(" \t\r\n", head[skip], 4))
        skip++;
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        size_t n = strlen(starts[i].start);
        if (len - skip >= n && strncasecmp((const char *)head + skip, starts[i].start, n) == 0)
            return starts[i].what;
    }
    return "a text file";
}

static bool is_text(const unsigned char *head, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((head[i] < 0x20 && !memchr("\t\n\r\f\b\x1b", head[i], 6)) || head[i] == 0x7f)
            return false;
    return true;
}

const char *sniff_kind(const unsigned char *head, size_t len)
{
    if (len == 0)
        return "an empty file";
    if (sniff_compression(head, len) != COMPRESSION_NONE)
        return "a compressed file";
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (fits(&kinds[i], head, len))
            return kinds[i].what;
    return is_text(head, len) ? text_kind(head, len) : NULL;
}
