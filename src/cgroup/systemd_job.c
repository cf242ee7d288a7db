#include "cgroup/systemd_job.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define OBJECT  "/org/freedesktop/systemd1"
#define MANAGER SYSTEMD_NAME ".Manager"

/* Sends @m and waits for the answer. */
static int call(struct systemd *s, sd_bus_message *m, const char *verb, const char *unit,
                sd_bus_message **reply, struct error *err)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = s->api.call(s->bus, m, systemd_time_left(s), &error, reply);

    if (r < 0)
        r = systemd_failed(s, verb, unit, r, &error, err);
    s->api.error_free(&error);
    return r < 0 ? r : 0;
}

static int new_call(struct systemd *s, const char *method, sd_bus_message **m, struct error *err)
{
    int r = s->api.message_new_method_call(s->bus, m, SYSTEMD_NAME, OBJECT, MANAGER, method);

    return r < 0 ? error_sys(err, -r, "systemd: prepare the call %s", method) : 0;
}

/* Sees all messages. A match of sd-bus would not do: it compares an argument only where all before it are
 * texts, and the first one of JobRemoved is a number. */
static int on_message(sd_bus_message *m, void *data, sd_bus_error *error)
{
    struct systemd *s = data;
    const char *path, *unit, *result;
    uint32_t id;

    (void)error;
    if (s->api.message_is_signal(m, MANAGER, "JobRemoved") > 0 &&
        s->api.message_read(m, "uoss", &id, &path, &unit, &result) >= 0 && strcmp(path, s->job.path) == 0)
        snprintf(s->job.result, sizeof s->job.result, "%s", result);
    return 0;
}

static int on_answer(sd_bus_message *m, void *data, sd_bus_error *error)
{
    struct systemd *s = data;
    const sd_bus_error *failed = s->api.message_get_error(m);
    const char *path;

    (void)error;
    s->job.answered = true;
    if (failed)
        (void)s->api.error_copy(&s->job.error, failed);
    else if (s->api.message_read(m, "o", &path) >= 0)
        snprintf(s->job.path, sizeof s->job.path, "%s", path);
    return 1;
}

static int on_subscribed(sd_bus_message *m, void *data, sd_bus_error *error)
{
    struct systemd *s = data;
    const sd_bus_error *failed = s->api.message_get_error(m);

    (void)error;
    if (failed)
        (void)s->api.error_copy(&s->job.error, failed);
    return 1;
}

/* With the bus handling one message behind the other, the subscription holds before what is sent after it. */
static int subscribe(struct systemd *s, const char *unit)
{
    _cleanup_free_ char *rule = str_printf("type='signal',sender='" SYSTEMD_NAME "',path='" OBJECT
                                           "',interface='" MANAGER "',member='JobRemoved',arg2='%s'",
                                           unit);
    sd_bus_message *m = NULL;

    if (!rule)
        return -ENOMEM;
    int r = s->api.message_new_method_call(s->bus, &m, SYSTEMD_BUS_NAME, "/org/freedesktop/DBus",
                                           SYSTEMD_BUS_NAME, "AddMatch");
    if (r >= 0)
        r = s->api.message_append(m, "s", rule);
    if (r >= 0)
        r = s->api.call_async(s->bus, &s->job.slots[1], m, on_subscribed, s, UINT64_MAX);
    s->api.message_unref(m);
    return r;
}

static void forget_job(struct systemd *s)
{
    for (size_t i = 0; i < ARRAY_SIZE(s->job.slots); i++)
        if (s->job.slots[i])
            s->api.slot_unref(s->job.slots[i]);
    s->api.error_free(&s->job.error);
    s->job = (struct systemd_job){0};
}

/* Sends @m, whose answer is a job. Where the connection is still being made it waits for that, so that the
 * bus has the call when it returns. */
static int send_job(struct systemd *s, sd_bus_message *m, const char *verb, const char *unit,
                    struct error *err)
{
    int r;

