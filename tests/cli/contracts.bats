#!/usr/bin/env bats
# What callers parse: the words of messages, exit codes and files that podman, conmon, containerd, docker and Slurm rely
# on. Each test names who reads it.

load ../lib/common

setup() {
    bryo_setup
    B=$TMP/bundle
    make_bundle "$B"
    ID=$(new_id)
}

# The last `run` failed with 1, and its message has the words.
assert_failed_with() {
    assert_status 1
    assert_output "$1"
}

@test "podman and docker: what becomes 127 names the command and has their words" {
    set_args "$B" nosuchprogram
    run bryo create -b "$B" "$ID"
    assert_failed_with 'executable file not found in $PATH'
    assert_output nosuchprogram
    set_args "$B" /no/such
    run bryo create -b "$B" "$ID"
    assert_failed_with "no such file or directory"
    assert_output /no/such
    set_args "$B" /bin/busybox/sh
    run bryo create -b "$B" "$ID"
    assert_failed_with "not a directory"
}

@test "podman and docker: what becomes 126 has their words" {
    touch "$B/rootfs/plain"
    chmod 644 "$B/rootfs/plain"
    set_args "$B" /plain
    run bryo create -b "$B" "$ID"
    assert_failed_with "permission denied"
    set_args "$B" /etc
    run bryo create -b "$B" "$ID"
    assert_failed_with "permission denied"
}

@test "conmon: exec fails with 255 and the words of 126 and 127, and writes no pid file" {
    set_args "$B" sleep 100
    run bryo run -d -b "$B" "$ID"
    assert_status 0
    run bryo exec --pid-file "$TMP/pid" "$ID" nosuchprogram
    assert_status 255
    assert_output 'executable file not found in $PATH'
    [ ! -e "$TMP/pid" ]
    run bryo exec --pid-file "$TMP/pid" "$ID" /etc
    assert_status 255
    assert_output "permission denied"
    [ ! -e "$TMP/pid" ]
}

@test "containerd: does not exist, container not running, already exists" {
    local verb
    for verb in state start kill delete; do
        run bryo $verb nosuch
        assert_failed_with "does not exist"
    done
    run bryo exec nosuch true
    assert_status 255
    assert_output "does not exist"
    run bryo run --keep -b "$B" "$ID"
    assert_status 0
    run bryo kill "$ID" KILL
    assert_failed_with "container not running"
    run bryo kill --all "$ID" KILL
    assert_status 0
    run bryo create -b "$B" "$ID"
    assert_failed_with "already exists"
}

@test "conmon: without --log the message is one JSON object in one write" {
    skip_without strace
    run bryo --log-format json state nosuch
    assert_status 1
    assert_equal "$(jq -r .level <<<"$output")" error
    [[ $(jq -r .msg <<<"$output") == *"does not exist"* ]]
    # The leak checker of a sanitized build cannot work while strace traces the process.
    ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" \
        run strace -e trace=write -e write=2 -o "$TMP/trace" "$BRYO" --root "$BRYO_ROOT" --log-format json state nosuch
    [ -s "$TMP/trace" ] || skip "strace is not possible here"
    assert_equal "$(grep -c '^write(2,' "$TMP/trace")" 1
}

