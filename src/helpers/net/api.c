#include "helpers/net/api.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"

static const cJSON *argument(const cJSON *request, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(request, "arguments"), name);
}

static int bad(const char *what, struct error *err)
{
    return error_set(err, EINVAL, "bad request: bad arguments.%s", what);
}

/* A port from 1 to 65535. */
static int take_port(const cJSON *request, const char *name, uint16_t *out, struct error *err)
{
    uint64_t n;

    if (json_get_u64(argument(request, name), &n) < 0 || n == 0 || n > 65535)
        return bad(name, err);
    *out = (uint16_t)n;
    return 0;
}

/* An address; @otherwise if there is none, or it is empty. */
static int take_address(const cJSON *request, const char *name, const struct netaddr *otherwise,
                        struct netaddr *out, struct error *err)
{
    const cJSON *item = argument(request, name);

    *out = *otherwise;
    if (!item || cJSON_IsNull(item) || (cJSON_IsString(item) && !item->valuestring[0]))
        return 0;
    return cJSON_IsString(item) && netaddr_parse(item->valuestring, out) == 0 ? 0 : bad(name, err);
}

static int add_hostfwd(struct api *a, const cJSON *request, cJSON *answer, struct error *err)
{
    const struct settings *c = a->stage->settings;
    const cJSON *proto = argument(request, "proto"), *mode = argument(request, "mode");
    struct forward f = {0};
    struct netaddr any;

    (void)netaddr_parse("0.0.0.0", &any);
    if (!cJSON_IsString(proto) ||
        (strcmp(proto->valuestring, "tcp") != 0 && strcmp(proto->valuestring, "udp") != 0))
        return bad("proto", err);
    f.udp = strcmp(proto->valuestring, "udp") == 0;
    if (mode && (!cJSON_IsString(mode) ||
                 (strcmp(mode->valuestring, "fast") != 0 && strcmp(mode->valuestring, "source") != 0)))
        return bad("mode", err);
    f.fast = mode && strcmp(mode->valuestring, "fast") == 0;
    int r = take_address(request, "host_addr", &any, &f.host, err);
    if (r == 0)
        r = take_address(request, "guest_addr", netaddr_is_ipv4(&f.host) ? &c->guest4 : &c->guest6, &f.guest,
                         err);
    if (r == 0)
        r = take_port(request, "host_port", &f.host_port, err);
    if (r == 0)
        r = take_port(request, "guest_port", &f.guest_port, err);
    if (r == 0)
        r = forward_add(a->forwards, &f, err);
    if (r < 0)
        return r;
    return json_add_u64(answer, "id", f.id) < 0 ? error_oom(err) : 0;
}

static int publish(struct api *a, const cJSON *request, cJSON *answer, struct error *err)
{
    const cJSON *text = argument(request, "port");
    struct netport port;

    (void)answer;
    if (!cJSON_IsString(text))
        return bad("port", err);
    int r = netport_parse(text->valuestring, &port, err);
    return r < 0 ? r : forward_add_ports(a->forwards, &port, err);
}

static int remove_hostfwd(struct api *a, const cJSON *request, cJSON *answer, struct error *err)
{
    uint64_t id;

    (void)answer;
    if (json_get_u64(argument(request, "id"), &id) < 0 || id > UINT32_MAX)
        return bad("id", err);
    return forward_remove(a->forwards, (unsigned)id, err);
}

static int list_hostfwd(struct api *a, const cJSON *request, cJSON *answer, struct error *err)
{
    cJSON *entries = cJSON_AddArrayToObject(answer, "entries");
    char host[NETADDR_TEXT_MAX], guest[NETADDR_TEXT_MAX];

    (void)request;
    for (size_t i = 0; entries && i < FORWARDS_MAX; i++) {
        const struct forward *f = &a->forwards->list[i];
        if (f->id == 0)
            continue;
        cJSON *one = cJSON_CreateObject();
        if (!one || !cJSON_AddItemToArray(entries, one)) {
            cJSON_Delete(one);
            return error_oom(err);
        }
        if (json_add_u64(one, "id", f->id) < 0 || json_add_string(one, "proto", f->udp ? "udp" : "tcp") < 0 ||
            json_add_string(one, "host_addr", netaddr_format(host, &f->host)) < 0 ||
            json_add_u64(one, "host_port", f->host_port) < 0 ||
            json_add_string(one, "guest_addr", netaddr_format(guest, &f->guest)) < 0 ||
            json_add_u64(one, "guest_port", f->guest_port) < 0 ||
            json_add_string(one, "mode", f->fast ? "fast" : "source") < 0)
            return error_oom(err);
    }
    return entries ? 0 : error_oom(err);
}

static int add_numbers(const struct api *a, cJSON *answer)
{
    const struct stage *s = a->stage;
    const struct stage_counts *n = &s->counts;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"sent_packets", n->sent_packets},
        {"sent_bytes", n->sent_bytes},
        {"received_packets", n->received_packets},
        {"received_bytes", n->received_bytes},
        {"malformed", n->malformed},
        {"refused", n->refused},
        {"limited", n->limited},
        {"lost", n->lost + s->dns.lost},
        {"open_tcp", s->flows.open[FLOW_TCP] + a->forwards->fast->n_pairs},
        {"open_udp", s->flows.open[FLOW_UDP]},
        {"open_echo", s->flows.open[FLOW_ECHO]},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (json_add_u64(answer, rows[i].name, rows[i].value) < 0)
            return -ENOMEM;
    return 0;
}

