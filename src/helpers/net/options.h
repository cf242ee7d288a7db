/*
 * The command line of bryo-net. It is that of slirp4netns(1), so that what starts slirp4netns can start it,
 * and has more options by which bryo hands over descriptors and says what the network may do.
 */
#pragma once

#include "base/error.h"
#include "helpers/net/settings.h"

enum options_wish { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION };

/* Fills @c, which borrows from @argv. *wish: what was asked for; anything but OPTIONS_RUN is to be printed,
 * and then the rest of @c does not count. Returns 0 or -EINVAL with a text that names the option. */
int options_parse_net(int argc, char **argv, struct settings *c, enum options_wish *wish, struct error *err);

/* The text of --help. The caller frees; NULL when memory ran out. */
char *options_help_net(void);
