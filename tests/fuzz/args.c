/*
 * The command line: the first line is a verb, the others its arguments; each of them also goes through the
 * readers of numbers, sizes, lengths of time, signals and lists of CPUs.
 */
#include <ctype.h>
#include <errno.h>
#include <signal.h>

#include "base/process.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/global.h"
#include "cli/verbs.h"
#include "fuzz.h"
#include "security/bitlist.h"

/* libc's reading of the same digits. */
static bool only_digits(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if (!isdigit((unsigned char)*s))
            return false;
    return true;
}

static void check_numbers(const char *s)
{
    uint64_t u;
    int64_t i;
    uint32_t w;

    int r = parse_u64(s, &u);
    errno = 0;
    unsigned long long want = only_digits(s) ? strtoull(s, NULL, 10) : 0;
    if (!only_digits(s))
        must(r == -EINVAL, "\"%s\" is a number", s);
    else
        must(errno == ERANGE ? r == -ERANGE : r == 0 && u == want, "\"%s\" is %d", s, r);
    if (parse_u32(s, &w) == 0)
        must(r == 0 && u == w, "\"%s\" as u32", s);
    if (parse_id(s, &w) == 0)
        must(r == 0 && u == w && w != UINT32_MAX, "\"%s\" as id", s);
    if (parse_i64(s, &i) == 0) {
        char back[32];
        snprintf(back, sizeof back, "%lld", (long long)i);
        const char *digits = s + (*s == '-');
        must(only_digits(digits) && strtoll(s, NULL, 10) == i, "\"%s\" is %s", s, back);
    }
    uint64_t bytes;
    if (parse_size(s, &bytes) == 0) {
        size_t n = strspn(s, "0123456789");
        must(n > 0 && strlen(s) - n <= 1, "\"%s\" is a size", s);
        must(!s[n] ? bytes == strtoull(s, NULL, 10) : bytes % 1024 == 0, "\"%s\" has %llu bytes", s,
             (unsigned long long)bytes);
    }
    unsigned octal;
    if (parse_octal(s, 07777, &octal) == 0)
        must(octal <= 07777 && strtoul(s, NULL, 8) == octal, "\"%s\" as mode", s);
    uint64_t ns;
    r = time_parse_duration(s, &ns);
    must(r == 0 || r == -EINVAL || r == -ERANGE, "%d", r);
    must(r < 0 || (ns <= INT64_MAX && isalnum((unsigned char)*s | (*s == '.' ? 'a' : 0))),
         "\"%s\" lasts %llu ns", s, (unsigned long long)ns);
}

static void check_words(const char *s)
{
    int sig = signal_from_name(s);

    must(sig == -EINVAL || (sig > 0 && sig < NSIG), "\"%s\" is signal %d", s, sig);
    if (sig > 0 && signal_name(sig))
        must(signal_from_name(signal_name(sig)) == sig, "%s", signal_name(sig));
    struct bitlist list;
    int r = bitlist_parse(s, &list);
    must(r >= -ERANGE && r <= BITLIST_BITS, "%d CPUs", r);
    _cleanup_free_ char *quoted = str_quote(s, 40);
    must(quoted, "memory");
    must(str_is_utf8(quoted, strlen(quoted)), "quoted: %s", quoted);
}

static void check_verb(const char *name, char **argv)
{
    const struct verb *verb = name && *name ? cli_find_verb(name) : &cli_global;
    struct invocation inv = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    bool help = false;

    if (!verb) {
        must_explain(cli_unknown_verb(name, &err), &err);
        return;
    }
    int r = options_parse(verb, argv, &inv, &help, &err);
    if (r < 0)
        must_explain(r, &err);
    else if (!help)
        /* A verb that takes -- for its first argument has one less then. */
        must(inv.n_args + (verb->dashes_for_first && inv.dashes) >= verb->min_args &&
                 inv.n_args <= verb->max_args && !inv.args[inv.n_args],
             "%zu arguments", inv.n_args);
    options_free(verb, &inv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = text_of(data, size);
    _cleanup_strv_ char **argv = NULL;
    char *rest = text, *verb = strsep(&rest, "\n");

    must(strv_add(&argv, "x") == 0, "memory");
    for (char *line; (line = strsep(&rest, "\n"));) {
        must(strv_add(&argv, line) == 0, "memory");
        check_numbers(line);
        check_words(line);
    }
    check_verb(verb, argv + 1);
    return 0;
}
