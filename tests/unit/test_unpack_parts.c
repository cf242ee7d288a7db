/*
 * The parts of bryo-image that need no archive: names, limits, id maps, what a file looks like, warnings.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "helpers/image/contents.h"
#include "helpers/image/idrange.h"
#include "helpers/image/limits.h"
#include "helpers/image/name.h"
#include "helpers/image/sniff.h"
#include "helpers/image/warnings.h"

static void names_are_cleaned(void **state)
{
    static const struct {
        const char *raw, *clean;
    } cases[] = {
        {"a", "a"},
        {"/", ""},
        {".", ""},
        {"./", ""},
        {"./a", "a"},
        {"a/", "a"},
        {"//a//b/./c//", "a/b/c"},
        {"...", "..."},
        {"a/..b", "a/..b"},
        {"\xff/\x01", "\xff/\x01"},
    };
    _cleanup_strbuf_ struct strbuf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        assert_int_equal(name_clean(cases[i].raw, &out, &err), 0);
        assert_string_equal(out.data, cases[i].clean);
    }
    assert_int_equal(name_parent_len("a"), 0);
    assert_int_equal(name_parent_len("a/b/c"), 3);
    assert_string_equal(name_base("a/b/c"), "c");
    assert_string_equal(name_base("c"), "c");
}

static void bad_names_are_refused(void **state)
{
    static const char *const out_of_it[] = {"..", "../a", "a/..", "a/../b", "/..", "a/.//../b", "../"};
    _cleanup_strbuf_ struct strbuf out = {0};
    _cleanup_free_ char *component = calloc(1, 257);
    _cleanup_free_ char *longest = calloc(1, NAME_LIMIT + 2);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(out_of_it); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        assert_int_equal(name_clean(out_of_it[i], &out, &err), -EINVAL);
        assert_string_equal(error_text(&err), "the name leads out of the archive (\"..\")");
    }
    _cleanup_error_ struct error err = ERROR_INIT;
    assert_int_equal(name_clean("", &out, &err), -EINVAL);
    memset(component, 'x', 255);
    assert_int_equal(name_clean(component, &out, &err), 0);
    component[255] = 'x';
    assert_int_equal(name_clean(component, &out, &err), -ENAMETOOLONG);
    assert_string_equal(error_text(&err), "the name has a component of 256 bytes, more than 255");
    for (size_t i = 0; i < NAME_LIMIT; i++)
        longest[i] = i % 2 ? '/' : 'd';
    assert_int_equal(name_clean(longest, &out, &err), 0);
    longest[NAME_LIMIT] = 'x';
    assert_int_equal(name_clean(longest, &out, &err), -ENAMETOOLONG);
}

static void limits_hold_at_their_edges(void **state)
{
    struct limits l = {.max_bytes = 100, .max_entries = 2};
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(limits_entry(&l, &err), 0);
    assert_int_equal(limits_entry(&l, &err), 0);
    assert_int_equal(limits_entry(&l, &err), -EFBIG);
    assert_string_equal(error_text(&err), "the archive holds more than 2 entries");
    assert_int_equal(limits_size(&l, 100, &err), 0);
    assert_int_equal(limits_size(&l, 101, &err), -EFBIG);
    assert_int_equal(limits_data(&l, 0, 60, &err), 0);
    assert_int_equal(limits_data(&l, 0, 40, &err), 0);
    assert_int_equal(l.bytes, 100);
    assert_int_equal(limits_data(&l, 0, 1, &err), -EFBIG);
    assert_string_equal(err.hint, "if you trust it, raise the limit with --max-size");

    struct limits offsets = {.max_bytes = 100};
    assert_int_equal(limits_data(&offsets, 90, 10, &err), 0);
    assert_int_equal(limits_data(&offsets, 91, 10, &err), -EFBIG);
    assert_int_equal(limits_data(&offsets, UINT64_MAX, 10, &err), -EFBIG);
    assert_int_equal(offsets.bytes, 10);

    assert_int_equal(limits_stream(&offsets, 200, &err), 0);
    assert_int_equal(limits_stream(&offsets, (1ULL << 30) + 201, &err), -EFBIG);
    struct limits none = {.max_bytes = UINT64_MAX};
    assert_int_equal(limits_stream(&none, UINT64_MAX, &err), 0);
}

static void id_maps_are_parsed(void **state)
{
    _cleanup_ids_ struct ids ids = {0};
    static const char *const bad[] = {"0 1\n", "0 1 2 3\n", "a 1 2\n", "0 1 -2\n", "0 1 4294967296\n"};

    (void)state;
    assert_int_equal(id_ranges_parse(&ids.uids, "         0       1000          1\n1 100000 65536\n"), 0);
    assert_int_equal(ids.uids.total, 65537);
    assert_true(id_ranges_have(&ids.uids, 0));
    assert_true(id_ranges_have(&ids.uids, 65536));
    assert_false(id_ranges_have(&ids.uids, 65537));
    assert_false(id_ranges_have(&ids.uids, -1));
    assert_false(id_ranges_have(&ids.uids, INT64_MIN));
    assert_int_equal(id_ranges_parse(&ids.gids, "0 0 4294967295\n"), 0);
    assert_true(id_ranges_have(&ids.gids, 4294967294));
    assert_false(id_ranges_have(&ids.gids, 4294967295));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_ids_ struct ids other = {0};
        assert_int_equal(id_ranges_parse(&other.uids, bad[i]), -EINVAL);
    }
}

static void own_maps_are_read(void **state)
{
    _cleanup_ids_ struct ids ids = {0};
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(ids_load(&ids, &err), 0);
    assert_true(id_ranges_have(&ids.uids, geteuid()));
    assert_int_equal(ids.keep, geteuid() == 0 && (ids.uids.total > 1 || ids.gids.total > 1));
}

static void files_are_known_by_their_beginning(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *kind;
    } cases[] = {
        {"", 0, "an empty file"},
        {"\x7f"
         "ELF\2",
         5, "an ELF program"},
        {"hsqs", 4, "a squashfs image"},
        {"  \n<HTML>", 9, "an HTML page (an error page of a web server?)"},
        {"{\"x\":1}", 7, "a JSON file"},
        {"#!/bin/sh\n", 10, "a script"},
        {"hello", 5, "a text file"},
        {"\x1f\x8b\x08", 3, "a compressed file"},
        {"\0\1\2", 3, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *kind = sniff_kind((const unsigned char *)cases[i].bytes, cases[i].len);
        if (cases[i].kind)
            assert_string_equal(kind, cases[i].kind);
        else
            assert_null(kind);
    }
    assert_int_equal(sniff_compression((const unsigned char *)"\xfd"
                                                              "7zXZ",
                                       6),
                     COMPRESSION_XZ);
    assert_int_equal(sniff_compression((const unsigned char *)"\xfd"
                                                              "7zXZ",
                                       5),
                     COMPRESSION_NONE);
    assert_string_equal(compression_name(COMPRESSION_ZSTD), "zstd");
}

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static bool is_image(const char *const *names)
{
    struct contents c = {0};

    for (; *names; names++)
        contents_note(&c, *names);
    return contents_are_image(&c);
}

static void transport_formats_are_told_from_roots(void **state)
{
    (void)state;
    assert_true(is_image((const char *const[]){"blobs", "blobs/sha256", "index.json", "oci-layout", NULL}));
    assert_true(is_image((const char *const[]){ID "/layer.tar", ID ".json", "manifest.json", NULL}));
    assert_true(is_image((const char *const[]){ID ".tar", "repositories", "manifest.json", NULL}));
    assert_false(is_image((const char *const[]){"manifest.json", NULL}));
    assert_false(is_image((const char *const[]){"blobs", "usr", "index.json", "oci-layout", NULL}));
    assert_false(is_image((const char *const[]){"", "blobsx", "oci-layout", "index.json", NULL}));
    assert_false(is_image((const char *const[]){ID "x", "oci-layout", "index.json", NULL}));
}

static void warnings_count_and_name_the_first(void **state)
{
    _cleanup_warnings_ struct warnings w = {0};
    _cleanup_free_ char *text = NULL;
    struct status status;
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    status_init(&status, fds[1]);
    warnings_add(&w, WARNING_SOCKET, "run/\x1b[0m", NULL);
    warnings_add(&w, WARNING_OWNER_BEYOND, "first", "5:6");
    warnings_add(&w, WARNING_OWNER_BEYOND, "second", "7:8");
    warnings_send(&w, &status);
    close(fds[1]);
    assert_int_equal(fd_read_to_end(fds[0], 4096, &text, NULL), 0);
    close(fds[0]);
    assert_string_equal(
        text, "w 2 entries have owners outside the id map and belong to root now (the first: \"first\", "
              "5:6)\nw 1 socket was left out (\"run/\\x1b[0m\")\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_cleaned),
        cmocka_unit_test(bad_names_are_refused),
        cmocka_unit_test(limits_hold_at_their_edges),
        cmocka_unit_test(id_maps_are_parsed),
        cmocka_unit_test(own_maps_are_read),
        cmocka_unit_test(files_are_known_by_their_beginning),
        cmocka_unit_test(transport_formats_are_told_from_roots),
        cmocka_unit_test(warnings_count_and_name_the_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
