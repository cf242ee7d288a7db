/*
 * The connection to a systemd: which bus, whether it is the right one, and what its errors mean.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "cgroup/systemd_job.h"

/* What an error of the bus means to the caller, and how it is mended. */
enum remedy { NO_REMEDY, NEED_NAME, NEED_RIGHT, NEED_MANAGER, NEED_UNMASK };
static const struct {
    const char *name;
    int code;
    enum remedy remedy;
} meanings[] = {
    {"org.freedesktop.systemd1.UnitExists", EEXIST, NEED_NAME},
    {"org.freedesktop.systemd1.NoSuchUnit", ENOENT, NO_REMEDY},
    {"org.freedesktop.systemd1.UnitMasked", EPERM, NEED_UNMASK},
    {"org.freedesktop.systemd1.ShuttingDown", ESHUTDOWN, NO_REMEDY},
    {"org.freedesktop.systemd1.TransactionIsDestructive", EBUSY, NO_REMEDY},
    {"org.freedesktop.DBus.Error.UnixProcessIdUnknown", ESRCH, NO_REMEDY},
    {"org.freedesktop.DBus.Error.PropertyReadOnly", EINVAL, NO_REMEDY},
    {"org.freedesktop.DBus.Error.InvalidArgs", EINVAL, NO_REMEDY},
    {"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", EACCES, NEED_RIGHT},
    {"org.freedesktop.DBus.Error.AccessDenied", EACCES, NEED_RIGHT},
    {"org.freedesktop.DBus.Error.AuthFailed", EACCES, NEED_RIGHT},
    {"org.freedesktop.DBus.Error.ServiceUnknown", EHOSTUNREACH, NEED_MANAGER},
    {"org.freedesktop.DBus.Error.NameHasNoOwner", EHOSTUNREACH, NEED_MANAGER},
    {"org.freedesktop.DBus.Error.Spawn.ChildExited", EHOSTUNREACH, NEED_MANAGER},
    {"org.freedesktop.DBus.Error.Disconnected", ECONNRESET, NEED_MANAGER},
    {"org.freedesktop.DBus.Error.NoReply", ECONNRESET, NEED_MANAGER},
    {"org.freedesktop.DBus.Error.NoServer", ECONNRESET, NEED_MANAGER},
    {"org.freedesktop.DBus.Error.Timeout", ETIMEDOUT, NO_REMEDY},
    {"org.freedesktop.DBus.Error.TimedOut", ETIMEDOUT, NO_REMEDY},
    {"org.freedesktop.DBus.Error.LimitsExceeded", EDQUOT, NO_REMEDY},
};

uint64_t systemd_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t systemd_time_left(const struct systemd *s)
{
    uint64_t now = systemd_now();

    return now < s->deadline ? s->deadline - now : 1; /* 0 is "as long as usual" to sd-bus */
}

void systemd_start_clock(struct systemd *s)
{
    s->deadline = systemd_now() + s->timeout;
}

const char *systemd_tool(const struct systemd *s)
{
    return s->owner.user ? "systemctl --user" : "systemctl";
}

static void add_hint(const struct systemd *s, enum remedy remedy, const char *unit, struct error *err)
{
    switch (remedy) {
    case NEED_NAME:
        error_hint(err, "end the other one (`%s stop %s`), or give this container another id or cgroupsPath",
                   systemd_tool(s), unit);
        break;
    case NEED_RIGHT:
        error_hint(err, s->owner.user
                            ? "the manager on this bus is not the caller's: unset DBUS_SESSION_BUS_ADDRESS"
                            : "the system's manager starts units for root only");
        break;
    case NEED_MANAGER:
        systemd_owner_hint(&s->owner, err);
        break;
    case NEED_UNMASK:
        error_hint(err, "run: %s unmask %s", systemd_tool(s), unit);
        break;
    case NO_REMEDY:
        break;
    }
}

int systemd_failed(const struct systemd *s, const char *verb, const char *unit, int r,
                   const sd_bus_error *error, struct error *err)
{
    _cleanup_free_ char *said = error->message ? str_quote(error->message, 300) : NULL;
    enum remedy remedy = NO_REMEDY;

    if (error->name)
        r = -EIO;
    for (size_t i = 0; error->name && i < ARRAY_SIZE(meanings); i++)
        if (strcmp(meanings[i].name, error->name) == 0) {
            r = -meanings[i].code;
            remedy = meanings[i].remedy;
        }
    if (r == -ECONNRESET || r == -ENOTCONN || r == -EPIPE) {
        r = error_set(err, ECONNRESET, "systemd: %s \"%s\": the connection to its bus ended meanwhile", verb,
                      unit);
        remedy = NEED_MANAGER;
    } else if (error->name) {
        error_set(err, -r, "systemd: %s \"%s\": %s (%s)", verb, unit, said ? said : "it failed", error->name);
    } else {
        error_sys(err, -r, "systemd: %s \"%s\"", verb, unit);
    }
    add_hint(s, remedy, unit, err);
    return r;
}

/* The bus of a user lets nobody else in, not even root: who connects is who it is when connect(2) is called.
 */
static int start_as_owner(struct systemd *s)
{
    struct systemd_owner caller;

    systemd_owner_of_caller(&caller);
    bool other = !caller.user && s->owner.user && s->owner.uid != caller.uid;
    if (other && seteuid(s->owner.uid) < 0)
        return -errno;
    int r = s->api.start(s->bus);
    if (other && seteuid(0) < 0)
        abort(); /* it cannot fail, and to go on as somebody else is no way out */
    return r;
}

