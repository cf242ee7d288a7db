/*
 * The table of mount options and what each does to a plan.
 *
 * Four kinds of things hide behind one list of words: attributes of the one mount (nosuid), attributes of a
 * whole tree of mounts (rnosuid), flags of the superblock (sync) and orders to the runtime (bind, tmpcopyup,
 * idmap). The rows say which. Later options win over earlier ones, as with mount(8).
 *
 * Access times: the kernel's default is relatime. "noatime" and "strictatime" are the two other states, and
 * every word that negates one of them (atime, nostrictatime, norelatime) leads back to the default, as in
 * mount(2).
 */
#include "rootfs/mount_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/syscalls.h"

enum option_kind {
    OPT_NONE,        /* names the default: nothing to do */
    OPT_SET,         /* mount attribute on */
    OPT_CLEAR,       /* mount attribute off */
    OPT_ATIME,       /* one of the three states of access times */
    OPT_SB_SET,      /* superblock flag on */
    OPT_SB_CLEAR,    /* superblock flag off */
    OPT_PROPAGATION, /* MS_PRIVATE … */
    OPT_BOOL,        /* a member of the plan; value: its offset */
    OPT_BIND,        /* bind; value: recursive */
};

struct option {
    const char *name; /* sorted, for bsearch */
    enum option_kind kind;
    bool tree; /* OPT_SET, OPT_CLEAR: the whole tree */
    uint64_t value;
};

#define MEMBER(name) offsetof(struct mount_plan, name)

/* clang-format off: one row a line */
#define OPTIONS(X)                                                   \
    X("async", OPT_SB_CLEAR, false, MS_SYNCHRONOUS)                  \
    X("atime", OPT_ATIME, false, MOUNT_ATTR_RELATIME)                \
    X("bind", OPT_BIND, false, false)                                \
    X("copy-symlink", OPT_BOOL, false, MEMBER(copy_symlink))         \
    X("defaults", OPT_NONE, false, 0)                                \
    X("dest-nofollow", OPT_BOOL, false, MEMBER(dest_nofollow))       \
    X("dev", OPT_CLEAR, false, MOUNT_ATTR_NODEV)                     \
    X("diratime", OPT_CLEAR, false, MOUNT_ATTR_NODIRATIME)           \
    X("dirsync", OPT_SB_SET, false, MS_DIRSYNC)                      \
    X("exec", OPT_CLEAR, false, MOUNT_ATTR_NOEXEC)                   \
    X("idmap", OPT_BOOL, false, MEMBER(idmap))                       \
    X("iversion", OPT_SB_SET, false, MS_I_VERSION)                   \
    X("lazytime", OPT_SB_SET, false, MS_LAZYTIME)                    \
    X("loud", OPT_SB_CLEAR, false, MS_SILENT)                        \
    X("mand", OPT_SB_SET, false, MS_MANDLOCK)                        \
    X("noatime", OPT_ATIME, false, MOUNT_ATTR_NOATIME)               \
    X("nodev", OPT_SET, false, MOUNT_ATTR_NODEV)                     \
    X("nodiratime", OPT_SET, false, MOUNT_ATTR_NODIRATIME)           \
    X("noexec", OPT_SET, false, MOUNT_ATTR_NOEXEC)                   \
    X("noiversion", OPT_SB_CLEAR, false, MS_I_VERSION)               \
    X("nolazytime", OPT_SB_CLEAR, false, MS_LAZYTIME)                \
    X("nomand", OPT_SB_CLEAR, false, MS_MANDLOCK)                    \
    X("norelatime", OPT_ATIME, false, MOUNT_ATTR_RELATIME)           \
    X("nostrictatime", OPT_ATIME, false, MOUNT_ATTR_RELATIME)        \
    X("nosuid", OPT_SET, false, MOUNT_ATTR_NOSUID)                   \
    X("nosymfollow", OPT_SET, false, MOUNT_ATTR_NOSYMFOLLOW)         \
    X("private", OPT_PROPAGATION, false, MS_PRIVATE)                 \
    X("ratime", OPT_ATIME, true, MOUNT_ATTR_RELATIME)                \
    X("rbind", OPT_BIND, false, true)                                \
    X("rdev", OPT_CLEAR, true, MOUNT_ATTR_NODEV)                     \
    X("rdiratime", OPT_CLEAR, true, MOUNT_ATTR_NODIRATIME)           \
    X("relatime", OPT_ATIME, false, MOUNT_ATTR_RELATIME)             \
    X("remount", OPT_BOOL, false, MEMBER(remount))                   \
    X("rexec", OPT_CLEAR, true, MOUNT_ATTR_NOEXEC)                   \
    X("ridmap", OPT_BOOL, false, MEMBER(ridmap))                     \
    X("rnoatime", OPT_ATIME, true, MOUNT_ATTR_NOATIME)               \
    X("rnodev", OPT_SET, true, MOUNT_ATTR_NODEV)                     \
    X("rnodiratime", OPT_SET, true, MOUNT_ATTR_NODIRATIME)           \
    X("rnoexec", OPT_SET, true, MOUNT_ATTR_NOEXEC)                   \
    X("rnorelatime", OPT_ATIME, true, MOUNT_ATTR_RELATIME)           \
    X("rnostrictatime", OPT_ATIME, true, MOUNT_ATTR_RELATIME)        \
    X("rnosuid", OPT_SET, true, MOUNT_ATTR_NOSUID)                   \
    X("rnosymfollow", OPT_SET, true, MOUNT_ATTR_NOSYMFOLLOW)         \
    X("ro", OPT_SET, false, MOUNT_ATTR_RDONLY)                       \
    X("rprivate", OPT_PROPAGATION, false, MS_PRIVATE | MS_REC)       \
    X("rrelatime", OPT_ATIME, true, MOUNT_ATTR_RELATIME)             \
    X("rro", OPT_SET, true, MOUNT_ATTR_RDONLY)                       \
    X("rrw", OPT_CLEAR, true, MOUNT_ATTR_RDONLY)                     \
    X("rshared", OPT_PROPAGATION, false, MS_SHARED | MS_REC)         \
    X("rslave", OPT_PROPAGATION, false, MS_SLAVE | MS_REC)           \
    X("rstrictatime", OPT_ATIME, true, MOUNT_ATTR_STRICTATIME)       \
    X("rsuid", OPT_CLEAR, true, MOUNT_ATTR_NOSUID)                   \
    X("rsymfollow", OPT_CLEAR, true, MOUNT_ATTR_NOSYMFOLLOW)         \
    X("runbindable", OPT_PROPAGATION, false, MS_UNBINDABLE | MS_REC) \
    X("rw", OPT_CLEAR, false, MOUNT_ATTR_RDONLY)                     \
    X("shared", OPT_PROPAGATION, false, MS_SHARED)                   \
    X("silent", OPT_SB_SET, false, MS_SILENT)                        \
    X("slave", OPT_PROPAGATION, false, MS_SLAVE)                     \
    X("src-nofollow", OPT_BOOL, false, MEMBER(src_nofollow))         \
    X("strictatime", OPT_ATIME, false, MOUNT_ATTR_STRICTATIME)       \
    X("suid", OPT_CLEAR, false, MOUNT_ATTR_NOSUID)                   \
    X("symfollow", OPT_CLEAR, false, MOUNT_ATTR_NOSYMFOLLOW)         \
    X("sync", OPT_SB_SET, false, MS_SYNCHRONOUS)                     \
    X("tmpcopyup", OPT_BOOL, false, MEMBER(tmpcopyup))               \
    X("unbindable", OPT_PROPAGATION, false, MS_UNBINDABLE)
