/*
 * What a build writes: a tarball of the root file system that carries its configuration, an OCI layout or an
 * archive of one, or what `docker load` takes.
 *
 * The output is made beside where it goes, or in the cache, and moved there as a whole. What was written is
 * noted: as long as neither the image nor the file has changed, nothing is written again.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "sandbox/build_internal.h"
#include "sandbox/build_pack.h"

#define OCI "application/vnd.oci.image."

static const struct {
    const char *prefix;
    enum build_form form;
} forms[] = {
    {"oci:", BUILD_OCI},
    {"oci-archive:", BUILD_OCI_ARCHIVE},
    {"docker-archive:", BUILD_DOCKER_ARCHIVE},
};

enum build_form build_form(const char *output, const char **path)
{
    *path = output;
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
        if (str_starts(output, forms[i].prefix)) {
            *path = output + strlen(forms[i].prefix);
            return forms[i].form;
        }
    return BUILD_TAR;
}

int build_check_output(const char *value, struct error *err)
{
    const char *path, *colon = strchr(value, ':'), *slash = strchr(value, '/');
    enum build_form form = build_form(value, &path);
    if (!*path || str_ends(path, "/"))
        return error_set(err, EINVAL,
                         "expected FILE, oci:DIR, oci-archive:FILE or docker-archive:FILE, found \"%.80s\"",
                         value);
    if (form != BUILD_TAR || !colon || (slash && slash < colon))
        return 0;
    error_set(err, EINVAL,
              "\"%.80s\" is no form that bryo writes: oci:DIR, oci-archive:FILE or docker-archive:FILE",
              value);
    error_hint(err, "if it is the name of a file: ./%.80s", value);
    return -EINVAL;
}

int build_check_compress(const char *value, struct error *err)
{
    if (!strcmp(value, "none") || !strcmp(value, "gzip") || !strcmp(value, "zstd"))
        return 0;
    return error_set(err, EINVAL, "expected none, gzip or zstd, found \"%.80s\"", value);
}

int build_check_progress(const char *value, struct error *err)
{
    if (!strcmp(value, "plain") || !strcmp(value, "json"))
        return 0;
    return error_set(err, EINVAL, "expected plain or json, found \"%.80s\"", value);
}

static const char *compression_of(const struct build *b, enum build_form form)
{
    static const struct {
        const char *end, *how;
    } ends[] = {{".gz", "gzip"}, {".tgz", "gzip"}, {".zst", "zstd"}, {".zstd", "zstd"}, {".tzst", "zstd"}};
    if (b->opt->compress)
        return b->opt->compress;
    for (size_t i = 0; form == BUILD_TAR && i < ARRAY_SIZE(ends); i++)
        if (str_ends(b->output_path, ends[i].end))
            return ends[i].how;
    return form == BUILD_OCI || form == BUILD_OCI_ARCHIVE ? "gzip" : "none";
}

/* A directory that a layout is to replace must be one, or empty. */
static int check_directory(const struct build *b, struct error *err)
{
    _cleanup_free_ char *mark = str_printf("%s/oci-layout", b->output_path);
    if (!mark)
        return error_oom(err);
    if (!S_ISDIR(b->output.st_mode))
        return error_set(err, ENOTDIR, "--output: \"%s\" is there and no directory", b->output_path);
    if (access(mark, F_OK) == 0 || rmdir(b->output_path) == 0)
        return 0;
    error_set(err, ENOTEMPTY, "--output: the directory \"%s\" is neither empty nor an OCI layout",
              b->output_path);
    error_hint(err, "it would be replaced as a whole: name another one");
    return -ENOTEMPTY;
}

int build_output_plan(struct build *b, struct error *err)
{
    const char *path;
    if (!b->opt->output)
        return 0;
    enum build_form form = build_form(b->opt->output, &path);
    b->output_path = path_absolute(path);
    _cleanup_free_ char *dir = b->output_path ? strdup(b->output_path) : NULL;
    if (!dir)
        return error_oom(err);
    *(strrchr(dir, '/') + 1) = '\0';
    if (access(dir, W_OK | X_OK) < 0)
        return error_sys(err, errno, "--output: write in the directory \"%s\"", dir);
    if (stat(b->output_path, &b->output) < 0) {
        b->output = (struct stat){0};
        return errno == ENOENT ? 0 : error_sys(err, errno, "--output \"%s\"", b->output_path);
    }
    if (form == BUILD_OCI)
        return check_directory(b, err);
    if (S_ISREG(b->output.st_mode))
        return 0;
    return error_set(err, EINVAL, "--output: \"%s\" is there and no regular file", b->output_path);
}

