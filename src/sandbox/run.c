/*
 * `bryo sandbox`: from an image to a command's exit code, and nothing left behind.
 *
 * Theory of operation: what the options say is checked before anything is made. Then a directory in the
 * user's cache (sandbox/cache.h) becomes an OCI bundle: an archive comes into the store, unless it is there,
 * and lies below an upper directory (sandbox/root.h; a directory is used in place), and config.json is
 * written. container_run does the rest and removes the directory with the container. Signals that would end
 * bryo wait until the container has them, so that an interrupt cannot leave half an image behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/netport.h"
#include "base/netrule.h"
#include "base/str.h"
#include "container/container.h"
#include "net/spec.h"
#include "sandbox/cache.h"
#include "sandbox/config.h"
#include "sandbox/env.h"
#include "sandbox/etc.h"
#include "sandbox/host.h"
#include "sandbox/image.h"
#include "sandbox/image_config.h"
#include "sandbox/lazy.h"
#include "sandbox/mounts.h"
#include "sandbox/root.h"
#include "sandbox/sandbox.h"
#include "sandbox/user.h"
#include "store/worker.h"
#include "userns/remove.h"

#define HOSTNAME_LIMIT 64 /* __NEW_UTS_LEN */

/* One sandbox on its way. */
struct sandbox {
    const struct runtime *rt;
    const struct sandbox_options *opt;
    char *const *command; /* as given; NULL: none */
    char *name;
    char *hostname;
    struct root root;
    struct image_config image_config;
    struct net_spec net;
    char *net_text; /* with what other options add to it */
    bool terminal;
    char **own_env; /* what the options set */
    cJSON *config;
    uint64_t added_caps;
    int first_mount; /* in mounts of config.json, of those that the options ask for: tmpfs, then binds */
    struct image image;
    struct idmap map;
    struct run_dir dir;
    bool served; /* the archive is not unpacked: @lazy has its server */
    struct sandbox_lazy lazy;
    bool of_host; /* no image: the host's root, and a box for what is written to it */
    char *host_cwd;
    struct host_box box;
};

static void sandbox_free(struct sandbox *s)
{
    free(s->name);
    free(s->hostname);
    root_free(&s->root);
    image_config_free(&s->image_config);
    strv_free(s->own_env);
    net_spec_free(&s->net);
    free(s->net_text);
    cJSON_Delete(s->config);
    sandbox_lazy_stop(&s->lazy);
    image_close(&s->image);
    idmap_free(&s->map);
    run_dir_close(&s->dir);
    free(s->host_cwd);
    host_box_close(&s->box);
}

static int make_name(struct sandbox *s, struct error *err)
{
    if (!s->opt->name) {
        unsigned char random[6];
        char letters[7] = "";
        if (getrandom(random, sizeof random, 0) != sizeof random)
            return error_sys(err, errno, "get random bytes for a name");
        for (size_t i = 0; i < sizeof random; i++)
            letters[i] = (char)('a' + random[i] % 26);
        s->name = str_printf("sandbox-%s", letters);
        return s->name ? 0 : error_oom(err);
    }
    int r = container_check_id(s->opt->name, err);
    if (r < 0) {
        error_prefix(err, "--name");
        return r;
    }
    s->name = strdup(s->opt->name);
    _cleanup_free_ char *state = str_printf("%s/%s", s->rt->root, s->opt->name);
    if (!s->name || !state)
        return error_oom(err);
    /* Found out early: unpacking may take a while. The claim itself is container_run's. */
    if (access(state, F_OK) == 0) {
        error_set(err, EEXIST, "--name \"%s\": a container of this name exists already", s->name);
        error_hint(err, "see it with: bryo state %s; remove it with: bryo delete --force %s", s->name,
                   s->name);
        return -EEXIST;
    }
    return 0;
}

