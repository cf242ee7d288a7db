# runtime.md: state, create, start, kill, delete, the errors of each, and what a process gets of the runtime besides its
# configuration (runtime-linux.md#file-descriptors).

load lib

status_is() {
    [ "$(bryo state "$ID" 2>/dev/null | jq -r .status)" = "$1" ]
}

# Or a zombie, which somebody else is about to reap.
is_gone() { # PID
    [ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"
}

@test "the whole life: created, running, stopped, gone" {
    configure . wait
    bryo create -b "$B" "$ID"
    status_is created
    # The program has not run yet.
    [ ! -s "$TMP/detached.out" ]
    bryo start "$ID"
    status_is running
    wait_for 5 test -s "$TMP/detached.out"
    bryo kill "$ID" TERM
    wait_for 5 status_is stopped
    bryo delete "$ID"
    run bryo state "$ID"
    [ "$status" -ne 0 ]
    assert_output "does not exist"
    # The id may be used again.
    bryo create -b "$B" "$ID"
    bryo delete --force "$ID"
}

# property: annotations ociVersion
@test "state has what the specification demands, in every status" {
    configure '.annotations = {"com.example.one": "1", "empty": ""}' wait
    bryo create -b "$B" "$ID"
    bryo state "$ID" >"$TMP/created"
    expect_of "$TMP/created" ".id == \"$ID\"" '.status == "created"' ".bundle == \"$B\"" '.pid > 0' \
        '.ociVersion | test("^1\\.[0-9]+\\.[0-9]+")' '.annotations == {"com.example.one": "1", "empty": ""}'
    kill -0 "$(jq .pid "$TMP/created")"
    bryo start "$ID"
    bryo state "$ID" >"$TMP/running"
    expect_of "$TMP/running" '.status == "running"' ".pid == $(jq .pid "$TMP/created")"
    bryo kill "$ID" KILL
    wait_for 5 status_is stopped
    bryo state "$ID" >"$TMP/stopped"
    expect_of "$TMP/stopped" '.status == "stopped"' ".id == \"$ID\"" ".bundle == \"$B\"" '.pid | IN(0, null)'
    bryo delete "$ID"
}

@test "create: no id, no bundle, an id that is taken, one that is none" {
    run bryo create -b "$B"
    [ "$status" -ne 0 ]
    run bryo create -b "$TMP/nothing" "$ID"
    [ "$status" -ne 0 ]
    assert_output "no such file or directory"
    configure .
    bryo create -b "$B" "$ID"
    run bryo create -b "$B" "$ID"
    [ "$status" -ne 0 ]
    status_is created
    local id
    for id in "" . .. a/b "a b" $'a\nb'; do
        run bryo create -b "$B" "$id"
        [ "$status" -ne 0 ]
    done
}

@test "what happens to config.json behind create does not reach the container" {
    configure '.hostname = "before"' out=/dev/shm
    configure '.hostname = "before"'
    bryo create -b "$B" "$ID"
    echo '{}' >"$B/config.json"
    bryo start "$ID"
    wait_for 5 status_is stopped
    expect_of "$TMP/detached.out" '.hostname == "before"' '.args == ["/probe"]'
}

# property: process
@test "a container without process can be created and not started" {
    configure 'del(.process)'
    bryo create -b "$B" "$ID"
    run bryo start "$ID"
    [ "$status" -ne 0 ]
    other_runtime || assert_output "process: missing; a container without it can be created but not started"
}

@test "start: only of what is created, and without effect on what is not" {
    configure . wait
    run bryo start "$ID"
    [ "$status" -ne 0 ]
    run bryo start
    [ "$status" -ne 0 ]
    bryo create -b "$B" "$ID"
    bryo start "$ID"
    run bryo start "$ID"
    [ "$status" -ne 0 ]
    status_is running
    bryo kill "$ID" KILL
    wait_for 5 status_is stopped
    run bryo start "$ID"
    [ "$status" -ne 0 ]
    status_is stopped
}

@test "kill: the signal that is named, to what is created or running, and to nothing else" {
    configure . wait
    run bryo kill "$ID" TERM
    [ "$status" -ne 0 ]
    bryo create -b "$B" "$ID"
    bryo start "$ID"
    wait_for 5 test -s "$TMP/detached.out"
    # One that does nothing leaves it running; TERM ends this program with success.
    bryo kill "$ID" WINCH
    status_is running
    bryo kill "$ID"
    wait_for 5 status_is stopped
    run bryo kill "$ID" TERM
    [ "$status" -ne 0 ]
    status_is stopped
    bryo delete "$ID"
    bryo create -b "$B" "$ID"
    bryo kill "$ID" 9
    wait_for 5 status_is stopped
}

@test "delete: only of what is stopped, and without effect on what is not" {
    configure . wait
    run bryo delete "$ID"
    [ "$status" -ne 0 ]
    bryo create -b "$B" "$ID"
    bryo start "$ID"
    run bryo delete "$ID"
    [ "$status" -ne 0 ]
    status_is running
    bryo kill "$ID" KILL
    wait_for 5 status_is stopped
    bryo delete "$ID"
    [ -x "$B/rootfs/probe" ]
    [ -e "$B/config.json" ]
}

@test "state and kill: no id, one that is not there" {
    run bryo state
    [ "$status" -ne 0 ]
    run bryo state "$ID"
    [ "$status" -ne 0 ]
    run bryo kill
    [ "$status" -ne 0 ]
}

@test "the exit status is the program's, or 128 and the signal" {
    configure . exit=7
    run bryo run -b "$B" "$ID"
    assert_status 7
    # Not as the first process of a pid namespace, which no signal of its own kills.
    configure 'del(.linux.namespaces[] | select(.type == "pid")) | del(.mounts[] | select(.type == "proc"))' kill=9
    run bryo run -b "$B" "$ID"
    assert_status 137
}

@test "no descriptor but the three standard ones is open in the program" {
    configure .
    "$BRYO" --root "$BRYO_ROOT" run -b "$B" "$ID" </dev/null 3</ 5</etc 9>"$TMP/leak" >"$REPORT"
    expect '.descriptors | keys == ["0", "1", "2"]'
}

@test "signals are neither blocked nor ignored in the program" {
    configure .
    bash -c 'trap "" HUP INT USR1; exec "$@"' sh "$BRYO" --root "$BRYO_ROOT" run -b "$B" "$ID" </dev/null >"$REPORT"
    expect '.signals | [.blocked, .ignored] == ["0000000000000000", "0000000000000000"]'
}

@test "the program has a session and a session keyring of its own" {
    inspect .
    expect '.sid == .pid' '.pgid == .pid'
    [ -e /proc/keys ] || return 0
    expect ".sessionKeyring | endswith(\"$ID\")"
}

@test "what create made is gone after delete: mounts, processes, state" {
    local before after
    before=$(wc -l </proc/self/mountinfo)
    configure . wait
    bryo create -b "$B" "$ID"
    local pid
    pid=$(bryo state "$ID" | jq .pid)
    bryo start "$ID"
    bryo delete --force "$ID"
    after=$(wc -l </proc/self/mountinfo)
    assert_equal "$after" "$before"
    wait_for 5 is_gone "$pid"
    [ -z "$(ls -A "$BRYO_ROOT")" ]
}

@test "an error of create leaves nothing" {
    local filter
    for filter in '.process.args = ["/none"]' '.mounts += [{destination: "/x", type: "nofs", source: "x"}]' \
        '.linux.namespaces += [{type: "uts"}]' '.hooks.createContainer = [{path: "/no/such/hook"}]' \
        '.linux.sysctl = {"net.no.such": "1"}'; do
        refused "$filter" ""
        [ -z "$(ls -A "$BRYO_ROOT" 2>/dev/null)" ]
    done
}
