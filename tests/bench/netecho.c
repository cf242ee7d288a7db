/*
 * How often a second something small goes to a server and back: prints that number.
 *
 *   netecho serve ADDRESS PORT              one byte comes, one goes back, until the client closes; one
 *                                           connection after the other
 *   netecho trips ADDRESS PORT SECONDS      round trips in one connection
 *   netecho connects ADDRESS PORT SECONDS   connections, each with one round trip
 *
 * Theory of operation: a program in C because an interpreter would take longer than what is measured. Client
 * and server wait in the kernel, so that on one CPU each step is a switch to whoever has something to do.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TIME_LIMIT_S 20

static void die(const char *what)
{
    fprintf(stderr, "netecho: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct sockaddr_in place(char **argv)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[3]))};

    if (inet_pton(AF_INET, argv[2], &a.sin_addr) != 1) {
        fprintf(stderr, "netecho: \"%s\" is no IPv4 address\n", argv[2]);
        exit(2);
    }
    return a;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void without_delay(int fd)
{
    const int one = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static _Noreturn void serve(char **argv)
{
    const struct sockaddr_in a = place(argv);
    const int one = 1;
    int s = socket(AF_INET, SOCK_STREAM, 0);

    if (setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(s, (const struct sockaddr *)&a, sizeof a) < 0 || listen(s, 100) < 0)
        die("listen");
    for (;;) {
        char c;
        int fd = accept(s, NULL, NULL);
        if (fd < 0)
            continue;
        without_delay(fd);
        while (read(fd, &c, 1) == 1 && write(fd, &c, 1) == 1)
            ;
        close(fd);
    }
}

static int open_connection(const struct sockaddr_in *a)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || connect(fd, (const struct sockaddr *)a, sizeof *a) < 0)
        die("connect");
    without_delay(fd);
    return fd;
}

static void trip(int fd)
{
    char c = 'x';

    if (write(fd, &c, 1) != 1 || read(fd, &c, 1) != 1)
        die("round trip");
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc == 4 && strcmp(argv[1], "serve") == 0)
        serve(argv);
    if (argc != 5 || (strcmp(argv[1], "trips") != 0 && strcmp(argv[1], "connects") != 0)) {
        fprintf(stderr, "usage: netecho serve ADDRESS PORT | trips|connects ADDRESS PORT SECONDS\n");
        return 2;
    }
    const struct sockaddr_in a = place(argv);
    const int trips = strcmp(argv[1], "trips") == 0;
    double seconds = atof(argv[4]), start, end;
    unsigned long n = 0;
    int fd = -1;

    alarm(TIME_LIMIT_S);
    if (trips) {
        fd = open_connection(&a);
        trip(fd);
    }
    start = now();
    while ((end = now()) - start < seconds) {
        if (!trips)
            fd = open_connection(&a);
        trip(fd);
        if (!trips)
            close(fd);
        n++;
    }
    printf("%.0f\n", (double)n / (end - start));
    return 0;
}
