/*
 * bryo-image: the program that reads hostile bytes. image/protocol.h says how it is called and what it
 * answers.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"
#include "helpers/image/confine.h"
#include "helpers/image/idrange.h"
#include "helpers/image/interrupt.h"
#include "helpers/image/status.h"
#include "helpers/image/unpack.h"
#include "image/protocol.h"

#ifdef BRYO_SANITIZED
/* The leak checker reads /proc at the end, which is out of reach behind the confinement. bryo starts the
 * helper with an empty environment, so that its default counts. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}
#endif

static const int unpack_fds[] = {IMAGE_FD_ARCHIVE, IMAGE_FD_DIR, IMAGE_FD_STATUS};
static const int remove_fds[] = {IMAGE_FD_DIR, IMAGE_FD_STATUS};

static int run_unpack(char **argv, struct status *status, struct error *err)
{
    _cleanup_ids_ struct ids ids = {0};
    struct unpack u = {.name = argv[0], .archive = IMAGE_FD_ARCHIVE, .dir = IMAGE_FD_DIR, .ids = &ids};
    struct confinement c = {.keep = unpack_fds, .n_keep = ARRAY_SIZE(unpack_fds), .dir = IMAGE_FD_DIR};
    struct limits done = {0};

    if (parse_u64(argv[1], &u.max_bytes) < 0 || parse_u64(argv[2], &u.max_entries) < 0)
        return error_set(err, EINVAL, "bryo-image: \"%s\" \"%s\": two numbers are expected", argv[1],
                         argv[2]);
    int r = ids_load(&ids, err);
    if (r == 0)
        r = confine(&c, err);
    if (r == 0)
        r = unpack_archive(&u, status, &done, err);
    if (r == 0)
        status_done(status, done.entries, done.bytes);
    return r;
}

static int run_remove(char **argv, struct status *status, struct error *err)
{
    struct confinement c = {.keep = remove_fds, .n_keep = ARRAY_SIZE(remove_fds), .dir = IMAGE_FD_DIR};
    const char *name = argv[0];

    if (str_empty(name) || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return error_set(err, EINVAL, "remove \"%s\": not the name of one file", name);
    int r = confine(&c, err);
    if (r == 0)
        r = remove_tree_at(IMAGE_FD_DIR, name, err);
    if (r == 0)
        status_done(status, 0, 0);
    return r;
}

static const struct {
    const char *name;
    int args;
    int (*run)(char **argv, struct status *status, struct error *err);
} commands[] = {
    {"unpack", 3, run_unpack},
    {"remove", 1, run_remove},
};

int main(int argc, char **argv)
{
    _cleanup_error_ struct error err = ERROR_INIT;
    struct status status;
    struct stat st;

    for (size_t i = 0; argc >= 2 && i < ARRAY_SIZE(commands); i++) {
        if (strcmp(argv[1], commands[i].name) != 0 || argc != commands[i].args + 2)
            continue;
        if (fstat(IMAGE_FD_DIR, &st) < 0 || !S_ISDIR(st.st_mode) || fcntl(IMAGE_FD_STATUS, F_GETFD) < 0)
            break;
        interrupt_install();
        status_init(&status, IMAGE_FD_STATUS);
        if (commands[i].run(argv + 2, &status, &err) == 0)
            return status.gone ? 1 : 0;
        status_error(&status, &err);
        return 1;
    }
    fputs("bryo-image is a part of bryo, which starts it and gives it the descriptors it works on\n", stderr);
    return 2;
}
