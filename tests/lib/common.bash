# What every bats file of bryo loads:  load ../lib/common
#
# It finds the binary ($BRYO, else a build directory, else PATH), gives each test a state directory and a scratch
# directory of its own, makes root file systems and bundles, and in teardown deletes all containers and fails the
# test if a process or a mount is left. A file with a setup or teardown of its own calls bryo_setup and
# bryo_teardown from it.
#
# For the tests:
#   bryo ARGS…                 runs the binary with this test's --root (`run bryo list` works); what a container
#                              that goes on prints later is in $TMP/detached.out and .err
#   $BRYO, $BRYO_ROOT          the binary; the test's state directory
#   $TMP                       the test's scratch directory (removed afterwards; what subordinate ids own as well)
#   make_rootfs DIR            a root file system of busybox
#   make_bundle DIR [FILTER]   DIR/rootfs and DIR/config.json: no terminal, runs /bin/true; then a jq filter on it
#   edit_config DIR FILTER     one more jq filter on DIR/config.json
#   set_args DIR WORD…         process.args
#   default_maps DIR           no mappings in config.json (make_bundle puts them in for a user who has one id)
#   new_id                     a container id of this test's own
#   assert_status CODE         checks $status of the last `run`, shows the output if it differs
#   assert_output TEXT / refute_output TEXT   $output contains / lacks TEXT
#   assert_equal ACTUAL EXPECTED
#   wait_for SECONDS CMD…      polls until CMD succeeds
#   is_root, has_subids        who the tests run as; skip_unless_root, skip_if_root, skip_without_subids

bats_require_minimum_version 1.5.0

BRYO_TOP=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)

_find_bryo() {
    local candidate
    for candidate in "${BRYO:-}" "$BRYO_TOP/bryo" "$BRYO_TOP"/build*/bryo "$(command -v bryo || true)"; do
        if [ -n "$candidate" ] && [ -x "$candidate" ]; then
            readlink -f "$candidate"
            return
        fi
    done
    echo "no bryo binary: build it, or set BRYO to its path" >&2
    return 1
}
BRYO=$(_find_bryo) || exit 1
export BRYO BRYO_TOP

# A container that outlives its call keeps the call's standard output and error, and `run` reads them to their end: so
# these calls write to files, which are shown when the call is over.
bryo() {
    local word detached=false status=0
    for word; do
        case $word in
            create | -d | --detach) detached=true ;;
            --) break ;;
        esac
    done
    if ! $detached; then
        "$BRYO" --root "$BRYO_ROOT" "$@"
        return
    fi
    "$BRYO" --root "$BRYO_ROOT" "$@" >"$TMP/detached.out" 2>"$TMP/detached.err" 3>&- || status=$?
    cat "$TMP/detached.out"
    cat "$TMP/detached.err" >&2
    return $status
}

is_root() {
    [ "$(id -u)" = 0 ]
}

# Is uid 0 of the tests the machine's root (and not that of a user namespace)?
is_real_root() {
    is_root && [ "$(awk '{print $1, $2, $3}' /proc/self/uid_map)" = "0 0 4294967295" ]
}

has_subids() {
    is_root || { command -v newuidmap >/dev/null &&
        grep -qE "^($(id -un)|$(id -u)):" /etc/subuid && grep -qE "^($(id -un)|$(id -u)):" /etc/subgid; }
}

skip_unless_root() {
    is_real_root || skip "needs root of the machine"
}

skip_if_root() {
    ! is_root || skip "needs an ordinary user, not uid 0"
}

skip_without_subids() {
    has_subids || skip "$(id -un) has no subordinate ids, or newuidmap is missing"
}

skip_without() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || skip "$tool is not installed"
    done
}

# Copied from a template, made once a run: that is several times faster.
make_rootfs() {
    local template=${BATS_RUN_TMPDIR:-$TMP}/rootfs-template
    if [ ! -d "$template" ]; then
        "$BRYO_TOP/examples/make-rootfs" "$template.$$"
        mv -T "$template.$$" "$template" 2>/dev/null || rm -rf "$template.$$"
    fi
    mkdir -p "$1"
    cp -a "$template/." "$1"
}

edit_config() {
    jq "$2" "$1/config.json" >"$1/config.json.new" && mv "$1/config.json.new" "$1/config.json"
}