/* The given host name, else the sandbox's name with what a host name may not hold made a dash. */
static int make_hostname(struct sandbox *s, struct error *err)
{
    const char *given = s->opt->hostname;
    s->hostname = strdup(given ? given : s->name);
    if (!s->hostname)
        return error_oom(err);
    if (given && (!*given || strlen(given) > HOSTNAME_LIMIT))
        return error_set(err, EINVAL, "--hostname \"%.80s\": expected 1 to %d characters", given,
                         HOSTNAME_LIMIT);
    if (strlen(s->hostname) > HOSTNAME_LIMIT)
        s->hostname[HOSTNAME_LIMIT - 1] = '\0';
    for (char *c = s->hostname; *c; c++) {
        bool good = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                    *c == '-' || *c == '.';
        if (!good && given) {
            _cleanup_free_ char *shown = str_quote(given, 80);
            return error_set(err, EINVAL,
                             "--hostname \"%s\": a host name is made of letters, digits, dashes and dots",
                             shown ? shown : "?");
        }
        if (!good)
            *c = '-';
    }
    return 0;
}

/* What is said by options of their own becomes options of --net. */
static char *join_net_options(const struct sandbox_options *o)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    strbuf_add(&text, o->net);
    if (o->host_loopback)
        strbuf_add(&text, ",host-loopback");
    STRV_FOREACH (address, o->dns)
        strbuf_addf(&text, ",dns=%s", *address);
    STRV_FOREACH (rule, o->allow)
        strbuf_addf(&text, ",allow=%s", *rule);
    STRV_FOREACH (port, o->publish)
        strbuf_addf(&text, ",publish=%s", *port);
    if (o->publish_all)
        strbuf_add(&text, ",publish-all");
    return strbuf_take(&text);
}

static int check_network(struct sandbox *s, struct error *err)
{
    const struct sandbox_options *o = s->opt;
    const char *needs_slirp = o->host_loopback ? "host-loopback"
                              : o->allow       ? "allow"
                              : o->publish     ? "publish"
                              : o->publish_all ? "publish-all"
                                               : NULL;
    int r = net_spec_parse(o->net ? o->net : "none", &s->net, err);
    if (r < 0) {
        error_prefix(err, "--net");
        return r;
    }
    if (needs_slirp && s->net.kind != NET_SLIRP)
        return error_set(err, EINVAL, "--%s: it needs --net slirp", needs_slirp);
    if (o->dns && s->net.kind != NET_SLIRP && s->net.kind != NET_HOST)
        return error_set(err, EINVAL, "--dns: it needs --net slirp or --net host");
    STRV_FOREACH (address, o->dns) {
        struct netaddr parsed;
        if (netaddr_parse(*address, &parsed) < 0)
            return error_set(err, EINVAL, "--dns \"%.80s\": expected the address of a resolver", *address);
    }
    STRV_FOREACH (text, o->allow) {
        struct netrule rule;
        r = netrule_parse(*text, &rule, err);
        if (r < 0) {
            error_prefix(err, "--allow");
            return r;
        }
    }
    STRV_FOREACH (text, o->publish) {
        struct netport port;
        r = netport_parse(*text, &port, err);
        if (r < 0) {
            error_prefix(err, "--publish");
            return r;
        }
    }
    STRV_FOREACH (entry, o->add_host) {
        r = sandbox_check_host(*entry, err);
        if (r < 0) {
            error_prefix(err, "--add-host");
            return r;
        }
    }
    if (s->net.kind == NET_CONTAINER || s->net.kind == NET_NS) {
        s->net_text = strdup(o->net);
        return s->net_text ? 0 : error_oom(err);
    }
    if (s->net.kind != NET_SLIRP)
        return 0;
    s->net_text = join_net_options(o);
    if (!s->net_text)
        return error_oom(err);
    net_spec_free(&s->net);
    return net_spec_parse(s->net_text, &s->net, err);
}

