/*
 * The layers of a stage, one after the other, in the workshop (build_internal.h).
 *
 * A layer is made in a directory of the cache's tmp/: upper/ and work/ of an overlay of the layers below,
 * which is mounted at root/. Behind the step upper/ is what it has changed, and becomes the layer. Where the
 * kernel mounts no such overlay, upper/ is a copy of what is below, the step is run in that, and the layer is
 * whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "sandbox/build_internal.h"
#include "sandbox/build_pack.h"
#include "store/carried.h"
#include "store/worker.h"

#define DATA_MAX 4095 /* mount(2) takes one page */

struct making {
    struct build_job *job;
    const struct build_stage *stage;
    struct build_layer *layer;
    size_t index; /* of @layer */
    struct build_temp temp;
    bool whole; /* nothing lies below it */
    char *root; /* where the step finds its root; owned */
    bool mounted;
};

static void making_end(struct making *m)
{
    if (m->mounted)
        (void)umount2(m->root, MNT_DETACH);
    free(m->root);
    build_temp_remove(&m->temp);
}

/* "layers/KEY/tree" of each, the topmost first. */
static void add_lowers(struct strbuf *data, char *const *keys)
{
    strbuf_add(data, "lowerdir=");
    for (size_t i = strv_len(keys); i-- > 0;)
        strbuf_addf(data, "layers/%s/tree%s", keys[i], i ? ":" : "");
}

/* The options name directories from the cache on, to be short; running a command leaves us in its bundle. */
static int mount_overlay(const struct build *b, const char *at, unsigned long flags, const char *data)
{
    return fchdir(b->cache.fd) < 0 || mount("overlay", at, "overlay", flags, data) < 0 ? -errno : 0;
}

int build_view(const struct build *b, char *const *keys, const struct build_temp *temp, struct error *err)
{
    _cleanup_strbuf_ struct strbuf data = {0};
    if (strv_len(keys) == 1) {
        int fd = build_cache_tree(&b->cache, keys[0]);
        return fd < 0 ? error_sys(err, -fd, "open a layer in \"%s\"", b->cache.path) : fd;
    }
    _cleanup_free_ char *at = str_printf("%s/view", temp->path);
    add_lowers(&data, keys);
    strbuf_add(&data, ",userxattr");
    if (!at || data.oom)
        return error_oom(err);
    int r = mkdir(at, 0700) < 0 && errno != EEXIST
                ? -errno
                : mount_overlay(b, at, MS_RDONLY | MS_NODEV | MS_NOSUID, data.data);
    if (r < 0)
        return error_sys(err, -r, "mount the layers of \"%s\" on each other", b->cache.path);
    int fd = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int code = errno;
    (void)umount2(at, MNT_DETACH); /* it lives as long as the descriptor */
    return fd < 0 ? error_sys(err, code, "open \"%s\"", at) : fd;
}

static void on_warn(void *data, const char *text)
{
    const struct making *m = data;
    build_tell(m->job, BUILD_WARN, m->layer, text, 0);
}

static int make_dir(const struct making *m, const char *name, mode_t mode, struct error *err)
{
    if (mkdirat(m->temp.fd, name, 0700) < 0 || fchmodat(m->temp.fd, name, mode, 0) < 0)
        return error_sys(err, errno, "make \"%s/%s\"", m->temp.path, name);
    return 0;
}

