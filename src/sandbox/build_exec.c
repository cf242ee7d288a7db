/*
 * A command of a build: a sandbox like that of `bryo sandbox`, in a root that lies there already.
 *
 * Runs in the workshop (build_internal.h) as uid 0 of its user namespace; the container gets one of its own
 * inside of that, so the command has the rights it would have in a sandbox, and no more. Root of the machine
 * has no workshop with a user namespace, and its sandboxes have none either.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "container/container.h"
#include "net/spec.h"
#include "sandbox/build_guest.h"
#include "sandbox/build_internal.h"
#include "sandbox/config.h"
#include "sandbox/env.h"
#include "sandbox/mounts.h"
#include "sandbox/user.h"
#include "userns/current.h"

#define HOSTNAME "build"
#define SECRETS  "/run/secrets"

/* One run. */
struct exec {
    const struct build *b;
    const struct build_layer *layer;
    const struct build_place *place;
    cJSON *image;  /* the image's configuration so far */
    cJSON *config; /* config.json */
    uint64_t added;
    const char *net;
    struct net_spec spec;
    struct build_guest guest;
};

static void exec_free(struct exec *e)
{
    cJSON_Delete(e->image);
    cJSON_Delete(e->config);
    net_spec_free(&e->spec);
    build_guest_free(&e->guest);
}

static const char *image_text(const struct exec *e, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(e->image, name);
    return cJSON_IsString(value) && value->valuestring[0] ? value->valuestring : NULL;
}

/* One string is for the shell, more are a program and its arguments. */
static int make_args(const struct exec *e, bool shell, char ***args, struct error *err)
{
    static char *const interactive[] = {"/bin/sh", NULL};
    char *const *words = shell ? interactive : e->layer->step->words;
    if (!shell && !words[1] && (strv_add(args, "/bin/sh") < 0 || strv_add(args, "-c") < 0))
        return error_oom(err);
    STRV_FOREACH (word, words)
        if (strv_add(args, *word) < 0)
            return error_oom(err);
    return 0;
}

/* The image's variables, those of Arg, those of Env. */
static int make_env(const struct exec *e, char ***env, struct error *err)
{
    const cJSON *one;
    _cleanup_strv_ char **all = NULL;
    bool oom = false;
    all = strv_copy(e->layer->state.args, &oom);
    if (oom)
        return error_oom(err);
    cJSON_ArrayForEach (one, cJSON_GetObjectItemCaseSensitive(e->image, "Env")) {
        const char *equals = cJSON_IsString(one) ? strchr(one->valuestring, '=') : NULL;
        if (!equals || equals == one->valuestring)
            continue;
        _cleanup_free_ char *name = strndup(one->valuestring, (size_t)(equals - one->valuestring));
        if (!name || strv_setenv(&all, name, equals + 1) < 0)
            return error_oom(err);
    }
    *env = TAKE_PTR(all);
    return 0;
}