/* What is for one kind of sandbox only, and what would undo the other. */
static int check_kind(const struct sandbox *s, struct error *err)
{
    const struct sandbox_options *o = s->opt;
    const char *of_host = o->share ? "share" : o->mask ? "mask" : o->ephemeral ? "ephemeral" : NULL;
    const char *of_image = o->keep ? "keep" : o->scratch ? "scratch" : o->lazy ? "lazy" : NULL;

    if (!s->of_host && of_host)
        return error_set(err, EINVAL, "--%s: it is for sandboxes of the host's root, those without an IMAGE",
                         of_host);
    if (s->of_host && of_image)
        return error_set(
            err, EINVAL,
            "--%s: it is for sandboxes of an image; what is changed in one of the host's root is "
            "kept anyway",
            of_image);
    STRV_FOREACH (cap, s->of_host ? o->cap_add : NULL)
        if (!strcasecmp(*cap, "ALL") || !strcasecmp(*cap, "SYS_ADMIN") ||
            !strcasecmp(*cap, "CAP_SYS_ADMIN")) {
            error_set(err, EPERM,
                      "--cap-add \"%s\": with CAP_SYS_ADMIN a command could take away what hides the "
                      "secrets of the host",
                      *cap);
            error_hint(err, "run it in a sandbox of an image, or grant the capabilities it needs one by one");
            return -EPERM;
        }
    return 0;
}

static int check_choices(struct sandbox *s, struct error *err)
{
    const struct sandbox_options *o = s->opt;
    if (o->cwd && o->cwd[0] != '/')
        return error_set(err, EINVAL, "--cwd \"%s\": expected an absolute path inside the sandbox", o->cwd);
    int r = check_kind(s, err);
    if (r == 0 && s->of_host)
        r = host_cwd(&s->host_cwd, err);
    if (r < 0)
        return r;
    /* A terminal of its own only if nothing is redirected: on one, output and errors cannot be told apart. */
    s->terminal = o->tty || (!o->interactive && isatty(0) && isatty(1) && isatty(2));
    return 0;
}

/* Everything that can be wrong with the options, before anything is made. */
static int plan(struct sandbox *s, struct error *err)
{
    const struct sandbox_options *o = s->opt;
    int r = check_choices(s, err);
    if (r == 0)
        r = check_network(s, err);
    if (r == 0)
        r = make_name(s, err);
    if (r == 0)
        r = make_hostname(s, err);
    if (r == 0)
        r = sandbox_env_read(o->env, o->env_file, environ, &s->own_env, err);
    if (r == 0 && s->of_host)
        r = host_env(environ, &s->own_env, err);
    if (r < 0)
        return r;
    const struct sandbox_config config = {
        .rootless = runtime_wants_userns(s->rt),
        .read_only = o->read_only,
        .terminal = s->terminal,
        .host_net = s->net.kind == NET_HOST,
        .no_new_privs = o->no_new_privs,
        .hostname = s->hostname,
        .cap_add = o->cap_add,
        .cap_drop = o->cap_drop,
        .seccomp = o->seccomp,
    };
    r = sandbox_config_begin(&config, &s->config, &s->added_caps, err);
    if (r < 0)
        return r;
    r = sandbox_limits_apply(&o->limits, s->config, err);
    if (r < 0)
        return r;
    s->first_mount = cJSON_GetArraySize(sandbox_config_mounts(s->config));
    return sandbox_mounts(sandbox_config_mounts(s->config), o->tmpfs, o->bind, err);
}

#define SCRATCH_MEMORY "memory"

int sandbox_check_scratch(const char *text, struct error *err)
{
    uint64_t size;
    if (!strcmp(text, "disk") || !strcmp(text, SCRATCH_MEMORY) ||
        (str_starts(text, SCRATCH_MEMORY ":") && parse_size(text + strlen(SCRATCH_MEMORY ":"), &size) == 0 &&
         size > 0))
        return 0;
    _cleanup_free_ char *shown = str_quote(text, 80);
    return error_set(err, EINVAL, "expected disk, memory or memory:SIZE such as memory:2g, found \"%s\"",
                     shown ? shown : "?");
}

/* As root_make takes it. */
static const char *scratch_memory(const char *scratch)
{
    if (!scratch || !str_starts(scratch, SCRATCH_MEMORY))
        return NULL;
    const char *size = scratch + strlen(SCRATCH_MEMORY);
    return *size ? size + 1 : "";
}

