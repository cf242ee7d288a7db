/*
 * A bus with a systemd on it that does as it is told: for the ways of failing that a real one cannot be
 * brought to, and for machines without one.
 *
 *     fake-systemd SOCKET [OPTION…]
 *
 * It listens at SOCKET, prints "ready", answers what a bus and the manager answer to bryo, and ends with its
 * standard input. METHOD is one of the manager's, such as StopUnit.
 *
 *     log=FILE             a line for each call: method, unit, and the properties as NAME=TYPE:VALUE
 *     refuse=METHOD:ERROR  answers with that error, once; may be given several times
 *     unknown=PROPERTY     answers a call with this property with PropertyReadOnly
 *     result=METHOD:RESULT the job of the method ends as RESULT
 *     hang=METHOD          never answers
 *     stall=METHOD         answers, but its job never ends
 *     die=METHOD           ends instead of an answer
 *     drop=METHOD          ends behind the answer, before the job does
 *     alone=yes            says that nobody on the bus is called systemd
 *     cgroup=DIR           a unit is a directory in DIR, and its start moves the processes there
 */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#define MANAGER "org.freedesktop.systemd1.Manager"
#define LINE    8192

static char **options; /* emptied as they are used up */
static char used_up[] = "";
static unsigned jobs;

static void check(int r, const char *what)
{
    if (r >= 0)
        return;
    fprintf(stderr, "fake-systemd: %s: %s\n", what, strerror(-r));
    exit(1);
}

/* The value of NAME=… or, with @method, of NAME=METHOD or NAME=METHOD:…; NULL: not given. */
static char *option(const char *name, const char *method, char ***slot)
{
    size_t n = strlen(name), m = method ? strlen(method) : 0;

    for (char **o = options; *o; o++) {
        if (strncmp(*o, name, n) != 0 || (*o)[n] != '=')
            continue;
        char *value = *o + n + 1;
        if (slot)
            *slot = o;
        if (!method)
            return value;
        if (strncmp(value, method, m) == 0 && (!value[m] || value[m] == ':'))
            return value + m + (value[m] == ':');
    }
    return NULL;
}

static void log_line(const char *line)
{
    const char *path = option("log", NULL, NULL);
    FILE *f = path ? fopen(path, "ae") : NULL;

    if (!f)
        return;
    fprintf(f, "%s\n", line);
    fclose(f);
}

static void add(char *line, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(char *line, const char *fmt, ...)
{
    size_t len = strlen(line);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line + len, LINE - len, fmt, ap);
    va_end(ap);
}

/* One value of whatever type as text; the pids of PIDs are kept. */
static void read_value(sd_bus_message *m, char *line, uint32_t *pids, size_t *n)
{
    const char *contents;
    char type;
    union {
        uint64_t u64;
        int64_t i64;
        uint32_t u32;
        int32_t i32;
        uint8_t u8;
        double d;
        const char *s;
    } v = {0};

    check(sd_bus_message_peek_type(m, &type, &contents), "peek");
    if (strchr("avre", type)) {
        add(line, "%c", type == 'a' ? '[' : '(');
        check(sd_bus_message_enter_container(m, type, contents), "enter");
        for (size_t i = 0; sd_bus_message_at_end(m, 0) == 0; i++) {
            add(line, "%s", i ? "," : "");
            read_value(m, line, pids, n);
        }
        check(sd_bus_message_exit_container(m), "exit");
        add(line, "%c", type == 'a' ? ']' : ')');
        return;
    }
    check(sd_bus_message_read_basic(m, type, &v), "read");
    if (strchr("sog", type))
        add(line, "%s", v.s);
    else if (type == 't')
        add(line, "%llu", (unsigned long long)v.u64);
    else if (type == 'x')
        add(line, "%lld", (long long)v.i64);
    else if (type == 'd')
        add(line, "%g", v.d);
    else if (type == 'y')
        add(line, "%u", v.u8);
    else if (type == 'i')
        add(line, "%d", v.i32);
    else /* u b; n q are not used by units */
        add(line, "%u", v.u32);
    if (type == 'u' && *n < 8)
        pids[(*n)++] = v.u32;
}

