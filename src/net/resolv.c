/*
 * The servers in the host's file are not handed on: they may be on the host's own loopback (systemd-resolved
 * listens on 127.0.0.53), which a container cannot reach, or change later. The container's resolver asks
 * them.
 */
#include "net/resolv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

#define RESOLV_CONF     "/etc/resolv.conf"
#define RESOLV_CONF_MAX (1u << 20)

static bool is_kept(const char *line)
{
    static const char *const words[] = {"search", "domain", "options", "sortlist"};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (str_starts(line, words[i]) && strchr(" \t", line[strlen(words[i])]) && line[strlen(words[i])])
            return true;
    return false;
}

int net_resolv_conf(const struct net_spec *spec, char **out, struct error *err)
{
    const struct netaddr nameserver = net_spec_nameserver(spec);
    char address[NETADDR_TEXT_MAX];

    *out = NULL;
    (void)netaddr_format(address, &nameserver);
    return spec->dns ? net_resolv_conf_of((char *const[]){address, NULL}, out, err) : 0;
}

int net_resolv_conf_of(char *const *servers, char **out, struct error *err)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    _cleanup_free_ char *host = NULL;

    if (file_read_at(AT_FDCWD, RESOLV_CONF, RESOLV_CONF_MAX, &host, NULL, NULL) == -ENOMEM)
        return error_oom(err);
    for (char *rest = host, *line; (line = strsep(&rest, "\n"));)
        if (is_kept(line))
            strbuf_addf(&text, "%s\n", line);
    STRV_FOREACH (server, servers)
        strbuf_addf(&text, "nameserver %s\n", *server);
    *out = strbuf_take(&text);
    return *out ? 0 : error_oom(err);
}
