#include "container/ports.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/netport.h"
#include "base/str.h"
#include "container/statedir.h"

#define ANSWER_MAX (1u << 20)
#define WAIT_S     10

/* Sends @command with @arguments (taken over, may be NULL) and hands out what comes back. -ENOENT, without a
 * text: the container's network is not bryo's; -ECONNREFUSED: it has ended. */
static int ask(const struct statedir *dir, const char *command, cJSON *arguments, cJSON **result,
               struct error *err)
{
    _cleanup_cjson_ cJSON *request = cJSON_CreateObject(), *answer = NULL;
    _cleanup_free_ char *text = NULL, *back = NULL;
    const struct timeval wait = {.tv_sec = WAIT_S};
    size_t len;

    if (!request || json_add_string(request, "execute", command) < 0 ||
        (arguments && json_add_item(request, "arguments", arguments) < 0))
        return error_oom(err);
    text = json_print(request, false);
    if (!text)
        return error_oom(err);
    _cleanup_close_ int fd = unix_connect_at(dir->fd, STATEDIR_NET_SOCKET, SOCK_STREAM);
    if (fd < 0)
        return fd;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    int r = fd_send(fd, text, strlen(text), NULL, 0);
    if (r == 0 && shutdown(fd, SHUT_WR) < 0)
        r = -errno;
    if (r == 0)
        r = fd_read_to_end(fd, ANSWER_MAX, &back, &len);
    if (r < 0)
        return error_sys(err, -r, "ask the network of the container");
    r = json_parse("the answer of the network", back, len, &answer, err);
    if (r < 0)
        return r;
    const cJSON *failure = cJSON_GetObjectItemCaseSensitive(answer, "error");
    if (failure) {
        const char *desc = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(failure, "desc"));
        const char *hint = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(failure, "hint"));
        error_set(err, EINVAL, "%s", desc ? desc : "the network of the container refused it");
        if (hint)
            error_hint(err, "%s", hint);
        return -EINVAL;
    }
    if (result)
        *result = cJSON_DetachItemFromObjectCaseSensitive(answer, "return");
    return !result || *result ? 0 : error_set(err, EPROTO, "the answer of the network makes no sense");
}

static int open_container(struct statedir *dir, const struct runtime *rt, const char *id, struct error *err)
{
    int r = container_check_id(id, err);

    return r < 0 ? r : statedir_open(dir, rt, id, false, err);
}

/* Explains what ask() leaves without a text. */
static int explain(int r, const char *id, struct error *err)
{
    if (r == -ENOENT && !(err && err->text)) {
        error_set(err, ENOENT, "container \"%s\" has no network of bryo's", id);
        error_hint(err, "it was not made with --net slirp");
    } else if (r == -ECONNREFUSED && !(err && err->text)) {
        error_set(err, ECONNREFUSED, "the network of container \"%s\" has ended", id);
    } else if (r < 0 && !(err && err->text)) {
        error_sys(err, -r, "reach the network of container \"%s\"", id);
    }
    return r;
}

int container_port_add(const struct runtime *rt, const char *id, const char *port, struct error *err)
{
    __attribute__((cleanup(statedir_close))) struct statedir dir = STATEDIR_INIT;
    struct netport checked;
    int r = netport_parse(port, &checked, err);

    if (r == 0)
        r = open_container(&dir, rt, id, err);
    if (r < 0)
        return r;
    _cleanup_cjson_ cJSON *arguments = cJSON_CreateObject();
    if (!arguments || json_add_string(arguments, "port", port) < 0)
        return error_oom(err);
    return explain(ask(&dir, "publish", TAKE_PTR(arguments), NULL, err), id, err);
}

/* The id of the published port, 0 if there is none. */
static uint64_t find_port(const cJSON *entries, const struct netport *p, unsigned host_port)
{
    char host[NETADDR_TEXT_MAX];
    const cJSON *one;

    netaddr_format(host, &p->host);
    cJSON_ArrayForEach (one, entries) {
        const char *addr = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "host_addr"));
        const char *proto = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "proto"));
        uint64_t port = 0, id = 0;
        (void)json_get_u64(cJSON_GetObjectItemCaseSensitive(one, "host_port"), &port);
        (void)json_get_u64(cJSON_GetObjectItemCaseSensitive(one, "id"), &id);
        if (addr && proto && strcmp(addr, host) == 0 && port == host_port &&
            strcmp(proto, p->udp ? "udp" : "tcp") == 0)
            return id;
    }
    return 0;
}

