/*
 * See interpreter.h. The files belong to the container: lengths and offsets in them are believed only as far
 * as what was read reaches, and nothing but a regular file is opened to be read (O_NONBLOCK, for a fifo put
 * in its place).
 */
#include "security/interpreter.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define HEAD 4096

#if __SIZEOF_POINTER__ == 8
#define OWN_CLASS ELFCLASS64
#else
#define OWN_CLASS ELFCLASS32
#endif
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OWN_DATA ELFDATA2LSB
#else
#define OWN_DATA ELFDATA2MSB
#endif

#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
#elif defined(__i386__)
#define OWN_MACHINE EM_386
#elif defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#elif defined(__arm__)
#define OWN_MACHINE EM_ARM
#elif defined(__riscv)
#define OWN_MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define OWN_MACHINE EM_PPC64
#elif defined(__s390x__)
#define OWN_MACHINE EM_S390
#else
#define OWN_MACHINE EM_NONE /* unknown: no ELF file is taken for one of ours */
#endif

struct head {
    char bytes[HEAD];
    size_t len;
};

static int read_head(const char *path, struct head *head)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    ssize_t n = -1;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        n = pread(fd, head->bytes, sizeof head->bytes, 0);
    if (n < 0) {
        cleanup_close(&fd);
        return -1;
    }
    head->len = (size_t)n;
    return fd;
}

static bool is_elf(const struct head *head)
{
    return head->len >= sizeof(ElfW(Ehdr)) && memcmp(head->bytes, ELFMAG, SELFMAG) == 0;
}

static bool is_own_elf(const struct head *head)
{
    ElfW(Ehdr) ehdr;

    if (!is_elf(head))
        return false;
    memcpy(&ehdr, head->bytes, sizeof ehdr);
    return ehdr.e_ident[EI_CLASS] == OWN_CLASS && ehdr.e_ident[EI_DATA] == OWN_DATA &&
           ehdr.e_machine == OWN_MACHINE;
}

/* "#! /bin/sh -e": the word behind the blanks. The kernel looks at the first 256 bytes. */
static enum interpreter_kind script(const struct head *head, char *out)
{
    size_t max = head->len < 256 ? head->len : 256, start = 2, end;

    while (start < max && (head->bytes[start] == ' ' || head->bytes[start] == '\t'))
        start++;
    for (end = start; end < max && !memchr(" \t\n", head->bytes[end], 3) && head->bytes[end]; end++)
        ;
    if (end == start || end == max) /* cut off: the kernel decides */
        return INTERPRETER_NONE;
    memcpy(out, head->bytes + start, end - start);
    out[end - start] = '\0';
    return INTERPRETER_SCRIPT;
}

static enum interpreter_kind loader(int fd, const struct head *head, char *out)
{
    ElfW(Ehdr) ehdr;
    ElfW(Phdr) phdr;

    memcpy(&ehdr, head->bytes, sizeof ehdr);
    if (ehdr.e_phentsize != sizeof phdr)
        return INTERPRETER_NONE;
    for (size_t i = 0; i < ehdr.e_phnum; i++) {
        /* Of sane files the table is within the head. */
        if (ehdr.e_phoff > head->len || (i + 1) * sizeof phdr > head->len - ehdr.e_phoff)
            return INTERPRETER_NONE;
        memcpy(&phdr, head->bytes + ehdr.e_phoff + i * sizeof phdr, sizeof phdr);
        if (phdr.p_type != PT_INTERP)
            continue;
        if (phdr.p_filesz < 2 || phdr.p_filesz >= INTERPRETER_MAX ||
            pread(fd, out, phdr.p_filesz, (off_t)phdr.p_offset) != (ssize_t)phdr.p_filesz ||
            out[phdr.p_filesz - 1])
            return INTERPRETER_NONE;
        return INTERPRETER_LOADER;
    }
    return INTERPRETER_NONE;
}

enum interpreter_kind interpreter_of(const char *path, char out[INTERPRETER_MAX])
{
    struct head head;
    _cleanup_close_ int fd = read_head(path, &head);

    if (fd < 0)
        return INTERPRETER_NONE;
    if (head.len >= 2 && head.bytes[0] == '#' && head.bytes[1] == '!')
        return script(&head, out);
    return is_own_elf(&head) ? loader(fd, &head, out) : INTERPRETER_NONE;
}

bool interpreter_foreign(const char *path)
{
    struct head head;
    _cleanup_close_ int fd = read_head(path, &head);

    return fd >= 0 && is_elf(&head) && !is_own_elf(&head);
}
