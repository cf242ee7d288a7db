/*
 * The parser of Gunfiles: a table of instructions, and what each checks of its words.
 */
#include "sandbox/gunfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/suggest.h"
#include "sandbox/gunfile_lex.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* One parsing. */
struct parser {
    struct gunfile_lexer lex;
    struct gunfile *g;
    char *const *given; /* --arg */
    char **args;        /* declared, with their values */
    char **declared;    /* names of all that were ever declared */
    char **env;         /* of the stage */
    size_t n_global;    /* of @args, declared before the first Using */
    size_t n_steps;
};

static int check_name(struct parser *p, const char *word, struct error *err);
static int check_absolute(struct parser *p, const char *word, struct error *err);
static int check_port(struct parser *p, const char *word, struct error *err);
static int check_net(struct parser *p, const char *word, struct error *err);
static int check_secret(struct parser *p, const char *word, struct error *err);
static int check_some(struct parser *p, const char *word, struct error *err);

/* How an instruction is written. */
struct instruction {
    const char *name;
    int kind;
    size_t min, max;  /* words that follow */
    bool bare;        /* the first may stand without quotes */
    bool verbatim;    /* nothing is filled in: the shell has the same signs */
    bool pair;        /* NAME and VALUE, or one string NAME=VALUE */
    bool early;       /* may stand before the first Using */
    const char *what; /* what is expected behind it */
    const char *example;
    int (*check)(struct parser *p, const char *word, struct error *err); /* each word; of a pair, the name */
};

#define USING -1
static const struct instruction instructions[] = {
    {"Using", USING, 1, 1, .what = "an image or a stage in quotes", .example = "Using \"rootfs.tar.gz\"",
     .check = check_some},
    {"Arg", GUNFILE_ARG, 1, 2, .bare = true, .early = true, .what = "a name",
     .example = "Arg VERSION \"1.0\""},
    {"Cache", GUNFILE_CACHE, 1, 1, .what = "a directory in quotes", .example = "Cache \"/var/cache/apk\"",
     .check = check_absolute},
    {"Cmd", GUNFILE_CMD, 1, GUNFILE_WORDS_MAX, .what = "a program and its arguments, each in quotes",
     .example = "Cmd \"--port\" \"80\""},
    {"Copy", GUNFILE_COPY, 2, GUNFILE_WORDS_MAX, .what = "sources and a destination, each in quotes",
     .example = "Copy \"src\" \"/usr/src\"", .check = check_some},
    {"Entry", GUNFILE_ENTRY, 1, GUNFILE_WORDS_MAX, .what = "a program and its arguments, each in quotes",
     .example = "Entry \"/usr/bin/app\""},
    {"Env", GUNFILE_ENV, 1, 2, .bare = true, .pair = true, .what = "a name and a value in quotes",
     .example = "Env LANG \"C.UTF-8\"", .check = check_name},
    {"Exec", GUNFILE_EXEC, 1, GUNFILE_WORDS_MAX, .verbatim = true, .what = "a command in quotes",
     .example = "Exec \"make install\"", .check = check_some},
    {"Expose", GUNFILE_EXPOSE, 1, GUNFILE_WORDS_MAX, .bare = true, .what = "a port", .example = "Expose 8080",
     .check = check_port},
    {"Label", GUNFILE_LABEL, 1, 2, .bare = true, .pair = true, .what = "a name and a value in quotes",
     .example = "Label version \"1.0\"", .check = check_some},
    {"Net", GUNFILE_NET, 1, 1, .bare = true, .what = "none or slirp", .example = "Net none",
     .check = check_net},
    {"Secret", GUNFILE_SECRET, 1, 1, .bare = true, .what = "the name of a secret", .example = "Secret token",
     .check = check_secret},
    {"User", GUNFILE_USER, 1, 1, .bare = true, .what = "a user in quotes", .example = "User \"nobody\"",
     .check = check_some},
    {"Workdir", GUNFILE_WORKDIR, 1, 1, .what = "a directory in quotes", .example = "Workdir \"/srv\"",
     .check = check_some},
};

