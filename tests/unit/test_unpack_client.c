/*
 * The reader of bryo-image's answers: a helper that was taken over by what it read must not get far with
 * them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "image/client.h"

struct heard {
    int progress, warnings;
    uint64_t read, total, entries;
    char *warning;
};

static void on_progress(void *data, uint64_t read, uint64_t total, uint64_t entries)
{
    struct heard *h = data;

    h->progress++;
    h->read = read;
    h->total = total;
    h->entries = entries;
}

static void on_warn(void *data, const char *text)
{
    struct heard *h = data;

    h->warnings++;
    free(h->warning);
    h->warning = strdup(text);
}

static int answer(const char *text, size_t len, struct heard *heard, uint64_t *entries, uint64_t *bytes,
                  struct error *err)
{
    struct image_events events = {.progress = on_progress, .warn = on_warn, .data = heard};
    int fds[2], r;

    assert_int_equal(pipe(fds), 0);
    assert_int_equal(fd_write_all(fds[1], text, len), 0);
    close(fds[1]);
    r = image_read_status(fds[0], &events, entries, bytes, err);
    close(fds[0]);
    return r;
}

static void a_good_conversation(void **state)
{
    static const char text[] = "p 1 2 3\nw one \x1b[31m thing\np 18446744073709551615 0 9\nd 12 3456\n";
    _cleanup_error_ struct error err = ERROR_INIT;
    struct heard heard = {0};
    uint64_t entries = 0, bytes = 0;

    (void)state;
    assert_int_equal(answer(text, strlen(text), &heard, &entries, &bytes, &err), 0);
    assert_int_equal(entries, 12);
    assert_int_equal(bytes, 3456);
    assert_int_equal(heard.progress, 2);
    assert_true(heard.read == UINT64_MAX);
    assert_int_equal(heard.entries, 9);
    assert_string_equal(heard.warning, "one ?[31m thing");
    free(heard.warning);
}

static void a_failure_with_its_hint(void **state)
{
    static const char text[] = "p 1 2 3\ne 27 a.tar: entry \"x\": too large\nh raise it\n";
    _cleanup_error_ struct error err = ERROR_INIT;
    struct heard heard = {0};

    (void)state;
    assert_int_equal(answer(text, strlen(text), &heard, NULL, NULL, &err), -27);
    assert_int_equal(err.code, 27);
    assert_string_equal(error_text(&err), "a.tar: entry \"x\": too large");
    assert_string_equal(err.hint, "raise it");
}

static void no_last_word(void **state)
{
    static const char *const cut[] = {"", "p 1 2 3\n", "d 1", "e 5 half a li", "d 1 2\nx"};
    struct heard heard = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cut); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        assert_int_equal(answer(cut[i], strlen(cut[i]), &heard, NULL, NULL, &err), -EPIPE);
    }
}

static void what_is_not_in_the_protocol(void **state)
{
#define LINE(s) s, sizeof(s) - 1
    static const struct {
        const char *text;
        size_t len;
    } bad[] = {
        {LINE("\n")},
        {LINE("x 1\n")},
        {LINE("p\n")},
        {LINE("p 1 2\n")},
        {LINE("p 1 2 3 4\n")},
        {LINE("p 1 2 -3\n")},
        {LINE("p 1  2 3\n")},
        {LINE("p 1 2 18446744073709551616\n")},
        {LINE("d 1\n")},
        {LINE("d 1 2\nd 1 2\n")},
        {LINE("d 1 2\nw late\n")},
        {LINE("h hint of nothing\n")},
        {LINE("e 0 no errno\n")},
        {LINE("e 99999 no errno\n")},
        {LINE("e 5\n")},
        {LINE("e 5 a\ne 6 b\n")},
        {LINE("e 5 a\nd 1 2\n")},
        {LINE("w a\0b\n")},
    };
    struct heard heard = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        assert_int_equal(answer(bad[i].text, bad[i].len, &heard, NULL, NULL, &err), -EPROTO);
        assert_string_equal(error_text(&err),
                            "bryo-image answered with something that is not of its protocol");
    }
    free(heard.warning);
}

static void an_endless_line(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct heard heard = {0};
    _cleanup_free_ char *line = malloc(60000);

    (void)state;
    memset(line, 'w', 60000);
    assert_int_equal(answer(line, 60000, &heard, NULL, NULL, &err), -EPROTO);
}

static void deaths_are_explained(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;

    (void)state;
    assert_int_equal(image_helper_died(9, &err), -EPIPE);
    assert_string_equal(error_text(&err), "bryo-image was killed by signal 9 (SIGKILL) before it was done");
    assert_non_null(strstr(err.hint, "memory"));
    assert_int_equal(image_helper_died(3 << 8, &err), -EPIPE);
    assert_string_equal(error_text(&err), "bryo-image ended with exit status 3 without saying why");
}

static void command_lines(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_strv_ char **unpack = NULL, **delete = NULL;
    static const char *const names[] = {"", ".", "..", "a/b", "/"};

    (void)state;
    assert_int_equal(image_unpack_argv("/h", "-n", UINT64_MAX, 7, &unpack, &err), 0);
    assert_int_equal(strv_len(unpack), 5);
    assert_string_equal(unpack[1], "unpack");
    assert_string_equal(unpack[2], "-n");
    assert_string_equal(unpack[3], "18446744073709551615");
    assert_string_equal(unpack[4], "7");
    assert_int_equal(image_remove_argv("/h", "tree", &delete, &err), 0);
    assert_string_equal(delete[2], "tree");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char **none = NULL;
        assert_int_equal(image_remove_argv("/h", names[i], &none, &err), -EINVAL);
        assert_null(none);
    }
}

static void the_helper_is_missed_with_a_hint(void **state)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    char *path = NULL;

    (void)state;
    setenv("BRYO_HELPER_DIR", "/nonexistent", 1);
    assert_int_equal(image_helper_path(&path, &err), -ENOENT);
    assert_non_null(strstr(error_text(&err), "find the helper program \"/nonexistent/bryo-image\""));
    assert_non_null(strstr(err.hint, "libarchive"));
    unsetenv("BRYO_HELPER_DIR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_conversation), cmocka_unit_test(a_failure_with_its_hint),
        cmocka_unit_test(no_last_word),        cmocka_unit_test(what_is_not_in_the_protocol),
        cmocka_unit_test(an_endless_line),     cmocka_unit_test(deaths_are_explained),
        cmocka_unit_test(command_lines),       cmocka_unit_test(the_helper_is_missed_with_a_hint),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
