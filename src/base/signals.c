/*
 * Signals by name, for `kill` and for messages. signal(7).
 */
#include <ctype.h>
#include <signal.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/process.h"
#include "base/str.h"

/* The first name of a number is the one that is shown; later ones are aliases. */
static const struct {
    int number;
    const char *name;
} signals[] = {
    {SIGHUP, "SIGHUP"},       {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"},   {SIGILL, "SIGILL"},
    {SIGTRAP, "SIGTRAP"},     {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},     {SIGFPE, "SIGFPE"},
    {SIGKILL, "SIGKILL"},     {SIGUSR1, "SIGUSR1"}, {SIGSEGV, "SIGSEGV"},   {SIGUSR2, "SIGUSR2"},
    {SIGPIPE, "SIGPIPE"},     {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"},   {SIGCHLD, "SIGCHLD"},
    {SIGCONT, "SIGCONT"},     {SIGSTOP, "SIGSTOP"}, {SIGTSTP, "SIGTSTP"},   {SIGTTIN, "SIGTTIN"},
    {SIGTTOU, "SIGTTOU"},     {SIGURG, "SIGURG"},   {SIGXCPU, "SIGXCPU"},   {SIGXFSZ, "SIGXFSZ"},
    {SIGVTALRM, "SIGVTALRM"}, {SIGPROF, "SIGPROF"}, {SIGWINCH, "SIGWINCH"}, {SIGIO, "SIGIO"},
    {SIGPWR, "SIGPWR"},       {SIGSYS, "SIGSYS"},
#ifdef SIGSTKFLT
    {SIGSTKFLT, "SIGSTKFLT"},
#endif
    {SIGABRT, "SIGIOT"},      {SIGCHLD, "SIGCLD"},  {SIGIO, "SIGPOLL"},
};

/* The real-time signals, counted from glibc's SIGRTMIN (the kernel's first two belong to the threads
 * library). */
static int real_time(const char *name)
{
    uint32_t n = 0;

    if (strncasecmp(name, "RTMIN", 5) == 0) {
        if (name[5] == '\0')
            return SIGRTMIN;
        if (name[5] == '+' && parse_u32(name + 6, &n) == 0 && n <= (uint32_t)(SIGRTMAX - SIGRTMIN))
            return SIGRTMIN + (int)n;
    } else if (strncasecmp(name, "RTMAX", 5) == 0) {
        if (name[5] == '\0')
            return SIGRTMAX;
        if (name[5] == '-' && parse_u32(name + 6, &n) == 0 && n <= (uint32_t)(SIGRTMAX - SIGRTMIN))
            return SIGRTMAX - (int)n;
    }
    return -EINVAL;
}

int signal_from_name(const char *name)
{
    uint32_t n;

    if (str_empty(name))
        return -EINVAL;
    if (isdigit((unsigned char)name[0]))
        return parse_u32(name, &n) == 0 && n >= 1 && n < _NSIG ? (int)n : -EINVAL;
    if (strncasecmp(name, "SIG", 3) == 0)
        name += 3;
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        if (strcasecmp(name, signals[i].name + 3) == 0)
            return signals[i].number;
    return real_time(name);
}

const char *signal_name(int sig)
{
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        if (signals[i].number == sig)
            return signals[i].name;
    return NULL;
}