static int add_caches(const struct exec *e, struct error *err)
{
    cJSON *mounts = sandbox_config_mounts(e->config);
    STRV_FOREACH (path, e->layer->state.caches) {
        _cleanup_free_ char *source = NULL;
        char hex[SHA256_HEX + 1];
        sha256_text(*path, strlen(*path), hex);
        int r = build_cache_directory(&e->b->cache, hex, &source, err);
        if (r == 0)
            r = sandbox_mount_bind(mounts, source, *path, false, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The file behind id=NAME,src=FILE. */
static const char *secret_source(const struct build *b, const char *id)
{
    STRV_FOREACH (secret, b->opt->secrets) {
        size_t n = strlen(id);
        if (str_starts(*secret, "id=") && strncmp(*secret + 3, id, n) == 0 &&
            str_starts(*secret + 3 + n, ",src="))
            return *secret + 3 + n + strlen(",src=");
    }
    return "";
}

/* A file system of their own over the directory, so that nothing of them touches the layer. */
static int add_secrets(const struct exec *e, struct error *err)
{
    cJSON *mounts = sandbox_config_mounts(e->config);
    static char *const dir[] = {SECRETS ":size=1m,mode=0755", NULL};
    if (!e->layer->state.secrets)
        return 0;
    int r = sandbox_mounts(mounts, dir, NULL, err);
    STRV_FOREACH (id, e->layer->state.secrets) {
        const char *given = secret_source(e->b, *id);
        _cleanup_free_ char *source =
            given[0] == '/' ? strdup(given) : str_printf("%s/%s", e->b->context_path, given);
        _cleanup_free_ char *to = str_printf(SECRETS "/%s", *id);
        if (!source || !to)
            return error_oom(err);
        if (r == 0)
            r = sandbox_mount_bind(mounts, source, to, true, err);
    }
    return r;
}

static int make_config(struct exec *e, bool shell, struct error *err)
{
    _cleanup_sandbox_user_ struct sandbox_user user = {0};
    _cleanup_strv_ char **args = NULL, **own = NULL, **env = NULL;
    int r = make_args(e, shell, &args, err);
    if (r < 0)
        return r;
    const char *cwd = image_text(e, "WorkingDir");
    const struct sandbox_config config = {
        .rootless = !userns_is_initial(), .terminal = shell, .hostname = HOSTNAME};
    r = sandbox_config_begin(&config, &e->config, &e->added, err);
    if (r == 0)
        r = sandbox_config_command(e->config, args, cwd && cwd[0] == '/' ? cwd : "/", err);
    if (r == 0)
        r = add_caches(e, err);
    if (r == 0)
        r = add_secrets(e, err);
    if (r == 0)
        r = sandbox_user_find(LAYERED(e->place->rootfd), image_text(e, "User"), "User", &user, err);
    if (r == 0)
        r = make_env(e, &own, err);
    if (r == 0)
        r = sandbox_env_make(own, environ, user.home, HOSTNAME, NULL, shell, &env, err);
    if (r == 0)
        r = build_guest_arrive(&e->guest, e->place->rootfd, HOSTNAME, &e->spec,
                               sandbox_config_mounts(e->config), err);
    if (r == 0)
        r = sandbox_config_finish(e->config, e->place->root, &user, env, e->added, err);
    return r == 0 ? sandbox_config_write(e->place->temp->path, e->place->temp->fd, e->config, err) : r;
}

static int make_id(char id[24], struct error *err)
{
    unsigned char random[8];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return error_sys(err, errno, "get random bytes for a name");
    memcpy(id, "build-", 6);
    for (size_t i = 0; i < sizeof random; i++)
        id[6 + i] = (char)('a' + random[i] % 26);
    id[6 + sizeof random] = '\0';
    return 0;
}

int build_exec(const struct build *b, const struct build_stage *s, const struct build_layer *layer,
               const struct build_place *place, bool shell, int *exit_code, struct error *err)
{
    __attribute__((cleanup(exec_free))) struct exec e = {
        .b = b, .layer = layer, .place = place, .guest = {.rootfd = -EBADF}};
    struct runtime rt = *b->rt;
    char id[24];
    e.net = layer->state.net ? layer->state.net : b->slirp ? "slirp" : "none";
    int r = make_id(id, err);
    if (r == 0)
        r = net_spec_parse(e.net, &e.spec, err);
    if (r == 0)
        r = build_config(b, s, &layer->state, &e.image, err);
    if (r == 0)
        r = make_config(&e, shell, err);
    if (r == 0) {
        /* The map is made already: all ids of the workshop. No limits are set, so no cgroup is needed. */
        rt.rootless = userns_is_initial() ? rt.rootless : 1;
        rt.cgroup_manager = "disabled";
        const struct create_options create = {.id = id,
                                              .bundle = place->temp->path,
                                              .net = e.spec.kind == NET_SLIRP ? e.net : NULL,
                                              .has_resolv_conf = true,
                                              .die_with_runtime = true,
                                              .default_signals = true};
        r = container_run(&rt, &create, exit_code, err);
    }
    if (e.guest.rootfd < 0)
        return r;
    _cleanup_error_ struct error behind = ERROR_INIT;
    int k = build_guest_leave(&e.guest, r < 0 ? &behind : err);
    return r < 0 ? r : k;
}