/* a(sv) behind the name of the unit. 1: a property is unknown. */
static int read_properties(sd_bus_message *m, char *line, uint32_t *pids, size_t *n)
{
    const char *unknown = option("unknown", NULL, NULL), *name, *contents;
    int bad = 0;

    check(sd_bus_message_enter_container(m, 'a', "(sv)"), "enter properties");
    while (sd_bus_message_enter_container(m, 'r', "sv") > 0) {
        check(sd_bus_message_read(m, "s", &name), "read the name of a property");
        bad |= unknown && strcmp(unknown, name) == 0;
        check(sd_bus_message_peek_type(m, NULL, &contents), "peek");
        add(line, " %s=%s:", name, contents);
        check(sd_bus_message_enter_container(m, 'v', contents), "enter variant");
        *n = strcmp(name, "PIDs") == 0 ? 0 : *n;
        read_value(m, line, pids, n);
        check(sd_bus_message_exit_container(m), "exit variant");
        check(sd_bus_message_exit_container(m), "exit property");
    }
    check(sd_bus_message_exit_container(m), "exit properties");
    return bad;
}

static void write_pid(const char *dir, uint32_t pid)
{
    char path[8192];
    FILE *f;

    snprintf(path, sizeof path, "%s/cgroup.procs", dir);
    f = fopen(path, "we");
    if (!f || fprintf(f, "%u\n", pid) < 0 || fclose(f) != 0)
        fprintf(stderr, "fake-systemd: %s: %s\n", path, strerror(errno));
}

static void make_cgroup(const char *unit, const uint32_t *pids, size_t n)
{
    const char *root = option("cgroup", NULL, NULL);
    char dir[4096];

    if (!root)
        return;
    snprintf(dir, sizeof dir, "%s/%s", root, unit);
    if (mkdir(dir, 0755) < 0)
        fprintf(stderr, "fake-systemd: %s: %s\n", dir, strerror(errno));
    for (size_t i = 0; i < n; i++)
        write_pid(dir, pids[i]);
}

static void remove_cgroup(const char *unit)
{
    const char *root = option("cgroup", NULL, NULL);
    char dir[4096];

    if (root) {
        snprintf(dir, sizeof dir, "%s/%s", root, unit);
        (void)rmdir(dir);
    }
}

/* What the options say about @method; 1: it has been answered, or never will. */
static int misbehave(sd_bus_message *m, const char *method, int unknown)
{
    char **slot;
    char *error = option("refuse", method, &slot);

    if (option("die", method, NULL))
        exit(0);
    if (option("hang", method, NULL))
        return 1;
    if (error) {
        sd_bus_error e = SD_BUS_ERROR_MAKE_CONST(error, "this is what was asked for.");
        check(sd_bus_reply_method_error(m, &e), "answer with an error");
        *slot = used_up;
        return 1;
    }
    if (unknown) {
        sd_bus_error e = SD_BUS_ERROR_MAKE_CONST("org.freedesktop.DBus.Error.PropertyReadOnly",
                                                 "Cannot set property, or unknown property.");
        check(sd_bus_reply_method_error(m, &e), "answer with an error");
        return 1;
    }
    return 0;
}

static void answer_with_job(sd_bus_message *m, const char *method, const char *unit)
{
    const char *result = option("result", method, NULL);
    sd_bus *bus = sd_bus_message_get_bus(m);
    sd_bus_message *signal = NULL;
    char path[64];

    snprintf(path, sizeof path, "/org/freedesktop/systemd1/job/%u", ++jobs);
    check(sd_bus_reply_method_return(m, "o", path), "answer");
    check(sd_bus_flush(bus), "flush");
    if (option("drop", method, NULL))
        exit(0);
    if (option("stall", method, NULL))
        return;
    /* One of somebody else's first. */
    for (int own = 0; own <= 1; own++) {
        check(sd_bus_message_new_signal(bus, &signal, "/org/freedesktop/systemd1", MANAGER, "JobRemoved"),
              "signal");
        check(sd_bus_message_set_sender(signal, ":1.0"), "sender");
        check(sd_bus_message_append(signal, "uoss", jobs, own ? path : "/org/freedesktop/systemd1/job/9999",
                                    own ? unit : "other.scope",
                                    own && result ? result
                                    : own         ? "done"
                                                  : "failed"),
              "append");
        check(sd_bus_send(bus, signal, NULL), "send");
        signal = sd_bus_message_unref(signal);
    }
}

