/*
 * config.md: the document itself, root, mounts and id mappings.
 */
#include "oci/tables.h"

static const struct schema_field oci_id_map_fields[] = {
    SCHEMA_VALUE(oci_id_map, "containerID", container_id, U32, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_id_map, "hostID", host_id, U32, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_id_map, "size", size, U32, .min = 1, .max = UINT32_MAX, .flags = SCHEMA_REQUIRED),
};
SCHEMA_TYPE(oci_id_map);

static const struct schema_field oci_root_fields[] = {
    SCHEMA_VALUE(oci_root, "path", path, STRING, .rule = &rule_nonempty, .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_root, "readonly", readonly, BOOL),
};
static SCHEMA_TYPE(oci_root);

/* A relative destination is deprecated and means one below "/" (config.md#mounts): rootfs/ takes it so. */
static const struct schema_field oci_mount_fields[] = {
    SCHEMA_VALUE(oci_mount, "destination", destination, STRING, .rule = &rule_nonempty,
                 .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_mount, "type", type, STRING, .flags = SCHEMA_BLANK),
    SCHEMA_VALUE(oci_mount, "source", source, STRING, .flags = SCHEMA_BLANK),
    SCHEMA_VALUE(oci_mount, "options", options, STRV),
    SCHEMA_NESTED_LIST(oci_mount, "uidMappings", uid_mappings, oci_id_map),
    SCHEMA_NESTED_LIST(oci_mount, "gidMappings", gid_mappings, oci_id_map),
};
SCHEMA_TYPE(oci_mount);

static const struct schema_field oci_config_fields[] = {
    SCHEMA_VALUE(oci_config, "ociVersion", oci_version, STRING, .rule = &rule_version,
                 .flags = SCHEMA_REQUIRED),
    SCHEMA_VALUE(oci_config, "hostname", hostname, STRING, .rule = &rule_host_name, .flags = SCHEMA_BLANK),
    SCHEMA_VALUE(oci_config, "domainname", domainname, STRING, .rule = &rule_host_name,
                 .flags = SCHEMA_BLANK),
    SCHEMA_NESTED_POINTER(oci_config, "root", root, oci_root),
    SCHEMA_NESTED_POINTER(oci_config, "process", process, oci_process),
    SCHEMA_NESTED_LIST(oci_config, "mounts", mounts, oci_mount),
    SCHEMA_NESTED(oci_config, "hooks", hooks, oci_hooks),
    SCHEMA_VALUE(oci_config, "annotations", annotations, MAP),
    SCHEMA_NESTED(oci_config, "linux", linux_, oci_linux),
};
SCHEMA_TYPE(oci_config);
