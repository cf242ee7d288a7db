#include "base/netport.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

static int take_port(const char *text, uint16_t *out)
{
    uint32_t n;

    if (parse_u32(text, &n) < 0 || n == 0 || n > 65535)
        return -EINVAL;
    *out = (uint16_t)n;
    return 0;
}

/* "80" or "80-89". */
static int take_range(char *text, uint16_t *first, uint16_t *count)
{
    char *dash = strchr(text, '-');
    uint16_t last;

    if (dash)
        *dash++ = '\0';
    if (take_port(text, first) < 0 || take_port(dash ? dash : text, &last) < 0 || last < *first)
        return -EINVAL;
    *count = (uint16_t)(last - *first + 1);
    return *count == 0 ? -EINVAL : 0;
}

/* The words behind slashes: a protocol, and how connections are led on, one of each. */
static int take_words(char *words, struct netport *p)
{
    bool protocol = false, way = false;

    for (char *word; (word = strsep(&words, "/"));) {
        bool udp = strcmp(word, "udp") == 0, fast = strcmp(word, "fast") == 0;
        bool is_protocol = udp || strcmp(word, "tcp") == 0;
        if ((!is_protocol && !fast && strcmp(word, "source") != 0) || (is_protocol ? protocol : way))
            return -EINVAL;
        *(is_protocol ? &protocol : &way) = true;
        p->udp |= udp;
        p->fast |= fast;
    }
    return p->udp && p->fast ? -EINVAL : 0;
}

static int take(char *text, struct netport *p)
{
    char *slash = strchr(text, '/'), *container, *host = text;
    uint16_t count;

    if (slash) {
        *slash++ = '\0';
        if (take_words(slash, p) < 0)
            return -EINVAL;
    }
    container = strrchr(text, ':');
    if (!container)
        return -EINVAL;
    *container++ = '\0';
    char *colon = strrchr(text, ':');
    if (colon) {
        *colon = '\0';
        host = colon + 1;
        if (text[0] == '[' && colon > text && colon[-1] == ']') {
            colon[-1] = '\0';
            text++;
        } else if (strchr(text, ':')) {
            return -EINVAL; /* whose colon is whose? */
        }
        if (netaddr_parse(text, &p->host) < 0)
            return -EINVAL;
    }
    if (take_range(host, &p->host_port, &p->count) < 0 ||
        take_range(container, &p->container_port, &count) < 0)
        return -EINVAL;
    return count == p->count ? 0 : -EINVAL;
}

int netport_parse(const char *text, struct netport *port, struct error *err)
{
    _cleanup_free_ char *copy = strdup(text), *shown = str_quote(text, 80);

    *port = (struct netport){0};
    (void)netaddr_parse("0.0.0.0", &port->host);
    if (!copy || !shown)
        return error_oom(err);
    if (take(copy, port) == 0)
        return 0;
    error_set(err, EINVAL, "expected " NETPORT_SYNTAX ", found \"%s\"", shown);
    error_hint(err, "for example 8080:80, 127.0.0.1:5353:53/udp, 8080:80/fast or 8000-8009:8000-8009");
    return -EINVAL;
}