    forget_job(s);
    r = s->api.add_filter(s->bus, &s->job.slots[0], on_message, s);
    if (r >= 0)
        r = subscribe(s, unit);
    if (r >= 0)
        r = s->api.call_async(s->bus, &s->job.slots[2], m, on_answer, s, UINT64_MAX);
    while (r >= 0 && s->api.is_ready(s->bus) == 0) {
        r = s->api.process(s->bus, NULL);
        if (r == 0)
            r = systemd_now() < s->deadline ? s->api.wait(s->bus, systemd_time_left(s)) : -ETIMEDOUT;
        r = r == -EINTR ? 0 : r;
    }
    if (r >= 0)
        r = s->api.process(s->bus, NULL);
    return r < 0 ? systemd_failed(s, verb, unit, r, &SD_BUS_ERROR_NULL, err) : 0;
}

static int too_late(const struct systemd *s, const char *verb, const char *unit, struct error *err)
{
    error_set(err, ETIMEDOUT, "systemd: %s \"%s\": %s took more than %.3g s", verb, unit,
              s->job.answered ? "its job" : "the answer", (double)s->timeout / 1e6);
    if (s->job.answered)
        error_hint(err, "`%s list-jobs` shows what it waits for", systemd_tool(s));
    return -ETIMEDOUT;
}

/* Waits for the end of the job. */
static int wait_for_job(struct systemd *s, const char *verb, const char *unit, struct error *err)
{
    while (!s->job.result[0] && !s->job.error.name) {
        int r = s->api.process(s->bus, NULL);
        if (r == 0) {
            if (systemd_now() >= s->deadline)
                return too_late(s, verb, unit, err);
            r = s->api.wait(s->bus, systemd_time_left(s));
        }
        /* What ends a connection comes as the answer to the call as well, and says no more. */
        if (r < 0 && r != -EINTR)
            return systemd_failed(s, verb, unit, r, &SD_BUS_ERROR_NULL, err);
    }
    if (s->job.error.name)
        return systemd_failed(s, verb, unit, -EIO, &s->job.error, err);
    if (strcmp(s->job.result, "done") == 0)
        return 0;
    error_set(err, EIO, "systemd: %s \"%s\": its job ended as \"%s\"", verb, unit, s->job.result);
    error_hint(err, "`%s status %s` and the journal tell why", systemd_tool(s), unit);
    return -EIO;
}

/* Appends `a(sv)`; with @all false without the optional ones. */
static int append_properties(struct systemd *s, sd_bus_message *m, const struct unit_properties *properties,
                             bool all, struct error *err)
{
    int r = s->api.message_open_container(m, 'a', "(sv)");

    for (size_t i = 0; r >= 0 && i < properties->count; i++) {
        const struct unit_property *p = &properties->items[i];
        _cleanup_strbuf_ struct strbuf signature = {0};
        if (p->optional && !all)
            continue;
        variant_signature(&p->value, &signature);
        if (signature.oom)
            return error_oom(err);
        r = s->api.message_open_container(m, 'r', "sv");
        if (r >= 0)
            r = s->api.message_append_basic(m, 's', p->name);
        if (r >= 0)
            r = s->api.message_open_container(m, 'v', signature.data);
        if (r >= 0)
            r = sdbus_append(&s->api, m, &p->value);
        if (r >= 0)
            r = s->api.message_close_container(m);
        if (r >= 0)
            r = s->api.message_close_container(m);
        if (r < 0)
            return error_sys(err, -r, "systemd: the value of property %s", p->name);
    }
    if (r >= 0)
        r = s->api.message_close_container(m);
    return r < 0 ? error_sys(err, -r, "systemd: list the properties") : 0;
}

static bool any_optional(const struct unit_properties *properties)
{
    for (size_t i = 0; i < properties->count; i++)
        if (properties->items[i].optional)
            return true;
    return false;
}

static int send_start(struct systemd *s, const char *unit, const struct unit_properties *properties, bool all,
                      struct error *err)
{
    sd_bus_message *m = NULL;
    int r = new_call(s, "StartTransientUnit", &m, err);

    if (r < 0)
        return r;
    r = s->api.message_append(m, "ss", unit, "fail");
    r = r < 0 ? error_sys(err, -r, "systemd: start \"%s\"", unit)
              : append_properties(s, m, properties, all, err);
    if (r == 0) { /* no units beside it */
        r = s->api.message_append(m, "a(sa(sv))", 0);
        r = r < 0 ? error_sys(err, -r, "systemd: start \"%s\"", unit) : send_job(s, m, "start", unit, err);
    }
    s->api.message_unref(m);
    return r;
}

