/*
 * The configuration that a tarball carries (image/protocol.h).
 */
#pragma once

#include <stddef.h>

/* So many bytes of the beginning are enough to find it. */
#define CARRIED_HEAD ((size_t)18 << 10)

/* The configuration in the @len bytes that an archive begins with, a text without control bytes. NULL if
 * there is none. The caller frees. */
char *carried_find(const void *head, size_t len);
