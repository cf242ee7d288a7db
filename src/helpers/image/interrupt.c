#include "helpers/image/interrupt.h"

#include <signal.h>
#include <stddef.h>

#include "base/cleanup.h"

static volatile sig_atomic_t came;

static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

static void handler(int sig)
{
    (void)sig;
    came = 1;
}

static void set_all(void (*action)(int))
{
    struct sigaction sa = {.sa_handler = action};

    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        sigaction(signals[i], &sa, NULL);
}

void interrupt_install(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    came = 0;
    set_all(handler);
    sigaction(SIGPIPE, &ignore, NULL);
}

bool interrupted(void)
{
    return came != 0;
}

void interrupt_ignore(void)
{
    set_all(SIG_IGN);
}