const char *gunfile_kind_name(enum gunfile_kind kind)
{
    for (size_t i = 0; i < ARRAY_SIZE(instructions); i++)
        if (instructions[i].kind == (int)kind)
            return instructions[i].name;
    return "?";
}

static void step_free(struct gunfile_step *step)
{
    strv_free(step->words);
}

void gunfile_free(struct gunfile *g)
{
    for (size_t i = 0; i < g->n_stages; i++) {
        struct gunfile_stage *s = &g->stages[i];
        for (size_t k = 0; k < s->n_steps; k++)
            step_free(&s->steps[k]);
        free(s->steps);
        free(s->name);
        free(s->base);
    }
    free(g->stages);
    *g = (struct gunfile){0};
}

/* A name of a variable as a shell takes it. */
static bool is_name(const char *word)
{
    if (!*word || (*word >= '0' && *word <= '9'))
        return false;
    for (const char *c = word; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '_'))
            return false;
    return true;
}

static int check_name(struct parser *p, const char *word, struct error *err)
{
    if (is_name(word))
        return 0;
    return gunfile_lex_fail(&p->lex, err, NULL,
                            "a name is made of letters, digits and _, and begins with no digit");
}

static int check_some(struct parser *p, const char *word, struct error *err)
{
    return *word ? 0 : gunfile_lex_fail(&p->lex, err, NULL, "an empty string has no meaning here");
}

static int check_absolute(struct parser *p, const char *word, struct error *err)
{
    if (word[0] == '/' && word[strspn(word, "/.")] && !strstr(word, "/../") && !str_ends(word, "/.."))
        return 0;
    return gunfile_lex_fail(&p->lex, err, NULL, "expected an absolute path below / and without ..");
}

static int check_port(struct parser *p, const char *word, struct error *err)
{
    uint64_t port;
    const char *slash = strchr(word, '/');
    _cleanup_free_ char *number = strndup(word, slash ? (size_t)(slash - word) : strlen(word));
    if (!number)
        return error_oom(err);
    if (parse_u64(number, &port) == 0 && port > 0 && port < 65536 &&
        (!slash || !strcmp(slash, "/tcp") || !strcmp(slash, "/udp") || !strcmp(slash, "/sctp")))
        return 0;
    return gunfile_lex_fail(&p->lex, err, NULL,
                            "expected a port, 1 to 65535, with or without /tcp or /udp behind it");
}

static int check_net(struct parser *p, const char *word, struct error *err)
{
    if (!strcmp(word, "none") || !strcmp(word, "slirp"))
        return 0;
    return gunfile_lex_fail(
        &p->lex, err,
        !strcmp(word, "host") ? "a build does not share the host's network: slirp reaches what you can reach"
                              : NULL,
        "expected none or slirp");
}