/* clang-format on */

#define ROW(word, kind_, tree_, value_)  {word, kind_, tree_, value_},
#define NAME(word, kind_, tree_, value_) word,
static const struct option options[] = {OPTIONS(ROW)};
static const char *const option_names[] = {OPTIONS(NAME) NULL};

static int compare_option(const void *key, const void *row)
{
    return strcmp(key, ((const struct option *)row)->name);
}

static const struct option *find_option(const char *name)
{
    return bsearch(name, options, ARRAY_SIZE(options), sizeof options[0], compare_option);
}

const char *const *mount_option_names(void)
{
    return option_names;
}

unsigned long propagation_from_name(const char *name)
{
    const struct option *o = find_option(name);

    return o && o->kind == OPT_PROPAGATION ? (unsigned long)o->value : 0;
}

static void set_attr(uint64_t *set, uint64_t *clr, uint64_t value)
{
    *clr &= ~value;
    *set |= value;
}

static void clear_attr(uint64_t *set, uint64_t *clr, uint64_t value)
{
    *set &= ~value;
    *clr |= value;
}

static void apply(struct mount_plan *plan, const struct option *o)
{
    uint64_t *set = o->tree ? &plan->rattr_set : &plan->attr_set;
    uint64_t *clr = o->tree ? &plan->rattr_clr : &plan->attr_clr;

    switch (o->kind) {
    case OPT_NONE:
        break;
    case OPT_SET:
        set_attr(set, clr, o->value);
        break;
    case OPT_CLEAR:
        clear_attr(set, clr, o->value);
        break;
    case OPT_ATIME:
        /* A field of several bits: the kernel wants to see it cleared as a whole and one state set. */
        clear_attr(set, clr, MOUNT_ATTR__ATIME);
        *set |= o->value;
        break;
    case OPT_SB_SET:
        plan->sb_set |= o->value;
        plan->sb_clr &= ~o->value;
        break;
    case OPT_SB_CLEAR:
        plan->sb_clr |= o->value;
        plan->sb_set &= ~o->value;
        break;
    case OPT_PROPAGATION:
        plan->propagation = o->value;
        break;
    case OPT_BOOL:
        *(bool *)((char *)plan + o->value) = true;
        break;
    case OPT_BIND:
        plan->bind = true;
        plan->recursive = o->value;
        break;
    }
}

