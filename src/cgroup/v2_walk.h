/*
 * Walking over a cgroup and all below it.
 *
 * Theory of operation: the processes of a container may have made cgroups in theirs, of any depth and while
 * we look. So the way is kept in memory, names only, and of descriptors there is the one of the directory
 * where we are: the way up is "..", which cannot lead elsewhere, since cgroup2 renames no directory. What
 * vanishes meanwhile is passed over.
 */
#pragma once

struct v2_visitor {
    int (*enter)(void *data, int dirfd); /* each directory, before those below it; may be NULL */
    int (*leave)(void *data, int parent, const char *name); /* after them; not for the top; may be NULL */
    void *data;
};

/* Returns 0, what a visitor returned if that is not 0, or a negative errno. */
int v2_walk(int top, const struct v2_visitor *visitor);
