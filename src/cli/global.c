/*
 * The table of global options and what they do to the log.
 */
#include "cli/global.h"

#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cgroup/cgroup.h"

/* `expected A or B, found "value"` unless @good. */
static int check_word(const char *value, const char *expected, bool good, struct error *err)
{
    if (good)
        return 0;
    _cleanup_free_ char *shown = str_quote(value, 80);
    if (!shown)
        return error_oom(err);
    return error_set(err, EINVAL, "expected %s, found \"%s\"", expected, shown);
}

static int check_format(const char *value, struct error *err)
{
    return check_word(value, "text or json", log_format_from_name(value) >= 0, err);
}

static int check_level(const char *value, struct error *err)
{
    return check_word(value, "error, warning, info or debug", log_level_from_name(value) >= 0, err);
}

static const struct {
    const char *name;
    int value;
} rootless_words[] = {{"true", 1}, {"false", 0}, {"auto", -1}};

static int check_rootless(const char *value, struct error *err)
{
    bool good = false;

    for (size_t i = 0; i < ARRAY_SIZE(rootless_words); i++)
        good |= strcmp(value, rootless_words[i].name) == 0;
    return check_word(value, "true, false or auto", good, err);
}

static int check_cgroup_manager(const char *value, struct error *err)
{
    return check_word(value, CGROUP_MANAGER_NAMES, cgroup_manager_known(value), err);
}

static const struct {
    const char *name;
    enum cgroup_limits value;
} limits_words[] = {{"require", LIMITS_REQUIRE}, {"try", LIMITS_TRY}, {"off", LIMITS_OFF}};

static int check_limits(const char *value, struct error *err)
{
    bool good = false;

    for (size_t i = 0; i < ARRAY_SIZE(limits_words); i++)
        good |= strcmp(value, limits_words[i].name) == 0;
    return check_word(value, "require, try or off", good, err);
}

#define AT(member) offsetof(struct global_options, member)

static const struct option_def options[] = {
    {"root", 0, OPT_STRING, AT(root), "DIR",
     "keep the states of containers in DIR ($XDG_RUNTIME_DIR/bryo, root: /run/bryo)",
     .check = option_not_empty},
    {"log", 0, OPT_STRING, AT(log), "FILE", "append messages to FILE instead of standard error",
     .check = option_not_empty},
    {"log-format", 0, OPT_STRING, AT(log_format), "text|json",
     "lines of text (the default), or one JSON object a line", .check = check_format},
    {"log-level", 0, OPT_STRING, AT(log_level), "error|warning|info|debug",
     "the least important messages to show (default: warning)", .check = check_level},
    {"debug", 0, OPT_FLAG, AT(debug), NULL, "the same as --log-level debug"},
    {"rootless", 0, OPT_STRING, AT(rootless), "true|false|auto",
     "put a user namespace around the container (default: auto, unless called by root)",
     .check = check_rootless},
    {"cgroup-manager", 0, OPT_STRING, AT(cgroup_manager), "auto|cgroupfs|systemd|disabled",
     "who makes the cgroups of containers (default: auto, what works here)", .check = check_cgroup_manager},
    {"systemd-cgroup", 0, OPT_FLAG, AT(systemd_cgroup), NULL, "the same as --cgroup-manager systemd"},
    {"limits", 0, OPT_STRING, AT(limits), "require|try|off",
     "limits that cannot be set are an error (the default), or dropped with a warning; off: set none",
     .check = check_limits},
    {"version", 'v', OPT_FLAG, AT(version), NULL, "print the version and what it was built with"},
    {"version", 'V', OPT_FLAG, AT(version), NULL, "the same as -v", .hidden = true},
    {"dump-options", 0, OPT_FLAG, AT(dump_options), NULL, "print all verbs and options as JSON",
     .hidden = true},
    {"dump-schema", 0, OPT_FLAG, AT(dump_schema), NULL, "print all properties of config.json as JSON",
     .hidden = true},
    {NULL},
};

const struct verb cli_global = {
    .usage = "[GLOBAL OPTIONS] VERB [OPTIONS] [ARGUMENTS]",
    .summary = "Rootless-first OCI runtime and sandbox",
    .options = options,
    .options_size = sizeof(struct global_options),
    .max_args = SIZE_MAX,
    .stop_at_first = true,
};

int global_apply_log(const struct global_options *o, struct log *log, struct error *err)
{
    if (o->log_format)
        log->format = (enum log_format)log_format_from_name(o->log_format);
    if (o->log_level)
        log->level = (enum log_level)log_level_from_name(o->log_level);
    if (o->debug)
        log->level = LOG_LEVEL_DEBUG;
    return o->log ? log_open(log, o->log, err) : 0;
}

int global_rootless(const struct global_options *o)
{
    for (size_t i = 0; o->rootless && i < ARRAY_SIZE(rootless_words); i++)
        if (strcmp(o->rootless, rootless_words[i].name) == 0)
            return rootless_words[i].value;
    return -1;
}

const char *global_cgroup_manager(const struct global_options *o)
{
    return o->systemd_cgroup ? "systemd" : o->cgroup_manager;
}

enum cgroup_limits global_limits(const struct global_options *o)
{
    for (size_t i = 0; o->limits && i < ARRAY_SIZE(limits_words); i++)
        if (strcmp(o->limits, limits_words[i].name) == 0)
            return limits_words[i].value;
    return LIMITS_REQUIRE;
}
