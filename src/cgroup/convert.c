#include "cgroup/convert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define SHARES_MIN 2
#define SHARES_MAX 262144
#define WEIGHT_MAX 10000

/* log2 of 1 … 2^18, by squaring: for each bit of the fraction one multiplication. libm would be one more
 * library to load. */
static double log2_of(uint64_t n)
{
    double x = (double)n, result = 0, bit = 0.5;

    for (; x >= 2; x /= 2)
        result += 1;
    for (int i = 0; i < 52; i++, bit /= 2) {
        x *= x;
        if (x >= 2) {
            x /= 2;
            result += bit;
        }
    }
    return result;
}

/* 10^x for 0 … 4: e^(x ln 10), the series on a small part of the exponent. */
static double power_of_10(double x)
{
    double y = x * 2.302585092994045684 / 64, term = 1, sum = 1;

    for (int i = 1; i < 20; i++) {
        term *= y / i;
        sum += term;
    }
    for (int i = 0; i < 6; i++)
        sum *= sum;
    return sum;
}

uint64_t convert_shares(uint64_t shares)
{
    /* The curve is 1, 100 and 10000 at these, and must not miss them by a rounding. */
    if (shares <= SHARES_MIN)
        return 1;
    if (shares == 1024)
        return 100;
    if (shares >= SHARES_MAX)
        return WEIGHT_MAX;
    double l = log2_of(shares);
    double weight = power_of_10((l * l + 125 * l) / 612 - 7.0 / 34);
    uint64_t whole = (uint64_t)weight;
    return weight > (double)whole ? whole + 1 : whole;
}

uint64_t convert_io_weight(uint64_t weight)
{
    if (weight <= 10)
        return 1;
    return weight >= 1000 ? WEIGHT_MAX : 1 + (weight - 10) * 9999 / 990;
}

int convert_swap(int64_t swap_and_memory, int64_t memory_limit, int64_t *swap)
{
    if (swap_and_memory >= 0 && memory_limit < 0)
        return -ENODATA;
    if (swap_and_memory >= 0 && swap_and_memory < memory_limit)
        return -ERANGE;
    *swap = swap_and_memory < 0 ? -1 : swap_and_memory - memory_limit;
    return 0;
}

const char *convert_limit(char buf[CONVERT_NUMBER], int64_t limit)
{
    if (limit < 0)
        return "max";
    snprintf(buf, CONVERT_NUMBER, "%" PRId64, limit);
    return buf;
}

const char *convert_cpu_max(char buf[CONVERT_CPU_MAX], int64_t quota, uint64_t period)
{
    char number[CONVERT_NUMBER];
    const char *text = convert_limit(number, quota < 1 ? -1 : quota);

    if (period)
        snprintf(buf, CONVERT_CPU_MAX, "%s %" PRIu64, text, period);
    else
        snprintf(buf, CONVERT_CPU_MAX, "%s", text);
    return buf;
}
