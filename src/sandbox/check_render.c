/*
 * The doctor's report as a table for people and as JSON for programs.
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "sandbox/check.h"

static const struct {
    const char *name, *color;
} statuses[] = {
    [CHECK_OK] = {"ok", "\033[32m"},
    [CHECK_INFO] = {"info", "\033[36m"},
    [CHECK_WARN] = {"warn", "\033[33m"},
    [CHECK_FAIL] = {"fail", "\033[1;31m"},
};

#define COLOR_OFF "\033[0m"

/* "LABEL TEXT", further lines of the text below the first one. */
static void add_indented(struct strbuf *out, int indent, const char *label, const char *text)
{
    strbuf_addf(out, "%*s%s", indent, "", label);
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, "\n");
        strbuf_addn(out, p, len);
        strbuf_add(out, "\n");
        p += len;
        p += *p == '\n';
        if (*p)
            strbuf_addf(out, "%*s", indent + 4, "");
    }
}

/* Commands of several lines start at the margin, so that they can be copied (a here-document's end must). */
static void add_fix(struct strbuf *out, int indent, const struct check_report *report, size_t index)
{
    const char *fix = report->rows[index].fix;

    for (size_t i = 0; i < index; i++)
        if (report->rows[i].fix && strcmp(report->rows[i].fix, fix) == 0) {
            add_indented(out, indent, "to mend: ", "as above");
            return;
        }
    if (!strchr(fix, '\n')) {
        add_indented(out, indent, "to mend: ", fix);
        return;
    }
    strbuf_addf(out, "%*sto mend:\n%s%s", indent, "", fix, str_ends(fix, "\n") ? "" : "\n");
}

static void add_summary(struct strbuf *out, const struct check_report *report)
{
    unsigned count[ARRAY_SIZE(statuses)] = {0};

    for (size_t i = 0; i < report->count; i++)
        count[report->rows[i].status]++;
    if (count[CHECK_FAIL])
        strbuf_addf(out, "\nbryo does not work here: %u of %zu checks failed.\n", count[CHECK_FAIL],
                    report->count);
    else if (count[CHECK_WARN])
        strbuf_addf(out, "\nbryo works here; %u thing%s that it can make use of %s missing.\n",
                    count[CHECK_WARN], count[CHECK_WARN] == 1 ? "" : "s",
                    count[CHECK_WARN] == 1 ? "is" : "are");
    else
        strbuf_add(out, "\nbryo works here.\n");
}

char *check_table(const struct check_report *report, bool color)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    size_t width = 0;

    for (size_t i = 0; i < report->count; i++)
        if (strlen(report->rows[i].what) > width)
            width = strlen(report->rows[i].what);
    for (size_t i = 0; i < report->count; i++) {
        const struct check_row *row = &report->rows[i];
        const char *name = statuses[row->status].name;
        int indent = 6 + (int)width + 2;
        strbuf_addf(&out, "%s%-4s%s  %-*s  %s\n", color ? statuses[row->status].color : "", name,
                    color ? COLOR_OFF : "", (int)width, row->what, row->detail);
        if (row->breaks)
            add_indented(&out, indent, "without it: ", row->breaks);
        if (row->fix)
            add_fix(&out, indent, report, i);
    }
    add_summary(&out, report);
    return strbuf_take(&out);
}

static int add_row(cJSON *list, const struct check_row *row)
{
    cJSON *object = cJSON_CreateObject();

    if (!object || !cJSON_AddItemToArray(list, object)) {
        cJSON_Delete(object);
        return -1;
    }
    if (json_add_string(object, "id", row->id) < 0 || json_add_string(object, "what", row->what) < 0 ||
        json_add_string(object, "status", statuses[row->status].name) < 0 ||
        json_add_string(object, "detail", row->detail) < 0 ||
        json_add_string(object, "breaks", row->breaks) < 0)
        return -1;
    return json_add_string(object, "fix", row->fix);
}

cJSON *check_json(const struct check_report *report)
{
    cJSON *root = cJSON_CreateObject(), *list = cJSON_CreateArray();
    int r = root && list ? json_add_bool(root, "ok", check_core_works(report)) : -1;

    for (size_t i = 0; r == 0 && i < report->count; i++)
        r = add_row(list, &report->rows[i]);
    if (r == 0)
        return json_add_item(root, "checks", list) == 0 ? root : (cJSON_Delete(root), NULL);
    cJSON_Delete(list);
    cJSON_Delete(root);
    return NULL;
}
