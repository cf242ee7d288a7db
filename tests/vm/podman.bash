# shellcheck shell=bash
# What the podman_*.bats files load after ../lib/common: podman with the runtime that is tested ($RUNTIME: bryo, or crun to
# see that the tests judge rightly), and an image that needs no registry.
#
#   pod ARGS…              podman --runtime $RUNTIME ARGS…; a container that goes on holds no descriptor of bats, and what
#                          hangs is ended
#   $C                     a name for a container of this test; removed afterwards
#   $IMAGE                 busybox
#   value NAME TEMPLATE    podman inspect --format
#   pid_of NAME            the container's first process, as the host sees it
#   cgroup_file NAME FILE  the contents of FILE in the cgroup that limits the container, seen from outside: the nearest
#                          one that has a value (a runtime may put its processes one level below)

IMAGE=localhost/bryo-busybox
RUNTIME=${RUNTIME:-bryo}

pod() {
    timeout --foreground 100 podman --runtime "$RUNTIME" "$@" 3>&-
}

# Once for all files, whichever of them comes first. examples/make-rootfs is what makes the root file system.
make_image() {
    (
        flock 9
        podman image exists "$IMAGE" && exit
        "$BRYO_TOP/examples/make-rootfs" "$BATS_FILE_TMPDIR/rootfs.tar"
        podman import --quiet --change 'CMD ["/bin/sh"]' "$BATS_FILE_TMPDIR/rootfs.tar" "$IMAGE" 3>&-
    ) 9>"$XDG_RUNTIME_DIR/bryo-image.lock"
}

setup_file() {
    make_image >&2
}

setup() {
    TMP=$(mktemp -d "$BATS_TEST_TMPDIR/t.XXXXXX")
    C=c-${BATS_TEST_FILENAME##*/}
    C=${C%.bats}-$BATS_TEST_NUMBER
}

teardown() {
    pod rm --force --ignore --time 0 "$C" >/dev/null 2>&1
    podman unshare rm -rf "$TMP"
    wait_for 10 no_monitor
}

no_monitor() {
    ! pgrep -f "conmon.*-n $C( |\$)"
}

value() { # NAME TEMPLATE
    pod inspect --format "$2" "$1"
}

is_state() { # NAME STATE
    [ "$(value "$1" '{{.State.Status}}')" = "$2" ]
}

pid_of() { # NAME
    value "$1" '{{.State.Pid}}'
}

cgroup_of() { # NAME
    sed -n 's/^0:://p' "/proc/$(pid_of "$1")/cgroup"
}

cgroup_file() { # NAME FILE
    local dir
    dir=$(cgroup_of "$1")
    while [ "$dir" != / ]; do
        if [ -e "/sys/fs/cgroup$dir/$2" ] && ! grep -qE '^max( |$)' "/sys/fs/cgroup$dir/$2"; then
            cat "/sys/fs/cgroup$dir/$2"
            return
        fi
        dir=$(dirname "$dir")
    done
    echo "no value of $2 in $(cgroup_of "$1") or above" >&2
    return 1
}
