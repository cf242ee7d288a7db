/*
 * Which source has the ranges, and which names a user has there.
 *
 * Start-up time counts: NSS modules are loaded (some 1 ms) only when the files cannot tell. So /etc/passwd is
 * read by us for the names of the uid, lines with the plain number need no name at all, and getpwuid(3) is
 * asked last.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/process.h"
#include "base/str.h"
#include "userns/subid_internal.h"

#define NSSWITCH_PATH     "/etc/nsswitch.conf"
#define PASSWD_PATH       "/etc/passwd"
#define PASSWD_MAX        (16U << 20)
#define GETSUBIDS_TIMEOUT 10000 /* ms; a directory server that does not answer must not hang the start */

void subid_lookup_free(struct subid_lookup *lookup)
{
    free(lookup->service);
    strv_free(lookup->names);
    free(lookup->nss_name);
    *lookup = (struct subid_lookup){0};
}

char *subid_service(const char *text)
{
    for (const char *p = text; *p;) {
        p += strspn(p, " \t");
        if (strncasecmp(p, "subid:", 6) == 0) {
            p += 6;
            p += strspn(p, " \t");
            size_t len = strcspn(p, " \t\n#[");
            if (len == 0 || (len == 5 && strncmp(p, "files", 5) == 0))
                return NULL;
            return strndup(p, len);
        }
        p += strcspn(p, "\n");
        p += *p == '\n';
    }
    return NULL;
}

static void find_service(struct subid_lookup *lookup)
{
    _cleanup_free_ char *text = NULL;

    if (lookup->service_known)
        return;
    lookup->service_known = true;
    /* Without a readable nsswitch.conf the files count, as for libsubid. */
    if (file_read_at(AT_FDCWD, NSSWITCH_PATH, 1U << 20, &text, NULL, NULL) == 0)
        lookup->service = subid_service(text);
}

/* All names that /etc/passwd has for the uid: several users may share one. */
static int find_names(struct subid_lookup *lookup, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    char *save = NULL;

    if (lookup->names_known)
        return 0;
    lookup->names_known = true;
    if (file_read_at(AT_FDCWD, PASSWD_PATH, PASSWD_MAX, &text, NULL, NULL) < 0)
        return 0;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *password = strchr(line, ':');
        char *id = password ? strchr(password + 1, ':') : NULL;
        uint32_t number;
        if (!id || password == line)
            continue;
        *password = '\0';
        id[1 + strcspn(id + 1, ":")] = '\0';
        if (parse_u32(id + 1, &number) == 0 && number == lookup->uid && strv_add(&lookup->names, line) < 0)
            return error_oom(err);
    }
    return 0;
}

static const char *nss_name(struct subid_lookup *lookup)
{
    if (!lookup->nss_asked) {
        lookup->nss_asked = true;
        const struct passwd *pw = getpwuid(lookup->uid);
        if (pw && pw->pw_name)
            lookup->nss_name = strdup(pw->pw_name);
    }
    return lookup->nss_name;
}

const char *subid_user_name(struct subid_lookup *lookup)
{
    (void)find_names(lookup, NULL);
    return lookup->names ? lookup->names[0] : nss_name(lookup);
}

char *subid_source_text(const struct subid_lookup *lookup, enum subid_kind kind)
{
    if (lookup->service)
        return str_printf("getsubids (subid: %s in " NSSWITCH_PATH ")", lookup->service);
    return strdup(subid_path(kind));
}

static int read_files(struct subid_lookup *lookup, enum subid_kind kind, struct subid_ranges *out,
                      struct error *err)
{
    const char *path = subid_path(kind);
    _cleanup_error_ struct error failed = ERROR_INIT;
    _cleanup_free_ char *text = NULL;
    bool others = false;

    int r = file_read_at(AT_FDCWD, path, PASSWD_MAX, &text, NULL, &failed);
    if (r == -ENOENT)
        return 0;
    if (r < 0) {
        error_move(err, &failed);
        return r;
    }
    if (!*text)
        return 0;
    r = find_names(lookup, err);
    if (r == 0)
        r = subid_parse(path, text, lookup->names, lookup->uid, out, &others, err);
    if (r < 0 || out->count || !others || lookup->names)
        return r;
    /* Lines for names, none of them known to belong to this user: a user of LDAP or the like has its name
     * there. */
    char *names[] = {(char *)(uintptr_t)nss_name(lookup), NULL};
    return names[0] ? subid_parse(path, text, names, lookup->uid, out, NULL, err) : 0;
}

