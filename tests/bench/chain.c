/*
 * Runs commands one after the other, for measuring several calls as one: chain CMD ARG… , CMD ARG… , …
 *
 * A lone comma stands between two. Standard input and output are /dev/null for all. Fails with the first that
 * fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv)
{
    int null = open("/dev/null", O_RDWR);

    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
        return 1;
    for (int i = 1, end; i < argc; i = end + 1) {
        pid_t pid;
        int status;
        for (end = i; end < argc && strcmp(argv[end], ",") != 0; end++)
            ;
        argv[end] = NULL; /* argv[argc] is NULL */
        int r = posix_spawnp(&pid, argv[i], NULL, NULL, argv + i, environ);
        if (r != 0 || waitpid(pid, &status, 0) != pid) {
            fprintf(stderr, "chain: %s: %s\n", argv[i], strerror(r ? r : errno));
            return 1;
        }
        if (status != 0) {
            fprintf(stderr, "chain: %s ended with status 0x%x\n", argv[i], (unsigned)status);
            return 1;
        }
    }
    return 0;
}
