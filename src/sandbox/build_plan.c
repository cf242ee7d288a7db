/*
 * What a build has to do: stages, steps, and their keys.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "sandbox/build_internal.h"

#define KEY_VERSION "bryo build 1" /* another one makes every cache a stranger's */

static void state_free(struct build_state *st)
{
    strv_free(st->env);
    strv_free(st->args);
    strv_free(st->labels);
    strv_free(st->ports);
    strv_free(st->caches);
    strv_free(st->secrets);
    *st = (struct build_state){0};
}

static int state_copy(struct build_state *to, const struct build_state *from, struct error *err)
{
    bool oom = false;
    *to = *from;
    to->env = strv_copy(from->env, &oom);
    to->args = strv_copy(from->args, &oom);
    to->labels = strv_copy(from->labels, &oom);
    to->ports = strv_copy(from->ports, &oom);
    to->caches = strv_copy(from->caches, &oom);
    to->secrets = strv_copy(from->secrets, &oom);
    return oom ? error_oom(err) : 0;
}

void build_plan_free(struct build *b)
{
    for (size_t i = 0; b->stages && i < b->gunfile.n_stages; i++) {
        struct build_stage *s = &b->stages[i];
        for (size_t k = 0; k < s->n_layers; k++) {
            free(s->layers[k].title);
            state_free(&s->layers[k].state);
        }
        free(s->layers);
        free(s->label);
        image_close(&s->image);
        state_free(&s->end);
    }
    free(b->stages);
    b->stages = NULL;
}

void build_name_step(const struct build *b, const struct gunfile_step *step, struct error *err)
{
    if (step)
        error_prefix(err, "%s:%u:%u: %s", b->file, step->place.line, step->place.column,
                     gunfile_kind_name(step->kind));
}

/* One field of a key; with its length, so that no two lists of fields look alike. */
static void add(struct sha256 *sha, const char *text)
{
    char length[24];
    size_t n = text ? strlen(text) : 0;
    snprintf(length, sizeof length, "%c%zu:", text ? '+' : '-', n);
    sha256_add(sha, length, strlen(length));
    sha256_add(sha, text, n);
}

static void add_list(struct sha256 *sha, char *const *list)
{
    char count[24];
    snprintf(count, sizeof count, "[%zu]", strv_len(list));
    sha256_add(sha, count, strlen(count));
    STRV_FOREACH (text, list)
        add(sha, *text);
}

static void end_key(struct sha256 *sha, char key[BUILD_KEY + 1])
{
    char hex[SHA256_HEX + 1];
    sha256_end(sha, hex);
    memcpy(key, hex, BUILD_KEY);
    key[BUILD_KEY] = '\0';
}

/* Files have other owners under another map. */
static void add_map(struct sha256 *sha, const struct oci_id_map_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        char line[64];
        snprintf(line, sizeof line, "%u %u %u", list->items[i].container_id, list->items[i].host_id,
                 list->items[i].size);
        add(sha, line);
    }
}

static void begin_key(const struct build *b, struct sha256 *sha, const char *parent)
{
    sha256_begin(sha);
    add(sha, KEY_VERSION);
    if (!parent) {
        add_map(sha, &b->map.uids);
        add_map(sha, &b->map.gids);
    }
    add(sha, parent);
}

