/*
 * The options that `create` and `run` share, as rows for their tables: they fill struct create_options.
 */
#pragma once

#include "cli/cli.h"
#include "container/container.h"

#define CREATE_AT(member) offsetof(struct create_options, member)

/* clang-format off */
#define CREATE_OPTION_ROWS \
    {"bundle", 'b', OPT_STRING, CREATE_AT(bundle), "DIR", \
     "the bundle: a directory with config.json (default: the current one)", .check = option_not_empty}, \
    {"config", 'f', OPT_STRING, CREATE_AT(config_file), "FILE", \
     "read FILE instead of the bundle's config.json", .check = option_not_empty}, \
    {"console-socket", 0, OPT_STRING, CREATE_AT(console_socket), "SOCKET", \
     "send the master of the container's terminal to this unix socket", .check = option_not_empty}, \
    {"pid-file", 0, OPT_STRING, CREATE_AT(pid_file), "FILE", \
     "write the pid of the container's first process to FILE", .check = option_not_empty}, \
    {"pidfd-socket", 0, OPT_STRING, CREATE_AT(pidfd_socket), "SOCKET", \
     "send a pidfd of the container's first process to this unix socket", .check = option_not_empty}, \
    {"preserve-fds", 0, OPT_U32, CREATE_AT(preserve_fds), "N", \
     "hand N descriptors from 3 on to the container's process, besides those of LISTEN_FDS"}, \
    {"net", 0, OPT_STRING, CREATE_AT(net), "NET", \
     "none, host, container:ID, ns:PATH or slirp, with options (see bryo-network(7)); default: what config.json says"}, \
    {"no-pivot", 0, OPT_FLAG, CREATE_AT(no_pivot), NULL, \
     "enter the root by chroot, not pivot_root (for a host that runs from an initramfs)"}, \
    {"no-new-keyring", 0, OPT_FLAG, CREATE_AT(no_new_keyring), NULL, \
     "keep the caller's session keyring"}, \
    {"no-subreaper", 0, OPT_FLAG, CREATE_AT(no_subreaper), NULL, \
     "do not adopt processes that the container leaves behind"}
/* clang-format on */
