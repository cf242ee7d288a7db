#include "container/seccomp_agent.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/json.h"

int seccomp_agent_connect(const char *path, int *fd, struct error *err)
{
    int r = unix_connect(path, SOCK_STREAM);

    if (r < 0) {
        error_sys(err, -r, "linux.seccomp.listenerPath: connect to the agent at \"%s\"", path);
        error_hint(err, "start the seccomp agent before the container");
        return r;
    }
    *fd = r;
    return 0;
}

char *seccomp_agent_message(const struct oci_seccomp *seccomp, const struct oci_state *state,
                            const char *status)
{
    char *fds[] = {(char[]){"seccompFd"}, NULL};
    _cleanup_cjson_ cJSON *json = cJSON_CreateObject();

    if (!json || json_add_string(json, "ociVersion", state->oci_version) < 0 ||
        json_add_strv(json, "fds", fds) < 0 || json_add_i64(json, "pid", state->pid) < 0 ||
        json_add_string(json, "metadata", seccomp->listener_metadata) < 0 ||
        json_add_item(json, "state", oci_state_public(state, status)) < 0)
        return NULL;
    return json_print(json, false);
}
