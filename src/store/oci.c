#include "store/oci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"

#define REF_NAME        "org.opencontainers.image.ref.name"
#define CONTAINERD_NAME "io.containerd.image.name"

/* Names of uname(2) as Go has them. */
static const struct {
    const char *machine, *architecture, *variant;
} machines[] = {
    {"x86_64", "amd64", ""},    {"aarch64", "arm64", ""},       {"armv7l", "arm", "v7"},
    {"armv8l", "arm", "v7"},    {"armv6l", "arm", "v6"},        {"i686", "386", ""},
    {"i386", "386", ""},        {"ppc64le", "ppc64le", ""},     {"s390x", "s390x", ""},
    {"riscv64", "riscv64", ""}, {"loongarch64", "loong64", ""}, {"mips64", "mips64le", ""},
};

void oci_platform_here(struct oci_platform *p)
{
    struct utsname name;

    *p = (struct oci_platform){.os = "linux", .architecture = "unknown"};
    if (uname(&name) < 0)
        return;
    snprintf(p->architecture, sizeof p->architecture, "%.31s", name.machine);
    for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
        if (strcmp(machines[i].machine, name.machine) == 0) {
            snprintf(p->architecture, sizeof p->architecture, "%s", machines[i].architecture);
            snprintf(p->variant, sizeof p->variant, "%s", machines[i].variant);
        }
}

int oci_platform_parse(const char *text, struct oci_platform *p, struct error *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";
    char *out[] = {p->os, p->architecture, p->variant};
    size_t part = strchr(text, '/') ? 0 : 1;

    *p = (struct oci_platform){.os = "linux"};
    for (const char *c = text;; c++, part++) {
        size_t n = strspn(c, allowed);
        if (part > 2 || n == 0 || n >= sizeof p->os || (c[n] && c[n] != '/')) {
            _cleanup_free_ char *shown = str_quote(text, 80);
            return error_set(err, EINVAL,
                             "expected OS/ARCHITECTURE[/VARIANT] such as linux/arm64, found \"%s\"",
                             shown ? shown : "?");
        }
        memcpy(out[part], c, n);
        out[part][n] = '\0';
        c += n;
        if (!*c)
            return 0;
    }
}

void oci_image_free(struct oci_image *image)
{
    for (size_t i = 0; i < image->n; i++)
        free(image->layers[i].path);
    free(image->layers);
    free(image->config_path);
    cJSON_Delete(image->json);
    *image = (struct oci_image){0};
}

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
}

static const char *text_of(const cJSON *object, const char *name)
{
    const cJSON *item = member(object, name);

    return cJSON_IsString(item) ? item->valuestring : NULL;
}

static int unexpected(const char *where, const char *expected, const cJSON *found, struct error *err)
{
    _cleanup_free_ char *what = json_describe(found);

    return error_set(err, EINVAL, "%s: expected %s, found %s", where, expected, what ? what : "?");
}

/* "sha256:" and 64 digits. */
static int read_digest(const char *where, const cJSON *item, char out[SHA256_HEX + 1], struct error *err)
{
    static const char prefix[] = "sha256:";

    if (!cJSON_IsString(item) || !str_starts(item->valuestring, prefix) ||
        !sha256_is_hex(item->valuestring + strlen(prefix)))
        return unexpected(where, "sha256: and 64 hexadecimal digits", item, err);
    memcpy(out, item->valuestring + strlen(prefix), SHA256_HEX + 1);
    return 0;
}

static bool is_index_type(const char *type)
{
    return type && (strstr(type, "image.index.v1") || strstr(type, "manifest.list.v2"));
}

/* A descriptor (descriptor.md). */
static int read_blob(const char *where, const cJSON *item, struct oci_blob *blob, struct error *err)
{
    _cleanup_free_ char *digest = str_printf("%s.digest", where), *size = str_printf("%s.size", where);
    const cJSON *bytes = member(item, "size");

    *blob = (struct oci_blob){.size = UINT64_MAX, .index = is_index_type(text_of(item, "mediaType"))};
    if (!digest || !size)
        return error_oom(err);
    if (!cJSON_IsObject(item))
        return unexpected(where, "an object", item, err);
    int r = read_digest(digest, member(item, "digest"), blob->digest, err);
    if (r == 0 && bytes && json_get_u64(bytes, &blob->size) < 0)
        r = unexpected(size, "a number", bytes, err);
    return r;
}