static int check_secret(struct parser *p, const char *word, struct error *err)
{
    bool good = *word && *word != '.' && strlen(word) < 200;
    for (const char *c = word; *c; c++)
        good &= (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                strchr("_-.", *c);
    return good ? 0
                : gunfile_lex_fail(&p->lex, err, NULL,
                                   "the name of a secret is made of letters, digits, _, - and dots");
}

/* What ${NAME} stands for; NULL: nothing. */
static const char *find_value(const struct parser *p, const char *name)
{
    const char *value = strv_getenv(p->env, name);
    if (!value)
        value = strv_getenv(p->args, name);
    return value ? value : !strcmp(name, "PATH") ? DEFAULT_PATH : NULL;
}

/* Fills in ${NAME}; $$ is one $, and a $ before anything else stands for itself. */
static int fill_in(struct parser *p, const char *text, char **out, struct error *err)
{
    _cleanup_strbuf_ struct strbuf b = {0};
    for (const char *c = text; *c;) {
        if (c[0] == '$' && c[1] == '{') {
            const char *end = strchr(c, '}');
            _cleanup_free_ char *name = end ? strndup(c + 2, (size_t)(end - c - 2)) : NULL;
            if (end && !name)
                return error_oom(err);
            if (!name || !is_name(name))
                return gunfile_lex_fail(&p->lex, err,
                                        "${NAME} is filled in; write $${ for the two characters",
                                        "expected a name and } behind ${");
            const char *value = find_value(p, name);
            if (!value) {
                _cleanup_free_ char *hint =
                    str_printf("declare it before: Arg %s \"…\"; or write $${ for the two characters", name);
                return gunfile_lex_fail(&p->lex, err, hint,
                                        "\"%s\" is neither an Arg nor an Env of this stage", name);
            }
            strbuf_add(&b, value);
            c = end + 1;
        } else {
            strbuf_addn(&b, c, 1);
            c += c[0] == '$' && c[1] == '$' ? 2 : 1;
        }
        if (b.len > GUNFILE_STRING_MAX)
            return gunfile_lex_fail(&p->lex, err, NULL, "more than %zu bytes once everything is filled in",
                                    GUNFILE_STRING_MAX);
    }
    *out = strbuf_take(&b);
    return *out ? 0 : error_oom(err);
}

static int expected(struct parser *p, const struct instruction *i, const char *what, struct error *err)
{
    _cleanup_free_ char *found = gunfile_lex_describe(&p->lex);
    _cleanup_free_ char *hint = str_printf("as in: %s", i->example);
    return gunfile_lex_fail(&p->lex, err, hint, "%s: expected %s, found %s", i->name, what,
                            found ? found : "?");
}

/* The token at hand becomes a word of the instruction. */
static int take_word(struct parser *p, const struct instruction *i, char ***words, struct error *err)
{
    const char *text = p->lex.value.data ? p->lex.value.data : "";
    bool string = p->lex.token == TOKEN_STRING;
    _cleanup_free_ char *word = NULL;
    int r = 0;
    if (string && !i->verbatim)
        r = fill_in(p, text, &word, err);
    else if (!(word = strdup(text)))
        r = error_oom(err);
    char *value = word && i->pair && strv_len(*words) == 0 ? strchr(word, '=') : NULL;
    if (value)
        *value++ = '\0';
    if (r == 0 && i->check && !(i->pair && strv_len(*words) > 0))
        r = i->check(p, word, err);
    if (r < 0)
        return r;
    if (strv_len(*words) >= GUNFILE_WORDS_MAX)
        return gunfile_lex_fail(&p->lex, err, NULL, "%s: more than %d strings", i->name, GUNFILE_WORDS_MAX);
    if (strv_add(words, word) < 0 || (value && strv_add(words, value) < 0))
        return error_oom(err);
    return gunfile_lex_next(&p->lex, err);
}

/* The words of one instruction, whose name has been read. */
static int take_words(struct parser *p, const struct instruction *i, char ***words, struct error *err)
{
    if (i->bare && p->lex.token == TOKEN_WORD) {
        int r = take_word(p, i, words, err);
        if (r < 0)
            return r;
    }
    while (p->lex.token == TOKEN_STRING && strv_len(*words) < i->max) {
        int r = take_word(p, i, words, err);
        if (r < 0)
            return r;
    }
    if (i->kind == GUNFILE_EXPOSE) /* ports stand without quotes, one behind the other */
        while (p->lex.token == TOKEN_WORD && p->lex.value.data[0] <= '9') {
            int r = take_word(p, i, words, err);
            if (r < 0)
                return r;
        }
    size_t n = strv_len(*words), min = i->pair ? 2 : i->min;
    if (n < min)
        return expected(p, i,
                        n == 0    ? i->what
                        : i->pair ? "a value in quotes"
                                  : "one more string in quotes",
                        err);
    if (p->lex.token == TOKEN_STRING)
        return expected(p, i, "the next instruction", err);
    return 0;
}

/* Arg NAME ["default"]: --arg, else the default, else an outer value. */
static int declare(struct parser *p, const struct instruction *i, char ***words, struct error *err)
{
    struct gunfile_lexer at = p->lex; /* for messages: the name */
    if (p->lex.token != TOKEN_WORD)
        return expected(p, i, i->what, err);
    if (!is_name(p->lex.value.data))
        return check_name(p, p->lex.value.data, err);
    _cleanup_free_ char *name = strdup(p->lex.value.data);
    if (!name)
        return error_oom(err);
    int r = gunfile_lex_next(&p->lex, err);
    if (r < 0)
        return r;
    at.value = (struct strbuf){0};
    _cleanup_free_ char *fallback = NULL;
    if (p->lex.token == TOKEN_STRING) {
        r = fill_in(p, p->lex.value.data ? p->lex.value.data : "", &fallback, err);
        if (r == 0)
            r = gunfile_lex_next(&p->lex, err);
        if (r < 0)
            return r;
    }
    const char *value = strv_getenv(p->given, name);
    if (!value)
        value = fallback ? fallback : strv_getenv(p->args, name);
    if (!value) {
        _cleanup_free_ char *hint =
            str_printf("give it by --arg %s=VALUE, or a default: Arg %s \"VALUE\"", name, name);
        return gunfile_lex_fail(&at, err, hint, "Arg: \"%s\" has no value", name);
    }
    if (strv_add(&p->declared, name) < 0 || strv_add(words, name) < 0 || strv_add(words, value) < 0 ||
        strv_setenv(&p->args, name, (*words)[1]) < 0)
        return error_oom(err);
    return 0;
}

static int stage_named(const struct gunfile *g, const char *name)
{
    for (size_t i = g->n_stages; i-- > 0;)
        if (g->stages[i].name && !strcmp(g->stages[i].name, name))
            return (int)i;
    return -1;
}

/* Copy From NAME: the word From, then a stage before this one. */
static int take_from(struct parser *p, const struct instruction *i, int *from, struct error *err)
{
    if (p->lex.token != TOKEN_WORD)
        return 0;
    if (strcmp(p->lex.value.data, "From") != 0)
        return expected(p, i, "From, or a source in quotes", err);
    int r = gunfile_lex_next(&p->lex, err);
    if (r < 0)
        return r;
    if (p->lex.token == TOKEN_END)
        return expected(p, i, "the name of a stage", err);
    const char *name = p->lex.value.data ? p->lex.value.data : "";
    *from = stage_named(p->g, name);
    if (*from < 0)
        return gunfile_lex_fail(&p->lex, err, "a stage is named where it begins: Using \"…\" As NAME",
                                "there is no stage \"%s\" before this line", name);
    if ((size_t)*from + 1 == p->g->n_stages)
        return gunfile_lex_fail(&p->lex, err, NULL, "a stage cannot copy from itself");
    return gunfile_lex_next(&p->lex, err);
}

static int add_step(struct parser *p, struct gunfile_step *step, struct error *err)
{
    struct gunfile_stage *stage = &p->g->stages[p->g->n_stages - 1];
    struct gunfile_step *more = reallocarray(stage->steps, stage->n_steps + 1, sizeof *more);
    if (!more)
        return error_oom(err);
    stage->steps = more;
    more[stage->n_steps++] = *step;
    *step = (struct gunfile_step){.from = -1};
    return 0;
}

/* Using "image" [As name]. What was declared in a stage ends with it. */
static int begin_stage(struct parser *p, const struct instruction *i, struct gunfile_place place,
                       struct error *err)
{
    _cleanup_strv_ char **words = NULL;
    struct gunfile *g = p->g;
    if (g->n_stages == 0)
        p->n_global = strv_len(p->args);
    while (strv_len(p->args) > p->n_global)
        free(p->args[strv_len(p->args) - 1]), p->args[strv_len(p->args) - 1] = NULL;
    strv_free(p->env);
    p->env = NULL;
    int r = take_words(p, i, &words, err);
    if (r < 0)
        return r;
    if (g->n_stages >= GUNFILE_STAGES_MAX)
        return gunfile_lex_fail(&p->lex, err, NULL, "more than %d stages", GUNFILE_STAGES_MAX);
    struct gunfile_stage *more = reallocarray(g->stages, g->n_stages + 1, sizeof *more);
    if (!more)
        return error_oom(err);
    g->stages = more;
    more[g->n_stages] = (struct gunfile_stage){.place = place, .from = stage_named(g, words[0])};
    g->n_stages++;
    struct gunfile_stage *stage = &more[g->n_stages - 1];
    stage->base = strdup(words[0]);
    if (!stage->base)
        return error_oom(err);
    if (p->lex.token != TOKEN_WORD || strcmp(p->lex.value.data, "As") != 0)
        return 0;
    r = gunfile_lex_next(&p->lex, err);
    if (r < 0)
        return r;
    const char *name = p->lex.value.data;
    if (p->lex.token == TOKEN_END || !name)
        return expected(p, i, "a name for the stage", err);
    if (!strcmp(name, "scratch") || stage_named(g, name) >= 0)
        return gunfile_lex_fail(&p->lex, err, NULL, "the name \"%s\" is taken", name);
    r = check_secret(p, name, NULL);
    if (r < 0)
        return gunfile_lex_fail(&p->lex, err, NULL,
                                "the name of a stage is made of letters, digits, _, - and dots");
    stage->name = strdup(name);
    return stage->name ? gunfile_lex_next(&p->lex, err) : error_oom(err);
}

/* People who know Dockerfiles write these. */
static const struct {
    const char *docker, *ours;
} translations[] = {
    {"FROM", "Using"}, {"RUN", "Exec"},    {"ENTRYPOINT", "Entry"}, {"ADD", "Copy"},
    {"COPY", "Copy"},  {"CMD", "Cmd"},     {"ENV", "Env"},          {"WORKDIR", "Workdir"},
    {"USER", "User"},  {"LABEL", "Label"}, {"EXPOSE", "Expose"},    {"ARG", "Arg"},
};

static int unknown(struct parser *p, struct error *err)
{
    const char *word = p->lex.value.data, *nearest = NULL;
    unsigned best = SUGGEST_FAR;
    for (size_t i = 0; i < ARRAY_SIZE(instructions); i++) {
        unsigned d =
            strcasecmp(word, instructions[i].name) == 0 ? 0 : suggest_distance(word, instructions[i].name);
        if (d < best) {
            best = d;
            nearest = instructions[i].name;
        }
    }
    if (!suggest_is_near(best, strlen(word)))
        nearest = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(translations); i++)
        if (!strcmp(word, translations[i].docker))
            nearest = translations[i].ours;
    _cleanup_free_ char *hint = nearest ? str_printf("did you mean %s?", nearest) : NULL;
    _cleanup_free_ char *shown = str_quote(word, 40);
    return gunfile_lex_fail(&p->lex, err, nearest ? hint : "man 5 gunfile lists the instructions",
                            "unknown instruction \"%s\"", shown ? shown : "?");
}

