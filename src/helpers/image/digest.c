#include "helpers/image/digest.h"

#include <nettle/version.h>
#include <stdint.h>

void digest_hex(struct sha256_ctx *ctx, char hex[DIGEST_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t raw[SHA256_DIGEST_SIZE];

#if NETTLE_VERSION_MAJOR >= 4
    sha256_digest(ctx, raw);
#else
    sha256_digest(ctx, sizeof raw, raw);
#endif
    for (size_t i = 0; i < sizeof raw; i++) {
        hex[2 * i] = digits[raw[i] >> 4];
        hex[2 * i + 1] = digits[raw[i] & 15];
    }
    hex[DIGEST_HEX] = '\0';
}