int subid_parse_getsubids(const char *text, struct subid_ranges *out, struct error *err)
{
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, "\n");
        _cleanup_free_ char *line = strndup(p, len);
        char *save = NULL;
        if (!line)
            return error_oom(err);
        p += len;
        p += *p == '\n';
        if (!*line)
            continue;
        /* "0: alice 100000 65536": index, name, start, count. */
        _cleanup_free_ char *words = strdup(line);
        if (!words)
            return error_oom(err);
        char *index = strtok_r(words, " \t", &save), *name = strtok_r(NULL, " \t", &save);
        char *first = strtok_r(NULL, " \t", &save), *size = strtok_r(NULL, " \t", &save);
        uint64_t start, count;
        if (!index || !name || !first || !size || parse_u64(first, &start) < 0 ||
            parse_u64(size, &count) < 0 || count == 0 || start > UINT32_MAX || count > (1ULL << 32) - start) {
            _cleanup_free_ char *shown = str_quote(line, 80);
            return error_set(err, EINVAL, "getsubids said \"%s\": expected \"INDEX: NAME START COUNT\"",
                             shown ? shown : "");
        }
        if (subid_add(out, start, count) < 0)
            return error_oom(err);
    }
    return 0;
}

/* A source other than the files is known to libsubid's plug-ins only, which its own tool loads for us. */
static int run_getsubids(struct subid_lookup *lookup, enum subid_kind kind, struct subid_ranges *out,
                         struct error *err)
{
    const char *name = subid_user_name(lookup);
    if (!name)
        return error_set(err, ENOENT,
                         "find the subordinate ids of uid %u (subid: %s in " NSSWITCH_PATH
                         "): the uid has no name",
                         lookup->uid, lookup->service);
    char *argv[5] = {"getsubids"};
    size_t n = 1;
    if (kind == SUBID_GID)
        argv[n++] = "-g";
    argv[n] = (char *)(uintptr_t)name;

    _cleanup_spawn_ struct spawn s = SPAWN_INIT;
    _cleanup_free_ char *text = NULL;
    int status;
    s.path = "getsubids";
    s.argv = argv;
    s.timeout_ms = GETSUBIDS_TIMEOUT;
    int r = spawn_start(&s, err);
    if (r < 0) {
        error_prefix(err, "find subordinate ids (subid: %s in " NSSWITCH_PATH ")", lookup->service);
        if (r == -ENOENT)
            error_hint(err, "install getsubids (Debian: sudo apt-get install uidmap; Fedora: sudo dnf "
                            "install shadow-utils-subid)");
        return r;
    }
    r = spawn_finish(&s, &status, &text, err);
    if (r < 0)
        return r;
    if (status != 0) {
        char why[WAIT_TEXT_MAX];
        text[strcspn(text, "\n")] = '\0';
        _cleanup_free_ char *said = str_quote(text, 200);
        error_set(err, EIO, "getsubids %s%s (subid: %s in " NSSWITCH_PATH "): %s: %s",
                  kind == SUBID_GID ? "-g " : "", name, lookup->service, process_status_text(why, status),
                  said && *said ? said : "it said nothing");
        error_hint(err, "ask whoever runs the service \"%s\" for subordinate ids of %s", lookup->service,
                   name);
        return -EIO;
    }
    return subid_parse_getsubids(text, out, err);
}

int subid_lookup(struct subid_lookup *lookup, enum subid_kind kind, struct subid_ranges *out,
                 struct error *err)
{
    *out = (struct subid_ranges){0};
    find_service(lookup);
    int r = lookup->service ? run_getsubids(lookup, kind, out, err) : read_files(lookup, kind, out, err);
    if (r < 0) {
        free(out->items);
        *out = (struct subid_ranges){0};
    }
    return r;
}