/* One output being made. */
struct output {
    struct build_job *job;
    const struct build_stage *stage;
    enum build_form form;
    const char *compress;
    char **keys;            /* of the layers; owned */
    cJSON *config;          /* "config"; owned */
    struct build_temp temp; /* in the cache */
    char *made;             /* what will be moved to where it belongs; owned */
    bool directory;
};

static void output_free(struct output *o)
{
    if (o->made && o->directory) {
        const char *slash = strrchr(o->made, '/');
        _cleanup_free_ char *dir = strndup(o->made, (size_t)(slash - o->made));
        _cleanup_close_ int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        if (fd >= 0)
            (void)remove_tree_at(fd, slash + 1, NULL);
    } else if (o->made)
        (void)unlink(o->made);
    free(o->made);
    strv_free(o->keys);
    cJSON_Delete(o->config);
    build_temp_remove(&o->temp);
}

static void on_warn(void *data, const char *text)
{
    build_tell(((const struct output *)data)->job, BUILD_WARN, NULL, text, 0);
}

/* Packs the directory @dir to @out and waits. */
static int pack(struct output *o, const struct image_pack_request *q, int dir, int out,
                struct build_packed *done, struct error *err)
{
    _cleanup_packer_ struct build_packer packer = BUILD_PACKER_INIT;
    const struct image_events events = {.warn = on_warn, .data = o};
    int r = build_pack_start(&o->job->map, q, dir, out, &packer, err);
    return r == 0 ? build_pack_finish(&packer, &events, done, err) : r;
}

/* A new file beside the output. */
static int begin_file(struct output *o, struct error *err)
{
    const struct build *b = o->job->b;
    const char *slash = strrchr(b->output_path, '/');
    o->made = str_printf("%.*s/.%.200s.XXXXXX", (int)(slash - b->output_path), b->output_path, slash + 1);
    if (!o->made)
        return error_oom(err);
    int fd = mkostemp(o->made, O_CLOEXEC);
    if (fd < 0) {
        int code = errno;
        free(o->made);
        o->made = NULL;
        return error_sys(err, code, "make a file for the output in \"%.*s\"",
                         (int)(slash - b->output_path + 1), b->output_path);
    }
    if (fchmod(fd, 0644) < 0) {
        int code = errno;
        close(fd);
        return error_sys(err, code, "set the mode of the output");
    }
    return fd;
}

static int write_tar(struct output *o, struct error *err)
{
    struct build_packed done;
    _cleanup_free_ char *config = o->config->child ? json_print(o->config, false) : strdup("");
    if (!config)
        return error_oom(err);
    config[strcspn(config, "\n")] = '\0';
    _cleanup_close_ int view = build_view(o->job->b, o->keys, &o->temp, err);
    _cleanup_close_ int out = view < 0 ? -EBADF : begin_file(o, err);
    if (view < 0 || out < 0)
        return view < 0 ? view : out;
    const struct image_pack_request q = {
        .name = "the image", .compress = o->compress, .epoch = o->job->b->epoch, .config = config};
    return pack(o, &q, view, out, &done, err);
}

static const char *architecture(const struct utsname *name)
{
    static const struct {
        const char *machine, *go;
    } table[] = {{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"armv7l", "arm"},         {"armv6l", "arm"},
                 {"i686", "386"},     {"i386", "386"},      {"loongarch64", "loong64"}};
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (!strcmp(table[i].machine, name->machine))
            return table[i].go;
    return name->machine;
}

/* A layer as a blob in @dir: NAME.tmp, to be renamed by its digest. */
static int pack_layer(struct output *o, const char *key, int dir, const char *compress,
                      struct build_packed *done, struct error *err)
{
    const struct build *b = o->job->b;
    _cleanup_cjson_ cJSON *record = NULL;
    int r = build_cache_record(&b->cache, key, &record, err);
    if (r < 0)
        return r;
    _cleanup_close_ int tree = build_cache_tree(&b->cache, key);
    _cleanup_close_ int out = openat(dir, "layer.tmp", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (tree < 0 || out < 0)
        return error_sys(err, tree < 0 ? -tree : errno, "open a layer");
    const cJSON *title = cJSON_GetObjectItemCaseSensitive(record, "title");
    const struct image_pack_request q = {.name = cJSON_IsString(title) ? title->valuestring : "a layer",
                                         .layer =
                                             !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(record, "whole")),
                                         .compress = compress,
                                         .epoch = b->epoch};
    return pack(o, &q, tree, out, done, err);
}

