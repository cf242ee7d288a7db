#include "helpers/net/refusals.h"

#include <stdlib.h>
#include <string.h>

void refusals_add(struct refusals *r, const char *what, const char *why)
{
    for (unsigned i = 0; i < r->n; i++)
        if (strcmp(r->list[i].what, what) == 0) {
            r->list[i].count++;
            return;
        }
    char *copy = r->n < REFUSALS_MAX ? strdup(what) : NULL;
    if (!copy) {
        if (r->more++ == 0)
            log_warn(r->log, "network: more is refused than can be listed");
        return;
    }
    r->list[r->n++] = (struct refusal){.count = 1, .what = copy};
    log_warn(r->log, "network: refused %s: %s", what, why);
}

void refusals_close(struct refusals *r)
{
    for (unsigned i = 0; i < r->n; i++) {
        if (r->list[i].count > 1)
            log_warn(r->log, "network: refused %s %llu times", r->list[i].what,
                     (unsigned long long)r->list[i].count);
        free(r->list[i].what);
    }
    r->n = 0;
}
