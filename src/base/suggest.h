/*
 * "Did you mean …?": the nearest of some names to what was typed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Edits (insert, delete, replace, swap neighbours) that turn @a into @b; SUGGEST_FAR for names above 63
 * bytes. */
#define SUGGEST_FAR 1000u
unsigned suggest_distance(const char *a, const char *b);

/* Is @distance small enough for a name of @len bytes that a slip of the finger is likely? */
bool suggest_is_near(unsigned distance, size_t len);
