/*
 * Gunfiles: the whole input is one. What the parser lets through must be what builds rely on.
 */
#include "sandbox/gunfile.h"
#include "base/str.h"
#include "fuzz.h"

static void check_words(const struct gunfile_step *step)
{
    size_t n = strv_len(step->words);

    must(n > 0 && n <= GUNFILE_WORDS_MAX, "%zu words", n);
    must(n == 2 || (step->kind != GUNFILE_ENV && step->kind != GUNFILE_LABEL && step->kind != GUNFILE_ARG),
         "a pair of %zu", n);
    must(n >= 2 || step->kind != GUNFILE_COPY, "Copy to nowhere");
    must(step->kind != GUNFILE_CACHE || step->words[0][0] == '/', "Cache \"%s\"", step->words[0]);
    must(step->kind != GUNFILE_SECRET || !strchr(step->words[0], '/'), "Secret \"%s\"", step->words[0]);
    STRV_FOREACH (word, step->words)
        must(strlen(*word) <= 2 * GUNFILE_STRING_MAX, "a word of %zu bytes", strlen(*word));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = malloc(size ? size : 1);
    _cleanup_gunfile_ struct gunfile g = {0};
    _cleanup_error_ struct error err = ERROR_INIT;
    static char *const args[] = {(char *)"V=1", NULL};

    must(text, "out of memory");
    memcpy(text, data, size); /* no NUL behind it */
    int r = gunfile_parse("Gunfile", text, size, size % 2 ? args : NULL, &g, &err);
    if (r < 0) {
        must_explain(r, &err);
        must(g.stages == NULL, "stages are left after an error");
        return 0;
    }
    must(g.n_stages > 0 && g.n_stages <= GUNFILE_STAGES_MAX, "%zu stages", g.n_stages);
    for (size_t i = 0; i < g.n_stages; i++) {
        const struct gunfile_stage *s = &g.stages[i];
        must(s->base && *s->base, "a stage on nothing");
        must(s->from < (int)i, "stage %zu is made of %d", i, s->from);
        for (size_t k = 0; k < s->n_steps; k++) {
            check_words(&s->steps[k]);
            must(s->steps[k].from < (int)i, "a copy from stage %d in %zu", s->steps[k].from, i);
        }
    }
    return 0;
}
