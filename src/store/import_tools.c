/*
 * Registries and podman's own store are read by the tools that can: skopeo, else podman.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/process.h"
#include "base/str.h"
#include "store/import_internal.h"

/* The ways, the better one first. "%i" is the image, "%d" the directory. */
static const struct way {
    enum source_kind kind;
    const char *const argv[8];
} ways[] = {
    {SOURCE_DOCKER, {"skopeo", "copy", "--quiet", "docker://%i", "oci:%d:image", NULL}},
    {SOURCE_CONTAINERS, {"skopeo", "copy", "--quiet", "containers-storage:%i", "oci:%d:image", NULL}},
    {SOURCE_CONTAINERS, {"podman", "save", "--quiet", "--format", "oci-dir", "-o", "%d", NULL}},
    {SOURCE_DOCKER, {"podman", "pull", "--quiet", "docker://%i", NULL}},
};

static bool is_installed(const char *program)
{
    const char *path = getenv("PATH");
    _cleanup_free_ char *copy = strdup(path ? path : "/usr/local/bin:/usr/bin:/bin");
    char *save = NULL;

    for (char *dir = copy ? strtok_r(copy, ":", &save) : NULL; dir; dir = strtok_r(NULL, ":", &save)) {
        _cleanup_free_ char *file = str_printf("%s/%s", dir, program);
        if (file && access(file, X_OK) == 0)
            return true;
    }
    return false;
}

static char *fill_in(const char *word, const char *image, const char *dir)
{
    _cleanup_strbuf_ struct strbuf out = {0};

    for (; *word; word++)
        if (word[0] == '%' && (word[1] == 'i' || word[1] == 'd'))
            strbuf_add(&out, *++word == 'i' ? image : dir);
        else
            strbuf_addn(&out, word, 1);
    return strbuf_take(&out);
}

static int run_tool(const struct way *way, const struct source *source, const char *dir, struct error *err)
{
    _cleanup_strv_ char **argv = NULL;
    _cleanup_free_ char *output = NULL;
    int status;

    for (const char *const *word = way->argv; *word; word++)
        if (strv_take(&argv, fill_in(*word, source->path, dir)) < 0)
            return error_oom(err);
    if (way->kind == SOURCE_CONTAINERS && strcmp(way->argv[0], "podman") == 0 &&
        strv_add(&argv, source->path) < 0)
        return error_oom(err);
    _cleanup_spawn_ struct spawn spawn = SPAWN_INIT;
    spawn.path = argv[0];
    spawn.argv = argv;
    spawn.die_with_us = true;
    int r = spawn_start(&spawn, err);
    if (r == 0)
        r = spawn_finish(&spawn, &status, &output, err);
    if (r < 0)
        return r;
    if (process_exit_code(status) == 0)
        return 0;
    /* The last line is the one with the reason. */
    size_t len = output ? strlen(output) : 0;
    while (len && output[len - 1] == '\n')
        output[--len] = '\0';
    const char *line = len ? strrchr(output, '\n') : NULL;
    _cleanup_free_ char *shown = str_quote(line ? line + 1 : output ? output : "", 400);
    return error_set(err, EIO, "image \"%s\": %s failed: %s", source->name, argv[0], shown ? shown : "?");
}

static int import_dir(const struct store *s, const char *path, const struct source *source,
                      const struct store_request *q, struct store_image *image, struct error *err)
{
    _cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0)
        return error_sys(err, errno, "open \"%s\"", path);
    return import_layout(s, dir, source->name, NULL, q, image, err);
}

int import_by_tool(const struct store *s, const struct source *source, const struct store_request *q,
                   struct store_image *image, struct error *err)
{
    _cleanup_store_temp_ struct store_temp temp = STORE_TEMP_INIT;
    int r = store_temp_make(s, "transport", &temp, err);
    _cleanup_free_ char *path = r < 0 ? NULL : str_printf("%s/files", temp.path);

    if (r < 0)
        return r;
    if (!path)
        return error_oom(err);
    if (source->path[0] == '-')
        return error_set(err, EINVAL, "image \"%s\": a name does not begin with a dash", source->name);
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        if (ways[i].kind != source->kind || !is_installed(ways[i].argv[0]))
            continue;
        r = run_tool(&ways[i], source, path, err);
        /* podman has no command that writes a layout from a registry: it pulls into its own store first. */
        if (r == 0 && access(path, F_OK) < 0) {
            const struct source pulled = {
                .kind = SOURCE_CONTAINERS, .name = source->name, .path = source->path};
            r = run_tool(&ways[2], &pulled, path, err);
        }
        return r < 0 ? r : import_dir(s, path, source, q, image, err);
    }
    error_set(err, ENOENT, "image \"%s\": neither skopeo nor podman is installed, which read %s",
              source->name, source->kind == SOURCE_DOCKER ? "registries" : "podman's store");
    error_hint(err, "install skopeo; or make an archive where it is: skopeo copy %s oci-archive:image.tar",
               source->name);
    return -ENOENT;
}
