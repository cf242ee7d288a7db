/*
 * The messages between the runtime and a container's init: order, lengths, descriptors, and above all what
 * happens when the peer dies at any step.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "container/channel.h"

struct pair {
    struct channel runtime, init;
    char warnings[256];
};

static void remember(void *data, const char *text)
{
    struct pair *p = data;

    strncat(p->warnings, text, sizeof p->warnings - strlen(p->warnings) - 1);
}

static int setup(void **state)
{
    struct pair *p = calloc(1, sizeof *p);
    int fds[2];

    assert_int_equal(channel_pair(fds, NULL), 0);
    p->runtime = (struct channel){
        .fd = fds[0], .self = "the runtime", .peer = "container init", .warn = remember, .data = p};
    p->init = (struct channel){.fd = fds[1], .self = "container init", .peer = "the runtime"};
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct pair *p = *state;

    fd_close(&p->runtime.fd);
    fd_close(&p->init.fd);
    free(p);
    return 0;
}

static void test_value_and_text(void **state)
{
    struct pair *p = *state;
    struct channel_message msg;

    assert_int_equal(channel_send(&p->init, STEP_INIT_PID, 4711, "hello", -1, NULL), 0);
    assert_int_equal(channel_expect(&p->runtime, STEP_INIT_PID, &msg, NULL), 0);
    assert_int_equal(msg.value, 4711);
    assert_string_equal(msg.text, "hello");
    assert_int_equal(msg.fd, -EBADF);
}

static void test_descriptor(void **state)
{
    struct pair *p = *state;
    struct channel_message msg;
    int ends[2];
    char byte = 0;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(channel_send(&p->init, STEP_CONSOLE, 0, "/dev/console", ends[1], NULL), 0);
    assert_int_equal(channel_expect(&p->runtime, STEP_CONSOLE, &msg, NULL), 0);
    assert_true(msg.fd >= 0);
    assert_true(fcntl(msg.fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(write(msg.fd, "x", 1), 1);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    close(msg.fd);
    close(ends[0]);
    close(ends[1]);
}

static void test_missing_and_surplus_descriptor(void **state)
{
    struct pair *p = *state;
    _cleanup_error_ struct error err = ERROR_INIT;
    struct channel_message msg;

    assert_int_equal(channel_send(&p->init, STEP_CONSOLE, 0, NULL, -1, NULL), 0);
    assert_int_equal(channel_expect(&p->runtime, STEP_CONSOLE, &msg, &err), -EPROTO);
    assert_string_equal(err.text, "the runtime got CONSOLE from container init without a descriptor");
    assert_int_equal(channel_send(&p->init, STEP_READY, 0, NULL, 0, NULL), 0);
    assert_int_equal(channel_expect(&p->runtime, STEP_READY, &msg, &err), -EPROTO);
    assert_string_equal(err.text, "the runtime got READY from container init with a descriptor");
}

static void test_error_travels(void **state)
{
    struct pair *p = *state;
    _cleanup_error_ struct error sent = ERROR_INIT, got = ERROR_INIT;

    error_sys(&sent, EPERM, "mount \"/sys\" (sysfs) at \"/sys\"");
    error_hint(&sent, "bind it instead");
    channel_send_error(&p->init, &sent);
    assert_int_equal(channel_expect(&p->runtime, STEP_READY, NULL, &got), -EPERM);
    assert_string_equal(got.text, "mount \"/sys\" (sysfs) at \"/sys\": operation not permitted (EPERM)");
    assert_string_equal(got.hint, "bind it instead");
}

static void test_long_error_is_cut(void **state)
{
    struct pair *p = *state;
    _cleanup_error_ struct error sent = ERROR_INIT, got = ERROR_INIT;
    char *text = malloc(100001);

    memset(text, 'a', 100000);
    text[100000] = '\0';
    error_set(&sent, EINVAL, "%s", text);
    error_hint(&sent, "%s", text);
    channel_send_error(&p->init, &sent);
    assert_int_equal(channel_expect(&p->runtime, STEP_READY, NULL, &got), -EINVAL);
    assert_int_equal(strlen(got.text), CHANNEL_TEXT_MAX);
    assert_int_equal(strlen(got.hint), CHANNEL_TEXT_MAX);
    free(text);
}

static void test_warnings_pass(void **state)
{
    struct pair *p = *state;

    channel_send(&p->init, STEP_WARNING, 0, "one;", -1, NULL);
    channel_send(&p->init, STEP_WARNING, 0, "two;", -1, NULL);
    channel_send(&p->init, STEP_READY, 0, NULL, -1, NULL);
    assert_int_equal(channel_expect(&p->runtime, STEP_READY, NULL, NULL), 0);
    assert_string_equal(p->warnings, "one;two;");
}

/* Whatever a side waits for: the death of the other is an error that names the step. */
static void test_peer_death_at_every_step(void **state)
{
    (void)state;
    for (int step = STEP_INIT_PID; step <= STEP_START; step++) {
        struct pair *p;
        _cleanup_error_ struct error err = ERROR_INIT;
        char expected[128];

        setup((void **)&p);
        fd_close(&p->init.fd);
        assert_int_equal(channel_expect(&p->runtime, step, NULL, &err), -EPIPE);
        snprintf(expected, sizeof expected, "container init ended while the runtime waited for %s",
                 channel_step_name(step));
        assert_string_equal(err.text, expected);
        assert_int_equal(channel_send(&p->runtime, step, 0, NULL, -1, &err), -EPIPE);
        snprintf(expected, sizeof expected, "container init ended before it could be told %s",
                 channel_step_name(step));
        assert_string_equal(err.text, expected);
        teardown((void **)&p);
    }
}

