/*
 * Images in transport formats: index, manifest, configuration, manifest.json. The input is three texts with
 * percent signs between them: an index, a manifest of either kind, a configuration.
 */
#include "base/json.h"
#include "fuzz.h"
#include "store/oci.h"

static void check_digest(const char *digest)
{
    must(sha256_is_hex(digest), "\"%s\" is no digest", digest);
}

static void fuzz_index(const char *text)
{
    static const struct oci_platform platform = {.os = "linux", .architecture = "amd64"};
    static const char *const refs[] = {NULL, "latest"};

    for (size_t i = 0; i < 2; i++) {
        _cleanup_cjson_ cJSON *json = NULL;
        _cleanup_error_ struct error err = ERROR_INIT;
        struct oci_blob blob;
        if (json_parse("index.json", text, strlen(text), &json, &err) < 0)
            return;
        int r = oci_choose(json, refs[i], &platform, &blob, &err);
        if (r < 0)
            must_explain(r, &err);
        else
            check_digest(blob.digest);
    }
}

static void fuzz_image(const char *manifest, const char *config, bool docker)
{
    _cleanup_cjson_ cJSON *json = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_oci_image_ struct oci_image image = {0};

    if (json_parse("manifest", manifest, strlen(manifest), &json, &err) < 0)
        return;
    int r =
        docker ? oci_read_docker_manifest(json, NULL, &image, &err) : oci_read_manifest(json, &image, &err);
    if (r == 0)
        r = oci_read_config(config, strlen(config), &image, &err);
    if (r < 0) {
        must_explain(r, &err);
        return;
    }
    check_digest(image.id);
    must(image.n > 0 && image.n <= OCI_LAYERS_MAX, "%zu layers", image.n);
    for (size_t i = 0; i < image.n; i++) {
        check_digest(image.layers[i].content);
        if (docker)
            must(image.layers[i].path && *image.layers[i].path, "layer %zu has no file", i);
        else
            check_digest(image.layers[i].blob.digest);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *index = next_piece(&data, &size), *manifest = next_piece(&data, &size),
                        *config = next_piece(&data, &size);
    struct oci_platform platform;

    fuzz_index(index);
    fuzz_image(manifest, config, false);
    fuzz_image(manifest, config, true);
    if (oci_platform_parse(index, &platform, NULL) == 0)
        must(platform.os[0] && platform.architecture[0], "an empty platform");
    return 0;
}
