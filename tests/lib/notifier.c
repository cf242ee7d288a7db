/*
 * A program that speaks to the service manager, for tests: each argument is sent as one message to
 * NOTIFY_SOCKET, but for "sleep=SECONDS" and "fd", which sends a descriptor along with "BARRIER=1".
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int send_descriptor(int sock)
{
    char text[] = "BARRIER=1";
    struct iovec iov = {.iov_base = text, .iov_len = strlen(text)};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {
        .header = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))}};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.space};

    memcpy(CMSG_DATA(&control.header), &(int){0}, sizeof(int));
    return sendmsg(sock, &msg, 0) < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (!path || strlen(path) >= sizeof sa.sun_path) {
        fprintf(stderr, "NOTIFY_SOCKET: %s\n", path ? path : "not set");
        return 1;
    }
    strcpy(sa.sun_path, path);
    if (connect(sock, (struct sockaddr *)&sa, sizeof sa) < 0) {
        perror(path);
        return 1;
    }
    for (int i = 1; i < argc; i++) {
        unsigned seconds;
        int r = 0;
        if (sscanf(argv[i], "sleep=%u", &seconds) == 1)
            sleep(seconds);
        else if (strcmp(argv[i], "fd") == 0)
            r = send_descriptor(sock);
        else
            r = send(sock, argv[i], strlen(argv[i]), 0) < 0 ? -1 : 0;
        if (r < 0) {
            perror("send");
            return 1;
        }
    }
    return 0;
}
