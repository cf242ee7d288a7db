/*
 * Plays rootfs_prepare, rootfs_enter and rootfs_finish in namespaces of their own on a throw-away root, and
 * tells how it went. Works as root and as an ordinary user (one mapped id).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "rootfs/rootfs.h"

/* top/rootfs is the root, top/outside must stay empty, top itself is the working directory (the bundle). */
struct box {
    char top[64];
    char root[80];
    int top_fd, root_fd, outside_fd;
};

int box_setup(void **state);
int box_teardown(void **state); /* fails if anything appeared outside */

struct scene {
    const char *mounts; /* members of the array, without brackets; NULL: the usual seven */
    const char *linux_; /* members of "linux" behind the namespaces, "" or NULL: none */
    const char *root;   /* members of "root" behind path */
    bool real_root;     /* no user namespace */
    bool no_pivot;
    bool host_net;    /* share the network namespace */
    bool host_cgroup; /* share the cgroup namespace */
    /* In the first user namespace; then a second one is made around it (locked flags). */
    void (*outer)(const struct box *box);
    /* Between prepare and enter; may be NULL. */
    void (*prepared)(const struct box *box, struct rootfs *r);
    /* Inside, at the end. */
    void (*inside)(const struct box *box);
};

/* Returns "ok", "error: TEXT" with "\nhint: …" behind it, or "FILE:LINE: check that failed". The caller
 * frees. */
char *play(const struct box *box, const struct scene *scene);

/* For the functions of a scene: ends it when @cond does not hold. */
void scene_failed(const char *file, int line, const char *what) __attribute__((noreturn));
#define CHECK(cond)                                  \
    do {                                             \
        if (!(cond))                                 \
            scene_failed(__FILE__, __LINE__, #cond); \
    } while (0)

/* The last warning that the floor gave in this scene, "" if none. */
const char *scene_warning(void);

/* The line of /proc/self/mountinfo whose target is @target (the last one), or NULL. Static storage. */
const char *mountinfo_line(const char *target);

/* Small things for images. */
void box_mkdir(const struct box *box, const char *path);
void box_write(const struct box *box, const char *path, const char *text);
void box_link(const struct box *box, const char *target, const char *path);

/* The configuration as the scene would have it, for tests of rootfs_check. */
struct oci_config *scene_config(const struct scene *scene);

/* Why namespaces can not be made here, or NULL. */
const char *box_unavailable(void);

void assert_played(const struct box *box, const struct scene *scene, const char *expected);
void assert_error_has(const struct box *box, const struct scene *scene, const char *part);

#define USUAL_MOUNTS                                                                                  \
    "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"                              \
    "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","                              \
    "\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]},"                         \
    "{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\","                        \
    "\"options\":[\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]}," \
    "{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\","                            \
    "\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=65536k\"]},"                   \
    "{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\","                     \
    "\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"                                                 \
    "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\","                              \
    "\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]},"                                          \
    "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\","                  \
    "\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"]}"

#define USUAL_MASKS                                                                                       \
    "\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/kcore\",\"/proc/keys\",\"/proc/"            \
    "latency_stats\","                                                                                    \
    "\"/proc/timer_list\",\"/proc/timer_stats\",\"/proc/sched_debug\",\"/sys/firmware\",\"/proc/scsi\"]," \
    "\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\"]"