static int note_step(struct parser *p, const struct gunfile_step *step)
{
    return step->kind == GUNFILE_ENV ? strv_setenv(&p->env, step->words[0], step->words[1]) : 0;
}

static int parse_instruction(struct parser *p, struct error *err)
{
    const struct instruction *i = NULL;
    if (p->lex.token != TOKEN_WORD) {
        _cleanup_free_ char *found = gunfile_lex_describe(&p->lex);
        return gunfile_lex_fail(&p->lex, err, NULL, "expected an instruction, found %s", found ? found : "?");
    }
    for (size_t k = 0; k < ARRAY_SIZE(instructions); k++)
        if (!strcmp(instructions[k].name, p->lex.value.data))
            i = &instructions[k];
    if (!i)
        return unknown(p, err);
    if (!i->early && i->kind != USING && p->g->n_stages == 0)
        return gunfile_lex_fail(&p->lex, err, "begin with: Using \"rootfs.tar.gz\"",
                                "%s before the first Using: there is no image yet", i->name);
    if (++p->n_steps > GUNFILE_STEPS_MAX)
        return gunfile_lex_fail(&p->lex, err, NULL, "more than %d instructions", GUNFILE_STEPS_MAX);
    struct gunfile_place place = gunfile_lex_place(&p->lex);
    int r = gunfile_lex_next(&p->lex, err);
    if (r < 0)
        return r;
    if (i->kind == USING)
        return begin_stage(p, i, place, err);
    __attribute__((cleanup(step_free))) struct gunfile_step step = {
        .kind = (enum gunfile_kind)i->kind, .place = place, .from = -1};
    if (i->kind == GUNFILE_ARG)
        r = declare(p, i, &step.words, err);
    else if (i->kind == GUNFILE_COPY)
        r = take_from(p, i, &step.from, err);
    if (r == 0 && i->kind != GUNFILE_ARG)
        r = take_words(p, i, &step.words, err);
    if (r == 0 && note_step(p, &step) < 0)
        r = error_oom(err);
    /* Before the first Using there is no stage: the value is all there is to keep. */
    return r == 0 && p->g->n_stages > 0 ? add_step(p, &step, err) : r;
}

