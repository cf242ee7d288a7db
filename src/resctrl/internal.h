/*
 * Between the files of resctrl/.
 */
#pragma once

#include "base/json.h"
#include "resctrl/resctrl.h"

/* Where resctrl is mounted, by @mountinfo; the caller frees *root. -ENOTSUP: nowhere. */
int resctrl_find_root(const char *mountinfo, char **root, struct error *err);