static int open_upper(const struct making *m, struct error *err)
{
    int fd = openat(m->temp.fd, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? error_sys(err, errno, "open \"%s/upper\"", m->temp.path) : fd;
}

/* Using "archive". */
static int make_base(struct making *m, cJSON *record, struct error *err)
{
    const struct build *b = m->job->b;
    m->whole = true;
    int r = make_dir(m, "upper", 0755, err);
    if (r < 0 || m->stage->image.fd < 0) /* scratch */
        return r;
    _cleanup_close_ int upper = open_upper(m, err);
    if (upper < 0)
        return upper;
    const struct image_events heard = {.warn = on_warn, .data = m};
    _cleanup_carried_ struct carried carried = {.user = &heard};
    const struct image_events events = carried_events(&carried);
    r = worker_unpack(&m->job->map, m->stage->image.name, m->stage->image.fd, upper, b->opt->max_size,
                      &events, err);
    if (r < 0)
        error_prefix(err, "%s:%u:%u: Using", b->file, m->stage->gun->place.line, m->stage->gun->place.column);
    return r == 0 ? carried_add(&carried, record, err) : r;
}

/* The upper directory is the root that the step sees: with owner and mode of the one below. */
static int dress_upper(const struct making *m, const char *top, struct error *err)
{
    struct stat st;
    _cleanup_close_ int below = build_cache_tree(&m->job->b->cache, top);
    _cleanup_close_ int upper = open_upper(m, err);
    if (upper < 0)
        return upper;
    if (below < 0 || fstat(below, &st) < 0 || fchown(upper, st.st_uid, st.st_gid) < 0 ||
        fchmod(upper, st.st_mode & 07777) < 0)
        return error_sys(err, errno, "prepare \"%s/upper\"", m->temp.path);
    return 0;
}

/* One layer, copied by way of an archive: slow, and right in all it keeps. */
static int copy_below(struct making *m, char *const *keys, struct error *err)
{
    int ends[2];
    struct build_packed done;
    _cleanup_packer_ struct build_packer packer = BUILD_PACKER_INIT;
    _cleanup_close_ int below = build_view(m->job->b, keys, &m->temp, err);
    if (below < 0)
        return below;
    if (unlinkat(m->temp.fd, "upper", AT_REMOVEDIR) < 0)
        return error_sys(err, errno, "empty \"%s/upper\"", m->temp.path);
    int r = make_dir(m, "upper", 0755, err);
    if (r < 0)
        return r;
    _cleanup_close_ int upper = open_upper(m, err);
    if (upper < 0)
        return upper;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_sys(err, errno, "make a pipe");
    _cleanup_close_ int out = ends[1];
    _cleanup_close_ int in = ends[0];
    const struct image_pack_request q = {.name = "the layers below", .compress = "none", .epoch = -1};
    r = build_pack_start(&m->job->map, &q, below, out, &packer, err);
    fd_close(&out);
    if (r == 0)
        r = worker_unpack(&m->job->map, "the layers below", in, upper, UINT64_MAX / 4, NULL, err);
    fd_close(&in);
    m->whole = true;
    return r == 0 ? build_pack_finish(&packer, NULL, &done, err) : r;
}

/* Makes the root that a step sees. */
static int make_root(struct making *m, struct error *err)
{
    _cleanup_strv_ char **keys = NULL;
    _cleanup_strbuf_ struct strbuf data = {0};
    int r = build_chain(m->job->b, m->stage, m->index, &keys, err);
    if (r == 0)
        r = make_dir(m, "upper", 0755, err);
    if (r == 0)
        r = make_dir(m, "work", 0700, err);
    if (r == 0)
        r = make_dir(m, "root", 0700, err);
    if (r == 0)
        r = dress_upper(m, keys[strv_len(keys) - 1], err);
    if (r < 0)
        return r;
    m->root = str_printf("%s/root", m->temp.path);
    add_lowers(&data, keys);
    const char *temp = strrchr(m->temp.path, '/') + 1;
    strbuf_addf(&data, ",upperdir=tmp/%s/upper,workdir=tmp/%s/work,userxattr", temp, temp);
    if (!m->root || data.oom)
        return error_oom(err);
    if (data.len > DATA_MAX)
        return error_set(err, E2BIG, "too many layers for one mount");
    r = mount_overlay(m->job->b, m->root, 0, data.data);
    m->mounted = r == 0;
    if (m->mounted)
        return 0;
    _cleanup_free_ char *why =
        str_printf("overlayfs cannot be mounted on \"%s\" (%s): each step copies all that is below it",
                   m->job->b->cache.path, errno_name(-r));
    on_warn(m, why ? why : "");
    free(m->root);
    m->root = str_printf("%s/upper", m->temp.path);
    return m->root ? copy_below(m, keys, err) : error_oom(err);
}

/* A shell where the command failed, on the caller's terminal. */
static void offer_shell(const struct making *m, const struct build_place *place)
{
    _cleanup_error_ struct error why = ERROR_INIT;
    int code;
    if (!m->job->b->opt->shell_on_failure || m->job->terminal < 0)
        return;
    build_tell(m->job, BUILD_SHELL, m->layer, NULL, 0);
    if (dup2(m->job->terminal, 0) >= 0 && dup2(m->job->terminal, 1) >= 0 &&
        build_exec(m->job->b, m->stage, m->layer, place, true, &code, &why) < 0)
        on_warn((void *)m, error_text(&why));
}

static int run_exec(struct making *m, const struct build_place *place, struct error *err)
{
    int code = 0, r = build_exec(m->job->b, m->stage, m->layer, place, false, &code, err);
    if (r == 0 && worker_signal_pending())
        return error_set(err, EINTR, "interrupted");
    if (r == 0 && code != 0) {
        r = error_set(err, ECHILD,
                      code > 128 ? "the command was ended by signal %d"
                                 : "the command ended with exit status %d",
                      code > 128 ? code - 128 : code);
        if (!m->job->b->opt->shell_on_failure)
            error_hint(err, "--shell-on-failure gives a shell in what it left");
    }
    if (r < 0)
        offer_shell(m, place);
    return r;
}

/* What the stage that is copied from is, as a directory. */
static int open_source(const struct making *m, struct error *err)
{
    const struct build *b = m->job->b;
    int from = m->layer->step->from;
    _cleanup_strv_ char **keys = NULL;
    if (from < 0)
        return fcntl(b->context, F_DUPFD_CLOEXEC, 3);
    int r = build_chain(b, &b->stages[from], b->stages[from].n_layers, &keys, err);
    return r < 0 ? r : build_view(b, keys, &m->temp, err);
}

static int run_copy(struct making *m, const struct build_place *place, struct error *err)
{
    _cleanup_cjson_ cJSON *config = NULL;
    int r = build_config(m->job->b, m->stage, &m->layer->state, &config, err);
    if (r < 0)
        return r;
    const cJSON *dir = cJSON_GetObjectItemCaseSensitive(config, "WorkingDir");
    _cleanup_close_ int from = open_source(m, err);
    if (from < 0)
        return from;
    return build_copy(m->job->b, m->layer, from, place->rootfd, cJSON_IsString(dir) ? dir->valuestring : NULL,
                      err);
}

static int make_step(struct making *m, struct error *err)
{
    int r = make_root(m, err);
    if (r < 0)
        return r;
    struct build_place place = {.temp = &m->temp, .root = m->root};
    place.rootfd = open(m->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (place.rootfd < 0)
        return error_sys(err, errno, "open \"%s\"", m->root);
    r = m->layer->step->kind == GUNFILE_COPY ? run_copy(m, &place, err) : run_exec(m, &place, err);
    fd_close(&place.rootfd);
    if (m->mounted && umount2(m->root, MNT_DETACH) < 0 && r == 0)
        r = error_sys(err, errno, "unmount \"%s\"", m->root);
    m->mounted = false;
    if (r < 0)
        build_name_step(m->job->b, m->layer->step, err);
    return r;
}

static int make_layer(struct making *m, struct error *err)
{
    const struct build *b = m->job->b;
    uint64_t start = build_now_ms();
    _cleanup_cjson_ cJSON *record = cJSON_CreateObject();
    if (!record)
        return error_oom(err);
    build_tell(m->job, BUILD_STEP, m->layer, m->layer->title, 0);
    int r = build_temp_make(&b->cache, &m->temp, err);
    if (r == 0)
        r = m->layer->step ? make_step(m, err) : make_base(m, record, err);
    if (r == 0 && worker_signal_pending())
        r = error_set(err, EINTR, "interrupted");
    if (r == 0 && (json_add_string(record, "title", m->layer->title) < 0 ||
                   json_add_bool(record, "whole", m->whole) < 0))
        r = error_oom(err);
    if (r == 0)
        r = build_cache_publish(&b->cache, &m->temp, "upper", m->layer->key, record, b->opt->no_cache, err);
    if (r == 0)
        build_tell(m->job, BUILD_DONE, m->layer, m->layer->title, build_now_ms() - start);
    return r;
}

/* All that is missing of one stage. */
static int make_stage(struct build_job *job, struct error *err)
{
    struct build_stage *s = &job->b->stages[job->stage];
    umask(022);
    for (size_t i = 0; i < s->n_layers; i++) {
        __attribute__((cleanup(making_end))) struct making m = {
            .job = job, .stage = s, .layer = &s->layers[i], .index = i, .temp = BUILD_TEMP_INIT};
        int r = s->layers[i].cached ? 0 : make_layer(&m, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int build_run(struct build *b, struct error *err)
{
    uint64_t work = 0;
    for (size_t i = 0; i < b->gunfile.n_stages; i++) {
        const struct build_stage *s = &b->stages[i];
        for (size_t k = 0; s->wanted && k < s->n_layers; k++) {
            const struct build_event event = {.kind = BUILD_CACHED,
                                              .stage = b->gunfile.n_stages > 1 ? s->label : NULL,
                                              .number = s->layers[k].number,
                                              .total = b->n_steps,
                                              .text = s->layers[k].title};
            if (!s->layers[k].cached)
                work |= UINT64_C(1) << i;
            else if (b->listener)
                b->listener->hear(b->listener->data, &event);
        }
    }
    return work ? build_jobs(b, work, make_stage, err) : 0;
}