static int put_json(int dir, const char *name, cJSON *json, char hex[SHA256_HEX + 1], uint64_t *size,
                    struct error *err)
{
    _cleanup_free_ char *text = json_print(json, false);
    if (!text)
        return error_oom(err);
    *size = strlen(text);
    sha256_text(text, strlen(text), hex);
    return file_replace_at(dir, name ? name : hex, text, strlen(text), 0644, err);
}

static cJSON *descriptor(const char *type, const char *hex, uint64_t size)
{
    cJSON *d = cJSON_CreateObject();
    _cleanup_free_ char *digest = str_printf("sha256:%s", hex);
    if (d && digest && json_add_string(d, "mediaType", type) == 0 &&
        json_add_string(d, "digest", digest) == 0 && json_add_u64(d, "size", size) == 0)
        return d;
    cJSON_Delete(d);
    return NULL;
}

/* The image's configuration, with what is known of its layers (diff ids and titles, in order). */
static int make_image(struct output *o, char *const *diff_ids, char *const *titles, cJSON **out,
                      struct error *err)
{
    struct utsname name;
    char created[TIME_RFC3339_MAX];
    struct timespec when = {.tv_sec = (time_t)o->job->b->epoch};
    if (o->job->b->epoch < 0)
        clock_gettime(CLOCK_REALTIME, &when);
    time_rfc3339(created, &when);
    if (uname(&name) < 0)
        return error_sys(err, errno, "find out the architecture");
    _cleanup_cjson_ cJSON *image = cJSON_CreateObject();
    cJSON *rootfs = image ? cJSON_AddObjectToObject(image, "rootfs") : NULL,
          *history = image ? cJSON_AddArrayToObject(image, "history") : NULL;
    bool good = rootfs && history && json_add_string(image, "created", created) == 0 &&
                json_add_string(image, "architecture", architecture(&name)) == 0 &&
                json_add_string(image, "os", "linux") == 0 &&
                json_add_item(image, "config", cJSON_Duplicate(o->config, true)) == 0 &&
                json_add_string(rootfs, "type", "layers") == 0 &&
                json_add_strv(rootfs, "diff_ids", diff_ids) == 0;
    STRV_FOREACH (title, titles) {
        cJSON *one = cJSON_CreateObject();
        good = good && one && cJSON_AddItemToArray(history, one) &&
               json_add_string(one, "created", created) == 0 &&
               json_add_string(one, "created_by", *title) == 0;
    }
    if (!good)
        return error_oom(err);
    *out = TAKE_PTR(image);
    return 0;
}

static char *title_of(const struct build *b, const char *key)
{
    _cleanup_cjson_ cJSON *record = NULL;
    if (build_cache_record(&b->cache, key, &record, NULL) < 0)
        return NULL;
    const cJSON *title = cJSON_GetObjectItemCaseSensitive(record, "title");
    return strdup(cJSON_IsString(title) ? title->valuestring : "");
}

static int make_dirs(const char *path, const char *below, struct error *err)
{
    _cleanup_free_ char *full = str_printf("%s%s%s", path, below ? "/" : "", below ? below : "");
    if (!full)
        return error_oom(err);
    if (mkdir(full, 0755) < 0 && errno != EEXIST)
        return error_sys(err, errno, "make \"%s\"", full);
    return open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* An OCI layout in the directory @path: image-layout.md of the OCI image specification. */
static int write_layout(struct output *o, const char *path, struct error *err)
{
    static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}\n";
    char hex[SHA256_HEX + 1];
    uint64_t size;
    _cleanup_close_ int top = make_dirs(path, NULL, err), above = make_dirs(path, "blobs", err),
                        blobs = make_dirs(path, "blobs/sha256", err);
    if (top < 0 || above < 0 || blobs < 0)
        return error_sys(err, EIO, "make the layout \"%s\"", path);
    _cleanup_cjson_ cJSON *image = NULL, *manifest = cJSON_CreateObject(), *index = cJSON_CreateObject();
    cJSON *layers = cJSON_AddArrayToObject(manifest, "layers"),
          *list = cJSON_AddArrayToObject(index, "manifests");
    _cleanup_strv_ char **ids = NULL, **titles = NULL;
    _cleanup_free_ char *type = str_printf(OCI "layer.v1.tar%s%s", strcmp(o->compress, "none") ? "+" : "",
                                           strcmp(o->compress, "none") ? o->compress : "");
    int r = layers && list && type ? file_replace_at(top, "oci-layout", layout, strlen(layout), 0644, err)
                                   : error_oom(err);
    STRV_FOREACH (key, o->keys) {
        struct build_packed done;
        if (r == 0)
            r = pack_layer(o, *key, blobs, o->compress, &done, err);
        if (r < 0)
            return r;
        if (renameat(blobs, "layer.tmp", blobs, done.blob) < 0)
            return error_sys(err, errno, "name a blob");
        cJSON *d = descriptor(type, done.blob, done.bytes);
        if (!d || !cJSON_AddItemToArray(layers, d) ||
            strv_take(&ids, str_printf("sha256:%s", done.content)) < 0 ||
            strv_take(&titles, title_of(o->job->b, *key)) < 0)
            return error_oom(err);
    }
    if (r == 0)
        r = make_image(o, ids, titles, &image, err);
    if (r == 0)
        r = put_json(blobs, NULL, image, hex, &size, err);
    if (r < 0)
        return r;
    if (json_add_u64(manifest, "schemaVersion", 2) < 0 ||
        json_add_string(manifest, "mediaType", OCI "manifest.v1+json") < 0 ||
        json_add_item(manifest, "config", descriptor(OCI "config.v1+json", hex, size)) < 0)
        return error_oom(err);
    r = put_json(blobs, NULL, manifest, hex, &size, err);
    if (r < 0)
        return r;
    cJSON *d = descriptor(OCI "manifest.v1+json", hex, size);
    if (!d || !cJSON_AddItemToArray(list, d) || json_add_u64(index, "schemaVersion", 2) < 0 ||
        json_add_string(index, "mediaType", OCI "index.v1+json") < 0)
        return error_oom(err);
    if (o->job->b->opt->tag) {
        cJSON *notes = cJSON_AddObjectToObject(d, "annotations");
        if (!notes || json_add_string(notes, "org.opencontainers.image.ref.name", o->job->b->opt->tag) < 0)
            return error_oom(err);
    }
    return put_json(top, "index.json", index, hex, &size, err);
}