/* A file is known by what the kernel says of it: whoever changes it changes its times. */
static void add_stat(struct sha256 *sha, const struct stat *st)
{
    char text[200];
    snprintf(text, sizeof text, "%ju:%ju:%jd:%jd.%09ld:%jd.%09ld", (uintmax_t)st->st_dev,
             (uintmax_t)st->st_ino, (intmax_t)st->st_size, (intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
             (intmax_t)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
    add(sha, text);
}

static struct build_layer *add_layer(struct build_stage *s)
{
    struct build_layer *more = reallocarray(s->layers, s->n_layers + 1, sizeof *more);
    if (!more)
        return NULL;
    s->layers = more;
    more[s->n_layers] = (struct build_layer){0};
    return &more[s->n_layers++];
}

static int refuse_base(const struct build *b, const struct build_stage *s, const char *hint,
                       struct error *err)
{
    error_prefix(err, "%s:%u:%u: Using", b->file, s->gun->place.line, s->gun->place.column);
    if (hint)
        error_hint(err, "%s", hint);
    return -err->code;
}

/* Using "archive": relative names are looked up in the context. */
static int plan_image(struct build *b, struct build_stage *s, struct error *err)
{
    const char *base = s->gun->base;
    struct build_layer *layer = add_layer(s);
    struct sha256 sha;
    struct stat st;
    if (!layer || !(layer->title = str_printf("Using \"%s\"", base)))
        return error_oom(err);
    begin_key(b, &sha, NULL);
    if (strcmp(base, "scratch") == 0) {
        add(&sha, "scratch");
        end_key(&sha, layer->key);
        return 0;
    }
    if (strstr(base, "://") && !str_starts(base, "file://")) {
        error_set(err, ENOTSUP, "\"%s\": a build fetches no image", base);
        return refuse_base(b, s, "fetch it first, check its digest, and name the file", err);
    }
    _cleanup_free_ char *path = base[0] == '/' ? strdup(base) : str_printf("%s/%s", b->context_path, base);
    if (!path)
        return error_oom(err);
    int r = image_open(path, &b->map, &s->image, err);
    if (r < 0 && r == -ENOENT && base[0] != '/') {
        _cleanup_free_ char *hint = str_printf("it is looked for in %s, the context; or is it a stage? There "
                                               "is none of that name before this line",
                                               b->context_path);
        return refuse_base(b, s, hint, err);
    }
    if (r < 0)
        return refuse_base(b, s, NULL, err);
    s->image.name = base; /* for messages */
    if (s->image.fd < 0) {
        error_set(err, ENOTSUP, "\"%s\": an image of the store, and a build begins with a file", base);
        return refuse_base(b, s, "name the tarball, or the stage, to build on", err);
    }
    if (s->image.directory) {
        error_set(err, EISDIR, "\"%s\": it is a directory", base);
        return refuse_base(
            b, s, "pack it first, so that a build knows whether it changed: tar -C DIR -cf rootfs.tar .",
            err);
    }
    if (fstat(s->image.fd, &st) < 0)
        return refuse_base(b, s, NULL, (error_sys(err, errno, "stat \"%s\"", base), err));
    if (!S_ISREG(st.st_mode)) {
        error_set(err, EINVAL, "\"%s\": it is no regular file", base);
        return refuse_base(b, s, NULL, err);
    }
    add_stat(&sha, &st);
    end_key(&sha, layer->key);
    return 0;
}

/* The stage begins with what another one ended with. */
static int plan_from(struct build *b, struct build_stage *s, struct error *err)
{
    const struct build_stage *from = &b->stages[s->gun->from];
    s->needs |= from->needs | UINT64_C(1) << s->gun->from;
    int r = state_copy(&s->end, &from->end, err);
    strv_free(s->end.args);
    strv_free(s->end.caches);
    strv_free(s->end.secrets);
    s->end.args = s->end.caches = s->end.secrets = NULL;
    s->end.net = NULL;
    return r;
}

static int set_workdir(struct build_state *st, const struct gunfile_step *step, struct error *err)
{
    if (step->words[0][0] != '/')
        return error_set(err, EINVAL, "\"%s\": expected an absolute path", step->words[0]);
    st->workdir = step->words[0];
    return 0;
}

/* What changes the state and makes no layer. */
static int apply_step(struct build_state *st, const struct gunfile_step *step, struct error *err)
{
    char **w = step->words;
    int r = 0;
    switch (step->kind) {
    case GUNFILE_ARG:
        r = strv_setenv(&st->args, w[0], w[1]);
        break;
    case GUNFILE_ENV:
        r = strv_setenv(&st->env, w[0], w[1]);
        break;
    case GUNFILE_LABEL:
        r = strv_setenv(&st->labels, w[0], w[1]);
        break;
    case GUNFILE_EXPOSE:
        for (size_t i = 0; r == 0 && w[i]; i++) {
            _cleanup_free_ char *port = str_printf("%s%s", w[i], strchr(w[i], '/') ? "" : "/tcp");
            r = !port ? -ENOMEM : strv_has(st->ports, port) ? 0 : strv_add(&st->ports, port);
        }
        break;
    case GUNFILE_CACHE:
        r = strv_has(st->caches, w[0]) ? 0 : strv_add(&st->caches, w[0]);
        break;
    case GUNFILE_SECRET:
        r = strv_has(st->secrets, w[0]) ? 0 : strv_add(&st->secrets, w[0]);
        break;
    case GUNFILE_ENTRY:
        st->entry = &step->words;
        st->cmd = NULL; /* arguments of another program */
        break;
    case GUNFILE_CMD:
        st->cmd = &step->words;
        break;
    case GUNFILE_NET:
        st->net = w[0];
        break;
    case GUNFILE_USER:
        st->user = w[0];
        break;
    case GUNFILE_WORKDIR:
        return set_workdir(st, step, err);
    case GUNFILE_COPY:
    case GUNFILE_EXEC:
        break;
    }
    return r < 0 ? error_oom(err) : 0;
}

static char *make_title(const struct gunfile_step *step)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    strbuf_add(&text, gunfile_kind_name(step->kind));
    STRV_FOREACH (word, step->words) {
        _cleanup_free_ char *shown = str_quote(*word, 120);
        strbuf_addf(&text, " \"%s\"", shown ? shown : "");
        if (text.len > 200)
            break;
    }
    return strbuf_take(&text);
}

static bool has_secret(const struct build *b, const char *id)
{
    STRV_FOREACH (secret, b->opt->secrets)
        if (str_starts(*secret, "id=") && strncmp(*secret + 3, id, strlen(id)) == 0 &&
            (*secret)[3 + strlen(id)] == ',')
            return true;
    return false;
}

static int check_secrets(const struct build *b, const struct build_state *st, struct error *err)
{
    STRV_FOREACH (id, st->secrets)
        if (!has_secret(b, *id)) {
            error_set(err, EINVAL, "the secret \"%s\" was not given", *id);
            error_hint(err, "give it by --secret id=%s,src=FILE", *id);
            return -EINVAL;
        }
    return 0;
}

/* The key of the last layer of @s, or of what it begins with. */
static const char *top_key(const struct build *b, const struct build_stage *s)
{
    while (s->n_layers == 0)
        s = &b->stages[s->gun->from];
    return s->layers[s->n_layers - 1].key;
}

/* A step that makes a layer: its key, from that of the layer below. */
static int plan_step(struct build *b, struct build_stage *s, const struct gunfile_step *step,
                     const char *parent, struct error *err)
{
    struct build_state *st = &s->end;
    struct sha256 sha;
    int r = check_secrets(b, st, err);
    if (r < 0)
        return r;
    begin_key(b, &sha, parent);
    add(&sha, gunfile_kind_name(step->kind));
    add_list(&sha, step->words);
    add(&sha, st->workdir);
    if (step->kind == GUNFILE_EXEC) {
        add_list(&sha, st->env);
        add_list(&sha, st->args);
        add(&sha, st->user);
        add(&sha, st->net ? st->net : b->slirp ? "slirp" : "none");
        add_list(&sha, st->caches);
        add_list(&sha, st->secrets);
    } else if (step->from >= 0) {
        const struct build_stage *from = &b->stages[step->from];
        s->needs |= from->needs | UINT64_C(1) << step->from;
        add(&sha, top_key(b, from));
    } else {
        r = build_copy_digest(b, step, &sha, err);
    }
    struct build_layer *layer = r == 0 ? add_layer(s) : NULL;
    if (r == 0 && (!layer || !(layer->title = make_title(step))))
        r = error_oom(err);
    if (r < 0)
        return r;
    layer->step = step;
    end_key(&sha, layer->key);
    r = state_copy(&layer->state, st, err);
    if (step->kind == GUNFILE_EXEC) { /* secrets are for one step */
        strv_free(st->secrets);
        st->secrets = NULL;
    }
    return r;
}

static int plan_stage(struct build *b, struct build_stage *s, struct error *err)
{
    int r = s->gun->from >= 0 ? plan_from(b, s, err) : plan_image(b, s, err);
    for (size_t i = 0; r == 0 && i < s->gun->n_steps; i++) {
        const struct gunfile_step *step = &s->gun->steps[i];
        r = step->kind == GUNFILE_EXEC || step->kind == GUNFILE_COPY
                ? plan_step(b, s, step, top_key(b, s), err)
                : apply_step(&s->end, step, err);
        if (r < 0)
            build_name_step(b, step, err);
    }
    return r;
}

int build_chain(const struct build *b, const struct build_stage *s, size_t end, char ***keys,
                struct error *err)
{
    _cleanup_strv_ char **chain = NULL;
    int r = 0;
    if (s->gun->from >= 0) {
        const struct build_stage *from = &b->stages[s->gun->from];
        r = build_chain(b, from, from->n_layers, &chain, err);
    }
    for (size_t i = 0; r == 0 && i < end; i++) {
        _cleanup_cjson_ cJSON *record = NULL;
        r = build_cache_record(&b->cache, s->layers[i].key, &record, err);
        if (r == 0 && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(record, "whole"))) {
            strv_free(chain);
            chain = NULL;
        }
        if (r == 0 && strv_add(&chain, s->layers[i].key) < 0)
            r = error_oom(err);
    }
    if (r == 0)
        *keys = TAKE_PTR(chain);
    return r;
}