static bool fits_platform(const cJSON *descriptor, const struct oci_platform *want)
{
    const cJSON *p = member(descriptor, "platform");
    const char *os = text_of(p, "os"), *architecture = text_of(p, "architecture"),
               *variant = text_of(p, "variant");

    if (!p)
        return true;
    return os && architecture && strcmp(os, want->os) == 0 && strcmp(architecture, want->architecture) == 0 &&
           (!want->variant[0] || !variant || strcmp(variant, want->variant) == 0);
}

static bool fits_ref(const cJSON *descriptor, const char *ref)
{
    const cJSON *notes = member(descriptor, "annotations");
    const char *names[] = {text_of(notes, REF_NAME), text_of(notes, CONTAINERD_NAME),
                           text_of(descriptor, "digest")};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (names[i] && strcmp(names[i], ref) == 0)
            return true;
    return false;
}

/* Nothing fits, or too much: tells what there is. */
static int tell_choice(const cJSON *list, const char *ref, const struct oci_platform *want, size_t found,
                       struct error *err)
{
    _cleanup_strbuf_ struct strbuf there = {0};
    const cJSON *one;
    size_t n = 0;

    cJSON_ArrayForEach (one, list) {
        const cJSON *p = member(one, "platform");
        const char *name = text_of(member(one, "annotations"), REF_NAME);
        _cleanup_free_ char *shown = str_quote(name ? name : "-", 60);
        const char *os = text_of(p, "os"), *architecture = text_of(p, "architecture");
        _cleanup_free_ char *for_what =
            os && architecture ? str_printf(" (%.20s/%.20s)", os, architecture) : strdup("");
        if (n++ < 20)
            strbuf_addf(&there, "%s%s%s", n > 1 ? ", " : "", shown ? shown : "?", for_what ? for_what : "");
    }
    _cleanup_free_ char *quoted = ref ? str_quote(ref, 80) : NULL;
    if (found)
        error_set(err, ENOTUNIQ, "there are %zu images to choose from", found);
    else
        error_set(err, ENOENT, "no image%s%s%s for %s/%s%s%s", quoted ? " \"" : "", quoted ? quoted : "",
                  quoted ? "\"" : "", want->os, want->architecture, want->variant[0] ? "/" : "",
                  want->variant);
    error_hint(err, "there are: %s", there.data ? there.data : "none");
    return found ? -ENOTUNIQ : -ENOENT;
}

int oci_choose(const cJSON *index, const char *ref, const struct oci_platform *platform, struct oci_blob *out,
               struct error *err)
{
    const cJSON *list = member(index, "manifests"), *one, *found = NULL;
    size_t n = 0, i = 0, at = 0;

    if (!cJSON_IsArray(list))
        return unexpected("manifests", "a list", list, err);
    cJSON_ArrayForEach (one, list) {
        if ((!ref || fits_ref(one, ref)) && fits_platform(one, platform)) {
            found = n == 0 ? one : found;
            at = n == 0 ? i : at;
            n++;
        }
        i++;
    }
    if (n == 0 || (n > 1 && !ref && !member(found, "platform")))
        return tell_choice(list, ref, platform, n, err);
    _cleanup_free_ char *where = str_printf("manifests[%zu]", at);
    return where ? read_blob(where, found, out, err) : error_oom(err);
}

static int make_layers(struct oci_image *image, const cJSON *list, const char *where, struct error *err)
{
    if (!cJSON_IsArray(list))
        return unexpected(where, "a list", list, err);
    int n = cJSON_GetArraySize(list);
    if (n == 0)
        return error_set(err, EINVAL, "%s: the image has no layers", where);
    if (n > OCI_LAYERS_MAX)
        return error_set(err, EINVAL, "%s: %d layers, more than %d", where, n, OCI_LAYERS_MAX);
    image->layers = calloc((size_t)n, sizeof image->layers[0]);
    if (!image->layers)
        return error_oom(err);
    image->n = (size_t)n;
    return 0;
}

/* Something else than a tar archive, plain or compressed? Not said is no reason to refuse. */
static bool is_foreign_type(const char *type)
{
    return type && *type && !strstr(type, ".tar");
}

