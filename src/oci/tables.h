/*
 * The tables of config.json (schema_*.c), for one another and for the functions that start from one of them.
 */
#pragma once

#include "oci/schema.h"

extern const struct schema_type schema_oci_config;
extern const struct schema_type schema_oci_hook;
extern const struct schema_type schema_oci_hooks;
extern const struct schema_type schema_oci_id_map;
extern const struct schema_type schema_oci_linux;
extern const struct schema_type schema_oci_mount;
extern const struct schema_type schema_oci_process;
extern const struct schema_type schema_oci_resources;
extern const struct schema_type schema_oci_seccomp;

/* Rules for strings (schema_rules.c). */
extern const struct schema_rule rule_absolute;  /* an absolute path */
extern const struct schema_rule rule_nonempty;  /* not "" */
extern const struct schema_rule rule_env;       /* NAME=VALUE */
extern const struct schema_rule rule_cpu_list;  /* 0-3,7 */
extern const struct schema_rule rule_host_name; /* at most 64 bytes */
extern const struct schema_rule rule_page_size; /* 2MB */
extern const struct schema_rule rule_line;      /* not empty, no newline */
extern const struct schema_rule rule_mem_bw;    /* MB:… */
extern const struct schema_rule rule_access;    /* of r, w, m */
extern const struct schema_rule rule_version;   /* 1.x.y */

/* Highest uid or gid: the one above it is the kernel's "unchanged". */
#define ID_MAX (UINT32_MAX - 1)

/* Checks what holds between members; the paths in messages start with @prefix ("process.", ""). */
int check_process(const struct oci_process *process, const char *prefix, struct error *err);
int check_seccomp(const struct oci_seccomp *seccomp, const char *prefix, struct error *err);
int check_id_maps(const struct oci_id_map_list *maps, const char *path, struct error *err);
int check_config(const struct oci_config *config, struct error *err);