/* A peer that dies with messages of ours unread resets the connection. */
static void test_peer_death_with_unread_message(void **state)
{
    struct pair *p = *state;
    _cleanup_error_ struct error err = ERROR_INIT;

    assert_int_equal(channel_send(&p->runtime, STEP_ID_MAP_WRITTEN, 0, NULL, -1, NULL), 0);
    fd_close(&p->init.fd);
    assert_int_equal(channel_expect(&p->runtime, STEP_READY, NULL, &err), -EPIPE);
    assert_string_equal(err.text, "container init ended while the runtime waited for READY");
}

static void test_wrong_step(void **state)
{
    struct pair *p = *state;
    _cleanup_error_ struct error err = ERROR_INIT;

    channel_send(&p->init, STEP_READY, 0, NULL, -1, NULL);
    assert_int_equal(channel_expect(&p->runtime, STEP_ENVIRONMENT_READY, NULL, &err), -EPROTO);
    assert_string_equal(err.text, "the runtime expected ENVIRONMENT_READY from container init, got READY");
}

static void test_torn_messages(void **state)
{
    struct pair *p = *state;
    _cleanup_error_ struct error err = ERROR_INIT;
    unsigned char raw[64] = {0};

    for (size_t n = 1; n <= sizeof raw; n += 7) {
        assert_int_equal(send(p->init.fd, raw, n, 0), (ssize_t)n);
        assert_int_equal(channel_expect(&p->runtime, STEP_READY, NULL, &err), -EPROTO);
        assert_string_equal(err.text,
                            "the runtime got a torn message from container init while it waited for READY");
    }
}

static void test_end_means_started(void **state)
{
    struct pair *p = *state;
    _cleanup_error_ struct error err = ERROR_INIT, sent = ERROR_INIT;

    error_set(&sent, ENOEXEC, "exec \"/x\"");
    channel_send_error(&p->init, &sent);
    assert_int_equal(channel_expect_end(&p->runtime, &err), -ENOEXEC);
    channel_send(&p->init, STEP_READY, 0, NULL, -1, NULL);
    assert_int_equal(channel_expect_end(&p->runtime, &err), -EPROTO);
    fd_close(&p->init.fd);
    assert_int_equal(channel_expect_end(&p->runtime, &err), 0);
}

/* An init that died before it read START has closed the channel, but not by its exec. */
static void test_end_with_an_unread_message_is_no_start(void **state)
{
    struct pair *p = *state;
    _cleanup_error_ struct error err = ERROR_INIT;

    assert_int_equal(channel_send(&p->runtime, STEP_START, 0, NULL, -1, NULL), 0);
    fd_close(&p->init.fd);
    assert_int_equal(channel_expect_end(&p->runtime, &err), -EPIPE);
    assert_string_equal(err.text, "container init ended before it had read the last message");
}

