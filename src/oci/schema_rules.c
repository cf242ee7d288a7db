/*
 * What strings of config.json must be like: the rules that rows of the tables name.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "oci/tables.h"

/* sethostname(2): __NEW_UTS_LEN. */
#define HOST_NAME_LEN 64

static bool is_absolute(const char *s)
{
    return *s == '/';
}

static bool is_nonempty(const char *s)
{
    return *s;
}

static bool is_env(const char *s)
{
    const char *equals = strchr(s, '=');

    return equals && equals != s;
}

/* Skips a decimal number; NULL if there is none. */
static const char *skip_number(const char *s)
{
    size_t n = strspn(s, "0123456789");

    return n && n <= 9 ? s + n : NULL;
}

/* cpuset(7), the list format: numbers and ranges "a-b" (a not above b), separated by commas and blanks. */
static bool is_cpu_list(const char *s)
{
    s += strspn(s, " ");
    while (*s) {
        const char *end = skip_number(s);
        if (!end)
            return false;
        if (*end == '-') {
            const char *last = skip_number(end + 1);
            if (!last || strtoul(s, NULL, 10) > strtoul(end + 1, NULL, 10))
                return false;
            end = last;
        }
        s = end + strspn(end, " ");
        if (*s == ',') {
            s += 1 + strspn(s + 1, " ");
            if (!*s)
                return false;
        } else if (*s && s == end) {
            return false;
        }
    }
    return true;
}

static bool is_host_name(const char *s)
{
    return *s && strlen(s) <= HOST_NAME_LEN;
}

/* "2MB", "1GB", "64KB": config-linux.md#huge-page-limits. */
static bool is_page_size(const char *s)
{
    const char *end = skip_number(s);

    return end && *s != '0' && *end && strchr("KMG", *end) && strcmp(end + 1, "B") == 0;
}

static bool is_mem_bw(const char *s)
{
    return str_starts(s, "MB:") && !strchr(s, '\n');
}

static bool is_line(const char *s)
{
    return *s && !strchr(s, '\n');
}

static bool is_access(const char *s)
{
    return s[strspn(s, "rwm")] == '\0';
}

/* Pre-release or build identifiers of a version. */
static bool is_identifiers(const char *s)
{
    return *s && s[strspn(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-")] == '\0';
}

/* Semantic versioning 2.0 with a major of 1: newer minors only add (spec.md#versioning of the specification).
 */
static bool is_version(const char *s)
{
    const char *end = s;

    for (int i = 0; i < 3; i++) {
        const char *start = end;
        end = skip_number(start);
        if (!end || (*start == '0' && end - start > 1) || (i < 2 && *end++ != '.'))
            return false;
    }
    if (!str_starts(s, "1."))
        return false;
    if (*end == '-' || *end == '+') {
        const char *plus = *end == '-' ? strchr(end, '+') : NULL;
        if (plus)
            return plus != end + 1 && is_identifiers(plus + 1) && strspn(end + 1, "+") == 0;
        return is_identifiers(end + 1);
    }
    return !*end;
}

const struct schema_rule rule_absolute = {is_absolute, "an absolute path"};
const struct schema_rule rule_nonempty = {is_nonempty, "a string that is not empty"};
const struct schema_rule rule_env = {is_env, "NAME=VALUE"};
const struct schema_rule rule_cpu_list = {is_cpu_list, "a list of numbers and ranges like \"0-3,7\""};
const struct schema_rule rule_host_name = {is_host_name, "a name of at most 64 bytes"};
const struct schema_rule rule_page_size = {is_page_size, "a page size like \"2MB\""};
const struct schema_rule rule_mem_bw = {is_mem_bw, "a line that starts with \"MB:\""};
const struct schema_rule rule_line = {is_line, "one line"};
const struct schema_rule rule_access = {is_access, "letters of \"rwm\""};
const struct schema_rule rule_version = {is_version, "a version 1.x.y of the runtime specification"};
