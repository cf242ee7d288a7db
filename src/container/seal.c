#include "container/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/syscalls.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static bool is_sealed(int fd)
{
    int seals = fcntl(fd, F_GET_SEALS);

    return seals >= 0 && (seals & SEALS) == SEALS;
}

/* The owner can always give himself the right to write. What is not refused for sure counts as possible. */
static bool could_be_written(int fd, const struct stat *st)
{
    return st->st_uid == geteuid() || faccessat(fd, "", W_OK, AT_EMPTY_PATH | AT_EACCESS) == 0 ||
           (errno != EACCES && errno != EROFS && errno != EPERM);
}

static int make_copy(int exe, off_t size, struct error *err)
{
    _cleanup_close_ int fd = memfd_create("bryo", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

    if (fd < 0 && errno == EINVAL) /* Linux before 6.3 knows no MFD_EXEC and makes every memfd executable */
        fd = memfd_create("bryo", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        int code = errno;
        error_sys(err, code, "make a sealed copy of bryo in memory");
        if (code == EACCES)
            error_hint(
                err, "sysctl vm.memfd_noexec=2 forbids it; install bryo so that the caller cannot write it");
        return -code;
    }
    for (off_t done = 0; done < size;) {
        ssize_t n = sendfile(fd, exe, &done, (size_t)(size - done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_sys(err, n < 0 ? errno : EIO, "copy bryo into memory");
    }
    if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
        return error_sys(err, errno, "seal the copy of bryo");
    return TAKE_FD(fd);
}

/* A build tree keeps the helpers beside bryo; from a memfd that place can no longer be found. */
static int remember_helpers(struct error *err)
{
    static const char *const names[] = {"bryo-image", "bryo-net"};
    char path[PATH_MAX];
    ssize_t n;

    if (getenv("BRYO_HELPER_DIR"))
        return 0;
    n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0 || path[0] != '/')
        return 0;
    path[n] = '\0';
    *strrchr(path, '/') = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_free_ char *helper = str_printf("%s/%s", path, names[i]);
        if (!helper || (access(helper, X_OK) == 0 && setenv("BRYO_HELPER_DIR", path, 1) < 0))
            return error_oom(err);
    }
    return 0;
}

int seal_self(char *const *argv, struct error *err)
{
    _cleanup_close_ int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), copy = -EBADF;
    struct stat st;
    int r;

    if (exe < 0 || fstat(exe, &st) < 0)
        return error_sys(err, errno, "open \"/proc/self/exe\"");
    if (is_sealed(exe)) {
        prctl(PR_SET_NAME, "bryo"); /* the kernel took the descriptor's number for the name */
        return 0;
    }
    if (!could_be_written(exe, &st))
        return 0;
    copy = make_copy(exe, st.st_size, err);
    if (copy < 0)
        return copy;
    r = remember_helpers(err);
    if (r < 0)
        return r;
    sys_execveat(copy, "", argv, environ, AT_EMPTY_PATH);
    return error_sys(err, errno, "execute the sealed copy of bryo");
}
