/*
 * The global options: those before the verb.
 */
#pragma once

#include "cli/cli.h"

struct global_options {
    const char *root;
    const char *log;
    const char *log_format;
    const char *log_level;
    const char *rootless;
    const char *cgroup_manager;
    const char *limits;
    bool debug;
    bool systemd_cgroup;
    bool version;
    bool dump_options;
    bool dump_schema;
};

/* A verb without a name: its arguments are the real verb and what follows. */
extern const struct verb cli_global;

/* Opens the log as the options say. @options may be incomplete (after a parse error). */
int global_apply_log(const struct global_options *options, struct log *log, struct error *err);

/* 1 (always a user namespace), 0 (never) or -1 (auto), as struct runtime has it. */
int global_rootless(const struct global_options *options);

/* For struct runtime: the name of a manager, NULL for auto; what becomes of limits that can't be set. */
const char *global_cgroup_manager(const struct global_options *options);
enum cgroup_limits global_limits(const struct global_options *options);
