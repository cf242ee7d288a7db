# What every file of the conformance suite loads:  load lib
#
# The suite holds a runtime against the text of the runtime specification, property by property: a test edits the base
# configuration below by one jq filter, runs the probe (probe/, the only file in the root file system) in a container, and
# states as jq filters what must be true of the probe's report. The same files run as four kinds of caller: a user with
# subordinate ids, one without, uid 0 in a user namespace, root. What a kind cannot have must be refused, by a message
# that the test states; only what depends on the machine is skipped.
#
#     # property: process.user.umask
#     @test "the umask is that of config.json" {
#         inspect '.process.user.umask = 63'
#         expect '.umask == 63'
#     }
#
# Above a test stand comments that docs/generate reads for docs/config-properties.md:
#
#     # property: NAME…       what it is a test of; names as in tests/unit/oci_properties.h; more lines are more names
#     # rootless: TEXT        "with subids: why" or "no: why", for these properties; nothing is "yes"
#
# For the tests, besides what ../lib/common has:
#   configure FILTER [TASK…]  $B/config.json: the base, the filter, and the probe with these tasks as the program. There is
#                             grant([CAPABILITY…])  filter([RULE…]): seccomp that allows all but the rules
#   inspect FILTER [TASK…]    the same, and runs it; the report is in $REPORT. A warning is a failure, but for
#   inspect_warned TEXT FILTER [TASK…]
#   expect FILTER…            each must be true of the report. There are  mount_at(P)  options(P)  propagation(P)
#   expect_of FILE FILTER…    the same of another JSON file
#   refused FILTER TEXT…      create fails, says each text and leaves nothing
#   $KIND, kind NAME…         subids, nosub, userns or root; is it one of these?
#   $PROBE                    the probe on the host, for hooks
#   other_runtime             BRYO is not bryo: what is said, and what the specification leaves open, is not judged then
#
# To judge the suite itself, run it against another runtime, as root, with a view of cgroups that this one knows:
#
#     unshare --mount sh -c 'umount /sys/fs/cgroup/unified; BRYO=/usr/sbin/runc bats tests/conformance'
#
# with OCI_VERSION=1.0.2 if it refuses configurations of a later version than its own.
# shellcheck shell=bash disable=SC2034,SC2154

load ../lib/common

if is_real_root; then
    KIND=root
elif is_root; then
    KIND=userns
elif has_subids; then
    KIND=subids
else
    KIND=nosub
fi

kind() {
    [[ " $* " == *" $KIND "* ]]
}

other_runtime() {
    [[ $BRYO_VERSION != bryo\ * ]]
}

# The least that makes a container in which the probe sees what it reports.
base_config() {
    cat <<JSON
{
    "ociVersion": "${OCI_VERSION:-1.3.0}",
    "root": {"path": "rootfs"},
    "process": {
        "args": ["/probe"],
        "cwd": "/",
        "env": ["PATH=/bin"],
        "user": {"uid": 0, "gid": 0}
    },
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"]}
    ],
    "linux": {
        "namespaces": [{"type": "mount"}, {"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}]
    }
}
JSON
}

# What is made once a run: the probe, and the base configuration for this kind of caller.
_prepare_run() {
    local dir=$BATS_RUN_TMPDIR/conformance
    PROBE=$dir/probe
    if [ ! -d "$dir" ]; then
        mkdir "$dir.$$"
        "${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -static -s -o "$dir.$$/probe" \
            "$BRYO_TOP"/tests/conformance/probe/*.c
        base_config | jq "$(case $KIND in
            root) echo . ;;
            nosub) echo ".linux.namespaces += [{type: \"user\"}] | $(one_id_maps)" ;;
            *) echo '.linux.namespaces += [{type: "user"}]' ;;
        esac)" >"$dir.$$/base.json"
        "$BRYO" --version >"$dir.$$/version"
        mv -T "$dir.$$" "$dir"
    fi
    BASE=$dir/base.json
    read -r BRYO_VERSION <"$dir/version"
}

setup() {
    bryo_setup
    _prepare_run
    B=$TMP/bundle
    REPORT=$TMP/report
    ID=c$BATS_TEST_NUMBER-$$
    mkdir -p "$B/rootfs"
    ln "$PROBE" "$B/rootfs/probe"
}

CONFIG_JQ='
def grant($names): .process.capabilities = {bounding: $names, permitted: $names, effective: $names};
def filter($rules): .process.noNewPrivileges = true | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: $rules};
'

configure() {
    local filter=${1:-.}
    shift
    jq "$CONFIG_JQ .process.args = $(json_words /probe "$@") | $filter" "$BASE" >"$B/config.json"
}

inspect() {
    _inspect "$@"
    [ ! -s "$TMP/messages" ] || {
        echo "not expected: $(cat "$TMP/messages")" >&2
        return 1
    }
}

inspect_warned() {
    local text=$1
    shift
    _inspect "$@"
    other_runtime || grep -qF -- "$text" "$TMP/messages" || {
        printf 'expected the warning: %s\nfound: %s\n' "$text" "$(cat "$TMP/messages")" >&2
        return 1
    }
}

# Global options of a test's own.
GLOBAL=()

_inspect() {
    configure "$@"
    "$BRYO" "${GLOBAL[@]}" --root "$BRYO_ROOT" run -b "$B" "$ID" </dev/null >"$REPORT" 2>"$TMP/messages" 3>&- || {
        echo "run ended with $?: $(cat "$TMP/messages")" >&2
        return 1
    }
}

JQ='
def mount_at($path): [.mounts[] | select(.at == $path)] | last;
def options($path): mount_at($path).options + mount_at($path).super | unique;
def propagation($path): mount_at($path).propagation;
'

expect() {
    expect_of "$REPORT" "$@"
}

expect_of() {
    local file=$1 filter all
    shift
    printf -v all '(%s) and ' "$@"
    jq --exit-status "$JQ$all true" "$file" >/dev/null 2>&1 && return
    for filter; do
        jq --exit-status "$JQ$filter" "$file" >/dev/null 2>"$TMP/jq-error" && continue
        echo "expected:  $filter"
        # A comparison tells what stands on its left.
        echo "found:     $(jq --compact-output "$JQ${filter%% == *}" "$file" 2>&1)"
        cat "$TMP/jq-error"
    done >&2
    return 1
}

refused() {
    local text
    configure "$1"
    shift
    run bryo create -b "$B" "$ID"
    [ "$status" -ne 0 ] || {
        echo "expected an error: $*" >&2
        return 1
    }
    [ ! -e "$BRYO_ROOT/$ID" ] || {
        echo "a state is left of a create that failed" >&2
        return 1
    }
    ! other_runtime || return 0
    assert_status 1
    for text; do
        assert_output "$text"
    done
}