/* Is all of a stage in the cache? */
static bool is_cached(const struct build *b, int stage)
{
    const struct build_stage *s = &b->stages[stage];
    while (s->n_layers == 0)
        s = &b->stages[s->gun->from];
    return s->layers[s->n_layers - 1].cached;
}

/* Cached is a layer only if all below it are: what is made anew may come out another way. */
static void find_cached(struct build *b)
{
    for (size_t i = 0; i < b->gunfile.n_stages; i++) {
        struct build_stage *s = &b->stages[i];
        bool cached = s->gun->from < 0 || is_cached(b, s->gun->from);
        for (size_t k = 0; k < s->n_layers; k++) {
            struct build_layer *layer = &s->layers[k];
            if (layer->step && layer->step->from >= 0)
                cached = cached && is_cached(b, layer->step->from);
            cached = cached && !(b->opt->no_cache && layer->step) && build_cache_has(&b->cache, layer->key);
            layer->cached = cached;
        }
    }
}

static int check_depth(const struct build *b, const struct build_stage *s, struct error *err)
{
    size_t n = 0;
    for (const struct build_stage *at = s;; at = &b->stages[at->gun->from]) {
        n += at->n_layers;
        if (at->gun->from < 0)
            break;
    }
    if (n <= BUILD_LAYERS_MAX)
        return 0;
    error_set(err, E2BIG, "%s: stage %s has %zu layers, at most %d can lie on each other", b->file, s->label,
              n, BUILD_LAYERS_MAX);
    error_hint(err, "join commands: Exec \"a && b\"");
    return -E2BIG;
}