int systemd_start_begin(struct systemd *s, const char *unit, const struct unit_properties *properties,
                        struct error *err)
{
    systemd_start_clock(s);
    return send_start(s, unit, properties, true, err);
}

/* Tells systemd to forget a failure; nobody waits for the answer, it comes before those of later calls. */
static void reset_failed(struct systemd *s, const char *unit)
{
    sd_bus_message *m = NULL;

    if (new_call(s, "ResetFailedUnit", &m, NULL) < 0)
        return;
    if (s->api.message_append(m, "s", unit) >= 0 && s->api.message_set_expect_reply(m, 0) >= 0)
        (void)s->api.send(s->bus, m, NULL);
    s->api.message_unref(m);
}

int systemd_start_finish(struct systemd *s, const char *unit, const struct unit_properties *properties,
                         struct error *err)
{
    bool all = true, was_reset = false;

    for (;;) {
        int r = wait_for_job(s, "start", unit, err);
        if (r == -EINVAL && all && any_optional(properties)) {
            all = false;
        } else if (r == -EEXIST && !was_reset) {
            was_reset = true;
            reset_failed(s, unit);
        } else {
            forget_job(s);
            return r;
        }
        error_clear(err);
        r = send_start(s, unit, properties, all, err);
        if (r < 0)
            return r;
    }
}

int systemd_stop_unit(struct systemd *s, const char *unit, struct error *err)
{
    sd_bus_message *m = NULL;
    int r = new_call(s, "StopUnit", &m, err);

    if (r < 0)
        return r;
    systemd_start_clock(s);
    r = s->api.message_append(m, "ss", unit, "replace");
    r = r < 0 ? error_sys(err, -r, "systemd: stop \"%s\"", unit) : send_job(s, m, "stop", unit, err);
    s->api.message_unref(m);
    if (r == 0)
        r = wait_for_job(s, "stop", unit, err);
    forget_job(s);
    if (r == -ENOENT) {
        error_clear(err);
        return 0;
    }
    if (r == 0)
        reset_failed(s, unit);
    return r;
}

static int set_once(struct systemd *s, const char *unit, const struct unit_properties *properties, bool all,
                    struct error *err)
{
    sd_bus_message *m = NULL;
    int r = new_call(s, "SetUnitProperties", &m, err);

    if (r < 0)
        return r;
    r = s->api.message_append(m, "sb", unit, 1);
    r = r < 0 ? error_sys(err, -r, "systemd: change \"%s\"", unit)
              : append_properties(s, m, properties, all, err);
    if (r == 0)
        r = call(s, m, "change", unit, NULL, err);
    s->api.message_unref(m);
    return r;
}

int systemd_set_properties(struct systemd *s, const char *unit, const struct unit_properties *properties,
                           struct error *err)
{
    int r;

    systemd_start_clock(s);
    r = set_once(s, unit, properties, true, err);
    if (r == -EINVAL && any_optional(properties)) {
        error_clear(err);
        r = set_once(s, unit, properties, false, err);
    }
    return r;
}

int systemd_attach(struct systemd *s, const char *unit, const char *sub, pid_t pid, struct error *err)
{
    sd_bus_message *m = NULL;
    int r = new_call(s, "AttachProcessesToUnit", &m, err);

    if (r < 0)
        return r;
    systemd_start_clock(s);
    r = s->api.message_append(m, "ssau", unit, sub, 1, (uint32_t)pid);
    r = r < 0 ? error_sys(err, -r, "systemd: move process %d to \"%s\"", (int)pid, unit)
              : call(s, m, "move a process to", unit, NULL, err);
    s->api.message_unref(m);
    return r;
}

int systemd_slice_cgroup(struct systemd *s, const char *unit, char **path, struct error *err)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    char *object = NULL;
    int r = s->api.path_encode(OBJECT "/unit", unit, &object);

    if (r < 0)
        return error_sys(err, -r, "systemd: name \"%s\" on the bus", unit);
    r = s->api.get_property_string(s->bus, SYSTEMD_NAME, object, SYSTEMD_NAME ".Slice", "ControlGroup",
                                   &error, path);
    free(object);
    if (r < 0)
        r = systemd_failed(s, "find the cgroup of", unit, r, &error, err);
    s->api.error_free(&error);
    return r < 0 ? r : 0;
}