/* Who was to speak is gone, but another process still holds its end: there is nothing to wait for. */
static void test_a_channel_that_has_spoken_does_not_block(void **state)
{
    struct pair *p = *state;
    _cleanup_error_ struct error err = ERROR_INIT;

    p->runtime.spoken = true;
    assert_int_equal(channel_send(&p->init, STEP_INIT_PID, 7, NULL, -1, NULL), 0);
    assert_int_equal(channel_expect(&p->runtime, STEP_INIT_PID, NULL, &err), 0);
    assert_int_equal(channel_expect(&p->runtime, STEP_INIT_PID, NULL, &err), -EPIPE);
    assert_string_equal(err.text, "container init ended while the runtime waited for INIT_PID");
}

/* The peer fails while our message is on its way, or before it is sent: what it said is not lost over that.
 */
static void test_last_words_of_a_peer_that_did_not_listen(void **state)
{
    struct pair *p = *state;
    _cleanup_error_ struct error failure = ERROR_INIT, err = ERROR_INIT;

    error_set(&failure, EPERM, "create the container's namespaces: no");
    error_hint(&failure, "ask for less");
    assert_int_equal(channel_send(&p->runtime, STEP_ID_MAP_WRITTEN, 0, NULL, -1, NULL), 0);
    channel_send_error(&p->init, &failure);
    fd_close(&p->init.fd);
    assert_int_equal(channel_expect(&p->runtime, STEP_READY, NULL, &err), -EPERM);
    assert_string_equal(err.text, "create the container's namespaces: no");
    assert_string_equal(err.hint, "ask for less");
}

static void test_last_words_before_we_spoke(void **state)
{
    struct pair *p = *state;
    _cleanup_error_ struct error failure = ERROR_INIT, err = ERROR_INIT;

    error_set(&failure, EPERM, "create the container's namespaces: no");
    assert_int_equal(channel_send(&p->init, STEP_WARNING, 0, "careful", -1, NULL), 0);
    channel_send_error(&p->init, &failure);
    fd_close(&p->init.fd);
    assert_int_equal(channel_send(&p->runtime, STEP_ID_MAP_WRITTEN, 0, NULL, -1, &err), -EPERM);
    assert_string_equal(err.text, "create the container's namespaces: no");
    assert_string_equal(p->warnings, "careful");
}

/* What we do to a process that has ended fails for a reason that says nothing: its own is the cause. */
static void test_the_peers_error_is_the_cause(void **state)
{
    struct pair *p = *state;
    _cleanup_error_ struct error failure = ERROR_INIT, err = ERROR_INIT;

    error_set(&err, EACCES, "write the group id map of process 7");
    assert_int_equal(channel_prefer_peer(&p->runtime, -EACCES, &err), -EACCES);
    assert_string_equal(err.text, "write the group id map of process 7");
    error_set(&failure, ENOSPC, "create the container's namespaces: no");
    assert_int_equal(channel_send(&p->init, STEP_WARNING, 0, "careful", -1, NULL), 0);
    channel_send_error(&p->init, &failure);
    fd_close(&p->init.fd);
    assert_int_equal(channel_prefer_peer(&p->runtime, -EACCES, &err), -ENOSPC);
    assert_string_equal(err.text, "create the container's namespaces: no");
    assert_string_equal(p->warnings, "careful");
    assert_int_equal(channel_prefer_peer(&p->runtime, -EACCES, &err), -EACCES);
    assert_string_equal(err.text, "create the container's namespaces: no");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_value_and_text),
        T(test_last_words_of_a_peer_that_did_not_listen),
        T(test_last_words_before_we_spoke),
        T(test_the_peers_error_is_the_cause),
        T(test_descriptor),
        T(test_missing_and_surplus_descriptor),
        T(test_error_travels),
        T(test_long_error_is_cut),
        T(test_warnings_pass),
        cmocka_unit_test(test_peer_death_at_every_step),
        T(test_peer_death_with_unread_message),
        T(test_wrong_step),
        T(test_torn_messages),
        T(test_end_means_started),
        T(test_end_with_an_unread_message_is_no_start),
        T(test_a_channel_that_has_spoken_does_not_block),
    };

    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
