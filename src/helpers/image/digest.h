/*
 * SHA-256 as images name their parts (FIPS 180-4), by nettle: it is what libarchive brings along already, and
 * as fast as the processor's own instructions where it has them.
 */
#pragma once

#include <nettle/sha2.h>
#include <stddef.h>

#define DIGEST_HEX 64

/* Writes the digest of all that was added to @ctx as lower-case digits, and starts anew. */
void digest_hex(struct sha256_ctx *ctx, char hex[DIGEST_HEX + 1]);
