/*
 * Which other file a program needs to be executed: the interpreter of a script, the loader of an ELF file.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>

enum interpreter_kind {
    INTERPRETER_NONE,   /* none, or the file could not be read, or it is of a kind not known here */
    INTERPRETER_SCRIPT, /* #! */
    INTERPRETER_LOADER, /* PT_INTERP of an ELF file for this machine */
};

#define INTERPRETER_MAX PATH_MAX

/* Reads the head of the file @path and writes the name of its interpreter to @out. */
enum interpreter_kind interpreter_of(const char *path, char out[INTERPRETER_MAX]);

/* Is it an ELF file for another architecture? */
bool interpreter_foreign(const char *path);