@test "containerd: a log file of JSON lines with levels and RFC 3339 times, one of its own for exec" {
    run bryo --log "$TMP/log" --log-format json state nosuch
    assert_status 1
    run bryo --log "$TMP/log" --log-format=json start nosuch
    assert_status 1
    assert_equal "$(wc -l <"$TMP/log")" 2
    jq -es 'all(.[]; .level == "error" and (.msg | length > 0)
        and (.time | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$")))' "$TMP/log"
    run bryo --log "$TMP/exec-log" --log-format json exec nosuch true
    assert_status 255
    assert_equal "$(wc -l <"$TMP/exec-log")" 1
    assert_equal "$(wc -l <"$TMP/log")" 2
}

@test "conmon: the pid file is a decimal number and there when create returns" {
    run bryo create --bundle "$B" --pid-file "$TMP/pid" "$ID"
    assert_status 0
    [[ $(cat "$TMP/pid") =~ ^[1-9][0-9]*$ ]]
    assert_equal "$(bryo state "$ID" | jq .pid)" "$(cat "$TMP/pid")"
}

@test "conmon: a pid file of a failed create is not there" {
    set_args "$B" nosuchprogram
    run bryo create -b "$B" --pid-file "$TMP/pid" "$ID"
    assert_status 1
    [ ! -e "$TMP/pid" ]
}

# A socket at $TMP/pidfds; for each descriptor that comes, the pid in it is a line of $TMP/pids.
pidfd_receiver() {
    python3 - "$TMP/pidfds" "$1" >"$TMP/pids" 3>&- <<'EOF' &
import array, re, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
for _ in range(int(sys.argv[2])):
    c, _ = s.accept()
    _, data, _, _ = c.recvmsg(64, socket.CMSG_SPACE(4))
    fd = array.array("i", data[0][2])[0]
    print(re.search(r"^Pid:\t(\d+)", open("/proc/self/fdinfo/%d" % fd).read(), re.M).group(1), flush=True)
EOF
    RECEIVER=$!
    wait_for 5 test -S "$TMP/pidfds"
}

@test "containerd: --pidfd-socket of create and exec gets a pidfd of the process" {
    skip_without python3
    pidfd_receiver 2
    set_args "$B" sleep 1000
    bryo create -b "$B" --pidfd-socket "$TMP/pidfds" "$ID"
    bryo start "$ID"
    bryo exec -d --pid-file "$TMP/pid" --pidfd-socket "$TMP/pidfds" "$ID" sleep 1000
    wait "$RECEIVER"
    assert_equal "$(cat "$TMP/pids")" "$(bryo state "$ID" | jq .pid)
$(cat "$TMP/pid")"
    run bryo exec --pidfd-socket "$TMP/nobody" "$ID" true
    assert_status 255
    assert_output "$TMP/nobody"
}

@test "go-runc: the lines of --version" {
    run bryo --version
    assert_status 0
    [[ ${lines[0]} =~ ^bryo\ version\ [0-9] ]]
    [[ ${lines[1]} == "commit: "* ]]
    [[ ${lines[2]} =~ ^spec:\ 1\.[0-9]+\.[0-9]+$ ]]
    assert_equal "$(bryo -v)" "$output"
}

@test "go-runc: one dash before a long option" {
    run bryo run -no-subreaper -bundle "$B" "$ID"
    assert_status 0
}

@test "podman: signals as numbers, and state with only XDG_RUNTIME_DIR" {
    set_args "$B" sleep 100
    mkdir -m 700 "$TMP/xdg"
    run bryo --root "$TMP/xdg/bryo" run -d -b "$B" "$ID"
    assert_status 0
    is_real_root || assert_equal "$(env -i XDG_RUNTIME_DIR="$TMP/xdg" "$BRYO" state "$ID" | jq -r .status)" running
    run bryo --root "$TMP/xdg/bryo" kill "$ID" 9
    assert_status 0
    stopped() { [ "$(bryo --root "$TMP/xdg/bryo" state "$ID" | jq -r .status)" = stopped ]; }
    wait_for 10 stopped
    run bryo --root "$TMP/xdg/bryo" delete "$ID"
    assert_status 0
}

@test "CRI-O: delete --force of what is unknown, and list without a root" {
    run bryo delete --force nosuch
    assert_status 0
    assert_equal "$output" ""
    run "$BRYO" --root "$TMP/nosuch" list --format=json
    assert_status 0
    assert_equal "$(jq -c . <<<"$output")" "[]"
    [ ! -e "$TMP/nosuch" ]
}

@test "Slurm: its own lines, in a root that holds other things, with options behind the id" {
    local id=node.user.1.0.0 root=$TMP/user/
    mkdir -p "$root/systemd"
    set_args "$B" sh -c 'trap "exit 7" TERM; sleep 100 & wait'
    "$BRYO" --rootless=true --root="$root" create "$id" -b "$B" >"$TMP/out" 2>&1 3>&-
    "$BRYO" --rootless=true --root="$root" start "$id"
    run "$BRYO" --rootless=true --root="$root" state "$id"
    assert_status 0
    assert_equal "$(jq -r .status <<<"$output")" running
    assert_equal "$("$BRYO" --root="$root" list -q)" "$id"
    run "$BRYO" --rootless=true --root="$root" kill -a "$id" KILL
    assert_status 0
    run "$BRYO" --rootless=true --root="$root" delete --force "$id"
    assert_status 0
    run "$BRYO" --rootless=true --root="$root" state "$id"
    assert_failed_with "does not exist"
    set_args "$B" sh -c 'exit 7'
    run "$BRYO" --rootless=true --root="$root" run --bundle "$B" "$id"
    assert_status 7
}

@test "the umask of a program is 0022 unless it has its own" {
    set_args "$B" sh -c umask
    umask 077
    run bryo run -b "$B" "$ID"
    assert_status 0
    assert_equal "$output" 0022
    edit_config "$B" '.process.user.umask = 63'
    run bryo run -b "$B" "$ID"
    assert_status 0
    assert_equal "$output" 0077
}

@test "podman: run.oci.keep_original_groups keeps the groups of the caller, in exec too" {
    local groups
    groups=$(awk '/^Groups:/ { print NF - 1 }' /proc/self/status)
    count='/^Groups:/ { print NF - 1 }'
    edit_config "$B" '.process.user.additionalGids = [] | .annotations = {"run.oci.keep_original_groups": "1\n"}'
    set_args "$B" awk "$count" /proc/self/status
    run bryo run -b "$B" "$ID"
    assert_status 0
    assert_equal "$output" "$groups"
    set_args "$B" sleep 100
    run bryo run -d -b "$B" "$ID"
    assert_status 0
    run bryo exec "$ID" awk "$count" /proc/self/status
    assert_equal "$output" "$groups"
    edit_config "$B" '.annotations = {"run.oci.keep_original_groups": "yes"}'
    run bryo run -b "$B" "$ID.2"
    assert_failed_with 'annotations["run.oci.keep_original_groups"]: expected "0" or "1", found "yes"'
}
