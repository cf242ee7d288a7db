#include "cgroup/variant.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

void variant_free(struct variant *v)
{
    for (size_t i = 0; i < v->count; i++)
        variant_free(&v->items[i]);
    free(v->items);
    free(v->text);
    free(v->element);
    *v = (struct variant){0};
}

void variant_signature(const struct variant *v, struct strbuf *out)
{
    char type[2] = {v->type, '\0'};

    if (v->type == 'a') {
        strbuf_add(out, "a");
        strbuf_add(out, v->element);
        return;
    }
    if (v->type != 'r' && v->type != 'e') {
        strbuf_add(out, type);
        return;
    }
    strbuf_add(out, v->type == 'r' ? "(" : "{");
    for (size_t i = 0; i < v->count; i++)
        variant_signature(&v->items[i], out);
    strbuf_add(out, v->type == 'r' ? ")" : "}");
}

int variant_string(const char *s, struct variant *out)
{
    char *copy = strdup(s);

    if (!copy)
        return -ENOMEM;
    *out = (struct variant){.type = 's', .text = copy};
    return 0;
}

void variant_bool(bool b, struct variant *out)
{
    *out = (struct variant){.type = 'b', .number.u = b};
}

void variant_u64(uint64_t n, struct variant *out)
{
    *out = (struct variant){.type = 't', .number.u = n};
}

int variant_array(const char *element, struct variant *out)
{
    char *copy = strdup(element);

    if (!copy)
        return -ENOMEM;
    *out = (struct variant){.type = 'a', .element = copy};
    return 0;
}

int variant_add(struct variant *container, struct variant *item)
{
    /* Grows by doubling: the count is a power of two whenever there is no room. */
    if ((container->count & (container->count - 1)) == 0) {
        size_t room = container->count ? 2 * container->count : 1;
        struct variant *items = realloc(container->items, room * sizeof *items);
        if (!items) {
            variant_free(item);
            return -ENOMEM;
        }
        container->items = items;
    }
    container->items[container->count++] = *item;
    *item = (struct variant){0};
    return 0;
}