static int stats(struct api *a, const cJSON *request, cJSON *answer, struct error *err)
{
    struct stage *s = a->stage;
    char nameserver[NETADDR_TEXT_MAX];
    cJSON *refused;

    (void)request;
    flow_expire(&s->flows, s->now_ms);
    if (json_add_string(answer, "interface", s->settings->tap) < 0 || add_numbers(a, answer) < 0)
        return error_oom(err);
    netaddr_format(nameserver, &s->settings->nameserver4);
    if (s->settings->dns && json_add_string(answer, "nameserver", nameserver) < 0)
        return error_oom(err);
    refused = cJSON_AddArrayToObject(answer, "refusals");
    for (unsigned i = 0; refused && i < s->refusals.n; i++) {
        cJSON *one = cJSON_CreateObject();
        if (!one || !cJSON_AddItemToArray(refused, one)) {
            cJSON_Delete(one);
            return error_oom(err);
        }
        if (json_add_string(one, "what", s->refusals.list[i].what) < 0 ||
            json_add_u64(one, "count", s->refusals.list[i].count) < 0)
            return error_oom(err);
    }
    return refused ? 0 : error_oom(err);
}

static const struct {
    const char *name;
    int (*run)(struct api *a, const cJSON *request, cJSON *answer, struct error *err);
} commands[] = {
    {"add_hostfwd", add_hostfwd},
    {"list_hostfwd", list_hostfwd},
    {"remove_hostfwd", remove_hostfwd},
    {"publish", publish},
    {"stats", stats},
};

static int carry_out(struct api *a, const cJSON *request, cJSON *answer, struct error *err)
{
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(request, "execute");

    if (!cJSON_IsString(name))
        return error_set(err, EINVAL, "bad request: no execute found");
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (strcmp(commands[i].name, name->valuestring) == 0)
            return commands[i].run(a, request, answer, err);
    return error_set(err, EINVAL, "bad request: unknown execute");
}

/* {"return": …} or {"error": {"desc": …, "hint": …}}. NULL when memory ran out. */
static char *answer_text(struct api *a, const cJSON *request)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_cjson_ cJSON *whole = cJSON_CreateObject(), *result = cJSON_CreateObject();

    if (!whole || !result)
        return NULL;
    if (carry_out(a, request, result, &err) == 0)
        return json_add_item(whole, "return", TAKE_PTR(result)) < 0 ? NULL : json_print(whole, false);
    cJSON *failure = cJSON_AddObjectToObject(whole, "error");
    if (!failure || json_add_string(failure, "desc", error_text(&err)) < 0 ||
        json_add_string(failure, "hint", err.hint) < 0)
        return NULL;
    return json_print(whole, false);
}

static void send_answer(const struct api_client *c, const char *text)
{
    size_t len = strlen(text), done = 0;

    /* A client that does not read gets what its socket holds. */
    while (done < len) {
        ssize_t n = send(c->watch.fd, text + done, len - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0)
            return;
        done += (size_t)n;
    }
}

static void serve(struct watch *w, uint32_t events)
{
    struct api_client *c = (struct api_client *)((char *)w - offsetof(struct api_client, watch));
    _cleanup_cjson_ cJSON *request = NULL;
    _cleanup_free_ char *text = NULL;
    ssize_t n = recv(w->fd, c->request + c->len, sizeof c->request - c->len, MSG_DONTWAIT);

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    c->len += n > 0 ? (size_t)n : 0;
    if (c->len == sizeof c->request) {
        send_answer(c, "{\"error\":{\"desc\":\"bad request: too large message\"}}\n");
    } else if (json_parse("request", c->request, c->len, &request, NULL) == 0) {
        text = answer_text(c->api, request);
        if (text)
            send_answer(c, text);
    } else if (n > 0) {
        return; /* the rest is to come */
    } else if (c->len) {
        send_answer(c, "{\"error\":{\"desc\":\"bad request: cannot parse JSON\"}}\n");
    }
    loop_close_watch(c->api->loop, w);
}

static void accept_client(struct watch *w, uint32_t events)
{
    struct api *a = (struct api *)((char *)w - offsetof(struct api, listener));
    struct api_client *c = &a->clients[a->next];
    int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)events;
    if (fd < 0)
        return;
    for (size_t i = 0; i < API_CLIENTS; i++)
        if (a->clients[i].watch.fd < 0)
            c = &a->clients[i];
    a->next = (a->next + 1) % API_CLIENTS;
    loop_close_watch(a->loop, &c->watch);
    c->watch = (struct watch){serve, fd};
    c->api = a;
    c->len = 0;
    if (loop_add(a->loop, &c->watch, EPOLLIN) < 0)
        fd_close(&c->watch.fd);
}

int api_init(struct api *a, struct loop *loop, int fd, struct forwards *forwards, struct stage *stage,
             struct error *err)
{
    a->loop = loop;
    a->forwards = forwards;
    a->stage = stage;
    a->listener = (struct watch){accept_client, fd};
    for (size_t i = 0; i < API_CLIENTS; i++)
        a->clients[i].watch.fd = -EBADF;
    int r = fd >= 0 ? loop_add(loop, &a->listener, EPOLLIN) : 0;
    return r < 0 ? error_sys(err, -r, "serve the API socket") : 0;
}

void api_close(struct api *a)
{
    if (!a->loop)
        return;
    for (size_t i = 0; i < API_CLIENTS; i++)
        loop_close_watch(a->loop, &a->clients[i].watch);
    loop_close_watch(a->loop, &a->listener);
}
