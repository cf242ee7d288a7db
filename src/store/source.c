#include "store/source.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

static const struct {
    const char *prefix;
    enum source_kind kind;
    bool splits; /* at the first colon, into path and ref */
    const char *example;
} transports[] = {
    {"oci:", SOURCE_OCI, true, "oci:DIRECTORY[:TAG]"},
    {"oci-archive:", SOURCE_OCI_ARCHIVE, true, "oci-archive:FILE[:TAG]"},
    {"docker-archive:", SOURCE_DOCKER_ARCHIVE, true, "docker-archive:FILE[:NAME:TAG]"},
    {"docker://", SOURCE_DOCKER, false, "docker://NAME[:TAG]"},
    {"containers-storage:", SOURCE_CONTAINERS, false, "containers-storage:NAME[:TAG]"},
};

/* Those of others, so that the message can say more than "no such file". */
static const char *const others[] = {
    "docker-daemon:", "dir:", "ostree:", "sif:", "library://", "shub://", "oras://"};

int source_parse(const char *text, struct source *source, struct error *err)
{
    *source = (struct source){.name = text};
    for (size_t i = 0; i < ARRAY_SIZE(transports); i++) {
        if (!str_starts(text, transports[i].prefix))
            continue;
        const char *rest = text + strlen(transports[i].prefix);
        const char *colon = transports[i].splits ? strchr(rest, ':') : NULL;
        if (!*rest || colon == rest || (colon && !colon[1]))
            return error_set(err, EINVAL, "image \"%s\": expected %s", text, transports[i].example);
        source->kind = transports[i].kind;
        source->path = colon ? strndup(rest, (size_t)(colon - rest)) : strdup(rest);
        source->ref = colon ? strdup(colon + 1) : NULL;
        return !source->path || (colon && !source->ref) ? error_oom(err) : 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        if (str_starts(text, others[i])) {
            error_set(err, ENOTSUP, "image \"%s\": bryo does not read %.*s", text,
                      (int)strcspn(others[i], ":"), others[i]);
            error_hint(err, "skopeo copy %s oci-archive:image.tar makes an archive that it reads", text);
            return -ENOTSUP;
        }
    return 0;
}

void source_free(struct source *source)
{
    free(source->path);
    free(source->ref);
    *source = (struct source){0};
}
