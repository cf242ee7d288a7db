/*
 * Texts of `bryo help` and `bryo VERB --help`, made from the tables of verbs and options.
 */
#include "cli/help.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/global.h"
#include "cli/verbs.h"

enum { WIDTH_MIN = 80, WIDTH_MAX = 100, LEFT_MAX = 30 };

unsigned help_width(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < WIDTH_MIN)
        return WIDTH_MIN;
    return size.ws_col > WIDTH_MAX ? WIDTH_MAX : size.ws_col;
}

/* Columns of a UTF-8 text: every byte that does not continue a character counts. */
static size_t columns(const char *s, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)s[i] & 0xc0) != 0x80;
    return n;
}

/* Adds @text from column @indent on, broken between words; later lines are indented by as much. Newlines in
 * the text stay. @column: where the line stands now. */
static void wrap(struct strbuf *out, const char *text, size_t column, size_t indent, unsigned width)
{
    bool first = true;

    while (*text) {
        if (*text == '\n') {
            strbuf_add(out, "\n");
            column = 0;
            first = true;
            text++;
            continue;
        }
        size_t len = strcspn(text, " \n"), cols = columns(text, len);
        if (!first && column + 1 + cols > width) {
            strbuf_add(out, "\n");
            column = 0;
            first = true;
        }
        if (column < indent) {
            strbuf_addf(out, "%*s", (int)(indent - column), "");
            column = indent;
        } else if (!first) {
            strbuf_add(out, " ");
            column++;
        }
        strbuf_addn(out, text, len);
        column += cols;
        first = false;
        text += len;
        text += strspn(text, " ");
    }
    strbuf_add(out, "\n");
}

/* "  left   right", the right column wrapped; a long left part stands on a line of its own. */
static void two_columns(struct strbuf *out, const char *left, size_t left_width, const char *right,
                        unsigned width)
{
    size_t cols = columns(left, strlen(left)), indent = left_width + 4;

    strbuf_addf(out, "  %s", left);
    cols += 2;
    if (cols + 2 > indent) {
        strbuf_add(out, "\n");
        cols = 0;
    }
    wrap(out, right, cols, indent, width);
}

/* "-b, --bundle DIR", room for the letter kept free. */
static void option_left(const struct option_def *d, char *buf, size_t size)
{
    char letter[8] = "    ";

    if (d->letter)
        snprintf(letter, sizeof letter, "-%c, ", d->letter);
    snprintf(buf, size, "%s--%s%s%s", letter, d->name, d->arg ? " " : "", d->arg ? d->arg : "");
}

static void option_list(struct strbuf *out, const char *title, const struct verb *verb, unsigned width)
{
    static const struct option_def help_row = {.name = "help", .letter = 'h'};
    size_t left_width = 0;
    bool own_h = false;
    char left[80];

    for (const struct option_def *d = verb->options; d && d->name; d++) {
        option_left(d, left, sizeof left);
        size_t cols = columns(left, strlen(left));
        if (!d->hidden && cols > left_width && cols <= LEFT_MAX)
            left_width = cols;
        own_h |= d->letter == 'h';
    }
    if (left_width < strlen("-h, --help"))
        left_width = strlen("-h, --help");
    strbuf_addf(out, "\n%s:\n", title);
    for (const struct option_def *d = verb->options; d && d->name; d++) {
        if (d->hidden)
            continue;
        option_left(d, left, sizeof left);
        two_columns(out, left, left_width, d->help, width);
    }
    option_left(&help_row, left, sizeof left);
    two_columns(out, own_h ? "    --help" : left, left_width, "show this help", width);
}

void help_verb(struct strbuf *out, const struct verb *verb, unsigned width)
{
    strbuf_addf(out, "Usage: bryo %s%s%s\n\n", verb->name, *verb->usage ? " " : "", verb->usage);
    wrap(out, verb->summary, 0, 0, width);
    if (verb->details) {
        strbuf_add(out, "\n");
        wrap(out, verb->details, 0, 0, width);
    }
    option_list(out, "Options", verb, width);
}

void help_overview(struct strbuf *out, unsigned width)
{
    const char *group = NULL;

    strbuf_addf(out, "Usage: bryo %s\n\n%s\n", cli_global.usage, cli_global.summary);
    for (size_t i = 0; cli_verbs[i]; i++) {
        const struct verb *v = cli_verbs[i];
        if (!group || strcmp(group, v->group) != 0)
            strbuf_addf(out, "\n%s:\n", v->group);
        group = v->group;
        two_columns(out, v->name, 8, v->summary, width);
    }
    option_list(out, "Global options, before the verb", &cli_global, width);
    strbuf_add(out, "\n`bryo VERB --help` tells the options of a verb, `man bryo` the rest.\n");
}

static int run(const struct invocation *inv, struct error *err)
{
    _cleanup_strbuf_ struct strbuf out = {0};

    if (inv->n_args == 0) {
        help_overview(&out, help_width());
    } else {
        const struct verb *verb = cli_find_verb(inv->args[0]);
        if (!verb)
            return cli_unknown_verb(inv->args[0], err);
        help_verb(&out, verb, help_width());
    }
    return out.oom ? error_oom(err) : cli_write(out.data, err);
}

const struct verb cli_help = {
    .name = "help",
    .group = "Help",
    .summary = "Show an overview, or the help of one command",
    .usage = "[VERB]",
    .max_args = 1,
    .no_state = true,
    .run = run,
};