/* Secrets are for the Exec that follows. */
static int check_secrets(const char *name, const struct gunfile *g, struct error *err)
{
    for (size_t i = 0; i < g->n_stages; i++)
        for (size_t k = 0; k < g->stages[i].n_steps; k++) {
            const struct gunfile_stage *s = &g->stages[i];
            size_t next = k + 1;
            if (s->steps[k].kind != GUNFILE_SECRET)
                continue;
            while (next < s->n_steps && s->steps[next].kind != GUNFILE_EXEC)
                next++;
            if (next == s->n_steps)
                return error_set(err, EINVAL,
                                 "%s:%u:%u: Secret: no Exec follows in this stage that could use it", name,
                                 s->steps[k].place.line, s->steps[k].place.column);
        }
    return 0;
}

/* A mistyped --arg would pass unnoticed otherwise. */
static int check_given(const struct parser *p, struct error *err)
{
    STRV_FOREACH (arg, p->given) {
        size_t n = strcspn(*arg, "=");
        _cleanup_free_ char *name = strndup(*arg, n);
        if (!name)
            return error_oom(err);
        if (strv_has(p->declared, name))
            continue;
        _cleanup_free_ char *shown = str_quote(name, 80);
        error_set(err, EINVAL, "--arg %s: %s declares no such Arg", shown ? shown : "?", p->lex.name);
        error_hint(err, "it would be written: Arg NAME \"default\"");
        return -EINVAL;
    }
    return 0;
}