/* A word the table does not know: a note, something for the file system, or an error. A bind mount has no
 * file system to make, and mount(2) ignores what is meant for one: "size=64k" can't be mistaken for anything
 * else and is kept to be warned of, any other word may be a misspelt "ro". */
static int unknown_option(struct mount_plan *plan, bool bind, const char *where, const char *word,
                          struct error *err)
{
    if (str_starts(word, "x-") || str_starts(word, "comment="))
        return 0;
    if ((bind && !strchr(word, '=')) || str_starts(word, "X-")) {
        _cleanup_free_ char *quoted = str_quote(word, 64);
        int r = error_set(err, EINVAL, "%s: unknown mount option \"%s\"", where, quoted ? quoted : "");
        if (bind)
            error_hint(
                err, "a bind mount takes no options of a file system; `bryo features` lists the known ones");
        return r;
    }
    return strv_add(&plan->data, word) < 0 ? error_oom(err) : 0;
}

/* Options that would be lost without a word on the kind of mount they stand with. */
static int check_plan(const struct mount_plan *plan, size_t index, struct error *err)
{
    static const struct {
        unsigned long flag;
        const char *name;
    } lost_on_bind[] = {
        {MS_SYNCHRONOUS, "sync"}, {MS_DIRSYNC, "dirsync"},    {MS_LAZYTIME, "lazytime"},
        {MS_MANDLOCK, "mand"},    {MS_I_VERSION, "iversion"},
    };
    static const struct {
        size_t member;
        const char *name;
    } bind_only[] = {
        {MEMBER(idmap), "idmap"},
        {MEMBER(ridmap), "ridmap"},
        {MEMBER(copy_symlink), "copy-symlink"},
        {MEMBER(src_nofollow), "src-nofollow"},
    };

    for (size_t i = 0; plan->bind && i < ARRAY_SIZE(lost_on_bind); i++)
        if (plan->sb_set & lost_on_bind[i].flag)
            return error_set(
                err, EINVAL,
                "mounts[%zu].options: \"%s\" is a property of a whole file system and has no effect on a "
                "bind mount",
                index, lost_on_bind[i].name);
    for (size_t i = 0; !plan->bind && i < ARRAY_SIZE(bind_only); i++)
        if (*(const bool *)((const char *)plan + bind_only[i].member))
            return error_set(err, EINVAL, "mounts[%zu].options: \"%s\" needs a bind mount", index,
                             bind_only[i].name);
    if (plan->idmap && plan->ridmap)
        return error_set(err, EINVAL, "mounts[%zu].options: \"idmap\" and \"ridmap\" exclude each other",
                         index);
    if (plan->tmpcopyup && (plan->bind || !plan->mount->type || strcmp(plan->mount->type, "tmpfs") != 0))
        return error_set(err, EINVAL, "mounts[%zu].options: \"tmpcopyup\" needs the type tmpfs", index);
    return 0;
}

int mount_plan_parse(const struct oci_mount *mount, size_t index, struct mount_plan *plan, struct error *err)
{
    *plan = (struct mount_plan){.mount = mount};

    /* Whether unknown words are errors depends on what comes later in the list. */
    plan->bind = mount->type && strcmp(mount->type, "bind") == 0;
    STRV_FOREACH (word, mount->options)
        if (strcmp(*word, "bind") == 0 || strcmp(*word, "rbind") == 0)
            plan->bind = true;
    bool remount = strv_has(mount->options, "remount");
    if (!plan->bind && !remount && str_empty(mount->type))
        return error_set(err, EINVAL, "mounts[%zu].type: missing (only bind mounts can do without)", index);
    if (plan->bind && !remount && str_empty(mount->source))
        return error_set(err, EINVAL, "mounts[%zu].source: missing, a bind mount needs one", index);

    size_t n = 0;
    STRV_FOREACH (word, mount->options) {
        const struct option *o = find_option(*word);
        _cleanup_free_ char *where = o ? NULL : str_printf("mounts[%zu].options[%zu]", index, n);
        int r = 0;
        if (o)
            apply(plan, o);
        else
            r = where ? unknown_option(plan, plan->bind, where, *word, err) : error_oom(err);
        if (r < 0) {
            mount_plan_free(plan);
            return r;
        }
        n++;
    }
    plan->sb_readonly = !plan->bind && (plan->attr_set & MOUNT_ATTR_RDONLY);
    if (!plan->ridmap && (mount->uid_mappings.count > 0 || mount->gid_mappings.count > 0))
        plan->idmap = true;
    int r = check_plan(plan, index, err);
    if (r < 0)
        mount_plan_free(plan);
    return r;
}

void mount_plan_free(struct mount_plan *plan)
{
    strv_free(plan->data);
    plan->data = NULL;
}