/* The limit holds for what was unpacked under another one, too. */
static int check_size(const struct sandbox *s, struct error *err)
{
    uint64_t bytes = store_image_number(&s->image.stored, "bytes");
    if (!s->opt->max_size || bytes <= s->opt->max_size)
        return 0;
    error_set(err, EFBIG, "image \"%s\": its files hold %llu bytes, more than %llu", s->image.name,
              (unsigned long long)bytes, (unsigned long long)s->opt->max_size);
    error_hint(err, "if you trust it, raise the limit with --max-size");
    return -EFBIG;
}

/* Lets the archive run without unpacking it, where that is wanted and possible. Returns 1, or 0 if not. */
static int serve_root(struct sandbox *s, const struct image_events *events, char **note, struct error *err)
{
    const struct log *log = s->rt->log;
    int r = sandbox_lazy_choose(s->opt->lazy, &s->image, &s->map, s->opt->keep, log, err);
    if (r <= 0)
        return r;
    r = sandbox_lazy_start(&s->lazy, &s->image, &s->map, runtime_wants_userns(s->rt), s->opt->max_size,
                           &s->dir, events, err);
    if (r < 0 && r != -EINTR && !sandbox_lazy_insists(s->opt->lazy)) {
        log_info(log, "image \"%s\" is unpacked: %s", s->image.name, error_text(err));
        error_clear(err);
        sandbox_lazy_stop(&s->lazy);
        return 0;
    }
    if (r == 0)
        r = image_config_read(cJSON_GetObjectItemCaseSensitive(s->lazy.record, "config"), &s->image_config,
                              err);
    if (r == 0)
        r = root_serve(&s->root, s->lazy.files, s->lazy.archive.lower, &s->dir,
                       scratch_memory(s->opt->scratch), note, err);
    s->served = r == 0;
    return r < 0 ? r : 1;
}

static int make_stored_root(struct sandbox *s, const struct image_events *events, char **note,
                            struct error *err)
{
    const struct store_request request = {.max_bytes = s->opt->max_size, .events = events};
    int r = s->image.directory ? 0 : image_store(&s->image, &s->map, &request, err);
    if (r == 0 && s->image.stored.json)
        r = check_size(s, err);
    if (r == 0)
        r = image_config_read(s->image.stored.json ? store_image_config(&s->image.stored) : NULL,
                              &s->image_config, err);
    if (r == 0)
        r = root_make(&s->root, &s->image, &s->dir, &s->map, scratch_memory(s->opt->scratch), events, note,
                      err);
    if (r == 0 && s->image.stored.json)
        store_image_touch(&s->image.stored);
    return r;
}

/* The host's root and the mounts that keep what is written to it apart. Users are the host's. */
static int make_host_root(struct sandbox *s, struct error *err)
{
    const struct host_request request = {.name = s->name,
                                         .command = s->command,
                                         .mask = s->opt->mask,
                                         .share = s->opt->share,
                                         .read_only = s->opt->read_only};
    s->root.fds = malloc(sizeof *s->root.fds);
    if (!s->root.fds)
        return error_oom(err);
    s->root.fds[0] = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (s->root.fds[0] < 0)
        return error_sys(err, errno, "open \"/\"");
    s->root.n = 1;
    return host_begin(&request, &s->map, s->config, &s->first_mount, &s->box, &s->root.path, err);
}

static int make_root(struct sandbox *s, const struct image_events *events, struct error *err)
{
    _cleanup_free_ char *note = NULL;
    if (s->of_host)
        return make_host_root(s, err);
    int r = serve_root(s, events, &note, err);
    if (r >= 0)
        r = r == 0 ? make_stored_root(s, events, &note, err) : 0;
    if (r == 0 && note)
        log_warn(s->rt->log, "%s", note);
    return r;
}

