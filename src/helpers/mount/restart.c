#include "helpers/mount/restart.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int restart_add(struct restart *r, const struct restart_point *p, const unsigned char *window,
                struct error *err)
{
    if (r->n == r->room) {
        uint32_t room = r->room ? r->room * 2 : 64;
        void *points = room > r->room ? reallocarray(r->point, room, sizeof *r->point) : NULL;
        if (!points)
            return error_oom(err);
        r->point = points;
        void *windows = reallocarray(r->windows, room, RESTART_WINDOW);
        if (!windows)
            return error_oom(err);
        r->windows = windows;
        r->room = room;
    }
    r->point[r->n] = *p;
    memcpy(r->windows + (size_t)r->n * RESTART_WINDOW, window, RESTART_WINDOW);
    r->n++;
    return 0;
}

void restart_free(struct restart *r)
{
    free(r->point);
    free(r->windows);
    *r = (struct restart){0};
}
