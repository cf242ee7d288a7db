/*
 * Whose systemd a container goes to, and where its bus is: systemd-logind(8), user@.service(5), and the
 * D-Bus specification on addresses.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cgroup/systemd.h"

/* The effective uid as the user namespace around ours knows it; the same in the initial one. */
static uid_t outer_uid(void)
{
    _cleanup_free_ char *map = NULL;
    uid_t uid = geteuid();

    if (file_read_at(AT_FDCWD, "/proc/self/uid_map", 64 << 10, &map, NULL, NULL) < 0)
        return uid;
    for (const char *line = map; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        unsigned inside, outside, count;
        if (sscanf(line, "%u %u %u", &inside, &outside, &count) == 3 && uid >= inside && uid - inside < count)
            return outside + (uid - inside);
    }
    return uid;
}

void systemd_owner_of_caller(struct systemd_owner *out)
{
    out->uid = outer_uid();
    out->user = out->uid != 0;
}

void systemd_owner_of_cgroup(const char *path, struct systemd_owner *out)
{
    const char *service = strstr(path, "/user@");

    systemd_owner_of_caller(out);
    if (out->user || !service)
        return;
    service += strlen("/user@");
    size_t digits = strspn(service, "0123456789");
    _cleanup_free_ char *number = strndup(service, digits);
    uint32_t uid;
    if (number && parse_id(number, &uid) == 0 && str_starts(service + digits, ".service/"))
        *out = (struct systemd_owner){.user = true, .uid = uid};
}

/* `unix:path=` with what an address may not hold escaped. */
static char *unix_address(const char *directory)
{
    _cleanup_strbuf_ struct strbuf text = {0};

    strbuf_add(&text, "unix:path=");
    for (const char *c = directory; *c; c++)
        if (strspn(c, "-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/.*"))
            strbuf_addn(&text, c, 1);
        else
            strbuf_addf(&text, "%%%02x", (unsigned char)*c);
    strbuf_add(&text, "/bus");
    return strbuf_take(&text);
}

/* Two names of one bus are tried once: what counts of an address stands before `,guid=…`. Frees @address. */
static int add_address(char ***list, char *address)
{
    size_t n = address ? strcspn(address, ",") : 0;

    STRV_FOREACH (known, *list)
        if (address && strncmp(*known, address, n) == 0 && ((*known)[n] == ',' || !(*known)[n])) {
            free(address);
            return 0;
        }
    return address ? strv_take(list, address) : -ENOMEM;
}

int systemd_addresses(const struct systemd_owner *owner, char ***out)
{
    _cleanup_strv_ char **list = NULL;
    _cleanup_free_ char *runtime = NULL;
    struct systemd_owner caller;
    const char *given, *directory = getenv("XDG_RUNTIME_DIR");
    int r = 0;

    systemd_owner_of_caller(&caller);
    given = getenv(owner->user ? "DBUS_SESSION_BUS_ADDRESS" : "DBUS_SYSTEM_BUS_ADDRESS");
    if (owner->user && caller.uid != owner->uid)
        given = directory = NULL;
    if (!str_empty(given))
        r = add_address(&list, strdup(given));
    if (r == 0 && !owner->user)
        r = add_address(&list, strdup("unix:path=/run/dbus/system_bus_socket"));
    if (r == 0 && owner->user && directory && directory[0] == '/')
        r = add_address(&list, unix_address(directory));
    if (r == 0 && owner->user) {
        runtime = str_printf("/run/user/%u", owner->uid);
        r = runtime ? add_address(&list, unix_address(runtime)) : -ENOMEM;
    }
    if (r == 0)
        *out = TAKE_PTR(list);
    return r;
}

char *systemd_owner_cgroup(const struct systemd_owner *owner)
{
    if (!owner->user)
        return strdup("");
    return str_printf("/user.slice/user-%u.slice/user@%u.service", owner->uid, owner->uid);
}

int systemd_owner_hint(const struct systemd_owner *owner, struct error *err)
{
    if (owner->user)
        return error_hint(err,
                          "the user's systemd runs while the user is logged in, or always after: loginctl "
                          "enable-linger %u; without it choose --cgroup-manager cgroupfs or disabled",
                          owner->uid);
    return error_hint(err, "the system's bus runs where systemd is pid 1 and dbus is installed; without them "
                           "choose --cgroup-manager cgroupfs or disabled");
}
