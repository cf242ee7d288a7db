# NOTIFY_SOCKET: what the program says to the service manager reaches it, with create and start, run, and run --detach.

load ../lib/common

setup() {
    skip_without cc python3
    bryo_setup
    B=$TMP/bundle
    make_bundle "$B"
    ID=$(new_id)
    [ -x "$BATS_RUN_TMPDIR/notifier" ] || {
        cc -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -static -o "$BATS_RUN_TMPDIR/notifier.$$" \
            "$BRYO_TOP/tests/lib/notifier.c"
        mv -T "$BATS_RUN_TMPDIR/notifier.$$" "$BATS_RUN_TMPDIR/notifier"
    }
    cp "$BATS_RUN_TMPDIR/notifier" "$B/rootfs/notifier"
}

teardown() {
    [ -z "${MANAGER:-}" ] || kill "$MANAGER" || true
    [ -z "${TMP:-}" ] || bryo_teardown
}

# A service manager at ADDRESS (default: a path): each message it gets is a line of $TMP/heard, its newlines as "|".
manager() {
    python3 - "${1:-$TMP/manager}" >"$TMP/heard" 3>&- <<'PYTHON' &
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
s.bind("\0" + name[1:] if name[0] == "@" else name)
print("listening", flush=True)
while True:
    print(s.recv(65536).decode().replace("\n", "|"), flush=True)
PYTHON
    MANAGER=$!
    wait_for 5 grep -q listening "$TMP/heard"
}

heard() {
    grep -v listening "$TMP/heard"
}

with_manager() {
    NOTIFY_SOCKET=$TMP/manager bryo "$@"
}

@test "run passes messages on as long as the program runs, the last words too" {
    manager
    set_args "$B" /notifier STATUS=warming READY=1 STATUS=working STOPPING=1
    with_manager run -b "$B" "$ID"
    wait_for 5 grep -q STOPPING "$TMP/heard"
    assert_equal "$(heard | tr '\n' ' ')" "STATUS=warming| READY=1| STATUS=working| STOPPING=1| "
}

@test "start returns when the program is ready, and the manager knows its pid" {
    manager
    set_args "$B" /notifier sleep=1 'STATUS=there
READY=1' sleep=1000
    with_manager create -b "$B" "$ID"
    [ -z "$(heard)" ]
    with_manager start "$ID"
    wait_for 5 grep -q READY=1 "$TMP/heard"
    assert_equal "$(heard)" "STATUS=there|READY=1|MAINPID=$(bryo state "$ID" | jq .pid)|"
    run bryo exec "$ID" ls /run/notify
    assert_equal "$output" notify.sock
}

@test "run --detach does the same" {
    manager
    set_args "$B" /notifier sleep=1 READY=1 sleep=1000
    with_manager run -d -b "$B" "$ID"
    wait_for 5 grep -q READY=1 "$TMP/heard"
    assert_equal "$(heard)" "READY=1|MAINPID=$(bryo state "$ID" | jq .pid)|"
}

@test "other calls use the container while start waits; a program that ends unready ends the waiting" {
    manager
    set_args "$B" /notifier sleep=1000
    with_manager create -b "$B" "$ID"
    NOTIFY_SOCKET=$TMP/manager "$BRYO" --root "$BRYO_ROOT" start "$ID" 3>&- &
    local start=$!
    wait_for 5 sh -c "'$BRYO' --root '$BRYO_ROOT' state $ID | grep -q running"
    bryo kill "$ID" KILL
    wait "$start"
    bryo delete "$ID"
    [ -z "$(heard)" ]
}

@test "the program may not say who the main process is, keep descriptors or flood" {
    manager
    set_args "$B" /notifier 'MAINPID=1
STATUS=me' FDSTORE=1 NOTIFYACCESS=all fd "STATUS=$(head -c 5000 /dev/zero | tr '\0' x)" READY=10 READY=1
    run with_manager run -b "$B" "$ID"
    assert_status 0
    assert_output "a message of 5007 bytes from the container is dropped"
    wait_for 5 grep -qx 'READY=1|' "$TMP/heard"
    assert_equal "$(heard | tr '\n' ' ')" "STATUS=me| READY=1| "
}

@test "an abstract socket, and one in a long path" {
    manager "@bryo-test-$$-$BATS_TEST_NUMBER"
    set_args "$B" /notifier READY=1
    NOTIFY_SOCKET=@bryo-test-$$-$BATS_TEST_NUMBER bryo run -b "$B" "$ID"
    wait_for 5 grep -q READY "$TMP/heard"
    kill "$MANAGER"
    local deep
    deep=$TMP/$(head -c 120 /dev/zero | tr '\0' d)
    mkdir "$deep"
    (cd "$deep" && exec python3 -c 'import socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("m")
print(s.recv(4096).decode().strip())') >"$TMP/far" 3>&- &
    MANAGER=$!
    wait_for 5 test -S "$deep/m"
    NOTIFY_SOCKET=$deep/m bryo run -b "$B" "$ID"
    wait "$MANAGER"
    MANAGER=
    assert_equal "$(cat "$TMP/far")" "READY=1"
}

@test "a manager that is gone, or no socket at all, is a warning" {
    set_args "$B" /notifier
    local address
    for address in "$TMP/nobody" rubbish; do
        NOTIFY_SOCKET=$address run bryo run -b "$B" "$ID"
        assert_output "NOTIFY_SOCKET \"$address\": "
        assert_output "the service manager will not hear of the container"
    done
}

@test "a configuration that has the variable keeps its own, and without one there is no mount" {
    manager
    edit_config "$B" '.process.env += ["NOTIFY_SOCKET=/elsewhere"]'
    set_args "$B" /bin/sh -c 'echo $NOTIFY_SOCKET; ls -d /run/notify'
    run with_manager run -b "$B" "$ID"
    assert_equal "${lines[0]}" /elsewhere
    assert_output "No such file or directory"
    edit_config "$B" '.process.env |= map(select(startswith("NOTIFY_SOCKET") | not))'
    run bryo run -b "$B" "$ID"
    assert_output "No such file or directory"
}

@test "a program of another user reaches it, and cannot change what is there" {
    is_real_root || skip_without_subids
    manager
    edit_config "$B" '.process.user = {uid: 1000, gid: 1000}'
    chmod 755 "$B/rootfs/notifier"
    set_args "$B" /bin/sh -c 'umask 077; /notifier READY=1; rm -f /run/notify/notify.sock; echo >/run/notify/x; ls /run/notify'
    umask 077
    run with_manager run -b "$B" "$ID"
    assert_output "Read-only file system"
    assert_equal "${lines[-1]}" notify.sock
    wait_for 5 grep -q READY=1 "$TMP/heard"
}

@test "a container whose root is not the caller's: root's state directory is no way" {
    skip_unless_root
    manager
    edit_config "$B" '.linux.namespaces += [{type: "user"}]
        | .linux.uidMappings = [{containerID: 0, hostID: 300000, size: 1000}] | .linux.gidMappings = .linux.uidMappings'
    chown -R 300000:300000 "$B/rootfs"
    local dir=$B
    while [ "$dir" != / ]; do
        [ -O "$dir" ] && chmod a+x "$dir"
        dir=$(dirname "$dir")
    done
    chmod 700 "$BRYO_ROOT" 2>/dev/null || mkdir -m 700 "$BRYO_ROOT"
    set_args "$B" /notifier READY=1
    with_manager run -b "$B" "$ID"
    wait_for 5 grep -q READY=1 "$TMP/heard"
}