int oci_read_manifest(const cJSON *json, struct oci_image *image, struct error *err)
{
    const cJSON *list = member(json, "layers"), *one;
    size_t i = 0;
    int r = read_blob("config", member(json, "config"), &image->config, err);

    if (r == 0)
        r = make_layers(image, list, "layers", err);
    if (r < 0)
        return r;
    cJSON_ArrayForEach (one, list) {
        _cleanup_free_ char *where = str_printf("layers[%zu]", i);
        const char *type = text_of(one, "mediaType");
        if (!where)
            return error_oom(err);
        if (is_foreign_type(type) || (type && strstr(type, "encrypted"))) {
            _cleanup_free_ char *shown = str_quote(type, 100);
            return error_set(err, ENOTSUP, "%s.mediaType: \"%s\" is no layer that bryo can read", where,
                             shown ? shown : "?");
        }
        r = read_blob(where, one, &image->layers[i++].blob, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool has_tag(const cJSON *entry, const char *ref)
{
    const cJSON *tag;

    cJSON_ArrayForEach (tag, member(entry, "RepoTags")) {
        if (!cJSON_IsString(tag))
            continue;
        /* podman saves "docker.io/library/x:1" and "localhost/x:1" for what is called x:1. */
        const char *text = tag->valuestring;
        size_t n = strlen(text), m = strlen(ref);
        if (strcmp(text, ref) == 0 || (n > m && text[n - m - 1] == '/' && strcmp(text + n - m, ref) == 0))
            return true;
    }
    return false;
}

static const cJSON *choose_entry(const cJSON *json, const char *ref, struct error *err)
{
    const cJSON *one, *found = NULL, *tag;
    _cleanup_strbuf_ struct strbuf there = {0};
    size_t n = 0;

    cJSON_ArrayForEach (one, json) {
        if (!ref || has_tag(one, ref)) {
            found = one;
            n++;
        }
        cJSON_ArrayForEach (tag, member(one, "RepoTags")) {
            _cleanup_free_ char *shown = cJSON_IsString(tag) ? str_quote(tag->valuestring, 80) : NULL;
            if (shown && there.len < 1000)
                strbuf_addf(&there, "%s%s", there.len ? ", " : "", shown);
        }
    }
    if (n == 1)
        return found;
    _cleanup_free_ char *quoted = ref ? str_quote(ref, 80) : NULL;
    if (n > 1)
        error_set(err, ENOTUNIQ, "there are %zu images to choose from", n);
    else
        error_set(err, ENOENT, "no image \"%s\"", quoted ? quoted : "");
    error_hint(err, "there are: %s", there.data ? there.data : "none with a name");
    return NULL;
}

static int copy_path(const char *where, const cJSON *item, char **out, struct error *err)
{
    if (!cJSON_IsString(item) || !*item->valuestring)
        return unexpected(where, "the name of a file", item, err);
    *out = strdup(item->valuestring);
    return *out ? 0 : error_oom(err);
}

int oci_read_docker_manifest(const cJSON *json, const char *ref, struct oci_image *image, struct error *err)
{
    const cJSON *one;
    size_t i = 0;

    if (!cJSON_IsArray(json))
        return unexpected("manifest.json", "a list", json, err);
    const cJSON *entry = choose_entry(json, ref, err);
    if (!entry)
        return err && err->code ? -err->code : -ENOENT;
    int r = copy_path("Config", member(entry, "Config"), &image->config_path, err);
    if (r == 0)
        r = make_layers(image, member(entry, "Layers"), "Layers", err);
    if (r < 0)
        return r;
    cJSON_ArrayForEach (one, member(entry, "Layers")) {
        _cleanup_free_ char *where = str_printf("Layers[%zu]", i);
        r = where ? copy_path(where, one, &image->layers[i++].path, err) : error_oom(err);
        if (r < 0)
            return r;
    }
    return 0;
}

int oci_read_config(const char *text, size_t len, struct oci_image *image, struct error *err)
{
    int r = json_parse("configuration", text, len, &image->json, err);
    const cJSON *list = member(member(image->json, "rootfs"), "diff_ids"), *one;
    size_t i = 0;

    if (r < 0)
        return r;
    if (!cJSON_IsArray(list))
        return unexpected("configuration: rootfs.diff_ids", "a list", list, err);
    if ((size_t)cJSON_GetArraySize(list) != image->n)
        return error_set(err, EINVAL, "configuration: rootfs.diff_ids names %d layers, the manifest %zu",
                         cJSON_GetArraySize(list), image->n);
    cJSON_ArrayForEach (one, list) {
        _cleanup_free_ char *where = str_printf("configuration: rootfs.diff_ids[%zu]", i);
        r = where ? read_digest(where, one, image->layers[i++].content, err) : error_oom(err);
        if (r < 0)
            return r;
    }
    sha256_text(text, len, image->id);
    return 0;
}
