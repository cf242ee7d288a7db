/*
 * --user of a sandbox against the files of an image. The input is three texts with percent signs between
 * them: the option, passwd, group.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "fuzz.h"
#include "sandbox/user.h"

/* A root file system of the process's own, removed at its end. */
static char place[] = "/tmp/bryo-fuzz-users-XXXXXX";
static int root = -1;

static void remove_place(void)
{
    int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);

    (void)remove_tree_at(tmp, place + strlen("/tmp/"), NULL);
}

static void make_place(void)
{
    must(mkdtemp(place), "a directory");
    root = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
    must(root >= 0 && mkdirat(root, "etc", 0755) == 0, "etc");
    atexit(remove_place);
}

static void write_file(const char *name, const char *text)
{
    int fd = openat(root, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "write %s", name);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *spec = next_piece(&data, &size), *passwd = next_piece(&data, &size),
                        *group = next_piece(&data, &size);
    _cleanup_sandbox_user_ struct sandbox_user user = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    uint32_t number;

    if (root < 0)
        make_place();
    write_file("etc/passwd", passwd);
    write_file("etc/group", group);
    int r = sandbox_user_find(LAYERED(root), spec, "--user", &user, &err);
    if (r < 0) {
        must_explain(r, &err);
        return 0;
    }
    must(user.uid != UINT32_MAX && user.gid != UINT32_MAX, "%u:%u", user.uid, user.gid);
    must(user.home && user.home[0] == '/', "home \"%s\"", user.home);
    /* A number is that number, whatever the files say. */
    _cleanup_free_ char *first = strndup(spec, strcspn(spec, ":"));
    if (parse_id(first, &number) == 0)
        must(user.uid == number, "%s became %u", first, user.uid);
    return 0;
}
