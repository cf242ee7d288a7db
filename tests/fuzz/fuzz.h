/*
 * What the fuzz targets share. A target is one file NAME.c with LLVMFuzzerTestOneInput: it hands the bytes to
 * a reader of bryo's and checks what must hold whatever they are. A broken promise ends the program, as a
 * report of a sanitizer does; libFuzzer then keeps the input. tests/fuzz/run builds and runs them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program with a text, unless @fact holds. */
#define must(fact, ...)                                                \
    do {                                                               \
        if (!(fact)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #fact); \
            fprintf(stderr, __VA_ARGS__);                              \
            fputc('\n', stderr);                                       \
            abort();                                                   \
        }                                                              \
    } while (0)

/* A failed reader says why. */
static inline void must_explain(int r, const struct error *err)
{
    must(r < 0 && err->code == -r, "returned %d, the error is %d", r, err->code);
    must(err->text && *err->text, "an error without a text");
}

/* A copy with a NUL behind it, so that whatever reads too far is caught. */
static inline char *text_of(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    must(text, "out of memory");
    memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

/* Takes the piece up to the next percent sign from the input. */
static inline char *next_piece(const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size ? memchr(*data, '%', *size) : NULL;
    size_t n = end ? (size_t)(end - *data) : *size;
    char *text = text_of(*data, n);

    *data += end ? n + 1 : n;
    *size -= end ? n + 1 : n;
    return text;
}
