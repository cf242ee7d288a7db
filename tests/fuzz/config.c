/*
 * config.json: read, checked, written and read again as the same.
 */
#include <sched.h>

#include "base/json.h"
#include "fuzz.h"
#include "oci/config.h"
#include "oci/tables.h"
#include "security/security.h"

static char *encoded(const struct oci_config *config)
{
    _cleanup_cjson_ cJSON *json = schema_encode(&schema_oci_config, config);
    char *text = json ? json_print(json, false) : NULL;

    must(text, "not written");
    return text;
}

/* What plan.c asks before anything exists. */
static void check(const struct oci_config *config)
{
    const struct oci_process *p = config->process;

    _cleanup_error_ struct error err = ERROR_INIT;
    int r = security_check_placement(p, config->linux_.memory_policy, &err);
    if (r < 0)
        must_explain(r, &err);
    if (!p || !p->capabilities)
        return;
    _cleanup_error_ struct error why = ERROR_INIT;
    r = security_check_capabilities(p->capabilities, &why);
    if (r < 0)
        must_explain(r, &why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_config_ struct oci_config *config = NULL, *again = NULL;
    _cleanup_cjson_ cJSON *json = NULL, *second = NULL;
    _cleanup_free_ char *text = text_of(data, size), *once = NULL, *twice = NULL;
    int r = json_parse("config.json", text, size, &json, &err);

    if (r < 0)
        return 0;
    r = oci_config_parse(json, &config, &err);
    if (r < 0) {
        must(!config, "a config beside an error");
        must_explain(r, &err);
        return 0;
    }
    must(config->root, "no root");
    check(config);
    once = encoded(config);
    must(json_parse("output", once, strlen(once), &second, &err) == 0, "%s in %s", error_text(&err), once);
    must(oci_config_parse(second, &again, &err) == 0, "%s in %s", error_text(&err), once);
    twice = encoded(again);
    must(strcmp(once, twice) == 0, "%s\n%s", once, twice);
    return 0;
}
