#include "base/time.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/* The proleptic Gregorian calendar counted from 1 March of year 0, so that the leap day is the last of its
 * year: 400 years have 146097 days, and within a year the months from March on follow 153 days in five. */
static void civil_date(long long days, long long *year, int *month, int *day)
{
    long long z = days + 719468; /* from 1 March 0000 to 1 January 1970 */
    long long era = (z >= 0 ? z : z - 146096) / 146097;
    long long of_era = z - era * 146097;
    long long years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    long long of_year = of_era - (365 * years + years / 4 - years / 100);
    int shifted = (int)((5 * of_year + 2) / 153);

    *day = (int)(of_year - (153 * shifted + 2) / 5 + 1);
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
    *year = years + era * 400 + (*month <= 2);
}

const char *time_rfc3339(char buf[TIME_RFC3339_MAX], const struct timespec *when)
{
    long long days = when->tv_sec / 86400, seconds = when->tv_sec % 86400, year;
    int month, day;

    if (seconds < 0) {
        seconds += 86400;
        days--;
    }
    civil_date(days, &year, &month, &day);
    snprintf(buf, TIME_RFC3339_MAX, "%04lld-%02d-%02dT%02d:%02d:%02d.%09ldZ", year, month, day,
             (int)(seconds / 3600), (int)(seconds / 60 % 60), (int)(seconds % 60), when->tv_nsec);
    return buf;
}

const char *time_rfc3339_now(char buf[TIME_RFC3339_MAX])
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return time_rfc3339(buf, &now);
}

/* The digits at *@s, at most 18 that count; more are too much, or behind the point too fine to matter. */
static size_t take_digits(const char **s, uint64_t *value, size_t *n)
{
    size_t len = strspn(*s, "0123456789");

    *value = 0;
    *n = len < 18 ? len : 18;
    for (size_t i = 0; i < *n; i++)
        *value = *value * 10 + (uint64_t)((*s)[i] - '0');
    *s += len;
    return len;
}

/* One term, "1.5h", is added to *@ns. */
static int take_term(const char **s, uint64_t *ns)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {{"ns", 1},       {"us", 1000},      {"\u00b5s", 1000},  {"\u03bcs", 1000},
                 {"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000}};
    uint64_t whole, fraction = 0;
    size_t n, n_fraction = 0, found = take_digits(s, &whole, &n);
    bool wide = found > 18;

    if (**s == '.') {
        (*s)++;
        found += take_digits(s, &fraction, &n_fraction);
    }
    size_t len = strcspn(*s, ".0123456789");
    for (size_t i = 0; found && i < ARRAY_SIZE(units); i++) {
        if (strlen(units[i].name) != len || strncmp(*s, units[i].name, len) != 0)
            continue;
        __uint128_t sum = (__uint128_t)whole * units[i].ns, part = (__uint128_t)fraction * units[i].ns;
        for (size_t d = 0; d < n_fraction; d++)
            part /= 10;
        sum += part + *ns;
        if (wide || sum > INT64_MAX)
            return -ERANGE;
        *ns = (uint64_t)sum;
        *s += len;
        return 0;
    }
    return -EINVAL;
}

int time_parse_duration(const char *s, uint64_t *ns)
{
    uint64_t sum = 0;
    int r = *s ? 0 : -EINVAL;

    if (strcmp(s, "0") == 0) {
        *ns = 0;
        return 0;
    }
    while (r == 0 && *s)
        r = take_term(&s, &sum);
    if (r == 0)
        *ns = sum;
    return r;
}
