#include "container/exec_process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "oci/names.h"

static void replace(char **string, char *by)
{
    free(*string);
    *string = by;
}

/* Where a process file is silent, the container's own rights hold: they are what its owner chose for it. */
static void inherit_rights(struct oci_process *p, struct oci_process *from)
{
    if (!from)
        return;
    if (!p->capabilities)
        p->capabilities = TAKE_PTR(from->capabilities);
    if (!p->rlimits.count) {
        p->rlimits = from->rlimits;
        from->rlimits = (struct oci_rlimit_list){0};
    }
    if (!p->oom_score_adj.set)
        p->oom_score_adj = from->oom_score_adj;
    if (str_empty(p->apparmor_profile))
        replace(&p->apparmor_profile, TAKE_PTR(from->apparmor_profile));
    if (str_empty(p->selinux_label))
        replace(&p->selinux_label, TAKE_PTR(from->selinux_label));
    if (!p->scheduler)
        p->scheduler = TAKE_PTR(from->scheduler);
    if (!p->io_priority)
        p->io_priority = TAKE_PTR(from->io_priority);
    if (!p->exec_cpu_affinity)
        p->exec_cpu_affinity = TAKE_PTR(from->exec_cpu_affinity);
    p->no_new_privileges |= from->no_new_privileges;
}

static int from_file(const struct exec_options *opts, struct oci_config *config, struct error *err)
{
    _cleanup_cjson_ cJSON *json = NULL;
    struct oci_process *p = NULL;
    int r = json_read_file(AT_FDCWD, opts->process_file, &json, err);

    if (r == 0) {
        r = oci_process_parse(json, &p, err);
        if (r < 0)
            error_prefix(err, "%s", opts->process_file);
    }
    if (r < 0)
        return r;
    inherit_rights(p, config->process);
    oci_process_free(config->process);
    config->process = p;
    return 0;
}

static int set_user(struct oci_user *user, const char *text, struct error *err)
{
    _cleanup_free_ char *copy = strdup(text);
    char *group;

    if (!copy)
        return error_oom(err);
    group = strchr(copy, ':');
    if (group)
        *group++ = '\0';
    /* Strict: a text that is no number is an error and never uid 0 (CVE-2026-30892). */
    if (parse_id(copy, &user->uid) < 0 || (group && parse_id(group, &user->gid) < 0)) {
        error_set(err, EINVAL, "--user: expected UID or UID:GID in numbers, found \"%s\"", text);
        error_hint(
            err, "names are the caller's to look up: the runtime does not read the container's /etc/passwd");
        return -EINVAL;
    }
    return 0;
}

static int add_gids(struct oci_user *user, char *const *gids, struct error *err)
{
    size_t more = strv_len(gids);
    uint32_t *grown;

    if (!more)
        return 0;
    grown = realloc(user->additional_gids.items, (user->additional_gids.count + more) * sizeof *grown);
    if (!grown)
        return error_oom(err);
    user->additional_gids.items = grown;
    STRV_FOREACH (gid, gids)
        if (parse_id(*gid, &grown[user->additional_gids.count++]) < 0)
            return error_set(err, EINVAL, "--additional-gids: expected a number, found \"%s\"", *gid);
    return 0;
}

static int add_caps(struct oci_process *p, char *const *caps, struct error *err)
{
    uint64_t bits = 0;

    STRV_FOREACH (name, caps) {
        _cleanup_free_ char *full = str_starts(*name, "CAP_") ? strdup(*name) : str_printf("CAP_%s", *name);
        if (!full)
            return error_oom(err);
        const struct name_value *cap = name_find(oci_capability_names, full);
        if (!cap) {
            error_set(err, EINVAL, "--cap: unknown capability \"%s\"", *name);
            error_hint(err, "capabilities(7) has the names, for example CAP_NET_RAW");
            return -EINVAL;
        }
        bits |= UINT64_C(1) << cap->value;
    }
    if (!bits)
        return 0;
    if (!p->capabilities && !(p->capabilities = calloc(1, sizeof *p->capabilities)))
        return error_oom(err);
    struct opt_u64 *sets[] = {&p->capabilities->bounding, &p->capabilities->effective,
                              &p->capabilities->permitted, &p->capabilities->inheritable,
                              &p->capabilities->ambient};
    for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
        sets[i]->set = true;
        sets[i]->value |= bits;
    }
    return 0;
}

static int set_env(struct oci_process *p, char *const *env, struct error *err)
{
    STRV_FOREACH (entry, env) {
        const char *equals = strchr(*entry, '=');
        if (!equals || equals == *entry)
            return error_set(err, EINVAL, "--env: expected NAME=VALUE, found \"%s\"", *entry);
        _cleanup_free_ char *name = strndup(*entry, (size_t)(equals - *entry));
        if (!name || strv_setenv(&p->env, name, equals + 1) < 0)
            return error_oom(err);
    }
    return 0;
}

static int from_options(const struct exec_options *opts, struct oci_config *config, struct error *err)
{
    struct oci_process *p = config->process;
    bool oom = false;
    int r;

    if (!p)
        return error_set(err, EINVAL,
                         "the container has no process to take defaults from: give --process FILE");
    strv_free(p->args);
    p->args = strv_copy(opts->args, &oom);
    if (oom)
        return error_oom(err);
    p->terminal = opts->tty;
    free(p->console_size);
    p->console_size = NULL;
    if (opts->cwd) {
        if (opts->cwd[0] != '/')
            return error_set(err, EINVAL, "--cwd: expected an absolute path, found \"%s\"", opts->cwd);
        free(p->cwd);
        p->cwd = strdup(opts->cwd);
        if (!p->cwd)
            return error_oom(err);
    }
    p->no_new_privileges |= opts->no_new_privs;
    r = opts->user ? set_user(&p->user, opts->user, err) : 0;
    if (r == 0)
        r = add_gids(&p->user, opts->additional_gids, err);
    if (r == 0)
        r = add_caps(p, opts->caps, err);
    if (r == 0)
        r = set_env(p, opts->env, err);
    return r;
}

static int set_label(char **label, const char *text, struct error *err)
{
    if (!text)
        return 0;
    replace(label, strdup(text));
    return *label ? 0 : error_oom(err);
}

int exec_process_plan(const struct exec_options *opts, struct oci_config *config, struct error *err)
{
    int r = opts->process_file ? from_file(opts, config, err) : from_options(opts, config, err);

    if (r == 0)
        r = set_label(&config->process->apparmor_profile, opts->apparmor, err);
    return r < 0 ? r : set_label(&config->process->selinux_label, opts->process_label, err);
}
