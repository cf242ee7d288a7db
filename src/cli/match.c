/*
 * Ids by regular expression.
 */
#include "cli/match.h"

#include <regex.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "container/container.h"

/* The empty expression matches every id: a script whose variable is not set would kill or delete them all. */
static int compile(regex_t *regex, const char *pattern, struct error *err)
{
    if (!*pattern) {
        error_set(err, EINVAL, "--regex: the expression is empty");
        error_hint(err, "'.' matches every container");
        return -EINVAL;
    }
    int code = regcomp(regex, pattern, REG_EXTENDED | REG_NOSUB);

    if (code == 0)
        return 0;
    char reason[128];
    _cleanup_free_ char *shown = str_quote(pattern, 80);
    regerror(code, regex, reason, sizeof reason);
    return shown ? error_set(err, EINVAL, "--regex \"%s\": %s", shown, reason) : error_oom(err);
}

static int each(const struct runtime *rt, const regex_t *regex, char *const *ids, match_action *action,
                void *data, size_t *n_matches, struct error *err)
{
    size_t failures = 0;

    STRV_FOREACH (id, ids) {
        _cleanup_error_ struct error one = ERROR_INIT;
        if (regexec(regex, *id, 0, NULL, 0) != 0)
            continue;
        ++*n_matches;
        if (action(rt, *id, data, &one) < 0 && failures++ == 0)
            error_move(err, &one);
    }
    if (failures > 1)
        error_prefix(err, "%zu of %zu containers failed, the first", failures, *n_matches);
    return failures > 0 ? -err->code : 0;
}

int match_each(const struct runtime *rt, const char *pattern, bool none_ok, match_action *action, void *data,
               struct error *err)
{
    _cleanup_strv_ char **ids = NULL;
    size_t n_matches = 0;
    regex_t regex;

    int r = compile(&regex, pattern, err);
    if (r < 0)
        return r;
    r = container_ids(rt, &ids, err);
    if (r >= 0)
        r = each(rt, &regex, ids, action, data, &n_matches, err);
    regfree(&regex);
    if (r < 0 || n_matches > 0 || none_ok)
        return r < 0 ? r : 0;
    _cleanup_free_ char *shown = str_quote(pattern, 80);
    return shown ? error_set(err, ENOENT, "--regex \"%s\": no container matches", shown) : error_oom(err);
}
