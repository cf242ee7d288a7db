#include "container/init_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"

#define PASSWD_MAX (1 << 20)

void setup_signals(void)
{
    sigset_t none;

    for (int sig = 1; sig < NSIG; sig++)
        if (sig != SIGKILL && sig != SIGSTOP)
            (void)sys_signal_default(sig);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

int setup_hostname(const struct oci_config *config, struct error *err)
{
    if (!str_empty(config->hostname) && sethostname(config->hostname, strlen(config->hostname)) < 0)
        return error_sys(err, errno, "hostname: set \"%s\"", config->hostname);
    if (!str_empty(config->domainname) && setdomainname(config->domainname, strlen(config->domainname)) < 0)
        return error_sys(err, errno, "domainname: set \"%s\"", config->domainname);
    return 0;
}

int setup_loopback(struct error *err)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    _cleanup_close_ int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (sock < 0)
        return error_sys(err, errno, "open a socket to bring the loopback interface up");
    if (ioctl(sock, SIOCSIFFLAGS, &request) < 0) {
        int code = errno;
        error_sys(err, code, "bring the loopback interface of the new network namespace up");
        if (code == EPERM)
            error_hint(err, "the user namespace has no rights: `bryo check` tells what restricts it");
        return -code;
    }
    return 0;
}

/* A failure only means that the user cannot open the file anew by /proc/self/fd; it is open already. */
static void give_to(int fd, uint32_t uid)
{
    if (fchown(fd, uid, (gid_t)-1) < 0)
        return;
}

int setup_terminal(int slave, const struct oci_console_size *size, uint32_t uid, struct error *err)
{
    if (size) {
        struct winsize ws = {.ws_row = (unsigned short)(size->height > 0xffff ? 0xffff : size->height),
                             .ws_col = (unsigned short)(size->width > 0xffff ? 0xffff : size->width)};
        if (ioctl(slave, TIOCSWINSZ, &ws) < 0)
            return error_sys(err, errno, "process.consoleSize: set the size of the terminal");
    }
    if (ioctl(slave, TIOCSCTTY, 0) < 0)
        return error_sys(err, errno, "make the terminal the controlling terminal");
    for (int fd = 0; fd <= 2; fd++)
        if (dup2(slave, fd) < 0)
            return error_sys(err, errno, "connect descriptor %d to the terminal", fd);
    /* The program's user owns its terminal; not mapped is caught when the user is set. */
    if (uid != 0)
        give_to(slave, uid);
    return 0;
}

void setup_stdio_owner(uint32_t uid)
{
    for (int fd = 0; fd <= 2; fd++) {
        struct stat st;
        if (fstat(fd, &st) < 0 || st.st_uid == uid)
            continue;
        if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || (S_ISCHR(st.st_mode) && isatty(fd)))
            give_to(fd, uid);
    }
}

int setup_cwd(const char *cwd, struct error *err)
{
    _cleanup_free_ char *real = NULL;

    if (chdir(cwd) < 0) {
        if (errno == ENOENT) {
            _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
            int made = root < 0 ? -errno : path_mkdir_in_root(root, cwd, 0755, false);
            if (made < 0)
                return error_sys(err, -made, "process.cwd: create \"%s\"", cwd);
            close(made);
        }
        if (chdir(cwd) < 0) {
            int code = errno;
            error_sys(err, code, "process.cwd: enter \"%s\"", cwd);
            if (code == ENOTDIR)
                error_hint(err, "in the container's root file system \"%s\" is not a directory", cwd);
            return -code;
        }
    }
    /* A leaked descriptor of the host named as /proc/self/fd/N would lead outside: the kernel then has no
     * path from our root to where we are, and says ENOENT or "(unreachable)". */
    real = getcwd(NULL, 0);
    if (!real || real[0] != '/') {
        error_set(err, EPERM, "process.cwd: \"%s\" leads out of the container's root file system", cwd);
        return -EPERM;
    }
    return 0;
}

/* The sixth field of the first line of passwd(5) with @uid. The caller frees; NULL if there is none. */
static char *home_from_passwd(char *text, uint32_t uid)
{
    for (char *save_line, *line = strtok_r(text, "\n", &save_line); line;
         line = strtok_r(NULL, "\n", &save_line)) {
        const char *field[7] = {0};
        size_t n = 0;
        for (char *rest = line, *f; n < ARRAY_SIZE(field) && (f = strsep(&rest, ":"));)
            field[n++] = f;
        uint32_t found;
        if (n >= 6 && parse_id(field[2], &found) == 0 && found == uid && field[5][0] == '/')
            return strdup(field[5]);
    }
    return NULL;
}

int setup_home(char ***env, uint32_t uid, struct error *err)
{
    _cleanup_free_ char *text = NULL, *home = NULL;
    _cleanup_close_ int fd = -EBADF;
    struct stat st;

    if (strv_getenv(*env, "HOME"))
        return 0;
    /* The image's file: it may be anything, so never wait on it. */
    fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        fd_read_to_end(fd, PASSWD_MAX, &text, NULL) == 0)
        home = home_from_passwd(text, uid);
    return strv_setenv(env, "HOME", home ? home : "/") < 0 ? error_oom(err) : 0;
}
