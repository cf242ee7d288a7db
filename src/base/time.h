/*
 * Points and lengths of time as text.
 */
#pragma once

#include <stdint.h>
#include <time.h>

/* "2026-11-22T09:30:00.123456789Z" and a NUL. */
#define TIME_RFC3339_MAX 64

/* @when in UTC as RFC 3339 with nanoseconds, written to @buf. Computed here because gmtime(3) and strftime(3)
 * read /etc/localtime first, and this is done at every start of a container. */
const char *time_rfc3339(char buf[TIME_RFC3339_MAX], const struct timespec *when);

/* The same for now. */
const char *time_rfc3339_now(char buf[TIME_RFC3339_MAX]);

/* A length of time as programs in Go write it: "5s", "1m30s", "1.5h", "250ms"; units ns, us, µs, ms, s, m, h;
 * "0" without one. No sign. Returns 0, -EINVAL or -ERANGE (more than INT64_MAX ns); *ns is set on success. */
int time_parse_duration(const char *s, uint64_t *ns);
