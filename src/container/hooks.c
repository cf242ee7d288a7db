#include "container/hooks.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/process.h"
#include "base/str.h"

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

static int run_hook(const struct oci_hook *hook, const char *name, size_t index, const char *input,
                    struct error *err)
{
    char *own_argv[] = {hook->path, NULL};
    char *no_env[] = {NULL};
    struct spawn s = SPAWN_INIT;
    _cleanup_free_ char *output = NULL, *words = NULL;
    int status, r;

    s.path = hook->path;
    s.argv = hook->args ? hook->args : own_argv;
    s.env = hook->env ? hook->env : no_env;
    s.input = input;
    s.input_len = strlen(input);
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
    words = last_words(output);
    if (WIFSIGNALED(status))
        return error_set(err, EINVAL, "%s hook %zu (\"%s\") was killed by %s%s%s", name, index, hook->path,
                         signal_name(WTERMSIG(status)) ? signal_name(WTERMSIG(status)) : "a signal",
                         words ? ": " : "", words ? words : "");
    return error_set(err, EINVAL, "%s hook %zu (\"%s\") exited with status %d%s%s", name, index, hook->path,
                     WEXITSTATUS(status), words ? ": " : "", words ? words : "");
}

static char *state_text(const struct oci_state *state, const char *status)
{
    _cleanup_cjson_ cJSON *json = oci_state_public(state, status);

    return json ? json_print(json, false) : NULL;
}

int hooks_run(const struct oci_hook_list *hooks, const char *name, const struct oci_state *state,
              const char *status, struct error *err)
{
    _cleanup_free_ char *input = NULL;

    if (!hooks->count)
        return 0;
    input = state_text(state, status);
    if (!input)
        return error_oom(err);
    for (size_t i = 0; i < hooks->count; i++) {
        int r = run_hook(&hooks->items[i], name, i, input, err);
        if (r < 0)
            return r;
    }
    return 0;
}

void hooks_run_all(const struct oci_hook_list *hooks, const char *name, const struct oci_state *state,
                   const char *status, const struct log *log)
{
    _cleanup_free_ char *input = hooks->count ? state_text(state, status) : NULL;

    for (size_t i = 0; input && i < hooks->count; i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        if (run_hook(&hooks->items[i], name, i, input, &err) < 0)
            log_warn_error(log, &err);
    }
}