static void parser_free(struct parser *p)
{
    gunfile_lex_close(&p->lex);
    strv_free(p->args);
    strv_free(p->declared);
    strv_free(p->env);
}

/* Something from another world, which deserves better than a complaint about its first word. */
static int refuse_dockerfile(struct parser *p, struct error *err)
{
    if (p->lex.token != TOKEN_WORD || strcasecmp(p->lex.value.data, "from") != 0)
        return 0;
    error_set(err, EINVAL, "%s:%u: this is a Dockerfile, and bryo builds Gunfiles (man 5 gunfile)",
              p->lex.name, p->lex.start_line);
    error_hint(err, "buildah builds it, with bryo as its runtime: buildah build --runtime bryo -f %s",
               p->lex.name);
    return -EINVAL;
}

static int parse(struct parser *p, const char *text, size_t len, struct error *err)
{
    int r = gunfile_lex_open(&p->lex, p->lex.name, text, len, err);
    if (r == 0)
        r = refuse_dockerfile(p, err);
    while (r == 0 && p->lex.token != TOKEN_END)
        r = parse_instruction(p, err);
    if (r == 0 && p->g->n_stages == 0)
        r = gunfile_lex_fail(&p->lex, err, "begin with: Using \"rootfs.tar.gz\"",
                             "there is no Using: what is to be built on?");
    if (r == 0)
        r = check_secrets(p->lex.name, p->g, err);
    return r == 0 ? check_given(p, err) : r;
}

int gunfile_parse(const char *name, const char *text, size_t len, char *const *args, struct gunfile *g,
                  struct error *err)
{
    __attribute__((cleanup(parser_free))) struct parser p = {.lex = {.name = name}, .g = g, .given = args};
    *g = (struct gunfile){0};
    int r = parse(&p, text, len, err);
    if (r < 0)
        gunfile_free(g);
    return r;
}
