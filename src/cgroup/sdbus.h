/*
 * libsystemd's sd-bus, opened when a container goes to systemd and never linked: whoever does not use systemd
 * pays nothing for it, neither a package nor a millisecond of start-up.
 *
 * Theory of operation. The functions used are the rows of SDBUS_FUNCTIONS, each with the type that
 * <systemd/sd-bus.h> gives it; `api->call(…)` is sd_bus_call(…). The table is filled once for each use, by
 * dlopen and dlsym; tests fill it with functions of their own. All of them are there in systemd 239.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "base/error.h"
#include "cgroup/variant.h"

/* clang-format off */
#define SDBUS_FUNCTIONS(X)                                                       \
    X(new) X(set_address) X(set_bus_client) X(start) X(is_ready) X(get_fd)       \
    X(close) X(unref)                                                            \
    X(call) X(call_async) X(send) X(process) X(wait) X(add_filter) X(slot_unref) \
    X(path_encode) X(get_property_string)                                        \
    X(message_new_method_call) X(message_append) X(message_append_basic)         \
    X(message_open_container) X(message_close_container) X(message_read)         \
    X(message_get_error) X(message_is_signal) X(message_set_expect_reply)        \
    X(message_unref) X(error_copy) X(error_free)
/* clang-format on */

struct sdbus {
#define SDBUS_MEMBER(name) __typeof__(sd_bus_##name) *name;
    SDBUS_FUNCTIONS(SDBUS_MEMBER)
#undef SDBUS_MEMBER
};

/* Fills the table. The library stays loaded until the process ends. -ENOPKG with a text that names library
 * and package. */
int sdbus_load(struct sdbus *api, struct error *err);

/* Appends a value to a message. 0 or a negative errno of sd-bus, -EINVAL for a text that is no object path or
 * signature. */
int sdbus_append(const struct sdbus *api, sd_bus_message *m, const struct variant *value);
