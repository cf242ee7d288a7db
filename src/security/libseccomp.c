#include "security/libseccomp.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"

#define LIBRARY "libseccomp.so.2"

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
#define LIBSECCOMP_ROW(name) {"seccomp_" #name, offsetof(struct libseccomp, name)},
    LIBSECCOMP_FUNCTIONS(LIBSECCOMP_ROW)
#undef LIBSECCOMP_ROW
};

static int failed(struct error *err)
{
    const char *why = dlerror();

    error_set(err, ENOPKG, "a seccomp profile needs " LIBRARY ": %s", why ? why : "not found");
    error_hint(
        err,
        "install libseccomp2 (Debian, Ubuntu) or libseccomp (Fedora, Arch, Alpine), version 2.5 or newer");
    return -ENOPKG;
}

int libseccomp_load(struct libseccomp *lib, struct error *err)
{
    /* Not closed again: it is needed until the end. */
    void *library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);

    if (!library)
        return failed(err);
    for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
        void *function = dlsym(library, functions[i].name);
        if (!function)
            return failed(err);
        /* ISO C knows no conversion from a data to a function pointer; POSIX promises this one. */
        memcpy((char *)lib + functions[i].offset, &function, sizeof function);
    }
    return 0;
}
