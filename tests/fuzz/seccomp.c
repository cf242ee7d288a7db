/*
 * linux.seccomp: read, written and read again as the same; compiled, and the program's verdicts compared with
 * those of seccomp_reference.c, for the calls that the rules name and their neighbours, with arguments around
 * what they compare.
 */
#include <seccomp.h>

#include "base/json.h"
#include "base/str.h"
#include "fuzz.h"
#include "seccomp_reference.h"
#include "security/seccomp.h"
#include "security/seccomp_check.h"
#include "security/seccomp_syscalls.h"

#define NAMES_MAX 40 /* of a profile that is compared: the reference takes the square of it */

static char *encoded(const struct oci_seccomp *seccomp)
{
    _cleanup_cjson_ cJSON *json = oci_seccomp_to_json(seccomp);
    char *text = json ? json_print(json, false) : NULL;

    must(text, "not written");
    return text;
}

static void free_profile(struct oci_seccomp **p)
{
    oci_seccomp_free(*p);
}

static void check_written(const struct oci_seccomp *seccomp)
{
    _cleanup_(free_profile) struct oci_seccomp *again = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_cjson_ cJSON *json = NULL;
    _cleanup_free_ char *once = encoded(seccomp), *twice = NULL;

    must(json_parse("output", once, strlen(once), &json, &err) == 0, "%s in %s", error_text(&err), once);
    must(oci_seccomp_parse(json, &again, &err) == 0, "%s in %s", error_text(&err), once);
    twice = encoded(again);
    must(strcmp(once, twice) == 0, "%s\n%s", once, twice);
}

static void compare(const struct oci_seccomp *p, const struct seccomp_filter *f, uint32_t arch, uint32_t nr,
                    const uint64_t args[6])
{
    struct seccomp_data call = {.nr = (int)nr, .arch = seccomp_audit_arch(arch)};

    /* The kernel gives narrow architectures no high halves. */
    for (size_t i = 0; i < 6; i++)
        call.args[i] = seccomp_arch_narrow(arch) ? (uint32_t)args[i] : args[i];
    uint32_t ours = seccomp_run(f->code, f->len, &call), wanted = seccomp_reference(p, &call);
    must(ours == wanted, "arch %#x call %u (%#llx %#llx %#llx …): %#x instead of %#x", arch, nr,
         (unsigned long long)call.args[0], (unsigned long long)call.args[1], (unsigned long long)call.args[2],
         ours, wanted);
}

/* The arguments that just meet the conditions of @rule, or with @off just not. */
static void meet(const struct oci_seccomp_rule *rule, int off, uint64_t args[6])
{
    for (size_t i = 0; i < rule->args.count; i++) {
        const struct oci_seccomp_arg *a = &rule->args.items[i];
        args[a->index] = (a->op == SCMP_CMP_MASKED_EQ ? a->value_two : a->value) + (uint64_t)(int64_t)off;
    }
}

static void compare_call(const struct oci_seccomp *p, const struct seccomp_filter *f,
                         const struct oci_seccomp_rule *rule, uint32_t arch, uint32_t nr, uint32_t first)
{
    for (int off = -1; off <= 1; off++) {
        uint64_t args[6] = {first, 7, 0, UINT64_MAX, UINT64_C(1) << 32, 2};
        meet(rule, off, args);
        compare(p, f, arch, nr, args);
    }
    uint64_t zero[6] = {first}, ones[6] = {first, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    compare(p, f, arch, nr, zero);
    compare(p, f, arch, nr, ones);
    compare(p, f, arch, nr + 1, zero);
    compare(p, f, arch, nr - 1, ones);
}

static void compare_all(const struct oci_seccomp *p, const struct seccomp_filter *f)
{
    uint32_t family[SECCOMP_MAX_FAMILY];
    size_t n_family = seccomp_arch_family(family), names = 0;
    const uint64_t zero[6] = {0};

    for (size_t i = 0; i < p->rules.count; i++)
        names += strv_len(p->rules.items[i].names);
    if (names > NAMES_MAX)
        return;
    for (size_t k = 0; k < n_family; k++) {
        compare(p, f, family[k], UINT32_MAX, zero);
        compare(p, f, family[k], 0x40000000u, zero);
        compare(p, f, family[k], 0, zero);
        for (size_t i = 0; i < p->rules.count; i++)
            STRV_FOREACH (name, p->rules.items[i].names) {
                struct seccomp_number n;
                if (!seccomp_resolve(family[k], *name, &n))
                    continue;
                if (n.direct)
                    compare_call(p, f, &p->rules.items[i], family[k], n.nr, 0);
                if (n.multiplexed)
                    compare_call(p, f, &p->rules.items[i], family[k], n.mux_nr, n.mux_call);
            }
    }
    compare(p, f, SCMP_ARCH_S390X, 1, zero);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(free_profile) struct oci_seccomp *seccomp = NULL;
    _cleanup_seccomp_ struct seccomp_filter filter = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_strv_ char **unknown = NULL;
    _cleanup_cjson_ cJSON *json = NULL;
    _cleanup_free_ char *text = text_of(data, size);

    if (json_parse("seccomp", text, size, &json, NULL) < 0)
        return 0;
    int r = oci_seccomp_parse(json, &seccomp, &err);
    if (r == 0) {
        check_written(seccomp);
        r = seccomp_compile(seccomp, &filter, &unknown, &err);
    }
    if (r < 0) {
        must_explain(r, &err);
        return 0;
    }
    compare_all(seccomp, &filter);
    return 0;
}
