/*
 * What the files of the systemd manager share: the unit of a container, its properties, the manager it
 * belongs to.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "cgroup/internal.h"
#include "cgroup/variant.h"

/* systemd_unit.c */

/* The unit that holds a container. */
struct unit {
    char *name;    /* "bryo-web.scope". Owned */
    char *slice;   /* the slice it is in: "user.slice". Owned; of a slice unit NULL, its name tells */
    bool is_slice; /* the container's own unit is a slice: nothing can be put into it by its start */
};
void unit_free(struct unit *u);
#define _cleanup_unit_ __attribute__((cleanup(unit_free)))

/* From linux.cgroupsPath, "SLICE:PREFIX:NAME"; NULL or "": ":bryo:ID". An empty slice is user.slice with
 * @user, the manager of a user, and system.slice else; "-" is the root slice. A name that ends in ".slice" is
 * the unit, without the prefix; others make PREFIX-NAME.scope. What units may not be called by is escaped as
 * systemd-escape(1) does. -EINVAL with a text that shows the form. */
int unit_from_path(const char *cgroups_path, const char *id, bool user, struct unit *out, struct error *err);

/* The innermost unit, a scope or a slice, that cgroup @path ("/user.slice/a.scope/container") lies in. @len
 * gets the length of the part of @path that is the unit's own cgroup. The caller frees; NULL when there is
 * none or memory ran out (errno ENOENT, ENOMEM). */
char *unit_of_cgroup(const char *path, size_t *len);

/* The cgroup below the unit's own that the container goes into: annotation run.oci.systemd.subgroup, without
 * it "container"; "" for none, as in a slice, which systemd does not let others divide. The caller frees
 * *out. -EINVAL for what is not one name. */
int unit_subgroup(const struct unit *u, const struct oci_map *annotations, char **out, struct error *err);

/* Where the container will be: below @root, the cgroup of the manager, the unit in its slice ("a-b.slice" is
 * "/a.slice/a-b.slice"), and in that @sub. The caller frees; NULL when memory ran out. */
char *unit_cgroup(const char *root, const struct unit *u, const char *sub);

/* systemd_owner.c */

/* Whose systemd: of user @uid (as the initial user namespace, or the one around us, knows it), or with @user
 * false the system's. */
struct systemd_owner {
    bool user;
    uid_t uid;
};
/* The one that the caller may use: the system's for root, else the user's own. A root of a user namespace,
 * such as that of podman, is the user outside. */
void systemd_owner_of_caller(struct systemd_owner *out);
/* The one that made the cgroup @path of a container: root may be handed one of a user's. */
void systemd_owner_of_cgroup(const char *path, struct systemd_owner *out);
/* Where its bus may be found, in the order to try; the caller frees *out with strv_free. 0 or -ENOMEM. */
int systemd_addresses(const struct systemd_owner *owner, char ***out);
/* The cgroup below which it makes its own: "/user.slice/user-1000.slice/user@1000.service"; the caller frees,
 * NULL when memory ran out. */
char *systemd_owner_cgroup(const struct systemd_owner *owner);
/* Adds to @err how its bus is brought up. Returns -err->code. */
int systemd_owner_hint(const struct systemd_owner *owner, struct error *err);

/* systemd_live.c: members of the manager. */
int systemd_clone_fd(const struct cgroup *cg, const char *sub, pid_t init, struct error *err);
int systemd_enter(const struct cgroup *cg, const char *sub, pid_t init, pid_t pid, struct error *err);
int systemd_update(const struct cgroup *cg, const struct oci_resources *resources, struct error *err);
int systemd_set_devices(const struct cgroup *cg, struct device_rules *rules, bool fresh, struct error *err);
int systemd_destroy(const struct cgroup *cg, struct error *err);

/* systemd_properties.c, systemd_annotations.c */

/* Properties of a unit: org.freedesktop.systemd1(5), systemd.resource-control(5). */
struct unit_property {
    char *name; /* owned */
    struct variant value;
    bool optional; /* newer than the oldest systemd that there may be, and in the files as well */
};
struct unit_properties {
    struct unit_property *items; /* owned */
    size_t count;
};
void unit_properties_free(struct unit_properties *properties);
#define _cleanup_unit_properties_ __attribute__((cleanup(unit_properties_free)))

/* Sets a property in place of an older value; @value is moved, also on failure. 0 or -ENOMEM. */
int unit_properties_set(struct unit_properties *properties, const char *name, struct variant *value,
                        bool optional);

/* The same beside an older value. */
int unit_properties_append(struct unit_properties *properties, const char *name, struct variant *value,
                           bool optional);

/* What a new unit is, whatever its limits. @pid: goes into a scope. */
int unit_properties_of_unit(struct unit_properties *properties, const struct unit *unit, const char *id,
                            pid_t pid, struct error *err);
/* The limits that systemd has properties for, of the controllers in @which (CGROUP_BIT): the rest is for the
 * files alone. */
int unit_properties_of_resources(struct unit_properties *properties, const struct oci_resources *resources,
                                 unsigned which, struct error *err);
/* The one that has the value of a file of cgroup2 ("cpu.max"); none for other files, and for a text that
 * systemd could not take. */
int unit_properties_of_file(struct unit_properties *properties, const char *file, const char *text,
                            struct error *err);
/* Device rules, for the system's systemd: a user's has no right to carry them out. @fresh: a new unit; else
 * they take the place of what it has. What can't be said is left out. @rules is changed. */
int unit_properties_of_devices(struct unit_properties *properties, struct device_rules *rules, bool fresh,
                               struct error *err);
/* Do annotations set these properties? Then they are the caller's. */
bool unit_has_device_annotations(const struct oci_map *annotations);
/* Those of annotations org.systemd.property.NAME, over all others. -EINVAL naming the annotation. */
int unit_properties_of_annotations(struct unit_properties *properties, const struct oci_map *annotations,
                                   struct error *err);
