/*
 * What verbs print to standard output: whole texts, each with one write.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "cli/cli.h"

int cli_write(const char *text, struct error *err)
{
    int r = fd_write_all(STDOUT_FILENO, text, strlen(text));

    if (r == -EPIPE) /* `bryo list | head -1`: the reader has what it wanted */
        return 1;
    return r < 0 ? error_sys(err, -r, "write to standard output") : 0;
}

int cli_write_json(cJSON *json, bool pretty, struct error *err)
{
    _cleanup_cjson_ cJSON *owned = json;
    _cleanup_free_ char *text = owned ? json_print(owned, pretty) : NULL;

    return text ? cli_write(text, err) : error_oom(err);
}
