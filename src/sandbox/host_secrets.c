/*
 * The table of secrets.
 *
 * A mask is an empty read-only directory, or the null device over a file (rootfs/masks.c). It is for what is
 * readable: what the caller can't read stays unreadable anyway. A socket needs no mask: seen through an
 * overlay it is another inode than the one its server listens on, and can't be connected to.
 */
#include "sandbox/host_secrets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include "sandbox/host_rules.h"
#include "sandbox/mounts.h"
#include "sandbox/user.h"

#define HOMES_MAX 256

/* Below a home directory. */
static const char *const home_secrets[] = {
    /* keys, keyrings, password stores */
    ".ssh",
    ".gnupg",
    ".pki",
    ".password-store",
    ".local/share/keyrings",
    ".local/share/kwalletd",
    ".config/op",
    ".config/1Password",
    ".config/Bitwarden",
    ".config/Bitwarden CLI",
    ".config/keepassxc",
    ".config/sops",
    ".config/age",
    ".age",
    ".vault-token",
    ".krb5",
    ".config/rclone",
    ".config/syncthing",
    ".config/wireguard",
    /* passwords and tokens of programs */
    ".netrc",
    "_netrc",
    ".authinfo",
    ".authinfo.gpg",
    ".git-credentials",
    ".config/git/credentials",
    ".config/gh",
    ".config/glab-cli",
    ".config/hub",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".pypirc",
    ".config/pypoetry/auth.toml",
    ".gem/credentials",
    ".local/share/gem/credentials",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".composer/auth.json",
    ".config/composer/auth.json",
    ".m2/settings.xml",
    ".m2/settings-security.xml",
    ".gradle/gradle.properties",
    ".nuget/NuGet/NuGet.Config",
    ".terraformrc",
    ".terraform.d/credentials.tfrc.json",
    ".pgpass",
    ".my.cnf",
    ".mylogin.cnf",
    ".msmtprc",
    ".mbsyncrc",
    ".fetchmailrc",
    ".smbcredentials",
    ".config/hcloud",
    ".config/doctl",
    ".config/heroku",
    ".config/netlify",
    ".config/configstore",
    ".huggingface/token",
    ".cache/huggingface/token",
    ".kaggle",
    ".claude",
    ".claude.json",
    ".codex",
    ".gemini",
    ".config/github-copilot",
    /* clouds and clusters */
    ".aws",
    ".azure",
    ".config/gcloud",
    ".oci",
    ".s3cfg",
    ".boto",
    ".config/linode-cli",
    ".kube",
    ".config/containers/auth.json",
    ".docker/config.json",
    ".config/helm/registry",
    /* browsers and mail */
    ".mozilla",
    ".config/mozilla",
    ".librewolf",
    ".thunderbird",
    ".config/google-chrome",
    ".config/google-chrome-beta",
    ".config/chromium",
    ".config/BraveSoftware",
    ".config/microsoft-edge",
    ".config/vivaldi",
    ".config/opera",
    ".config/evolution",
    ".local/share/evolution",
    ".config/Signal",
    ".config/Slack",
    ".config/discord",
    ".config/Element",
    ".local/share/TelegramDesktop",
    "snap/firefox",
    "snap/chromium",
    ".var/app",
    /* what was typed, the display, the sound */
    ".bash_history",
    ".zsh_history",
    ".python_history",
    ".psql_history",
    ".mysql_history",
    ".local/share/fish/fish_history",
    ".Xauthority",
    ".ICEauthority",
    ".config/pulse/cookie",
};

/* Of the system, for who can read them: root, mostly. */
static const char *const system_secrets[] = {
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/security/opasswd",
    "/etc/ssh/ssh_host_rsa_key",
    "/etc/ssh/ssh_host_dsa_key",
    "/etc/ssh/ssh_host_ecdsa_key",
    "/etc/ssh/ssh_host_ed25519_key",
    "/etc/ssl/private",
    "/etc/pki/tls/private",
    "/etc/letsencrypt",
    "/etc/krb5.keytab",
    "/etc/wireguard",
    "/etc/ipsec.secrets",
    "/etc/ppp/chap-secrets",
    "/etc/ppp/pap-secrets",
    "/etc/NetworkManager/system-connections",
    "/etc/wpa_supplicant",
    "/etc/docker/key.json",
    "/etc/kubernetes",
    "/etc/rancher",
    "/var/lib/kubelet",
    "/var/lib/bluetooth",
    "/var/lib/iwd",
    "/var/lib/sss/secrets",
    "/var/lib/tailscale",
    "/var/lib/cloud",
    "/var/lib/systemd/credential.secret",
    "/etc/credstore",
    "/etc/credstore.encrypted",
};

static int add_existing(char ***list, const char *path)
{
    return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : strv_add(list, path);
}

