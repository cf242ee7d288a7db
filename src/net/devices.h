/*
 * linux.netDevices: interfaces of the host that move into the container's network namespace, with another
 * name if one is given, and with their permanent addresses of global scope. config-linux.md#network-devices.
 *
 * Only the move is bryo's: it brings nothing back when the container ends. The kernel gives physical
 * interfaces back to the host then, and removes virtual ones, when the last process has left the network
 * namespace.
 */
#pragma once

#include <sys/types.h>

#include "base/error.h"
#include "oci/config.h"

/* Outside, before anything exists: are the interfaces there, and may the caller move them? */
int net_devices_check(const struct oci_net_device_list *devices, struct error *err);

/* Moves them from the caller's network namespace to that of process @pid, all or none: if one fails, those
 * before it are brought back. Runs as the runtime, with CAP_NET_ADMIN over both namespaces and CAP_SYS_ADMIN
 * to look into the other; the caller must be single-threaded. */
int net_devices_move(const struct oci_net_device_list *devices, pid_t pid, struct error *err);
