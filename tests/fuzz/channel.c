/*
 * Messages between the runtime and init: the input is cut into packets (a length byte before each, in units
 * of 8) that arrive as they are, while each step is waited for in turn.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "container/channel.h"
#include "fuzz.h"

static void warned(void *data, const char *text)
{
    must(strlen(text) <= CHANNEL_TEXT_MAX, "a warning of %zu bytes", strlen(text));
    (*(unsigned *)data)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct channel_message *msg = malloc(sizeof *msg);
    unsigned warnings = 0;
    int fds[2];

    must(msg && channel_pair(fds, NULL) == 0, "a channel");
    struct channel ch = {
        .fd = fds[0], .self = "the runtime", .peer = "container init", .warn = warned, .data = &warnings};
    for (size_t packets = 0; size > 1 && packets < 8; packets++) {
        size_t n = (size_t)data[0] * 8;
        bool with_fd = n % 3 == 0;
        data++;
        size--;
        n = n > size ? size : n;
        if (n && fd_send(fds[1], data, n, &fds[1], with_fd) < 0)
            break;
        data += n;
        size -= n;
    }
    close(fds[1]);
    for (int step = STEP_INIT_PID; step <= STEP_START + 1; step++) {
        _cleanup_error_ struct error err = ERROR_INIT;
        int r = step > STEP_START ? channel_expect_end(&ch, &err)
                                  : channel_expect(&ch, (enum channel_step)step, msg, &err);
        if (r < 0) {
            must(err.text && err.code > 0, "an error without a text");
        } else if (step <= STEP_START) {
            must(msg->step == (enum channel_step)step && strlen(msg->text) <= CHANNEL_TEXT_MAX, "step %d",
                 msg->step);
            must((msg->fd >= 0) == (step == STEP_CONSOLE), "a descriptor with step %d", step);
            if (msg->fd >= 0)
                close(msg->fd);
        }
    }
    close(fds[0]);
    free(msg);
    return 0;
}