int container_port_remove(const struct runtime *rt, const char *id, const char *text, struct error *err)
{
    __attribute__((cleanup(statedir_close))) struct statedir dir = STATEDIR_INIT;
    _cleanup_cjson_ cJSON *list = NULL;
    struct netport p;
    int r = netport_parse(text, &p, err);

    if (r == 0)
        r = open_container(&dir, rt, id, err);
    if (r == 0)
        r = explain(ask(&dir, "list_hostfwd", NULL, &list, err), id, err);
    if (r < 0)
        return r;
    const cJSON *entries = cJSON_GetObjectItemCaseSensitive(list, "entries");
    for (unsigned i = 0; i < p.count; i++)
        if (find_port(entries, &p, p.host_port + i) == 0)
            return error_set(err, ENOENT, "container \"%s\": %s port %u is not published at that address", id,
                             p.udp ? "udp" : "tcp", p.host_port + i);
    for (unsigned i = 0; r == 0 && i < p.count; i++) {
        _cleanup_cjson_ cJSON *arguments = cJSON_CreateObject();
        if (!arguments || json_add_u64(arguments, "id", find_port(entries, &p, p.host_port + i)) < 0)
            return error_oom(err);
        r = explain(ask(&dir, "remove_hostfwd", TAKE_PTR(arguments), NULL, err), id, err);
    }
    return r;
}

int container_port_list(const struct runtime *rt, const char *id, cJSON **ports, cJSON **stats,
                        struct error *err)
{
    __attribute__((cleanup(statedir_close))) struct statedir dir = STATEDIR_INIT;
    _cleanup_cjson_ cJSON *list = NULL, *numbers = NULL;
    int r = open_container(&dir, rt, id, err);

    if (r == 0)
        r = explain(ask(&dir, "list_hostfwd", NULL, &list, err), id, err);
    if (r == 0)
        r = explain(ask(&dir, "stats", NULL, &numbers, err), id, err);
    if (r < 0)
        return r;
    *ports = cJSON_DetachItemFromObjectCaseSensitive(list, "entries");
    *stats = TAKE_PTR(numbers);
    return *ports ? 0 : error_set(err, EPROTO, "the answer of the network makes no sense");
}

int network_interface_stats(const struct statedir *dir, cJSON **out, struct error *err)
{
    /* As the container sees it, by the names of runc's statistics. */
    static const struct {
        const char *theirs, *ours;
    } rows[] = {{"RxBytes", "received_bytes"}, {"RxPackets", "received_packets"}, {"RxDropped", "lost"},
                {"TxBytes", "sent_bytes"},     {"TxPackets", "sent_packets"},     {"TxDropped", "refused"},
                {"TxErrors", "malformed"}};
    _cleanup_cjson_ cJSON *numbers = NULL, *one = NULL;
    int r = ask(dir, "stats", NULL, &numbers, err);

    *out = NULL;
    if (r == -ENOENT || r == -ECONNREFUSED)
        return 0;
    if (r < 0)
        return r;
    one = cJSON_CreateObject();
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(numbers, "interface"));
    if (!one || json_add_string(one, "Name", name ? name : "") < 0 || json_add_u64(one, "RxErrors", 0) < 0)
        return error_oom(err);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint64_t value = 0;
        (void)json_get_u64(cJSON_GetObjectItemCaseSensitive(numbers, rows[i].ours), &value);
        if (strcmp(rows[i].theirs, "TxDropped") == 0) { /* there is one number for both */
            uint64_t limited = 0;
            (void)json_get_u64(cJSON_GetObjectItemCaseSensitive(numbers, "limited"), &limited);
            value += limited;
        }
        if (json_add_u64(one, rows[i].theirs, value) < 0)
            return error_oom(err);
    }
    *out = TAKE_PTR(one);
    return 0;
}

int network_nameserver(const struct runtime *rt, const char *id, char **out, struct error *err)
{
    __attribute__((cleanup(statedir_close))) struct statedir dir = STATEDIR_INIT;
    _cleanup_cjson_ cJSON *numbers = NULL;
    int r = open_container(&dir, rt, id, err);

    *out = NULL;
    if (r < 0)
        return r;
    r = ask(&dir, "stats", NULL, &numbers, err);
    if (r == -ENOENT || r == -ECONNREFUSED)
        return 0;
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(numbers, "nameserver"));
    if (r < 0 || !text)
        return r < 0 ? explain(r, id, err) : 0;
    *out = strdup(text);
    return *out ? 0 : error_oom(err);
}
