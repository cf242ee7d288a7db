/*
 * Capabilities of a sandbox: a default set, changed by --cap-add and --cap-drop.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"

/* Starting from @base (bit N is capability N): drops, then adds; ALL stands for every capability the kernel
 * knows. A name may come without CAP_ and in any case. The same name in both is an error. *added gets what
 * was asked for by name. */
int sandbox_caps(uint64_t base, char *const *add, char *const *drop, uint64_t *caps, uint64_t *added,
                 struct error *err);
