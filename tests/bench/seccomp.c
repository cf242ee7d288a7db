/*
 * How long the seccomp profile of a container engine takes, of all that `create` does:
 *
 *   seccomp PROFILE.json [RUNS]
 *
 * Prints `NAMES INSTRUCTIONS PARSE_US COMPILE_US READ_US`, times as medians. READ_US is the least that a
 * cache of compiled filters would cost in place of COMPILE_US: open, fstat and read of a file of the filter's
 * size, without the hash over the profile that finds it.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "security/seccomp.h"

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, by_value);
    return values[n / 2];
}

static void free_profile(struct oci_seccomp **s)
{
    oci_seccomp_free(*s);
}

/* What a hit in a cache would have to do. */
static int read_back(int fd_dir, const char *name, size_t expected)
{
    _cleanup_close_ int fd = openat(fd_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    char buf[64 << 10];

    if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid())
        return -EINVAL;
    return fd_read_full(fd, buf, sizeof buf) == (ssize_t)expected ? 0 : -EINVAL;
}

/* One round; the times go to @at of each list. */
static int measure(const char *text, size_t len, double *const lists[3], size_t at, size_t *names,
                   size_t *code, struct error *err)
{
    static const char cached[] = ".seccomp-bench";
    _cleanup_cjson_ cJSON *json = NULL;
    _cleanup_(free_profile) struct oci_seccomp *profile = NULL;
    _cleanup_seccomp_ struct seccomp_filter filter = {0};
    double t[4];

    t[0] = now_us();
    int r = json_parse("profile", text, len, &json, err);
    if (r == 0)
        r = oci_seccomp_parse(json, &profile, err);
    t[1] = now_us();
    if (r == 0)
        r = seccomp_compile(profile, &filter, NULL, err);
    t[2] = now_us();
    if (r < 0)
        return r;
    size_t size = filter.len * sizeof *filter.code;
    if (at == 0)
        r = file_replace_at(AT_FDCWD, cached, filter.code, size, 0600, err);
    double before = now_us();
    if (r == 0 && read_back(AT_FDCWD, cached, size) < 0)
        r = error_set(err, EIO, "the file of the filter did not come back");
    t[3] = now_us();
    lists[0][at] = t[1] - t[0];
    lists[1][at] = t[2] - t[1];
    lists[2][at] = t[3] - before;
    *names = 0;
    for (size_t i = 0; i < profile->rules.count; i++)
        *names += strv_len(profile->rules.items[i].names);
    *code = filter.len;
    return r;
}

int main(int argc, char **argv)
{
    size_t runs = argc > 2 ? strtoul(argv[2], NULL, 10) : 200, len, names = 0, code = 0;
    _cleanup_free_ double *parse = NULL, *compile = NULL, *read_us = NULL;
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_free_ char *text = NULL;
    int r;

    if (argc < 2 || !runs) {
        fprintf(stderr, "usage: seccomp PROFILE.json [RUNS]\n");
        return 2;
    }
    parse = calloc(runs, sizeof *parse);
    compile = calloc(runs, sizeof *compile);
    read_us = calloc(runs, sizeof *read_us);
    r = parse && compile && read_us ? file_read_at(AT_FDCWD, argv[1], JSON_FILE_MAX, &text, &len, &err)
                                    : error_oom(&err);
    double *const lists[3] = {parse, compile, read_us};
    for (size_t i = 0; i < runs && r == 0; i++)
        r = measure(text, len, lists, i, &names, &code, &err);
    (void)unlink(".seccomp-bench");
    if (r < 0) {
        fprintf(stderr, "seccomp: %s\n", error_text(&err));
        return 1;
    }
    printf("%zu %zu %.0f %.0f %.0f\n", names, code, median(parse, runs), median(compile, runs),
           median(read_us, runs));
    return 0;
}
