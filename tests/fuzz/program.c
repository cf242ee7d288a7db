/*
 * The head of a program that an image brings: a script or an ELF file, as security/interpreter.c reads it.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "fuzz.h"
#include "security/interpreter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    char path[FD_PATH_MAX], *name = malloc(INTERPRETER_MAX);

    if (fd < 0)
        fd = memfd_create("program", MFD_CLOEXEC);
    must(name && fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size,
         "write the file");
    enum interpreter_kind kind = interpreter_of(fd_path(path, fd), name);
    if (kind != INTERPRETER_NONE)
        must(strnlen(name, INTERPRETER_MAX) < INTERPRETER_MAX, "a name without an end");
    (void)interpreter_foreign(path);
    free(name);
    return 0;
}
