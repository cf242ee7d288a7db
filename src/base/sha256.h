/*
 * SHA-256 (FIPS 180-4) for small texts, such as the manifests of images: the core links no library for it.
 * Archives are hashed by bryo-image, with what the processor has for that.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_HEX 64

/* The digest of @len bytes as 64 lower-case digits with a NUL. */
void sha256_text(const void *data, size_t len, char hex[SHA256_HEX + 1]);

/* The same in pieces. sha256_end leaves @s as after sha256_begin. */
struct sha256 {
    uint32_t h[8];
    uint64_t len;
    unsigned char block[64];
};
void sha256_begin(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t len);
void sha256_end(struct sha256 *s, char hex[SHA256_HEX + 1]);

/* Is @text 64 lower-case hexadecimal digits, and nothing else? */
bool sha256_is_hex(const char *text);
