#include "cgroup/v2_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

/* A directory that is being walked, and the names below it. */
struct level {
    char **names;
    size_t next;
};

struct walk {
    const struct v2_visitor *visitor;
    int fd; /* where we are; the last of the levels */
    struct level *levels;
    size_t depth, room;
};

static void walk_free(struct walk *w)
{
    for (size_t i = 0; i < w->depth; i++)
        strv_free(w->levels[i].names);
    free(w->levels);
    fd_close(&w->fd);
}

static int list_directories(int dirfd, char ***names)
{
    _cleanup_strv_ char **list = NULL;
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir) {
        int code = errno;
        fd_close(&fd);
        return -code;
    }
    for (struct dirent *e; (e = readdir(dir));)
        if (e->d_type == DT_DIR && strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            strv_add(&list, e->d_name) < 0)
            return -ENOMEM;
    *names = TAKE_PTR(list);
    return 0;
}

/* Takes over @fd and goes there. */
static int go_down(struct walk *w, int fd)
{
    fd_close(&w->fd);
    w->fd = fd;
    if (w->depth == w->room) {
        size_t room = w->room ? 2 * w->room : 8;
        struct level *grown = realloc(w->levels, room * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        w->levels = grown;
        w->room = room;
    }
    w->levels[w->depth] = (struct level){0};
    int r = list_directories(fd, &w->levels[w->depth].names);
    if (r < 0)
        return r;
    w->depth++;
    return w->visitor->enter ? w->visitor->enter(w->visitor->data, fd) : 0;
}

/* The directory is done: back to the one above, which has it at `next`. */
static int go_up(struct walk *w)
{
    strv_free(w->levels[--w->depth].names);
    if (!w->depth)
        return 0;
    int up = openat(w->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (up < 0)
        return -errno;
    fd_close(&w->fd);
    w->fd = up;
    struct level *level = &w->levels[w->depth - 1];
    const char *name = level->names[level->next++];
    return w->visitor->leave ? w->visitor->leave(w->visitor->data, up, name) : 0;
}

static int next_step(struct walk *w)
{
    struct level *level = &w->levels[w->depth - 1];

    if (!level->names || !level->names[level->next])
        return go_up(w);
    int fd = openat(w->fd, level->names[level->next], O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0)
        return go_down(w, fd);
    if (errno != ENOENT && errno != ENODEV)
        return -errno;
    level->next++; /* gone meanwhile */
    return 0;
}

int v2_walk(int top, const struct v2_visitor *visitor)
{
    __attribute__((cleanup(walk_free))) struct walk w = {.visitor = visitor, .fd = -EBADF};
    int fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? -errno : go_down(&w, fd);

    while (r == 0 && w.depth)
        r = next_step(&w);
    return r;
}
