/*
 * bryo list: the containers of this state directory, as a table, as JSON or as bare ids.
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/verbs.h"
#include "container/container.h"
#include "oci/state.h"

struct list_options {
    bool quiet;
    const char *format;
};

#define AT(member) offsetof(struct list_options, member)

static const struct option_def options[] = {
    {"quiet", 'q', OPT_FLAG, AT(quiet), NULL, "print the ids only"},
    {"format", 'f', OPT_STRING, AT(format), "table|json", "a table for people (the default), or JSON",
     .check = option_table_or_json},
    {NULL},
};

struct containers {
    struct container_info *list;
    size_t n;
};

static void containers_free(struct containers *c)
{
    container_list_free(c->list, c->n);
}

static cJSON *to_json(const struct containers *c)
{
    cJSON *array = cJSON_CreateArray();

    for (size_t i = 0; array && i < c->n; i++) {
        cJSON *state = oci_state_public(c->list[i].state, container_status_name(c->list[i].status));
        if (state && cJSON_AddItemToArray(array, state))
            continue;
        cJSON_Delete(state);
        cJSON_Delete(array);
        array = NULL;
    }
    return array;
}

enum { COLUMN_ID, COLUMN_PID, COLUMN_STATUS, COLUMN_BUNDLE, COLUMN_CREATED, COLUMN_OWNER, N_COLUMNS };

static const char *const titles[N_COLUMNS] = {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"};

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

/* The texts of one row; @pid is room for the number. A bundle's path may hold any byte: it is quoted into
 * @bundle. */
static void row_texts(const struct container_info *info, char pid[16], char **bundle,
                      const char *texts[N_COLUMNS])
{
    const struct oci_state *s = info->state;

    snprintf(pid, 16, "%d", info->status == STATUS_STOPPED ? 0 : (int)s->pid);
    *bundle = str_quote(or_empty(s->bundle), 0);
    texts[COLUMN_ID] = or_empty(s->id);
    texts[COLUMN_PID] = pid;
    texts[COLUMN_STATUS] = container_status_name(info->status);
    texts[COLUMN_BUNDLE] = or_empty(*bundle);
    texts[COLUMN_CREATED] = or_empty(s->created);
    texts[COLUMN_OWNER] = or_empty(s->owner);
}

static void add_row(struct strbuf *out, const char *const texts[N_COLUMNS], const size_t widths[N_COLUMNS])
{
    for (size_t i = 0; i < N_COLUMNS; i++)
        if (i + 1 < N_COLUMNS)
            strbuf_addf(out, "%-*s  ", (int)widths[i], texts[i]);
        else
            strbuf_addf(out, "%s\n", texts[i]);
}

static void table(struct strbuf *out, const struct containers *c)
{
    size_t widths[N_COLUMNS];

    for (size_t i = 0; i < N_COLUMNS; i++)
        widths[i] = strlen(titles[i]);
    for (int printing = 0; printing < 2; printing++) {
        if (printing)
            add_row(out, titles, widths);
        for (size_t i = 0; i < c->n; i++) {
            const char *texts[N_COLUMNS];
            _cleanup_free_ char *bundle = NULL;
            char pid[16];
            row_texts(&c->list[i], pid, &bundle, texts);
            if (printing)
                add_row(out, texts, widths);
            for (size_t j = 0; j < N_COLUMNS; j++)
                if (strlen(texts[j]) > widths[j])
                    widths[j] = strlen(texts[j]);
        }
    }
}

static int print_ids(const struct runtime *rt, struct error *err)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    _cleanup_strv_ char **ids = NULL;

    int r = container_ids(rt, &ids, err);
    if (r < 0)
        return r;
    STRV_FOREACH (id, ids) {
        strbuf_addf(&out, "%s\n", *id);
    }
    if (out.oom)
        return error_oom(err);
    return out.len ? cli_write(out.data, err) : 0;
}

static int run(const struct invocation *inv, struct error *err)
{
    const struct list_options *o = inv->options;
    _cleanup_(containers_free) struct containers c = {0};
    _cleanup_strbuf_ struct strbuf out = {0};

    if (o->quiet)
        return print_ids(inv->rt, err);
    int r = container_list(inv->rt, &c.list, &c.n, err);
    if (r < 0)
        return r;
    if (o->format && strcmp(o->format, "json") == 0)
        return cli_write_json(to_json(&c), false, err);
    table(&out, &c);
    return out.oom ? error_oom(err) : cli_write(out.data, err);
}

const struct verb cli_list = {
    .name = "list",
    .group = "OCI runtime",
    .summary = "List the containers",
    .usage = "[OPTIONS]",
    .options = options,
    .options_size = sizeof(struct list_options),
    .run = run,
};
