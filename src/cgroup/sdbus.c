#include "cgroup/sdbus.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"

#define LIBRARY "libsystemd.so.0"

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
#define SDBUS_ROW(name) {"sd_bus_" #name, offsetof(struct sdbus, name)},
    SDBUS_FUNCTIONS(SDBUS_ROW)
#undef SDBUS_ROW
};

static int failed(struct error *err)
{
    const char *why = dlerror();

    error_set(err, ENOPKG, "the systemd cgroup manager needs " LIBRARY ": %s", why ? why : "not found");
    error_hint(
        err, "install libsystemd0 (Debian, Ubuntu) or systemd-libs (Fedora, Arch), version 239 or newer, or "
             "choose another manager with --cgroup-manager");
    return -ENOPKG;
}

int sdbus_load(struct sdbus *api, struct error *err)
{
    /* Not closed again: unloading a library that registered destructors gains nothing and may crash. */
    void *library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);

    if (!library)
        return failed(err);
    for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
        void *function = dlsym(library, functions[i].name);
        if (!function)
            return failed(err);
        /* ISO C knows no conversion from a data to a function pointer; POSIX promises this one. */
        memcpy((char *)api + functions[i].offset, &function, sizeof function);
    }
    return 0;
}

static int append_container(const struct sdbus *api, sd_bus_message *m, const struct variant *value)
{
    _cleanup_strbuf_ struct strbuf contents = {0};
    int r;

    if (value->type == 'a')
        strbuf_add(&contents, value->element);
    for (size_t i = 0; value->type != 'a' && i < value->count; i++)
        variant_signature(&value->items[i], &contents);
    if (contents.oom || !contents.data)
        return -ENOMEM;
    r = api->message_open_container(m, value->type, contents.data);
    for (size_t i = 0; r >= 0 && i < value->count; i++)
        r = sdbus_append(api, m, &value->items[i]);
    return r < 0 ? r : api->message_close_container(m);
}

/* sd-bus reads a number through a pointer to a variable of its width; booleans are int there. */
int sdbus_append(const struct sdbus *api, sd_bus_message *m, const struct variant *value)
{
    union {
        uint8_t y;
        int16_t n;
        uint16_t q;
        int32_t i;
        uint32_t u;
        int b;
    } narrow;
    const void *p = &narrow;

    switch (value->type) {
    case 'a':
    case 'r':
    case 'e':
    case 'v':
        return append_container(api, m, value);
    case 's':
    case 'o':
    case 'g':
        p = value->text;
        break;
    case 'y':
        narrow.y = (uint8_t)value->number.u;
        break;
    case 'n':
        narrow.n = (int16_t)value->number.i;
        break;
    case 'q':
        narrow.q = (uint16_t)value->number.u;
        break;
    case 'i':
        narrow.i = (int32_t)value->number.i;
        break;
    case 'u':
        narrow.u = (uint32_t)value->number.u;
        break;
    case 'b':
        narrow.b = value->number.u != 0;
        break;
    default: /* t x d */
        p = &value->number;
        break;
    }
    return api->message_append_basic(m, value->type, p);
}
