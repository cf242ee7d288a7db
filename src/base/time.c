#include "base/time.h"

#include <stdio.h>

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
