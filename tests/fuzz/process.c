/*
 * What exec starts: a process file (an input that begins with a brace), or the options --user, --cap,
 * --additional-gids, --env and --cwd over the container's own process, one a line.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/str.h"
#include "container/exec_process.h"
#include "fuzz.h"

static const char container[] =
    "{\"ociVersion\": \"1.0.0\", \"root\": {\"path\": \"/\"}, \"process\": {\"args\": [\"sh\"], \"cwd\": "
    "\"/\", \"env\": [\"A=b\"], \"user\": {\"uid\": 7, \"gid\": 8, \"additionalGids\": [1, 2]}, "
    "\"capabilities\": {\"bounding\": [\"CAP_KILL\"], \"effective\": [\"CAP_KILL\"], \"permitted\": "
    "[\"CAP_KILL\"]}, \"rlimits\": [{\"type\": \"RLIMIT_CORE\", \"soft\": 1, \"hard\": 2}]}}";

static struct oci_config *container_config(void)
{
    _cleanup_cjson_ cJSON *json = NULL;
    struct oci_config *config = NULL;

    must(json_parse("container", container, strlen(container), &json, NULL) == 0, "the container's config");
    must(oci_config_parse(json, &config, NULL) == 0, "the container's config");
    return config;
}

static void check(struct oci_config *config, int r, const struct exec_options *opts, const struct error *err)
{
    const struct oci_process *p = config->process;

    if (r < 0) {
        must_explain(r, err);
        return;
    }
    must(p && p->args && p->args[0], "no command");
    must(p->cwd && p->cwd[0] == '/', "the working directory is \"%s\"", p->cwd);
    /* A user that is no number must never become root. */
    if (opts->user) {
        uint32_t uid;
        _cleanup_free_ char *first = strndup(opts->user, strcspn(opts->user, ":"));
        must(parse_id(first, &uid) == 0 && p->user.uid == uid, "--user %s became %u", opts->user,
             p->user.uid);
    }
}

static void with_file(const uint8_t *data, size_t size)
{
    static int fd = -1;
    struct oci_config *config = container_config();
    _cleanup_error_ struct error err = ERROR_INIT;
    char path[FD_PATH_MAX];
    struct exec_options opts = {.id = "x"};

    if (fd < 0)
        fd = memfd_create("process.json", MFD_CLOEXEC);
    must(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size, "write the file");
    opts.process_file = fd_path(path, fd);
    check(config, exec_process_plan(&opts, config, &err), &opts, &err);
    oci_config_free(config);
}

static void with_options(const uint8_t *data, size_t size)
{
    struct oci_config *config = container_config();
    _cleanup_error_ struct error err = ERROR_INIT;
    _cleanup_strv_ char **env = NULL, **caps = NULL, **gids = NULL, **args = NULL;
    _cleanup_free_ char *text = text_of(data, size);
    struct exec_options opts = {.id = "x"};
    char *save = NULL;

    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        switch (line[0]) {
        case 'u':
            opts.user = line + 1;
            break;
        case 'w':
            opts.cwd = line + 1;
            break;
        case 'a':
            opts.apparmor = line + 1;
            break;
        case 'l':
            opts.process_label = line + 1;
            break;
        case 'c':
            must(strv_add(&caps, line + 1) == 0, "memory");
            break;
        case 'g':
            must(strv_add(&gids, line + 1) == 0, "memory");
            break;
        case 'e':
            must(strv_add(&env, line + 1) == 0, "memory");
            break;
        case 't':
            opts.tty = true;
            break;
        case 'n':
            opts.no_new_privs = true;
            break;
        default:
            must(strv_add(&args, line) == 0, "memory");
            break;
        }
    }
    if (!args)
        must(strv_add(&args, "true") == 0, "memory");
    opts.env = env;
    opts.caps = caps;
    opts.additional_gids = gids;
    opts.args = args;
    check(config, exec_process_plan(&opts, config, &err), &opts, &err);
    oci_config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && data[0] == '{')
        with_file(data, size);
    else
        with_options(data, size);
    return 0;
}