/* What is run, where, with which variables: the options' word over the image's. */
static int set_command(struct sandbox *s, const char *home, const char *tz, char ***env, struct error *err)
{
    const struct image_config *c = &s->image_config;
    _cleanup_strv_ char **args = NULL, **own = NULL;
    const char *cwd = s->opt->cwd ? s->opt->cwd : s->of_host ? s->host_cwd : c->cwd ? c->cwd : "/";
    int r = image_config_args(c, s->opt->entry, s->command, &args, err);
    if (r == 0)
        r = sandbox_config_command(s->config, args, cwd, err);
    if (r == 0)
        r = image_config_env(c, s->own_env, &own, err);
    if (r == 0)
        r = sandbox_env_make(own, environ, home, s->hostname, tz, s->terminal, env, err);
    return r == 0 ? image_config_annotate(c, s->config, err) : r;
}

/* The last of the groups that are there inside, counted from 0, as far as ping_group_range goes: the kernel
 * takes no range with groups in it that are not mapped. */
static uint32_t last_group(const struct sandbox *s)
{
    const struct oci_id_map_list *gids = &s->map.gids;
    uint32_t next = 0;
    for (size_t i = 0; i < gids->count; i++)
        if (gids->items[i].container_id == next)
            next += gids->items[i].size;
    return next == 0 ? 0 : next > INT32_MAX ? INT32_MAX : next - 1;
}

/* From an empty run directory to a bundle. */
static int make_bundle(struct sandbox *s, const struct image_events *events, struct error *err)
{
    _cleanup_sandbox_user_ struct sandbox_user user = {0};
    _cleanup_strv_ char **env = NULL;
    _cleanup_free_ char *tz = NULL;
    int r = make_root(s, events, err);
    const struct layered files = root_files(&s->root);
    const char *user_spec = s->opt->user ? s->opt->user : s->image_config.user;
    if (r == 0)
        r = sandbox_user_find(&files, user_spec, s->opt->user ? "--user" : "the image's user", &user, err);
    if (r == 0)
        r = sandbox_timezone(strv_getenv(environ, "TZ"), &tz, err);
    if (r == 0)
        r = set_command(s, user.home, tz, &env, err);
    if (r < 0)
        return r;

    const struct sandbox_etc etc = {.hostname = s->hostname,
                                    .net = &s->net,
                                    .dns = s->opt->dns,
                                    .add_host = s->opt->add_host,
                                    .files = files,
                                    .own = !s->root.own       ? -EBADF
                                           : s->root.overlays ? s->root.seed
                                                              : s->root.fds[0],
                                    .dir = &s->dir};
    r = sandbox_etc_apply(&etc, sandbox_config_mounts(s->config), err);
    if (r == 0 && s->net.kind == NET_SLIRP)
        r = sandbox_config_allow_ping(s->config, last_group(s), err);
    if (r == 0)
        r = sandbox_config_finish(s->config, s->root.path, &user, env, s->added_caps, err);
    if (r == 0)
        r = sandbox_config_write(s->dir.path, s->dir.fd, s->config, err);
    if (r == 0 && s->opt->keep) {
        _cleanup_free_ char *state = str_printf("%s/%s", s->rt->root, s->name);
        r = state ? run_dir_keep(&s->dir, state, err) : error_oom(err);
    }
    return r;
}

/* Is there anything in the image that looks like a root file system? */
static bool looks_like_root(const struct sandbox *s)
{
    const struct layered files = root_files(&s->root);
    static const char *const usual[] = {"/bin", "/usr", "/sbin"};
    bool found = false;
    for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
        _cleanup_close_ int fd = layered_open(&files, usual[i], O_PATH | O_NOFOLLOW);
        found |= fd >= 0;
    }
    return found;
}

