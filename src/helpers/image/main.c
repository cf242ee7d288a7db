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
#include "helpers/image/pack.h"
#include "helpers/image/status.h"
#include "helpers/image/tree.h"
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

static int unpack(struct unpack *u, char **limits, struct status *status, struct unpacked *done,
                  struct error *err)
{
    _cleanup_ids_ struct ids ids = {0};
    struct confinement c = {
        .keep = unpack_fds, .n_keep = ARRAY_SIZE(unpack_fds), .dir = IMAGE_FD_DIR, .read = u->digests};

    if (parse_u64(limits[0], &u->max_bytes) < 0 || parse_u64(limits[1], &u->max_entries) < 0)
        return error_set(err, EINVAL, "bryo-image: \"%s\" \"%s\": two numbers are expected", limits[0],
                         limits[1]);
    u->archive = IMAGE_FD_ARCHIVE;
    u->dir = IMAGE_FD_DIR;
    u->ids = &ids;
    int r = ids_load(&ids, err);
    if (r == 0)
        r = confine(&c, err);
    if (r == 0)
        r = unpack_archive(u, status, done, err);
    return r;
}

static int unpack_plainly(struct unpack *u, char **argv, struct status *status, struct error *err)
{
    struct unpacked done = {0};
    int r = unpack(u, argv + 1, status, &done, err);

    if (r == 0)
        status_done(status, done.limits.entries, done.limits.bytes);
    return r;
}

static int run_unpack(char **argv, struct status *status, struct error *err)
{
    return unpack_plainly(&(struct unpack){.name = argv[0]}, argv, status, err);
}

static int run_transport(char **argv, struct status *status, struct error *err)
{
    return unpack_plainly(&(struct unpack){.name = argv[0], .transport = true}, argv, status, err);
}

static const char *whiteouts_name(const struct unpacked *u)
{
    return !u->whiteouts ? "none" : u->form == WHITEOUTS_OVERLAY ? "overlay" : "files";
}

static int tell_tally(struct status *status, uint64_t *entries, struct error *err)
{
    char hex[17];
    uint64_t tally;
    int r = tree_tally(IMAGE_FD_DIR, &tally, entries, err);

    if (r < 0)
        return r;
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)tally);
    status_info(status, "tally", hex);
    return 0;
}

static int run_layer(char **argv, struct status *status, struct error *err)
{
    struct unpack u = {.name = argv[0],
                       .digests = true,
                       .layer = strcmp(argv[3], "layer") == 0,
                       .blob = strcmp(argv[4], "-") == 0 ? NULL : argv[4],
                       .content = strcmp(argv[5], "-") == 0 ? NULL : argv[5]};
    struct unpacked done = {0};
    uint64_t entries;
    int r = unpack(&u, argv + 1, status, &done, err);

    if (r == 0)
        r = tell_tally(status, &entries, err);
    if (r < 0)
        return r;
    status_info(status, "content", done.content);
    status_info(status, "blob", done.blob);
    status_info(status, "whiteouts", whiteouts_name(&done));
    status_done(status, done.limits.entries, done.limits.bytes);
    return 0;
}

static int run_copy(char **argv, struct status *status, struct error *err)
{
    struct confinement c = {
        .keep = unpack_fds, .n_keep = ARRAY_SIZE(unpack_fds), .dir = IMAGE_FD_DIR, .from = IMAGE_FD_ARCHIVE};
    enum whiteout_form form = strcmp(argv[1], "files") == 0 ? WHITEOUTS_FILES : WHITEOUTS_OVERLAY;
    uint64_t entries, bytes;
    int r = confine(&c, err);

    if (r == 0)
        r = tree_copy(IMAGE_FD_ARCHIVE, IMAGE_FD_DIR, form, status, &entries, &bytes, err);
    if (r < 0) {
        error_prefix(err, "%s", argv[0]);
        return r;
    }
    status_done(status, entries, bytes);
    return 0;
}

static int run_tally(char **argv, struct status *status, struct error *err)
{
    struct confinement c = {
        .keep = remove_fds, .n_keep = ARRAY_SIZE(remove_fds), .dir = IMAGE_FD_DIR, .read = true};
    uint64_t entries = 0;
    int r = confine(&c, err);

    if (r == 0)
        r = tell_tally(status, &entries, err);
    if (r < 0) {
        error_prefix(err, "%s", argv[0]);
        return r;
    }
    status_done(status, entries, 0);
    return 0;
}

static int run_pack(char **argv, struct status *status, struct error *err)
{
    struct confinement c = {
        .keep = unpack_fds, .n_keep = ARRAY_SIZE(unpack_fds), .dir = IMAGE_FD_DIR, .read = true};
    struct pack p = {.name = argv[0],
                     .dir = IMAGE_FD_DIR,
                     .out = IMAGE_FD_ARCHIVE,
                     .layer = strcmp(argv[1], "layer") == 0,
                     .own = strcmp(argv[2], "own") == 0,
                     .compress = argv[3],
                     .config = argv[5]};
    struct packed done;

    if (parse_i64(argv[4], &p.epoch) < 0)
        return error_set(err, EINVAL, "bryo-image: \"%s\": a number is expected", argv[4]);
    int r = confine(&c, err);
    if (r == 0)
        r = pack_tree(&p, status, &done, err);
    if (r == 0) {
        status_info(status, "blob", done.blob);
        status_info(status, "content", done.content);
        status_done(status, done.entries, done.bytes);
    }
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
    {"unpack", 3, run_unpack}, {"transport", 3, run_transport}, {"layer", 6, run_layer},
    {"copy", 2, run_copy},     {"tally", 1, run_tally},         {"remove", 1, run_remove},
    {"pack", 6, run_pack},
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
