/*
 * `bryo build` from one end to the other: read, plan, run, write.
 */
#include "sandbox/build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"
#include "sandbox/build_internal.h"

static void build_free(struct build *b)
{
    build_plan_free(b);
    gunfile_free(&b->gunfile);
    free(b->file_path);
    free(b->context_path);
    free(b->output_path);
    fd_close(&b->context);
    idmap_free(&b->map);
    build_cache_close(&b->cache);
}

static int check_arguments(const struct build_options *o, struct error *err)
{
    STRV_FOREACH (arg, o->args)
        if (!strchr(*arg, '=') || **arg == '=')
            return error_set(err, EINVAL, "--arg \"%.80s\": expected NAME=VALUE", *arg);
    STRV_FOREACH (secret, o->secrets) {
        const char *source = strstr(*secret, ",src=");
        if (!str_starts(*secret, "id=") || !source || source == *secret + 3 || !source[5])
            return error_set(err, EINVAL, "--secret \"%.80s\": expected id=NAME,src=FILE", *secret);
    }
    return 0;
}

/* reproducible-builds.org: seconds since 1970. */
static int read_epoch(int64_t *epoch, struct error *err)
{
    const char *text = getenv("SOURCE_DATE_EPOCH");
    *epoch = -1;
    if (str_empty(text))
        return 0;
    if (parse_i64(text, epoch) < 0 || *epoch < 0)
        return error_set(err, EINVAL, "SOURCE_DATE_EPOCH=\"%.40s\": expected seconds since 1970", text);
    return 0;
}

static int open_context(struct build *b, const char *context, struct error *err)
{
    b->context = open(context, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (b->context < 0) {
        int code = errno;
        error_sys(err, code, "the context \"%s\"", context);
        if (code == ENOTDIR)
            error_hint(
                err, "the argument is the directory that Copy takes files from; the Gunfile is named by -f");
        return -code;
    }
    b->context_path = realpath(context, NULL);
    return b->context_path ? 0 : error_sys(err, errno, "the context \"%s\"", context);
}

static int read_gunfile(struct build *b, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    size_t len;
    struct stat st;
    b->file = b->opt->file ? b->opt->file : "Gunfile";
    int dir = b->opt->file ? AT_FDCWD : b->context;
    if (fstatat(dir, b->file, &st, 0) < 0) {
        int code = errno;
        error_sys(err, code, "the Gunfile \"%s\"", b->file);
        if (code == ENOENT && !b->opt->file && faccessat(b->context, "Dockerfile", F_OK, 0) == 0)
            error_hint(err,
                       "there is a Dockerfile in %s; buildah builds it, with bryo as its runtime: buildah "
                       "build --runtime bryo",
                       b->context_path);
        else if (code == ENOENT)
            error_hint(err, "man 5 gunfile tells how one is written; -f FILE names one");
        return -code;
    }
    if (S_ISREG(st.st_mode) && st.st_size > (off_t)GUNFILE_MAX)
        return error_set(err, E2BIG, "%s: more than %zu bytes: this is no Gunfile", b->file, GUNFILE_MAX);
    int r = file_read_at(dir, b->file, GUNFILE_MAX, &text, &len, err);
    return r == 0 ? gunfile_parse(b->file, text, len, b->opt->args, &b->gunfile, err) : r;
}

/* A network for commands, where the caller can have one. */
static bool has_slirp(void)
{
    return access("/dev/net/tun", R_OK | W_OK) == 0;
}

static bool asks_for_commands(const struct build *b)
{
    for (size_t i = 0; i < b->gunfile.n_stages; i++) {
        bool said = false;
        for (size_t k = 0; k < b->gunfile.stages[i].n_steps; k++) {
            said |= b->gunfile.stages[i].steps[k].kind == GUNFILE_NET;
            if (!said && b->gunfile.stages[i].steps[k].kind == GUNFILE_EXEC)
                return true;
        }
    }
    return false;
}

static void warn(const struct build *b, const char *text)
{
    const struct build_event event = {.kind = BUILD_WARN, .text = text};
    if (b->listener)
        b->listener->hear(b->listener->data, &event);
}

static bool all_cached(const struct build *b)
{
    bool cached = true;
    for (size_t i = 0; i < b->gunfile.n_stages; i++)
        for (size_t k = 0; b->stages[i].wanted && k < b->stages[i].n_layers; k++)
            cached &= b->stages[i].layers[k].cached;
    return cached;
}

static int prune(struct build *b, struct error *err)
{
    int r = build_cache_open(&b->cache, &b->map, true, err);
    return r == 0 ? build_cache_clear(&b->cache, &b->map, err) : r;
}

static void settle(const struct build *b)
{
    _cleanup_strv_ char **keys = NULL;
    for (size_t i = 0; i < b->gunfile.n_stages; i++)
        for (size_t k = 0; b->stages[i].wanted && k < b->stages[i].n_layers; k++)
            if (b->stages[i].layers[k].cached && strv_add(&keys, b->stages[i].layers[k].key) < 0)
                return;
    build_cache_settle(&b->cache, keys);
}

int build_image(const struct runtime *rt, const struct build_options *options, const char *context,
                const struct build_listener *listener, struct error *err)
{
    __attribute__((cleanup(build_free))) struct build b = {
        .rt = rt, .opt = options, .listener = listener, .context = -EBADF, .cache = BUILD_CACHE_INIT};
    _cleanup_error_ struct error why = ERROR_INIT;
    int r = check_arguments(options, err);
    if (r == 0)
        r = read_epoch(&b.epoch, err);
    if (r == 0)
        r = idmap_default(&b.map, &why, err);
    if (r == 0 && options->prune)
        return prune(&b, err);
    if (r == 0)
        r = open_context(&b, context, err);
    if (r == 0)
        r = read_gunfile(&b, err);
    if (r == 0)
        r = build_output_plan(&b, err);
    if (r == 0)
        r = build_cache_open(&b.cache, &b.map, false, err);
    if (r < 0)
        return r;
    b.slirp = has_slirp();
    r = build_plan(&b, err);
    bool work = r == 0 && !all_cached(&b);
    if (work && !b.slirp && asks_for_commands(&b))
        warn(&b, "commands have no network: /dev/net/tun cannot be opened (bryo check tells what mends it; "
                 "Net none, in the Gunfile, says that none is needed)");
    if (work && why.text)
        warn(&b, why.text);
    if (r == 0)
        r = build_run(&b, err);
    if (r == 0)
        r = build_write(&b, err);
    if (r == 0)
        settle(&b);
    build_cache_tidy(&b.cache, &b.map);
    return r;
}
