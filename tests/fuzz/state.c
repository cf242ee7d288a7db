/*
 * state.json: read, written and read again as the same, and told as `bryo state` does.
 */
#include "oci/state.h"
#include "base/json.h"
#include "fuzz.h"

static char *encoded(const struct oci_state *state)
{
    _cleanup_cjson_ cJSON *json = oci_state_to_json(state);
    char *text = json ? json_print(json, false) : NULL;

    must(text, "not written");
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_state_ struct oci_state *state = NULL, *again = NULL;
    _cleanup_cjson_ cJSON *json = NULL, *second = NULL, *told = NULL;
    _cleanup_free_ char *text = text_of(data, size), *once = NULL, *twice = NULL;
    int r = json_parse("state.json", text, size, &json, &err);

    if (r == 0)
        r = oci_state_parse(json, &state, &err);
    if (r < 0) {
        must_explain(r, &err);
        return 0;
    }
    told = oci_state_public(state, size % 2 ? "running" : "stopped");
    must(told, "not told");
    once = encoded(state);
    must(json_parse("output", once, strlen(once), &second, &err) == 0, "%s in %s", error_text(&err), once);
    must(oci_state_parse(second, &again, &err) == 0, "%s in %s", error_text(&err), once);
    twice = encoded(again);
    must(strcmp(once, twice) == 0, "%s\n%s", once, twice);
    return 0;
}
