/*
 * Where messages go: standard error or a file, as text or as JSON lines.
 *
 * One `struct log` is made by main and handed down; libraries use it for warnings only (errors travel as
 * struct error and are printed once, by the command). The JSON form is one object a line with the members
 * level, msg and time (RFC 3339), which containerd, docker, conmon and CRI-O read.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log {
    int fd;     /* where lines go; 2 unless log_open set a file */
    bool owned; /* close it in log_close */
    enum log_format format;
    enum log_level level; /* lines above it are dropped */
    const char *program;  /* prefix of text lines, "bryo" */
};

#define LOG_INIT ((struct log){.fd = 2, .level = LOG_LEVEL_WARNING, .program = "bryo"})

/* Sends lines to @path (created with mode 0600, appended to, O_CLOEXEC). "/dev/stderr" and "/dev/stdout" need
 * no special case. Errors: those of open(2). */
int log_open(struct log *log, const char *path, struct error *err);
void log_close(struct log *log);

/* One line. @log may be NULL: nothing is printed then. errno is kept. Never fails the caller. */
void log_line(const struct log *log, enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The text of @err and, when it has one, its hint, as one record of level error. */
void log_error(const struct log *log, const struct error *err);
/* The same as a warning. */
void log_warn_error(const struct log *log, const struct error *err);

#define log_warn(log, ...)  log_line(log, LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(log, ...)  log_line(log, LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(log, ...) log_line(log, LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Names of levels and formats for option parsing ("error", "warn", "warning", "info", "debug"; "text",
 * "json"). Return the enum or -EINVAL. */
int log_level_from_name(const char *name);
int log_format_from_name(const char *name);
