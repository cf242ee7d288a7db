/*
 * bryo build: an image from a Gunfile.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/verbs.h"
#include "sandbox/build.h"

#define AT(member) offsetof(struct build_options, member)

static const struct option_def options[] = {
    {"file", 'f', OPT_STRING, AT(file), "FILE", "the Gunfile; default Gunfile in the context",
     .check = option_not_empty},
    {"output", 'o', OPT_STRING, AT(output), "OUT",
     "where the image goes: FILE (a tarball), oci:DIR, oci-archive:FILE or docker-archive:FILE",
     .check = build_check_output},
    {"arg", 0, OPT_STRV, AT(args), "NAME=VALUE", "the value of an Arg"},
    {"secret", 0, OPT_STRV, AT(secrets), "id=NAME,src=FILE", "a file for Secret NAME, which is in no layer"},
    {"compress", 0, OPT_STRING, AT(compress), "none|gzip|zstd",
     "compression of the output; default by its name", .check = build_check_compress},
    {"tag", 't', OPT_STRING, AT(tag), "NAME", "name of the image in an OCI or docker archive",
     .check = option_not_empty},
    {"no-cache", 0, OPT_FLAG, AT(no_cache), NULL, "run every step, whatever is in the cache"},
    {"progress", 0, OPT_STRING, AT(progress), "plain|json",
     "how to tell what is done; default plain, on standard error", .check = build_check_progress},
    {"shell-on-failure", 0, OPT_FLAG, AT(shell_on_failure), NULL,
     "open a shell where a command failed (needs a terminal)"},
    {"prune", 0, OPT_FLAG, AT(prune), NULL, "empty the cache and do nothing else"},
    {"max-size", 0, OPT_SIZE, AT(max_size), "BYTES", "limit of what an image unpacks to; default 64g"},
    {NULL},
};

/* One line of plain text. */
static void plain(void *data, const struct build_event *e)
{
    const struct log *log = data;
    _cleanup_strbuf_ struct strbuf line = {0};
    double seconds = (double)e->ms / 1000;
    if (e->kind == BUILD_WARN) {
        log_warn(log, "%s", e->text);
        return;
    }
    if (e->kind == BUILD_OUTPUT)
        strbuf_addf(&line, "[%s] %s\n", e->stage ? e->stage : "", e->text);
    else if (e->number)
        strbuf_addf(&line, "[%s%s%u/%u] ", e->stage ? e->stage : "", e->stage ? " " : "", e->number,
                    e->total);
    switch (e->kind) {
    case BUILD_STEP:
        strbuf_addf(&line, "%s\n", e->text);
        break;
    case BUILD_CACHED:
        strbuf_addf(&line, "%s: cached\n", e->text);
        break;
    case BUILD_DONE:
        strbuf_addf(&line, "done in %.2f s\n", seconds);
        break;
    case BUILD_PACK:
        strbuf_addf(&line, "writing %s\n", e->text);
        break;
    case BUILD_WRITTEN:
        strbuf_addf(&line, "wrote %s in %.2f s\n", e->text, seconds);
        break;
    case BUILD_CURRENT:
        strbuf_addf(&line, "%s is up to date\n", e->text);
        break;
    case BUILD_SHELL:
        strbuf_add(&line, "a shell where the command failed; what it changes is thrown away. exit ends it\n");
        break;
    case BUILD_OUTPUT:
    case BUILD_WARN:
        break;
    }
    if (!line.oom && line.len)
        (void)fd_write_all(STDERR_FILENO, line.data, line.len);
}

/* One JSON object a line, on standard output. */
static void as_json(void *data, const struct build_event *e)
{
    static const char *const names[] = {
        [BUILD_STEP] = "step",       [BUILD_CACHED] = "cached",   [BUILD_DONE] = "done",
        [BUILD_OUTPUT] = "output",   [BUILD_WARN] = "warning",    [BUILD_PACK] = "writing",
        [BUILD_WRITTEN] = "written", [BUILD_CURRENT] = "current", [BUILD_SHELL] = "shell"};
    (void)data;
    _cleanup_cjson_ cJSON *json = cJSON_CreateObject();
    bool timed = e->kind == BUILD_DONE || e->kind == BUILD_WRITTEN;
    if (!json || json_add_string(json, "event", names[e->kind]) < 0 ||
        json_add_string(json, "stage", e->stage) < 0 ||
        (e->number &&
         (json_add_u64(json, "step", e->number) < 0 || json_add_u64(json, "steps", e->total) < 0)) ||
        json_add_string(json, "text", e->text) < 0 || (timed && json_add_u64(json, "ms", e->ms) < 0))
        return;
    _cleanup_free_ char *text = json_print(json, false);
    if (text)
        (void)fd_write_all(STDOUT_FILENO, text, strlen(text));
}

static int run(const struct invocation *inv, struct error *err)
{
    const struct build_options *o = inv->options;
    bool json = o->progress && !strcmp(o->progress, "json");
    const struct build_listener listener = {.hear = json ? as_json : plain, .data = inv->log, .lines = json};
    return build_image(inv->rt, o, inv->n_args ? inv->args[0] : ".", &listener, err);
}

const struct verb cli_build = {
    .name = "build",
    .group = "Sandbox",
    .summary = "Build an image from a Gunfile",
    .usage = "[OPTIONS] [CONTEXT]",
    .details =
        "Does what the Gunfile says, step by step, in sandboxes: no root, no daemon. CONTEXT, by default the "
        "current directory, is where Copy and Using find files. man 5 gunfile tells how a Gunfile is "
        "written.\n\n"
        "Each step is kept in the cache ($XDG_DATA_HOME/bryo/build, else ~/.local/share/bryo/build) by what "
        "went "
        "into it, so that a second build runs only what has changed. With SOURCE_DATE_EPOCH in the "
        "environment, no "
        "time in the image is later, and the same files make the same bytes. A tarball carries Entry, Cmd, "
        "Env, "
        "User and Workdir along, and bryo sandbox heeds them. Without --output the image is built and stays "
        "in the cache.",
    .seals = true,
    .options = options,
    .options_size = sizeof(struct build_options),
    .min_args = 0,
    .max_args = 1,
    .run = run,
};
