/*
 * Any text as JSON: what is read, is written so that it is read again as the same; what base/json.c takes,
 * cJSON takes.
 */
#include "base/json.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = text_of(data, size), *once = NULL, *twice = NULL, *pretty = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_cjson_ cJSON *first = NULL, *second = NULL, *third = NULL, *plain = NULL;
    int r = json_parse("input", text, size, &first, &err);

    if (r < 0) {
        must_explain(r, &err);
        return 0;
    }
    plain = cJSON_ParseWithLength(text, size);
    must(plain, "cJSON does not take it");
    once = json_print(first, false);
    pretty = json_print(first, true);
    must(once && pretty, "not written");
    must(json_parse("output", once, strlen(once), &second, &err) == 0, "%s in %s", error_text(&err), once);
    must(json_parse("pretty", pretty, strlen(pretty), &third, &err) == 0, "%s in %s", error_text(&err),
         pretty);
    twice = json_print(second, false);
    must(twice && strcmp(once, twice) == 0, "%s\n%s", once, twice);
    must(cJSON_Compare(second, third, true), "%s\n%s", once, pretty);
    return 0;
}
