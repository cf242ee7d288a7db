/*
 * `bryo --dump-options`: the tables as JSON. tests/cli compares them with man pages and completions.
 */
#include "base/cleanup.h"
#include "base/json.h"
#include "cli/global.h"
#include "cli/verbs.h"

static cJSON *dump_option(const struct option_def *d)
{
    _cleanup_cjson_ cJSON *o = cJSON_CreateObject();
    char letter[2] = {d->letter, '\0'};

    if (!o || json_add_string(o, "name", d->name) < 0 ||
        (d->letter && json_add_string(o, "letter", letter) < 0) ||
        json_add_string(o, "argument", d->arg) < 0 || json_add_string(o, "help", d->help) < 0 ||
        json_add_bool(o, "hidden", d->hidden) < 0 || json_add_bool(o, "repeatable", d->kind == OPT_STRV) < 0)
        return NULL;
    return TAKE_PTR(o);
}

static cJSON *dump_verb(const struct verb *v)
{
    _cleanup_cjson_ cJSON *o = cJSON_CreateObject(), *list = cJSON_CreateArray();

    if (!o || !list || json_add_string(o, "name", v->name) < 0 || json_add_string(o, "group", v->group) < 0 ||
        json_add_string(o, "summary", v->summary) < 0 || json_add_string(o, "usage", v->usage) < 0)
        return NULL;
    for (const struct option_def *d = v->options; d && d->name; d++) {
        cJSON *option = dump_option(d);
        if (!option || !cJSON_AddItemToArray(list, option)) {
            cJSON_Delete(option);
            return NULL;
        }
    }
    if (json_add_item(o, "options", TAKE_PTR(list)) < 0)
        return NULL;
    return TAKE_PTR(o);
}

cJSON *cli_dump_options(void)
{
    _cleanup_cjson_ cJSON *o = cJSON_CreateObject(), *list = cJSON_CreateArray();

    if (!o || !list)
        return NULL;
    for (size_t i = 0; cli_verbs[i]; i++) {
        cJSON *verb = dump_verb(cli_verbs[i]);
        if (!verb || !cJSON_AddItemToArray(list, verb)) {
            cJSON_Delete(verb);
            return NULL;
        }
    }
    if (json_add_item(o, "global", dump_verb(&cli_global)) < 0 ||
        json_add_item(o, "verbs", TAKE_PTR(list)) < 0)
        return NULL;
    return TAKE_PTR(o);
}