/* Names the option behind a property of config.json that the user did not write. */
static void name_option(const struct sandbox *s, struct error *err)
{
    const struct sandbox_options *o = s->opt;
    const char *text = error_text(err);
    size_t n_tmpfs = strv_len(o->tmpfs), n_binds = strv_len(o->bind);
    static const char file[] = "config.json: "; /* which nobody has seen */
    if (str_starts(text, file))
        text += strlen(file);
    const char *value, *limit = sandbox_limits_option(&o->limits, text, &value);
    if (limit) {
        error_prefix(err, "--%s \"%s\"", limit, value);
        return;
    }
    if (!str_starts(text, "mounts[")) {
        if (o->user && str_starts(text, "process.user."))
            error_prefix(err, "--user \"%s\"", o->user);
        else if (s->image_config.user && str_starts(text, "process.user.")) {
            error_prefix(err, "the image's user \"%s\"", s->image_config.user);
            error_hint(err, "--user 0 runs the command as the user who calls bryo");
        }
        return;
    }
    long index = strtol(text + strlen("mounts["), NULL, 10) - s->first_mount;
    if (index >= 0 && (size_t)index < n_tmpfs)
        error_prefix(err, "--tmpfs \"%s\"", o->tmpfs[index]);
    else if (index >= 0 && (size_t)index < n_tmpfs + n_binds)
        error_prefix(err, "--bind \"%s\"", o->bind[(size_t)index - n_tmpfs]);
}

/* The exit code for a container that did not come to run, with a hint where the command was not to be found.
 * The texts `exec "NAME": …` are those of security/program.c and of init, which callers of OCI runtimes read
 * as well. */
static int failure_code(const struct sandbox *s, struct error *err)
{
    if (err)
        name_option(s, err);
    if (err && s->of_host && strstr(error_text(err), "(overlay)"))
        error_hint(
            err, "a sandbox of the host's root needs overlayfs in a user namespace: Linux 5.11, the module "
                 "overlay, and a state directory ($XDG_STATE_HOME, else ~/.local/state) on ext4, xfs, btrfs "
                 "or, from Linux 6.6, tmpfs; bryo check tries the first two");
    if (!err || !str_starts(error_text(err), "exec \""))
        return SANDBOX_EXIT_FAILED;
    if (err->code != ENOENT)
        return SANDBOX_EXIT_CANNOT_RUN;
    if (s->root.n > 0 && !looks_like_root(s)) {
        error_hint(
            err, "%s has no /bin and no /usr: is it a root file system? (tar tf lists what is in a tarball)",
            s->image.name);
        return SANDBOX_EXIT_NOT_FOUND;
    }
    _cleanup_free_ char *more = err->hint ? strdup(err->hint) : NULL;
    error_hint(err, "looked for in %s%s%s", s->image.name, more ? "; " : "", more ? more : "");
    return SANDBOX_EXIT_NOT_FOUND;
}

static int run_bundle(struct sandbox *s, int *exit_code, struct error *err)
{
    const struct create_options create = {.id = s->name,
                                          .bundle = s->dir.path,
                                          .net = s->net_text,
                                          .has_resolv_conf = s->net.kind != NET_CONTAINER,
                                          .keep = s->opt->keep,
                                          .die_with_runtime = true,
                                          .default_signals = true,
                                          .overlay = s->root.overlays ? &s->root.overlay : NULL,
                                          .archive = s->served ? &s->lazy.archive : NULL,
                                          .cleanup_dir = s->dir.path};
    return container_run(s->rt, &create, exit_code, err);
}

/* Where overlayfs can't be had after all, a copy does. */
static int run_copy(struct sandbox *s, const struct image_events *events, int *exit_code, struct error *err)
{
    log_warn_error(s->rt->log, err);
    log_warn(s->rt->log, "the image is copied for this sandbox: that takes time and room");
    error_clear(err);
    int r = root_copy(&s->root, &s->image, &s->dir, &s->map, events, err);
    return r < 0 ? r : run_bundle(s, exit_code, err);
}

/* With the ending signals blocked: makes the bundle, runs it, takes it away. A signal that comes once the
 * image is there is container_run's to forward. */
