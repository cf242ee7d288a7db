#include "base/netrule.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

static int not_a_rule(const char *text, struct error *err)
{
    _cleanup_free_ char *shown = str_quote(text, 80);

    return error_set(err, EINVAL, "expected HOST[:PORT], ADDRESS[:PORT] or NETWORK[:PORT], found \"%s\"",
                     shown ? shown : "?");
}

/* A host name, perhaps with "*." before it. One that ends in digits only is a mistyped address. */
static int take_name(const char *text, struct netrule *rule)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const char *last;
    size_t len;

    rule->below = str_starts(text, "*.");
    if (rule->below)
        text += 2;
    len = strlen(text);
    if (len == 0 || len >= sizeof rule->name || strspn(text, allowed) != len || text[0] == '.' ||
        text[len - 1] == '.' || strstr(text, ".."))
        return -EINVAL;
    last = strrchr(text, '.');
    last = last ? last + 1 : text;
    if (strspn(last, "0123456789") == strlen(last))
        return -EINVAL;
    for (size_t i = 0; i <= len; i++)
        rule->name[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + ('a' - 'A') : text[i]);
    return 0;
}

static int take_port(const char *text, struct netrule *rule)
{
    uint32_t port;

    if (parse_u32(text, &port) < 0 || port == 0 || port > 65535)
        return -EINVAL;
    rule->port = (uint16_t)port;
    return 0;
}

int netrule_parse(const char *text, struct netrule *rule, struct error *err)
{
    _cleanup_free_ char *copy = strdup(text);
    char *host = copy, *port = NULL, *end;

    *rule = (struct netrule){0};
    if (!copy)
        return error_oom(err);
    if (netblock_parse(text, &rule->block) == 0)
        return 0;
    if (*host == '[' && (end = strchr(host, ']'))) {
        host++;
        *end = '\0';
        if (end[1] && end[1] != ':')
            return not_a_rule(text, err);
        port = end[1] ? end + 2 : NULL;
    } else if ((end = strrchr(host, ':'))) {
        *end = '\0';
        port = end + 1;
    }
    if (port && take_port(port, rule) < 0)
        return not_a_rule(text, err);
    if (netblock_parse(host, &rule->block) == 0)
        return 0;
    return host == copy && take_name(host, rule) == 0 ? 0 : not_a_rule(text, err);
}

bool netrule_has_name(const struct netrule *rule, const char *name)
{
    size_t have = strlen(name), want = strlen(rule->name);

    if (!rule->name[0])
        return false;
    if (!rule->below)
        return strcmp(rule->name, name) == 0;
    return have > want + 1 && name[have - want - 1] == '.' && strcmp(name + have - want, rule->name) == 0;
}
