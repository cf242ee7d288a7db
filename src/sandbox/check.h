/*
 * The doctor: what this machine offers to bryo, tried for real as the calling user, and how to mend what is
 * missing.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum check_status {
    CHECK_OK,
    CHECK_INFO, /* worth knowing, neither good nor bad */
    CHECK_WARN, /* a part of bryo does not work, or with less */
    CHECK_FAIL, /* the core does not work: no container starts */
};

struct check_row {
    const char *id;   /* for programs: "user-namespace"; static */
    const char *what; /* for people: "user namespaces"; static */
    enum check_status status;
    char *detail;       /* what was found; owned */
    const char *breaks; /* what does not work without it; NULL when all is well; static */
    char *fix;          /* commands that mend it, may have several lines; owned, may be NULL */
};

struct check_report {
    struct check_row *rows; /* owned */
    size_t count;
    bool root; /* the caller is uid 0 */
};

/* Tries everything, in children that are gone again when it returns; changes nothing on the machine. The
 * caller frees with check_report_free. Returns 0 whatever was found; -ENOMEM. */
int check_run(struct check_report *report, struct error *err);
void check_report_free(struct check_report *report);
#define _cleanup_check_ __attribute__((cleanup(check_report_free)))

/* Does the core work: no row has failed? */
bool check_core_works(const struct check_report *report);

/* The report for people, @color: with terminal colours; and for programs. The caller frees; NULL when memory
 * ran out. The JSON is {"ok": BOOL, "checks": [{"id", "what", "status", "detail", "breaks", "fix"}, …]}. */
char *check_table(const struct check_report *report, bool color);
cJSON *check_json(const struct check_report *report);