static int on_manager(sd_bus_message *m, const char *method)
{
    static char line[LINE];
    const char *unit, *text;
    uint32_t pids[8];
    size_t n = 0;
    int flag, unknown = 0;

    check(sd_bus_message_read(m, "s", &unit), "read the unit");
    snprintf(line, sizeof line, "%s %s", method, unit);
    if (strcmp(method, "StartTransientUnit") == 0 || strcmp(method, "StopUnit") == 0 ||
        strcmp(method, "AttachProcessesToUnit") == 0) {
        check(sd_bus_message_read(m, "s", &text), "read the mode");
        add(line, " %s", text);
    } else if (strcmp(method, "SetUnitProperties") == 0) {
        check(sd_bus_message_read(m, "b", &flag), "read a flag");
        add(line, " %s", flag ? "runtime" : "persistent");
    }
    if (strcmp(method, "StartTransientUnit") == 0 || strcmp(method, "SetUnitProperties") == 0)
        unknown = read_properties(m, line, pids, &n);
    log_line(line);
    if (misbehave(m, method, unknown))
        return 1;
    if (strcmp(method, "StartTransientUnit") == 0) {
        make_cgroup(unit, pids, n);
        answer_with_job(m, method, unit);
    } else if (strcmp(method, "StopUnit") == 0) {
        remove_cgroup(unit);
        answer_with_job(m, method, unit);
    } else if (sd_bus_message_get_expect_reply(m)) {
        check(sd_bus_reply_method_return(m, ""), "answer");
    }
    return 1;
}

/* What the bus itself is asked. */
static int on_bus(sd_bus_message *m, const char *method)
{
    if (strcmp(method, "Hello") == 0)
        check(sd_bus_reply_method_return(m, "s", ":1.1"), "answer");
    else if (strcmp(method, "NameHasOwner") == 0)
        check(sd_bus_reply_method_return(m, "b", option("alone", NULL, NULL) == NULL), "answer");
    else if (sd_bus_message_get_expect_reply(m))
        check(sd_bus_reply_method_return(m, ""), "answer");
    return 1;
}

static int on_message(sd_bus_message *m, void *data, sd_bus_error *error)
{
    const char *interface = sd_bus_message_get_interface(m), *method = sd_bus_message_get_member(m);

    (void)data;
    (void)error;
    if (interface && strcmp(interface, "org.freedesktop.DBus") == 0)
        return on_bus(m, method);
    if (interface && strcmp(interface, MANAGER) == 0)
        return on_manager(m, method);
    return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *data)
{
    sd_id128_t id = {.bytes = {1}};
    sd_bus *bus;
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)source;
    (void)events;
    if (client < 0)
        return 0;
    check(sd_bus_new(&bus), "new");
    check(sd_bus_set_fd(bus, client, client), "set fd");
    check(sd_bus_set_server(bus, 1, id), "set server");
    check(sd_bus_add_filter(bus, NULL, on_message, NULL), "filter");
    if (sd_bus_start(bus) < 0) /* one that only knocked */
        sd_bus_unref(bus);
    else
        check(sd_bus_attach_event(bus, data, 0), "attach");
    return 0;
}

static int on_input(sd_event_source *source, int fd, uint32_t events, void *data)
{
    char byte;

    (void)source;
    (void)events;
    return read(fd, &byte, 1) > 0 ? 0 : sd_event_exit(data, 0);
}

#ifdef BRYO_SANITIZED
/* Connections that a test leaves open are no leaks of what it tests. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}
#endif

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sd_event *event;

    if (argc < 2 || strlen(argv[1]) >= sizeof address.sun_path) {
        fprintf(stderr, "usage: fake-systemd SOCKET [OPTION…]\n");
        return 2;
    }
    options = argv + 2;
    memcpy(address.sun_path, argv[1], strlen(argv[1]) + 1);
    (void)unlink(argv[1]);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 64) < 0)
        check(-errno, argv[1]);
    check(sd_event_new(&event), "event");
    check(sd_event_add_io(event, NULL, fd, 1 /* EPOLLIN */, on_connection, event), "listen");
    check(sd_event_add_io(event, NULL, 0, 1, on_input, event), "standard input");
    puts("ready");
    fflush(stdout);
    int r = sd_event_loop(event);
    (void)unlink(argv[1]);
    return r < 0;
}
