/*
 * The small things that init sets up for the program: host name, loopback, terminal, environment, working
 * directory. All run inside the container's namespaces.
 */
#pragma once

#include "base/error.h"
#include "container/internal.h"

/* All signals at their defaults, none blocked: what the caller ignored is not the program's concern. */
void setup_signals(void);

/* sethostname and setdomainname in the new uts namespace. */
int setup_hostname(const struct oci_config *config, struct error *err);

/* Brings "lo" up in a new network namespace. */
int setup_loopback(struct error *err);

/* The slave of the pseudo terminal becomes the controlling terminal and descriptors 0 to 2; @size may be
 * NULL. */
int setup_terminal(int slave, const struct oci_console_size *size, uint32_t uid, struct error *err);

/* Pipes, sockets and terminals on 0 to 2 are given to @uid, so that a process that is not uid 0 can open
 * /dev/stdout. Regular files and devices stay as they are. Failures do not matter: then only the reopening is
 * refused. */
void setup_stdio_owner(uint32_t uid);

/* Enters process.cwd (made if it is missing) and checks that it lies inside the root: CVE-2024-21626. */
int setup_cwd(const char *cwd, struct error *err);

/* Adds HOME from the container's /etc/passwd (else "/") where the environment has none. */
int setup_home(char ***env, uint32_t uid, struct error *err);