static int connect_to(struct systemd *s, const char *address)
{
    int r = s->api.new(&s->bus);

    if (r >= 0)
        r = s->api.set_address(s->bus, address);
    if (r >= 0)
        r = s->api.set_bus_client(s->bus, 1);
    if (r >= 0)
        r = start_as_owner(s);
    if (r < 0)
        systemd_close(s);
    return r;
}

/* systemd takes a pid for one of its own pid namespace. The bus, which systemd listens for, has pid 0 to a
 * process that cannot see that namespace. */
static int check_pid_namespace(struct systemd *s)
{
    struct ucred peer = {.pid = 1};
    socklen_t len = sizeof peer;
    int fd = s->api.get_fd(s->bus);

    if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid == 0)
        return -EXDEV;
    return 0;
}

/* A daemon whose queue of connections is full does not let us wait for it. */
static int connect_patiently(struct systemd *s, const char *address)
{
    struct timespec pause = {.tv_nsec = 1000000};
    int r;

    while ((r = connect_to(s, address)) == -EAGAIN && systemd_now() < s->deadline) {
        (void)nanosleep(&pause, NULL);
        if (pause.tv_nsec < 16000000)
            pause.tv_nsec *= 2;
    }
    return r;
}

/* A session bus of its own (dbus-run-session) has no systemd on it. */
static bool has_systemd(struct systemd *s)
{
    sd_bus_message *m = NULL, *reply = NULL;
    int owned = 0;
    int r = s->api.message_new_method_call(s->bus, &m, SYSTEMD_BUS_NAME, "/org/freedesktop/DBus",
                                           SYSTEMD_BUS_NAME, "NameHasOwner");

    if (r >= 0)
        r = s->api.message_append(m, "s", SYSTEMD_NAME);
    if (r >= 0)
        r = s->api.call(s->bus, m, systemd_time_left(s), NULL, &reply);
    if (r >= 0)
        r = s->api.message_read(reply, "b", &owned);
    s->api.message_unref(m);
    s->api.message_unref(reply);
    return r >= 0 && owned;
}

static void cannot_connect(const struct systemd_owner *owner, const char *address, int code,
                           struct error *err)
{
    error_sys(err, code, "connect to the %s's systemd at \"%s\"", owner->user ? "user" : "system", address);
    systemd_owner_hint(owner, err);
}

int systemd_open_with(struct systemd *s, const struct sdbus *api, const struct systemd_owner *owner,
                      struct error *err)
{
    _cleanup_strv_ char **addresses = NULL;
    int r = systemd_addresses(owner, &addresses);

    if (r < 0)
        return error_oom(err);
    *s = (struct systemd){.api = *api, .owner = *owner, .timeout = SYSTEMD_TIMEOUT};
    systemd_start_clock(s);
    for (size_t i = 0; addresses[i]; i++) {
        r = connect_patiently(s, addresses[i]);
        if (r >= 0 && check_pid_namespace(s) < 0) {
            systemd_close(s);
            error_set(err, EXDEV, "the systemd at \"%s\" is in another pid namespace than bryo",
                      addresses[i]);
            error_hint(err, "it would take other processes for those of the container: use --cgroup-manager "
                            "cgroupfs or disabled");
            return -EXDEV;
        }
        /* Of the last one the first call tells. */
        if (r >= 0 && (!addresses[i + 1] || has_systemd(s)))
            return 0;
        cannot_connect(owner, addresses[i], r < 0 ? -r : EHOSTUNREACH, err);
        systemd_close(s);
    }
    return r < 0 ? r : -EHOSTUNREACH;
}

int systemd_open(struct systemd *s, const struct systemd_owner *owner, struct error *err)
{
    struct sdbus api;
    int r = sdbus_load(&api, err);

    return r < 0 ? r : systemd_open_with(s, &api, owner, err);
}

/* 0, or what is wrong with the socket; an address of another kind is left to sd-bus. */
static int knock(const char *address)
{
    static const char prefix[] = "unix:path=";
    _cleanup_strbuf_ struct strbuf path = {0};

    if (!str_starts(address, prefix))
        return 0;
    for (const char *c = address + strlen(prefix); *c && *c != ',' && *c != ';'; c++) {
        unsigned byte;
        if (*c == '%' && sscanf(c + 1, "%2x", &byte) == 1 && byte) {
            const char one = (char)byte;
            strbuf_addn(&path, &one, 1);
            c += 2;
        } else {
            strbuf_addn(&path, c, 1);
        }
    }
    if (path.oom)
        return -ENOMEM;
    _cleanup_close_ int fd = unix_connect(path.data ? path.data : "", SOCK_STREAM | SOCK_NONBLOCK);
    return fd < 0 && fd != -EAGAIN ? fd : 0;
}

int systemd_probe(const struct systemd_owner *owner, struct error *err)
{
    _cleanup_strv_ char **addresses = NULL;
    int r = 0;

    if (systemd_addresses(owner, &addresses) < 0)
        return error_oom(err);
    STRV_FOREACH (address, addresses) {
        r = knock(*address);
        if (r == 0)
            return 0;
        cannot_connect(owner, *address, -r, err);
    }
    return r;
}

void systemd_close(struct systemd *s)
{
    if (s->bus) {
        for (size_t i = 0; i < ARRAY_SIZE(s->job.slots); i++)
            s->api.slot_unref(s->job.slots[i]);
        s->api.error_free(&s->job.error);
        s->job = (struct systemd_job){0};
        s->api.close(s->bus);
        s->api.unref(s->bus);
    }
    s->bus = NULL;
}
