/*
 * Where the store is, and its locks.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/str.h"
#include "store/internal.h"
#include "userns/current.h"

#define ROOT_STORE "/var/lib/bryo"
#define BOOT_ID    "/proc/sys/kernel/random/boot_id"
#define WAIT_MS    20

static const char *const parts[] = {STORE_IMAGES, STORE_NAMES, STORE_FILES, STORE_LAYERS,
                                    STORE_SYNC,   STORE_LOCKS, STORE_TMP};

/* The directory that holds the stores. NULL with errno ENOENT if there is no home. */
static char *base_path(void)
{
    const char *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

    if (xdg && xdg[0] == '/')
        return str_printf("%s/bryo", xdg);
    if (geteuid() == 0 && userns_is_initial())
        return strdup(ROOT_STORE);
    if (!home || home[0] != '/') {
        const struct passwd *pw = getpwuid(geteuid());
        home = pw && pw->pw_dir && pw->pw_dir[0] == '/' ? pw->pw_dir : NULL;
    }
    if (home)
        return str_printf("%s/.local/share/bryo", home);
    errno = ENOENT;
    return NULL;
}

static int hint_place(struct error *err, int r)
{
    error_hint(err,
               "images are kept below $XDG_DATA_HOME/bryo, else ~/.local/share/bryo: set XDG_DATA_HOME to "
               "a directory of your own with room for them");
    return r;
}

static void add_ranges(struct strbuf *text, const char *what, const struct oci_id_map_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        strbuf_addf(text, "%s %u %u %u\n", what, list->items[i].container_id, list->items[i].host_id,
                    list->items[i].size);
}

static void read_boot_id(struct store *s)
{
    _cleanup_close_ int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, s->boot, sizeof s->boot - 1);

    s->boot[n > 0 ? n : 0] = '\0';
    s->boot[strspn(s->boot, "0123456789abcdef-")] = '\0';
}

static int make_parts(const struct store *s, const char *map, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        if (mkdirat(s->fd, parts[i], 0700) < 0 && errno != EEXIST)
            return error_sys(err, errno, "make \"%s/%s\"", s->path, parts[i]);
    return file_replace_at(s->fd, "map", map, strlen(map), 0600, err);
}

int store_open(struct store *s, const struct idmap *map, bool make, struct error *err)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    _cleanup_free_ char *base = base_path();
    char key[SHA256_HEX + 1];

    if (!base && errno == ENOENT)
        return hint_place(err, error_set(err, ENOENT,
                                         "find the store of images: neither HOME nor XDG_DATA_HOME is an "
                                         "absolute path"));
    strbuf_add(&text, "");
    add_ranges(&text, "uid", &map->uids);
    add_ranges(&text, "gid", &map->gids);
    if (!base || text.oom)
        return error_oom(err);
    sha256_text(text.data, text.len, key);
    store_close(s); /* what an earlier attempt has left in it */
    s->map = map;
    s->path = str_printf("%s/ids-%.12s", base, key);
    if (!s->path)
        return error_oom(err);
    s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->fd < 0 && errno == ENOENT) {
        if (!make)
            return -ENOENT;
        int r = mkdir_parents(s->path, 0700, err);
        if (r < 0)
            return hint_place(err, r);
        s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (s->fd < 0)
        return hint_place(err, error_sys(err, errno, "open the store of images \"%s\"", s->path));
    /* The map is written last: with it, the rest is there. */
    if (make && faccessat(s->fd, "map", F_OK, 0) < 0) {
        int r = make_parts(s, text.data, err);
        if (r < 0)
            return hint_place(err, r);
    }
    read_boot_id(s);
    return 0;
}

void store_close(struct store *s)
{
    free(s->path);
    s->path = NULL;
    fd_close(&s->fd);
}

int store_lock(const struct store *s, bool exclusive, struct error *err)
{
    /* Not a copy of s->fd: a lock belongs to what was opened. */
    _cleanup_close_ int fd = openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return error_sys(err, errno, "open \"%s\"", s->path);
    while (flock(fd, exclusive ? LOCK_EX : LOCK_SH) < 0) {
        if (errno == EINTR)
            continue;
        if (!exclusive)
            break; /* no locks here: then nobody removes anything either */
        int r = error_sys(err, errno, "lock the store of images \"%s\"", s->path);
        error_hint(err,
                   "its file system has no locks, so nothing can be removed safely while bryo may use it");
        return r;
    }
    return TAKE_FD(fd);
}

int store_key_lock(const struct store *s, const char *key, struct error *err)
{
    _cleanup_free_ char *name = str_printf(STORE_LOCKS "/%s", key);
    const struct timespec pause = {.tv_nsec = WAIT_MS * 1000000L};
    struct stat st;

    if (!name)
        return error_oom(err);
    for (;;) {
        _cleanup_close_ int fd = openat(s->fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return error_sys(err, errno, "open \"%s/%s\"", s->path, name);
        while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            if (errno != EWOULDBLOCK && errno != EINTR)
                return TAKE_FD(fd); /* no locks here: at worst two do the same */
            if (worker_signal_pending())
                return error_set(err, EINTR, "interrupted");
            nanosleep(&pause, NULL);
        }
        /* Its last holder may have removed it meanwhile. */
        if (fstat(fd, &st) == 0 && st.st_nlink > 0)
            return TAKE_FD(fd);
    }
}

void store_key_unlock(const struct store *s, const char *key, int *fd)
{
    _cleanup_free_ char *name = str_printf(STORE_LOCKS "/%s", key);

    if (*fd >= 0 && name)
        (void)unlinkat(s->fd, name, 0);
    fd_close(fd);
}

uint64_t store_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* What sync/BOOT says; 0 if nothing. */
static uint64_t synced_until(const struct store *s, const char *boot)
{
    _cleanup_free_ char *name = str_printf(STORE_SYNC "/%s", boot), *text = NULL;
    uint64_t at = 0;

    if (!name || strchr(boot, '/') || file_read_at(s->fd, name, 64, &text, NULL, NULL) < 0 ||
        parse_u64(text, &at) < 0)
        return 0;
    return at;
}

bool store_is_durable(const struct store *s, const char *boot, uint64_t at)
{
    return *boot && (strcmp(boot, s->boot) == 0 || synced_until(s, boot) >= at);
}

int store_sync(const struct store *s, struct error *err)
{
    _cleanup_close_ int dir = openat(s->fd, STORE_SYNC, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)store_now());
    if (dir < 0 || syncfs(dir) < 0)
        return error_sys(err, errno, "write the store of images to the disk");
    return *s->boot ? file_replace_at(dir, s->boot, text, strlen(text), 0600, err) : 0;
}

/* dirty_expire_centisecs is 30 s: what is older has been written, or is just about to be. */
#define SETTLED_NS 60000000000u

void store_sync_later(const struct store *s, const struct store_image *image)
{
    const char *boot = store_image_text(image, "boot");
    uint64_t at = store_image_number(image, "at");

    if (boot && strcmp(boot, s->boot) == 0 && store_now() - at > SETTLED_NS && synced_until(s, boot) < at)
        (void)store_sync(s, NULL);
}
