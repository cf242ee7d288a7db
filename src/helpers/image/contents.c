#include "helpers/image/contents.h"

#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "helpers/image/name.h"

/* Image and layer ids are sha256 sums. */
#define ID_LEN 64

static const struct {
    const char *name;
    size_t flag;
} marks[] = {
    {"blobs", offsetof(struct contents, blobs)},
    {"oci-layout", offsetof(struct contents, oci_layout)},
    {"index.json", offsetof(struct contents, index)},
    {"manifest.json", offsetof(struct contents, manifest)},
};

void contents_note(struct contents *c, const char *name)
{
    size_t top = strcspn(name, "/");

    if (top == 0 || c->other)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
        if (strlen(marks[i].name) == top && strncmp(name, marks[i].name, top) == 0) {
            *((bool *)((char *)c + marks[i].flag)) = true;
            return;
        }
    if (top == strlen("repositories") && strncmp(name, "repositories", top) == 0)
        return;
    /* ID/layer.tar, ID.tar, ID.json */
    if (strspn(name, "0123456789abcdef") != ID_LEN) {
        c->other = true;
        return;
    }
    if (strcmp(name_base(name), "layer.tar") == 0 ||
        (name[top] == '\0' && strcmp(name + ID_LEN, ".tar") == 0))
        c->layer = true;
    else if (top != ID_LEN && strncmp(name + ID_LEN, ".json", top - ID_LEN) != 0)
        c->other = true;
}

bool contents_are_image(const struct contents *c)
{
    return !c->other &&
           ((c->oci_layout && (c->blobs || c->index)) || (c->manifest && (c->layer || c->blobs)));
}