/* What `docker save` writes: layers beside a manifest.json. */
static int write_docker(struct output *o, const char *path, struct error *err)
{
    char hex[SHA256_HEX + 1];
    uint64_t size;
    _cleanup_close_ int top = make_dirs(path, NULL, err);
    if (top < 0)
        return top;
    _cleanup_cjson_ cJSON *image = NULL, *manifest = cJSON_CreateArray();
    cJSON *one = cJSON_CreateObject();
    if (!manifest || !one || !cJSON_AddItemToArray(manifest, one))
        return error_oom(err);
    _cleanup_strv_ char **ids = NULL, **titles = NULL, **files = NULL, **tags = NULL;
    STRV_FOREACH (key, o->keys) {
        struct build_packed done;
        int r = pack_layer(o, *key, top, "none", &done, err);
        if (r < 0)
            return r;
        _cleanup_free_ char *name = str_printf("%s.tar", done.blob);
        if (!name || strv_add(&files, name) < 0 ||
            strv_take(&ids, str_printf("sha256:%s", done.content)) < 0 ||
            strv_take(&titles, title_of(o->job->b, *key)) < 0)
            return error_oom(err);
        if (renameat(top, "layer.tmp", top, name) < 0)
            return error_sys(err, errno, "name a layer");
    }
    int r = make_image(o, ids, titles, &image, err);
    if (r == 0)
        r = put_json(top, "config.tmp", image, hex, &size, err);
    _cleanup_free_ char *name = str_printf("%s.json", hex);
    const char *tag = o->job->b->opt->tag;
    const char *last = tag ? strrchr(tag, '/') : NULL;
    if (r == 0 && tag &&
        strv_take(&tags, str_printf("%s%s", tag, strchr(last ? last : tag, ':') ? "" : ":latest")) < 0)
        r = error_oom(err);
    if (r < 0)
        return r;
    if (!name || json_add_string(one, "Config", name) < 0 || json_add_strv(one, "RepoTags", tags) < 0 ||
        json_add_strv(one, "Layers", files) < 0)
        return error_oom(err);
    if (renameat(top, "config.tmp", top, name) < 0)
        return error_sys(err, errno, "name the configuration");
    return put_json(top, "manifest.json", manifest, hex, &size, err);
}

/* A layout in the cache, packed as everybody's file. */
static int write_archive(struct output *o, struct error *err)
{
    struct build_packed done;
    _cleanup_free_ char *path = str_printf("%s/archive", o->temp.path);
    if (!path)
        return error_oom(err);
    int r = o->form == BUILD_OCI_ARCHIVE ? write_layout(o, path, err) : write_docker(o, path, err);
    if (r < 0)
        return r;
    _cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int out = dir < 0 ? error_sys(err, errno, "open \"%s\"", path) : begin_file(o, err);
    if (out < 0)
        return out;
    const struct image_pack_request q = {.name = "the archive",
                                         .own = true,
                                         .compress = o->form == BUILD_DOCKER_ARCHIVE ? o->compress : "none",
                                         .epoch = o->job->b->epoch};
    return pack(o, &q, dir, out, &done, err);
}

