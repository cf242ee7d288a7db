/*
 * Help made from the tables.
 */
#pragma once

#include "base/str.h"
#include "cli/cli.h"

/* The overview of all verbs (verb == NULL) or the help of one, wrapped at @width columns, added to @out. */
void help_overview(struct strbuf *out, unsigned width);
void help_verb(struct strbuf *out, const struct verb *verb, unsigned width);

/* Columns to use for standard output: those of its terminal, within 80 … 100. */
unsigned help_width(void);
