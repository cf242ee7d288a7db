/*
 * Digests, sources, platforms, and what the texts of images say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/sha256.h"
#include "base/str.h"
#include "store/oci.h"
#include "store/source.h"
#include "store/store.h"

static void digests(void **state)
{
    static const struct {
        const char *text, *digest;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    char hex[SHA256_HEX + 1];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        sha256_text(cases[i].text, strlen(cases[i].text), hex);
        assert_string_equal(hex, cases[i].digest);
        assert_true(sha256_is_hex(hex));
    }
    /* Around the ends of blocks. */
    char *million = malloc(1000000);
    assert_non_null(million);
    memset(million, 'a', 1000000);
    sha256_text(million, 1000000, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    sha256_text(million, 64, hex);
    assert_string_equal(hex, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
    sha256_text(million, 55, hex);
    assert_string_equal(hex, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
    free(million);
    assert_false(sha256_is_hex("abc"));
    assert_false(sha256_is_hex("E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
}

static void sources(void **state)
{
    static const struct {
        const char *text;
        int r;
        enum source_kind kind;
        const char *path, *ref;
    } cases[] = {
        {"rootfs.tar", 0, SOURCE_PLAIN, NULL, NULL},
        {"./oci:x", 0, SOURCE_PLAIN, NULL, NULL},
        {"oci:dir", 0, SOURCE_OCI, "dir", NULL},
        {"oci:/a/b:tag", 0, SOURCE_OCI, "/a/b", "tag"},
        {"oci-archive:f.tar:v1", 0, SOURCE_OCI_ARCHIVE, "f.tar", "v1"},
        {"docker-archive:f.tar:docker.io/library/x:1", 0, SOURCE_DOCKER_ARCHIVE, "f.tar",
         "docker.io/library/x:1"},
        {"docker://debian:12", 0, SOURCE_DOCKER, "debian:12", NULL},
        {"containers-storage:localhost/x", 0, SOURCE_CONTAINERS, "localhost/x", NULL},
        {"oci:", -EINVAL, SOURCE_PLAIN, NULL, NULL},
        {"oci::tag", -EINVAL, SOURCE_PLAIN, NULL, NULL},
        {"oci:dir:", -EINVAL, SOURCE_PLAIN, NULL, NULL},
        {"docker-daemon:x", -ENOTSUP, SOURCE_PLAIN, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_source_ struct source s;
        _cleanup_error_ struct error err = ERROR_INIT;
        assert_int_equal(source_parse(cases[i].text, &s, &err), cases[i].r);
        if (cases[i].r < 0)
            continue;
        assert_int_equal(s.kind, cases[i].kind);
        if (cases[i].path)
            assert_string_equal(s.path, cases[i].path);
        if (cases[i].ref)
            assert_string_equal(s.ref, cases[i].ref);
        else
            assert_null(s.ref);
    }
}

static void platforms(void **state)
{
    struct oci_platform p;

    (void)state;
    assert_int_equal(oci_platform_parse("linux/arm/v7", &p, NULL), 0);
    assert_string_equal(p.os, "linux");
    assert_string_equal(p.architecture, "arm");
    assert_string_equal(p.variant, "v7");
    assert_int_equal(oci_platform_parse("arm64", &p, NULL), 0);
    assert_string_equal(p.os, "linux");
    assert_string_equal(p.architecture, "arm64");
    assert_string_equal(p.variant, "");
    static const char *const bad[] = {"",
                                      "/",
                                      "linux/",
                                      "a/b/c/d",
                                      "Linux/amd64",
                                      "linux/amd 64",
                                      "linux/a123456789012345678901234567890123456789"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(oci_platform_parse(bad[i], &p, NULL), -EINVAL);
    oci_platform_here(&p);
    assert_true(p.architecture[0]);
}

static void names(void **state)
{
    static const struct {
        const char *name, *full; /* NULL: refused */
    } cases[] = {
        {"debian", "debian:latest"},
        {"debian:12", "debian:12"},
        {"host:5000/x", "host:5000/x:latest"},
        {"a/b@sha256:0", "a/b@sha256:0"},
        {"", NULL},
        {".x", NULL},
        {"../x", NULL},
        {"a//b", NULL},
        {"a/", NULL},
        {"a:", NULL},
        {"a b", NULL},
        {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *full = NULL;
        int r = store_name_check(cases[i].name, &full, NULL);
        assert_int_equal(r, cases[i].full ? 0 : -EINVAL);
        if (cases[i].full)
            assert_string_equal(full, cases[i].full);
    }
}

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static cJSON *parse(const char *text)
{
    cJSON *json = NULL;
    assert_int_equal(json_parse("test", text, strlen(text), &json, NULL), 0);
    return json;
}

static void what_is_wrong_is_told(void **state)
{
    static const struct {
        const char *json, *text;
        bool index;
    } cases[] = {
        {"{}", "manifests: expected a list, found nothing", true},
        {"{\"manifests\":[]}", "no image for linux/amd64", true},
        {"{\"manifests\":[{}]}",
         "manifests[0].digest: expected sha256: and 64 hexadecimal digits, found nothing", true},
        {"{\"manifests\":[{\"digest\":\"sha256:" HEX "\",\"size\":-1}]}",
         "manifests[0].size: expected a number, found -1", true},
        {"{}", "config: expected an object, found nothing", false},
        {"{\"config\":{\"digest\":\"sha256:" HEX "\"}}", "layers: expected a list, found nothing", false},
        {"{\"config\":{\"digest\":\"sha256:" HEX "\"},\"layers\":[]}", "layers: the image has no layers",
         false},
        {"{\"config\":{\"digest\":\"sha256:" HEX "\"},\"layers\":[7]}",
         "layers[0]: expected an object, found 7", false},
        {"{\"config\":{\"digest\":\"sha256:" HEX "\"},\"layers\":[{\"mediaType\":\"application/json\"}]}",
         "layers[0].mediaType: \"application/json\" is no layer that bryo can read", false},
    };
    static const struct oci_platform amd64 = {.os = "linux", .architecture = "amd64"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_cjson_ cJSON *json = parse(cases[i].json);
        _cleanup_oci_image_ struct oci_image image = {0};
        _cleanup_error_ struct error err = ERROR_INIT;
        struct oci_blob blob;
        int r = cases[i].index ? oci_choose(json, NULL, &amd64, &blob, &err)
                               : oci_read_manifest(json, &image, &err);
        assert_true(r < 0);
        assert_string_equal(error_text(&err), cases[i].text);
    }
}

static void the_platform_is_chosen(void **state)
{
#define ENTRY(digit, arch)                                                             \
    "{\"digest\":\"sha256:" digit                                                      \
    "3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"platform\":{" \
    "\"os\":\"linux\",\"architecture\":\"" arch "\"}}"
    _cleanup_cjson_ cJSON *json =
        parse("{\"manifests\":[" ENTRY("a", "arm64") "," ENTRY("b", "amd64") "," ENTRY("c", "s390x") "]}");
    static const struct oci_platform amd64 = {.os = "linux", .architecture = "amd64"},
                                     other = {.os = "plan9", .architecture = "amd64"};
    _cleanup_error_ struct error err = ERROR_INIT;
    struct oci_blob blob;

    (void)state;
    assert_int_equal(oci_choose(json, NULL, &amd64, &blob, NULL), 0);
    assert_int_equal(blob.digest[0], 'b');
    assert_int_equal(oci_choose(json, NULL, &other, &blob, &err), -ENOENT);
    assert_string_equal(err.hint, "there are: - (linux/arm64), - (linux/amd64), - (linux/s390x)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests),
        cmocka_unit_test(sources),
        cmocka_unit_test(platforms),
        cmocka_unit_test(names),
        cmocka_unit_test(what_is_wrong_is_told),
        cmocka_unit_test(the_platform_is_chosen),
    };

    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
