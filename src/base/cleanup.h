/*
 * Ownership by scope: cleanup attributes and the macros that hand ownership over.
 *
 * `_cleanup_free_ char *s`, `_cleanup_close_ int fd = -EBADF`; `return TAKE_PTR(s)`, `return TAKE_FD(fd)`.
 * Every cleanup keeps errno.
 */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *p)
{
    int saved = errno;
    free(*(void **)p);
    errno = saved;
}

/* Closes *fd unless negative. close() is never retried: on Linux the descriptor is gone even after EINTR. */
static inline void cleanup_close(int *fd)
{
    if (*fd >= 0) {
        int saved = errno;
        close(*fd);
        errno = saved;
    }
}

static inline void cleanup_fclose(FILE **f)
{
    if (*f) {
        int saved = errno;
        fclose(*f);
        errno = saved;
    }
}

static inline void cleanup_closedir(DIR **d)
{
    if (*d) {
        int saved = errno;
        closedir(*d);
        errno = saved;
    }
}

#define _cleanup_free_     __attribute__((cleanup(cleanup_free)))
#define _cleanup_close_    __attribute__((cleanup(cleanup_close)))
#define _cleanup_fclose_   __attribute__((cleanup(cleanup_fclose)))
#define _cleanup_closedir_ __attribute__((cleanup(cleanup_closedir)))
#define _cleanup_(f)       __attribute__((cleanup(f)))

#define TAKE_PTR(p)                    \
    ({                                 \
        __typeof__(p) *_take = &(p);   \
        __typeof__(p) _taken = *_take; \
        *_take = NULL;                 \
        _taken;                        \
    })

#define TAKE_FD(fd)          \
    ({                       \
        int *_take = &(fd);  \
        int _taken = *_take; \
        *_take = -EBADF;     \
        _taken;              \
    })

/* Closes now and marks as closed. */
static inline void fd_close(int *fd)
{
    cleanup_close(fd);
    *fd = -EBADF;
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