int build_plan(struct build *b, struct error *err)
{
    size_t n = b->gunfile.n_stages;
    b->stages = calloc(n, sizeof *b->stages);
    if (!b->stages)
        return error_oom(err);
    for (size_t i = 0; i < n; i++) {
        b->stages[i].gun = &b->gunfile.stages[i];
        b->stages[i].image = IMAGE_INIT;
    }
    for (size_t i = 0; i < n; i++) {
        struct build_stage *s = &b->stages[i];
        s->label = s->gun->name ? strdup(s->gun->name) : str_printf("%zu", i + 1);
        int r = s->label ? plan_stage(b, s, err) : error_oom(err);
        if (r == 0)
            r = check_depth(b, s, err);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < n; i++) {
        struct build_stage *s = &b->stages[i];
        s->wanted = i + 1 == n || (b->stages[n - 1].needs >> i & 1);
        for (size_t k = 0; s->wanted && k < s->n_layers; k++)
            s->layers[k].number = ++b->n_steps;
    }
    find_cached(b);
    return 0;
}

int build_final_key(const struct build *b, char key[BUILD_KEY + 1], struct error *err)
{
    const struct build_stage *s = &b->stages[b->gunfile.n_stages - 1];
    _cleanup_cjson_ cJSON *config = NULL;
    struct sha256 sha;
    char epoch[24];
    int r = build_config(b, s, &s->end, &config, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *text = json_print(config, false);
    if (!text)
        return error_oom(err);
    snprintf(epoch, sizeof epoch, "%" PRId64, b->epoch);
    begin_key(b, &sha, top_key(b, s));
    add(&sha, text);
    add(&sha, epoch);
    add(&sha, b->opt->output);
    add(&sha, b->opt->compress);
    add(&sha, b->opt->tag);
    end_key(&sha, key);
    return 0;
}