static int add_home(char ***list, const char *home)
{
    _cleanup_close_ int fd = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; fd >= 0 && i < ARRAY_SIZE(home_secrets); i++) {
        if (faccessat(fd, home_secrets[i], F_OK, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (strv_take(list, str_printf("%s/%s", home, home_secrets[i])) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* Root reads every home. */
static int add_all_homes(char ***list)
{
    _cleanup_closedir_ DIR *dir = opendir("/home");
    int n = 0, r = add_home(list, "/root");
    for (struct dirent *e; r == 0 && dir && n < HOMES_MAX && (e = readdir(dir)); n++) {
        _cleanup_free_ char *home = str_printf("/home/%s", e->d_name);
        if (!home)
            return -ENOMEM;
        if (e->d_name[0] != '.' && str_is_utf8(home, strlen(home)))
            r = add_home(list, home);
    }
    return r;
}

/* The directory $HOME, and the one the user database has where that is another. */
static int add_homes(char ***list)
{
    const char *env = getenv("HOME");
    _cleanup_free_ char *home = env && env[0] == '/' ? path_clean(env) : NULL;
    int r = home && home[1] && str_is_utf8(home, strlen(home)) ? add_home(list, home) : 0;
    if (r == 0 && geteuid() == 0)
        return add_all_homes(list);
    /* From the file, not by getpwuid: that loads what NSS is configured for, at each start. */
    _cleanup_sandbox_user_ struct sandbox_user user = {0};
    _cleanup_close_ int root = r == 0 ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) : -EBADF;
    const struct layered files = {.fds = &root, .n = 1};
    _cleanup_free_ char *uid = str_printf("%u", (unsigned)geteuid());
    if (r == 0 && uid && sandbox_user_find(&files, uid, "the caller", &user, NULL) == 0 && user.home[1] &&
        str_is_utf8(user.home, strlen(user.home)) && (!home || strcmp(user.home, home) != 0))
        r = add_home(list, user.home);
    return r;
}

static int clean_list(const char *option, char *const *paths, char ***out, struct error *err)
{
    STRV_FOREACH (path, paths) {
        if ((*path)[0] != '/')
            return error_set(err, EINVAL, "--%s \"%s\": expected an absolute path", option, *path);
        char *clean = path_clean(*path);
        if (!clean || strv_take(out, clean) < 0)
            return error_oom(err);
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Is @path or something above it in the list? */
static bool is_within_any(const char *path, char *const *list)
{
    STRV_FOREACH (one, list)
        if (host_path_within(path, *one))
            return true;
    return false;
}

int host_secrets(char *const *more, char *const *share, char ***masks, char ***holes, struct error *err)
{
    _cleanup_strv_ char **all = NULL, **open = NULL, **kept = NULL;
    int r = clean_list("mask", more, &all, err);
    if (r == 0)
        r = clean_list("share", share, &open, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_SIZE(system_secrets); i++)
        if (add_existing(&all, system_secrets[i]) < 0)
            return error_oom(err);
    if (add_homes(&all) < 0)
        return error_oom(err);
    if (all)
        qsort(all, strv_len(all), sizeof *all, compare);
    /* A share opens what it names and all below; what lies in another mask needs none of its own. */
    STRV_FOREACH (path, all)
        if (!is_within_any(*path, open) && !is_within_any(*path, kept) && strv_add(&kept, *path) < 0)
            return error_oom(err);
    STRV_FOREACH (path, open)
        if (holes && is_within_any(*path, kept) && strv_add(holes, *path) < 0)
            return error_oom(err);
    *masks = TAKE_PTR(kept);
    return 0;
}

/* Its own small file system in place of a mask, for what is bound into it. */
static int add_hollow(cJSON *mounts, const char *path, struct error *err)
{
    _cleanup_free_ char *escaped = NULL;
    _cleanup_strbuf_ struct strbuf text = {0};
    for (const char *c = path; *c; c++)
        strbuf_addf(&text, "%s%c", *c == ':' || *c == '\\' ? "\\" : "", *c);
    strbuf_add(&text, ":mode=700,size=64k");
    escaped = strbuf_take(&text);
    return escaped ? sandbox_mounts(mounts, (char *[]){escaped, NULL}, NULL, err) : error_oom(err);
}

static int check_share(const char *path, struct error *err)
{
    struct stat st;
    if (stat(path, &st) == 0)
        return 0;
    return error_sys(err, errno, "--share \"%s\"", path);
}

int host_secrets_apply(cJSON *config, cJSON *mounts, char *const *more, char *const *share,
                       const char *state_dir, struct error *err)
{
    _cleanup_strv_ char **masks = NULL, **holes = NULL, **left = NULL;
    int r = host_secrets(more, share, &masks, &holes, err);
    if (r < 0)
        return r;
    STRV_FOREACH (mask, masks) {
        bool hollow = false;
        STRV_FOREACH (hole, holes)
            hollow |= host_path_within(*hole, *mask);
        r = hollow ? add_hollow(mounts, *mask, err) : strv_add(&left, *mask) < 0 ? error_oom(err) : 0;
        if (r < 0)
            return r;
    }
    STRV_FOREACH (path, share) {
        r = check_share(*path, err);
        bool in_own = host_path_within(*path, "/run") || is_within_any(*path, holes);
        if (r == 0 && in_own)
            r = sandbox_mount_bind(mounts, *path, *path, true, err);
        if (r < 0)
            return r;
    }
    if (strv_add(&left, state_dir) < 0)
        return error_oom(err);
    cJSON *list =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(config, "linux"), "maskedPaths");
    STRV_FOREACH (path, left) {
        cJSON *item = cJSON_CreateString(*path);
        if (!list || !item || !cJSON_AddItemToArray(list, item)) {
            cJSON_Delete(item);
            return error_oom(err);
        }
    }
    return 0;
}