static int write_directory(struct output *o, struct error *err)
{
    const struct build *b = o->job->b;
    const char *slash = strrchr(b->output_path, '/');
    char *path = str_printf("%.*s/.%.200s.XXXXXX", (int)(slash - b->output_path), b->output_path, slash + 1);
    if (!path)
        return error_oom(err);
    if (!mkdtemp(path) || chmod(path, 0755) < 0) {
        int code = errno;
        free(path);
        return error_sys(err, code, "make a directory beside \"%s\"", b->output_path);
    }
    o->made = path;
    o->directory = true;
    return write_layout(o, path, err);
}

/* Moves what was made to where it belongs. An older layout steps aside first, and goes. */
static int move_there(struct output *o, struct error *err)
{
    const struct build *b = o->job->b;
    _cleanup_free_ char *old = o->directory && b->output.st_ino ? str_printf("%s.old", o->made) : NULL;
    if (old && rename(b->output_path, old) < 0 && errno != ENOENT)
        return error_sys(err, errno, "replace \"%s\"", b->output_path);
    if (rename(o->made, b->output_path) < 0)
        return error_sys(err, errno, "move the output to \"%s\"", b->output_path);
    free(o->made);
    o->made = old ? TAKE_PTR(old) : NULL; /* removed with the rest */
    return 0;
}

static int write_output(struct build_job *job, struct error *err)
{
    struct build *b = job->b;
    const char *path;
    __attribute__((cleanup(output_free))) struct output o = {.job = job,
                                                             .stage = &b->stages[job->stage],
                                                             .form = build_form(b->opt->output, &path),
                                                             .temp = BUILD_TEMP_INIT};
    uint64_t start = build_now_ms();
    umask(022);
    o.compress = compression_of(b, o.form);
    build_tell(job, BUILD_PACK, NULL, b->opt->output, 0);
    int r = build_chain(b, o.stage, o.stage->n_layers, &o.keys, err);
    if (r == 0)
        r = build_config(b, o.stage, &o.stage->end, &o.config, err);
    if (r == 0)
        r = build_temp_make(&b->cache, &o.temp, err);
    if (r == 0)
        r = o.form == BUILD_TAR   ? write_tar(&o, err)
            : o.form == BUILD_OCI ? write_directory(&o, err)
                                  : write_archive(&o, err);
    if (r == 0)
        r = move_there(&o, err);
    if (r == 0)
        build_tell(job, BUILD_WRITTEN, NULL, b->opt->output, build_now_ms() - start);
    return r;
}

/* What tells that the output is as it was written. NULL if there is none. */
static char *fingerprint(const struct build *b, const char *key)
{
    const char *path;
    bool directory = build_form(b->opt->output, &path) == BUILD_OCI;
    _cleanup_free_ char *file = str_printf("%s%s", b->output_path, directory ? "/index.json" : "");
    struct stat st;
    if (!file || stat(file, &st) < 0)
        return NULL;
    return str_printf("%s %ju %ju %jd %jd.%09ld %jd.%09ld\n", key, (uintmax_t)st.st_dev, (uintmax_t)st.st_ino,
                      (intmax_t)st.st_size, (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
                      (intmax_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

int build_write(struct build *b, struct error *err)
{
    char key[BUILD_KEY + 1], name[SHA256_HEX + 1];
    if (!b->opt->output)
        return 0;
    int r = build_final_key(b, key, err);
    if (r < 0)
        return r;
    sha256_text(b->output_path, strlen(b->output_path), name);
    _cleanup_free_ char *noted = build_cache_output(&b->cache, name), *now = fingerprint(b, key);
    bool all_cached = true;
    for (size_t i = 0; i < b->gunfile.n_stages; i++)
        for (size_t k = 0; b->stages[i].wanted && k < b->stages[i].n_layers; k++)
            all_cached = all_cached && b->stages[i].layers[k].cached;
    if (all_cached && noted && now && !strcmp(noted, now)) {
        const struct build_event event = {.kind = BUILD_CURRENT, .text = b->opt->output};
        if (b->listener)
            b->listener->hear(b->listener->data, &event);
        return 0;
    }
    r = build_jobs(b, UINT64_C(1) << (b->gunfile.n_stages - 1), write_output, err);
    if (r < 0)
        return r;
    free(now);
    now = fingerprint(b, key);
    return now ? build_cache_note_output(&b->cache, name, now, err) : 0;
}