static int make_and_run(struct sandbox *s, const struct image_events *events, int *exit_code,
                        struct error *err)
{
    int r = run_dir_make(s->name, &s->dir, err);
    if (r < 0)
        return r;
    r = make_bundle(s, events, err);
    if (r == 0 && worker_signal_pending())
        r = error_set(err, EINTR, "interrupted");
    if (r == 0) {
        r = run_bundle(s, exit_code, err);
        if (r < 0 && s->root.overlays && !s->served && str_starts(error_text(err), ROOTFS_OVERLAY_FAILED))
            r = run_copy(s, events, exit_code, err);
        if (r < 0)
            *exit_code = failure_code(s, err);
    }
    sandbox_lazy_stop(&s->lazy);
    if (s->of_host && !host_end(&s->box, &s->map, r < 0 || s->opt->ephemeral, s->rt->log))
        host_box_close(&s->box);
    if (r < 0 || !s->opt->keep) {
        _cleanup_error_ struct error cleanup = ERROR_INIT;
        if (tree_remove_mapped(&s->map, s->dir.path, &cleanup) < 0)
            log_warn_error(s->rt->log, &cleanup);
    }
    if (s->image.stored.json)
        store_sync_later(&s->image.store, &s->image.stored);
    sandbox_sweep();
    return r;
}

/* *again: the archive could not be served to the container, but may do if it is unpacked. */
static int run_once(const struct runtime *rt, const struct sandbox_options *options, const char *image,
                    char *const *command, const struct image_events *events, int *exit_code, bool *again,
                    struct error *err)
{
    _cleanup_(sandbox_free) struct sandbox s = {.rt = rt,
                                                .opt = options,
                                                .command = command,
                                                .root = ROOT_INIT,
                                                .image = IMAGE_INIT,
                                                .dir = RUN_DIR_INIT,
                                                .lazy = SANDBOX_LAZY_INIT,
                                                .box = HOST_BOX_INIT};
    int r = plan(&s, err);
    /* Ranges or helpers that are missing are told by container_run, which plans the same maps. */
    if (r == 0)
        r = idmap_default(&s.map, NULL, err);
    if (r == 0)
        r = image_open(image, &s.map, &s.image, err);
    if (r < 0)
        return r;

    sigset_t old;
    worker_block_signals(&old);
    r = make_and_run(&s, events, exit_code, err);
    *again = r < 0 && s.served && sandbox_lazy_failed(err) && !sandbox_lazy_insists(options->lazy) &&
             !worker_signal_pending();
    worker_unblock_signals(&old);
    return r;
}

int sandbox_run(const struct runtime *rt, const struct sandbox_options *options, const char *image,
                char *const *command, const struct image_events *events, int *exit_code, struct error *err)
{
    struct sandbox_options unpacked = *options;
    bool again = false;
    *exit_code = SANDBOX_EXIT_FAILED;
    int r = run_once(rt, options, image, command, events, exit_code, &again, err);
    if (!again)
        return r;
    log_info(rt->log, "image \"%s\" is unpacked: %s", image, error_text(err));
    error_clear(err);
    unpacked.lazy = "never";
    *exit_code = SANDBOX_EXIT_FAILED;
    return run_once(rt, &unpacked, image, command, events, exit_code, &again, err);
}

int sandbox_run_host(const struct runtime *rt, const struct sandbox_options *options, char *const *command,
                     int *exit_code, char **kept, struct error *err)
{
    _cleanup_(sandbox_free) struct sandbox s = {.rt = rt,
                                                .opt = options,
                                                .command = command,
                                                .root = ROOT_INIT,
                                                .image = IMAGE_INIT,
                                                .dir = RUN_DIR_INIT,
                                                .lazy = SANDBOX_LAZY_INIT,
                                                .of_host = true,
                                                .box = HOST_BOX_INIT};
    *exit_code = SANDBOX_EXIT_FAILED;
    s.image.name = "the host";
    int r = plan(&s, err);
    if (r == 0)
        r = idmap_default(&s.map, NULL, err);
    if (r < 0)
        return r;
    sigset_t old;
    worker_block_signals(&old);
    r = make_and_run(&s, NULL, exit_code, err);
    worker_unblock_signals(&old);
    *kept = TAKE_PTR(s.box.name);
    return r;
}
