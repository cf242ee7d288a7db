/*
 * SIGTERM, SIGINT and SIGHUP end an unpacking in good order: what was written is removed first.
 *
 * A signal handler can talk to the program only through a static variable: this is the one of bryo-image.
 */
#pragma once

#include <stdbool.h>

/* Installs the handlers, without SA_RESTART so that a blocking call returns; SIGPIPE is ignored. */
void interrupt_install(void);

/* Did one of the signals come? */
bool interrupted(void);

/* From now on the signals do nothing (the clean-up runs to its end). */
void interrupt_ignore(void);