# Words as a JSON list. By hand: jq's --args takes a word such as -c for an option of its own.
json_words() {
    local word list='' backslash=$'\\\\' quote='\"' newline='\n' tab='\t'
    for word; do
        word=${word//\\/"$backslash"}
        word=${word//\"/"$quote"}
        word=${word//$'\n'/"$newline"}
        word=${word//$'\t'/"$tab"}
        list+="${list:+,}\"$word\""
    done
    printf '[%s]\n' "$list"
}

set_args() {
    local dir=$1
    shift
    edit_config "$dir" ".process.args = $(json_words "$@")"
}

make_bundle() {
    local dir=$1 filter=${2:-.} maps=. flags=(--rootless)
    ! is_real_root || flags=()
    mkdir -p "$dir"
    [ -d "$dir/rootfs" ] || make_rootfs "$dir/rootfs"
    "$BRYO" spec -b "$dir" "${flags[@]}"
    # Who has one id asks for it by name: bryo warns of a default map that is less than it could be.
    has_subids || maps=$(one_id_maps)
    edit_config "$dir" ".process.terminal = false | .process.args = [\"/bin/true\"] | $maps | $filter"
}

# Leaves the maps to bryo again.
default_maps() {
    edit_config "$1" 'del(.linux.uidMappings, .linux.gidMappings)'
}

# Filter: the maps of a user namespace with the caller's own ids only.
one_id_maps() {
    echo ".linux.uidMappings = [{containerID: 0, hostID: $(id -u), size: 1}]
        | .linux.gidMappings = [{containerID: 0, hostID: $(id -g), size: 1}]"
}

new_id() {
    echo "t${BATS_TEST_NUMBER:-0}-$$-$RANDOM"
}

_show_run() {
    printf 'status: %s\noutput:\n%s\n' "${status-}" "${output-}" >&2
    [ -z "${stderr-}" ] || printf 'stderr:\n%s\n' "$stderr" >&2
}

assert_status() {
    [ "$status" -eq "$1" ] || {
        echo "expected exit status $1" >&2
        _show_run
        return 1
    }
}

# The wanted text may be in the output or, with run --separate-stderr, in standard error.
assert_output() {
    [[ "${output-}" == *"$1"* || "${stderr-}" == *"$1"* ]] || {
        echo "expected in the output: $1" >&2
        _show_run
        return 1
    }
}

refute_output() {
    [[ "${output-}" != *"$1"* && "${stderr-}" != *"$1"* ]] || {
        echo "not expected in the output: $1" >&2
        _show_run
        return 1
    }
}

assert_equal() {
    [ "$1" = "$2" ] || {
        printf 'found:    %s\nexpected: %s\n' "$1" "$2" >&2
        return 1
    }
}

wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@" 2>/dev/null; do
        [ $SECONDS -lt $end ] || {
            echo "waited in vain for: $*" >&2
            return 1
        }
        sleep 0.02
    done
}

# Removes a directory of the test's, also where files in it belong to subordinate ids.
remove_tree() {
    rm -rf "$1" 2>/dev/null && return
    unshare --user --map-root-user --map-auto rm -rf "$1" 2>/dev/null || rm -rf "$1"
}

# Pids that should not be there: children that the reaper of tests/run (tests/lib/reaper.c) inherited, or, for a
# bats file that is run by hand, processes of bryo with this test's state directory in their command line.
_leftover_processes() {
    local pid children=/proc/${BRYO_TEST_REAPER:-}/task/${BRYO_TEST_REAPER:-}/children stat list=()
    if [ -z "${BRYO_TEST_REAPER:-}" ]; then
        pgrep -f -- "--root $BRYO_ROOT" || true
        return
    fi
    if [ -r "$children" ]; then
        read -ra list <"$children" || true
    else
        mapfile -t list < <(ps -o pid= --ppid "$BRYO_TEST_REAPER")
    fi
    for pid in "${list[@]}"; do
        [ "$pid" -ne "${BRYO_TEST_MAIN:-0}" ] || continue
        # A zombie is about to be reaped and no leftover.
        { read -r stat <"/proc/$pid/stat"; } 2>/dev/null || continue
        [[ ${stat##*) } != Z* ]] || continue
        # What bats itself keeps beside a test (BATS_TEST_TIMEOUT) may outlive it a little.
        case "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)" in
            "sleep ${BATS_TEST_TIMEOUT:-} " | *bats-core/bats-exec-test*) ;;
            *) echo "$((pid))" ;;
        esac
    done
}

_no_leftover_processes() {
    [ -z "$(_leftover_processes)" ]
}

bryo_setup() {
    TMP=$(mktemp -d "${BATS_TEST_TMPDIR:-${TMPDIR:-/tmp}}/t.XXXXXX")
    BRYO_ROOT=$TMP/state
    export TMP BRYO_ROOT XDG_DATA_HOME=$TMP/data
}

bryo_teardown() {
    local id left=0 pid
    for id in $(bryo list -q 2>/dev/null); do
        bryo delete --force "$id" || left=1
    done
    if [ -d "$BRYO_ROOT" ] && [ -n "$(find "$BRYO_ROOT" -mindepth 1 -maxdepth 1 -type d -print -quit)" ]; then
        echo "left in the state directory: $(ls -A "$BRYO_ROOT")" >&2
        left=1
    fi
    # A killed process needs a moment to end.
    if ! wait_for 3 _no_leftover_processes 2>/dev/null; then
        for pid in $(_leftover_processes); do
            echo "left running: $pid $(tr '\0' ' ' <"/proc/$pid/cmdline")" >&2
            kill -KILL "$pid" 2>/dev/null || true
        done
        left=1
    fi
    if grep -F " $TMP" /proc/self/mountinfo >&2; then
        echo "left mounted, see above" >&2
        left=1
    fi
    remove_tree "$TMP"
    return $left
}

setup() {
    bryo_setup
}

teardown() {
    bryo_teardown
}
