/*
 * Values as D-Bus knows them: made by code for the properties of a unit, or read from the text that
 * annotations `org.systemd.property.*` hold, which is that of GVariant
 * (https://docs.gtk.org/glib/gvariant-text-format.html).
 *
 * A value is a tree. Its type codes are those of the D-Bus specification (#type-system); maybe types and
 * handles of GVariant have none and are refused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

struct variant {
    char type; /* b y n q i u x t d s o g; 'a' array, 'r' structure, 'e' entry of a dictionary, 'v' variant */
    union {
        uint64_t u; /* b y q u t */
        int64_t i;  /* n i x */
        double d;
    } number;
    char *text;            /* s o g. Owned */
    char *element;         /* of an array: the type of its elements. Owned */
    struct variant *items; /* of a container; a variant has one. Owned */
    size_t count;
};

void variant_free(struct variant *v);
#define _cleanup_variant_ __attribute__((cleanup(variant_free)))

/* One value, and nothing behind it but blanks. @type: the type it must have, where the text leaves it open
 * ("5" is an int32, "[]" nothing at all); NULL: as GVariant guesses. Returns 0, -EINVAL with what was
 * expected at which character, or -ENOMEM. The caller frees with variant_free. */
int variant_parse(const char *text, const char *type, struct variant *out, struct error *err);

/* Appends the type to @out as a D-Bus signature: "t", "a(st)". */
void variant_signature(const struct variant *v, struct strbuf *out);

/* Values made by code. All return 0 or -ENOMEM; *out is set whole or not at all. */
int variant_string(const char *s, struct variant *out);
void variant_bool(bool b, struct variant *out);
void variant_u64(uint64_t n, struct variant *out);
/* An empty array of @element. */
int variant_array(const char *element, struct variant *out);
/* Appends one more item, which is moved; on failure it is freed. */
int variant_add(struct variant *container, struct variant *item);
