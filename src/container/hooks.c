#include "container/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/process.h"
#include "base/str.h"
#include "container/annotations.h"

/* Opening never waits, as it would for a fifo without a reader; writing does. */
static int open_append(const char *path, int *fd, struct error *err)
{
    if (!path)
        return 0;
    *fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0666);
    if (*fd < 0)
        return error_sys(err, errno, "annotations[\"run.oci.hooks.*\"]: open \"%s\"", path);
    return fd_set_nonblock(*fd, 0);
}

int hook_output_open(struct hook_output *output, const struct oci_state *state, struct error *err)
{
    _cleanup_free_ char *out = NULL, *err_out = NULL;
    int r = annotations_hook_output(&state->annotations, state->bundle, &out, &err_out, err);

    if (r == 0)
        r = open_append(out, &output->out, err);
    return r < 0 ? r : open_append(err_out, &output->err, err);
}

void hook_output_close(struct hook_output *output)
{
    fd_close(&output->out);
    fd_close(&output->err);
    *output = HOOK_OUTPUT_INIT;
}
#define _cleanup_hook_output_ __attribute__((cleanup(hook_output_close)))

/* The end of what a hook printed: enough to see why it failed, as one line. */
static char *last_words(const char *output)
{
    size_t len = output ? strlen(output) : 0;

    while (len && strchr(" \n\r\t", output[len - 1]))
        len--;
    if (!len)
        return NULL;
    size_t start = len > 400 ? len - 400 : 0;
    char *piece = strndup(output + start, len - start);
    if (!piece)
        return NULL;
    char *quoted = str_quote(piece, 0);
    free(piece);
    return quoted;
}

static int failed(const struct oci_hook *hook, const char *name, size_t index, int status, const char *output,
                  bool to_files, struct error *err)
{
    _cleanup_free_ char *words = last_words(output);

    if (WIFSIGNALED(status))
        error_set(err, EINVAL, "%s hook %zu (\"%s\") was killed by %s%s%s", name, index, hook->path,
                  signal_name(WTERMSIG(status)) ? signal_name(WTERMSIG(status)) : "a signal",
                  words ? ": " : "", words ? words : "");
    else
        error_set(err, EINVAL, "%s hook %zu (\"%s\") exited with status %d%s%s", name, index, hook->path,
                  WEXITSTATUS(status), words ? ": " : "", words ? words : "");
    if (to_files && !words)
        error_hint(err, "what it printed is in the files of the annotations run.oci.hooks.*");
    return -EINVAL;
}

static int run_hook(const struct oci_hook *hook, const char *name, size_t index, const char *input,
                    const struct hook_output *files, struct error *err)
{
    char *own_argv[] = {hook->path, NULL};
    char *no_env[] = {NULL};
    struct spawn s = SPAWN_INIT;
    _cleanup_free_ char *output = NULL;
    int status, r;

    s.path = hook->path;
    s.argv = hook->args ? hook->args : own_argv;
    s.env = hook->env ? hook->env : no_env;
    s.input = input;
    s.input_len = strlen(input);
    s.die_with_us = true; /* its time limit is ours to keep */
    s.stdout_fd = files->out;
    s.stderr_fd = files->err;
    if (hook->timeout.set)
        s.timeout_ms = hook->timeout.value > INT_MAX / 1000 ? INT_MAX : (int)(hook->timeout.value * 1000);
    r = spawn_start(&s, err);
    if (r == 0)
        r = spawn_finish(&s, &status, &output, err);
    if (r == -ETIMEDOUT) {
        error_set(err, ETIMEDOUT, "%s hook %zu (\"%s\") was killed after its timeout of %lld s", name, index,
                  hook->path, (long long)hook->timeout.value);
        return r;
    }
    if (r < 0) {
        error_prefix(err, "%s hook %zu (\"%s\")", name, index, hook->path);
        return r;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return failed(hook, name, index, status, output, files->out >= 0 || files->err >= 0, err);
}

static char *state_text(const struct oci_state *state, const char *status)
{
    _cleanup_cjson_ cJSON *json = oci_state_public(state, status);

    return json ? json_print(json, false) : NULL;
}

int hooks_run(const struct oci_hook_list *hooks, const char *name, const struct oci_state *state,
              const char *status, const struct hook_output *output, struct error *err)
{
    _cleanup_hook_output_ struct hook_output opened = HOOK_OUTPUT_INIT;
    _cleanup_free_ char *input = NULL;
    int r = 0;

    if (!hooks->count)
        return 0;
    input = state_text(state, status);
    if (!input)
        return error_oom(err);
    if (!output)
        r = hook_output_open(&opened, state, err);
    for (size_t i = 0; r == 0 && i < hooks->count; i++)
        r = run_hook(&hooks->items[i], name, i, input, output ? output : &opened, err);
    return r;
}

void hooks_run_all(const struct oci_hook_list *hooks, const char *name, const struct oci_state *state,
                   const char *status, const struct log *log)
{
    _cleanup_hook_output_ struct hook_output output = HOOK_OUTPUT_INIT;
    _cleanup_free_ char *input = hooks->count ? state_text(state, status) : NULL;
    _cleanup_error_ struct error why = ERROR_INIT;

    /* Without the file they still run: it is not they that failed. */
    if (input && hook_output_open(&output, state, &why) < 0)
        log_warn_error(log, &why);
    for (size_t i = 0; input && i < hooks->count; i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        if (run_hook(&hooks->items[i], name, i, input, &output, &err) < 0)
            log_warn_error(log, &err);
    }
}
