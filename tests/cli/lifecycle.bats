# create, start, state, kill, delete, run: the life of one container, and the mistakes on its way.

load ../lib/common

setup() {
    bryo_setup
    B=$TMP/bundle
    make_bundle "$B"
    ID=$(new_id)
}

status_of() {
    bryo state "$1" | jq -r .status
}

is_status() {
    [ "$(status_of "$1" 2>/dev/null)" = "$2" ]
}

@test "the whole life: created, running, stopped, gone" {
    set_args "$B" /bin/sh -c 'trap "exit 7" TERM; echo up >/up; while :; do sleep 0.1; done'
    edit_config "$B" '.root.readonly = false'
    run --separate-stderr bryo create -b "$B" "$ID"
    assert_status 0
    assert_equal "$output" ""
    assert_equal "$(status_of "$ID")" created
    [ ! -e "$B/rootfs/up" ]
    run --separate-stderr bryo start "$ID"
    assert_status 0
    assert_equal "$(status_of "$ID")" running
    wait_for 5 test -e "$B/rootfs/up"
    run --separate-stderr bryo kill "$ID" TERM
    assert_status 0
    wait_for 5 is_status "$ID" stopped
    run --separate-stderr bryo delete "$ID"
    assert_status 0
    run --separate-stderr bryo state "$ID"
    assert_status 1
    assert_output "container \"$ID\" does not exist"
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "state tells what the specification and runc tell" {
    edit_config "$B" '.annotations = {"org.example.key": "value"}'
    bryo create -b "$B" "$ID"
    run bryo state "$ID"
    assert_status 0
    assert_equal "$(jq -r .id <<<"$output")" "$ID"
    assert_equal "$(jq -r .ociVersion <<<"$output")" "$(jq -r .ociVersion "$B/config.json")"
    assert_equal "$(jq -r .bundle <<<"$output")" "$B"
    assert_equal "$(jq -r .rootfs <<<"$output")" "$B/rootfs"
    assert_equal "$(jq -r '.annotations["org.example.key"]' <<<"$output")" value
    [[ $(jq -r .created <<<"$output") =~ ^20[0-9-]+T[0-9:.]+Z$ ]]
    local pid
    pid=$(jq -r .pid <<<"$output")
    [ -d "/proc/$pid" ]
    bryo kill "$ID" KILL
    wait_for 5 is_status "$ID" stopped
    assert_equal "$(bryo state "$ID" | jq -r .pid)" 0
}

@test "state works with nothing but XDG_RUNTIME_DIR in the environment" {
    ! is_real_root || skip "the states of root are in /run/bryo, whatever its environment"
    mkdir -m 700 "$TMP/run"
    env -i XDG_RUNTIME_DIR="$TMP/run" "$BRYO" create -b "$B" "$ID"
    run env -i XDG_RUNTIME_DIR="$TMP/run" "$BRYO" state "$ID"
    assert_status 0
    assert_output '"created"'
    env -i XDG_RUNTIME_DIR="$TMP/run" "$BRYO" delete --force "$ID"
}

@test "run passes the exit code on, and 128 + signal" {
    set_args "$B" /bin/sh -c 'exit 42'
    run bryo run -b "$B" "$ID"
    assert_status 42
    set_args "$B" /bin/sh -c 'sh -c "kill -9 \$\$"; exit $?'
    run bryo run -b "$B" "$ID"
    assert_status 137
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "run connects stdin, stdout and stderr" {
    set_args "$B" /bin/sh -c 'cat; echo err >&2'
    run --separate-stderr bryo run -b "$B" "$ID" <<<"through and through"
    assert_status 0
    assert_equal "$output" "through and through"
    assert_equal "${stderr##*$'\n'}" err
}

@test "run forwards SIGTERM to a process that handles it" {
    set_args "$B" /bin/sh -c 'trap "echo got it; exit 9" TERM; echo up >/up; while :; do sleep 0.05; done'
    edit_config "$B" '.root.readonly = false'
    "$BRYO" --root "$BRYO_ROOT" run -b "$B" "$ID" >"$TMP/out" &
    local pid=$! code=0
    wait_for 5 test -e "$B/rootfs/up"
    kill -TERM $pid
    wait $pid || code=$?
    assert_equal $code 9
    assert_equal "$(cat "$TMP/out")" "got it"
}

@test "run --detach leaves it running, run --keep leaves it stopped" {
    set_args "$B" /bin/sleep 1000
    run bryo run --detach -b "$B" "$ID" </dev/null
    assert_status 0
    assert_equal "$(status_of "$ID")" running
    bryo delete --force "$ID"
    set_args "$B" /bin/true
    run bryo run --keep -b "$B" "$ID"
    assert_status 0
    assert_equal "$(status_of "$ID")" stopped
    bryo delete "$ID"
}

@test "options may follow the id" {
    run bryo run "$ID" -b "$B"
    assert_status 0
    run bryo create "$ID" --bundle="$B" --pid-file "$TMP/pid"
    assert_status 0
    assert_equal "$(cat "$TMP/pid")" "$(bryo state "$ID" | jq -r .pid)"
}

@test "an id is taken only once" {
    bryo create -b "$B" "$ID"
    run bryo create -b "$B" "$ID"
    assert_status 1
    assert_output "container with id \"$ID\" already exists"
    assert_output "hint:"
    assert_equal "$(status_of "$ID")" created
}

@test "of ten creates of one id at once exactly one wins" {
    local won=0 pids=() pid
    for _ in $(seq 10); do
        bryo create -b "$B" "$ID" 2>/dev/null &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        ! wait "$pid" || won=$((won + 1))
    done
    assert_equal $won 1
    assert_equal "$(status_of "$ID")" created
}

@test "ids that are none" {
    local bad
    for bad in a/b .hidden ..; do
        run bryo create -b "$B" "$bad"
        assert_status 1
        assert_output "invalid container id"
    done
}

@test "what is not there: state, start, kill, delete" {
    local verb
    for verb in state start delete; do
        run bryo "$verb" nobody
        assert_status 1
        assert_output 'container "nobody" does not exist'
    done
    run bryo kill nobody TERM
    assert_status 1
    assert_output 'container "nobody" does not exist'
    run bryo delete --force nobody
    assert_status 0
    assert_equal "$output" ""
}

@test "start works once" {
    set_args "$B" /bin/sleep 1000
    bryo create -b "$B" "$ID"
    bryo start "$ID"
    run bryo start "$ID"
    assert_status 1
    assert_output "already running"
    bryo kill "$ID" KILL
    wait_for 5 is_status "$ID" stopped
    run bryo start "$ID"
    assert_status 1
    assert_output "it has stopped"
}

@test "a stopped container cannot be killed, but --all is content" {
    bryo run --keep -b "$B" "$ID"
    run bryo kill "$ID" TERM
    assert_status 1
    assert_output "container not running"
    run bryo kill --all "$ID" TERM
    assert_status 0
}

@test "kill takes names and numbers and reaches all with --all" {
    set_args "$B" /bin/sh -c 'trap : USR1; for i in 1 2 3; do sh -c "trap \"echo hit >>/hits\" USR1; echo >>/ready; while :; do sleep 0.05; done" & done; while :; do sleep 1; done'
    edit_config "$B" '.root.readonly = false'
    bryo run --detach -b "$B" "$ID" </dev/null
    wait_for 5 sh -c "[ \"\$(wc -l <'$B/rootfs/ready')\" = 3 ]"
    bryo kill --all "$ID" SIGUSR1
    wait_for 5 sh -c "[ \"\$(wc -l <'$B/rootfs/hits')\" = 3 ]"
    bryo kill "$ID" usr1
    bryo kill "$ID" 10
    assert_equal "$(status_of "$ID")" running
    bryo kill --all "$ID" 9
    wait_for 5 is_status "$ID" stopped
}

@test "a running or created container is deleted only by force" {
    set_args "$B" /bin/sleep 1000
    bryo create -b "$B" "$ID"
    run bryo delete "$ID"
    assert_status 1
    assert_output "not stopped: it is created"
    bryo start "$ID"
    run bryo delete "$ID"
    assert_status 1
    assert_output "not stopped: it is running"
    local pid
    pid=$(bryo state "$ID" | jq .pid)
    run bryo delete --force "$ID"
    assert_status 0
    [ ! -d "/proc/$pid" ] || grep -q '^State:.Z' "/proc/$pid/status"
}

@test "list: table, json, quiet, foreign entries" {
    set_args "$B" /bin/sleep 1000
    bryo create -b "$B" "$ID"
    mkdir -p "$BRYO_ROOT/foreign.dir" "$BRYO_ROOT/.hidden"
    touch "$BRYO_ROOT/file"
    run bryo list
    assert_status 0
    assert_output "ID "
    assert_output "$ID"
    refute_output foreign
    assert_equal "$(bryo list -f json | jq -r '.[0].id + " " + .[0].status')" "$ID created"
    assert_equal "$(bryo list -q)" "$ID"
    rmdir "$BRYO_ROOT/foreign.dir" "$BRYO_ROOT/.hidden"
    bryo delete --force "$ID"
    assert_equal "$(bryo list -f json | jq length)" 0
    run "$BRYO" --root "$TMP/never-made" list
    assert_status 0
}

@test "no such program: 'create' says so and leaves nothing" {
    set_args "$B" no-such-program
    run bryo create -b "$B" "$ID"
    assert_status 1
    assert_output 'exec "no-such-program": executable file not found in $PATH'
    [ ! -e "$BRYO_ROOT/$ID" ]
    set_args "$B" /etc/nothing
    run bryo create -b "$B" "$ID"
    assert_status 1
    assert_output 'exec "/etc/nothing": no such file or directory'
    set_args "$B" /etc
    run bryo run -b "$B" "$ID"
    assert_status 1
    assert_output 'permission denied'
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "no bundle, no config.json, no rootfs" {
    run bryo create -b "$TMP/none" "$ID"
    assert_status 1
    assert_output "bundle \"$TMP/none\": no such file or directory"
    mkdir "$TMP/empty"
    run bryo create -b "$TMP/empty" "$ID"
    assert_status 1
    assert_output config.json
    assert_output "bryo spec --bundle"
    edit_config "$B" '.root.path = "elsewhere"'
    run bryo create -b "$B" "$ID"
    assert_status 1
    assert_output "$B/elsewhere"
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "a typo in config.json is told with its path" {
    edit_config "$B" '.process.rlimits = [{"type": "RLIMIT_NOFILE", "soft": "many", "hard": 1024}]'
    run bryo create -b "$B" "$ID"
    assert_status 1
    assert_output 'process.rlimits[0].soft: expected an unsigned integer, found "many"'
    echo '{"ociVersion": "1.0.2",' >"$B/config.json"
    run bryo create -b "$B" "$ID"
    assert_status 1
    assert_output 'config.json:'
}

@test "what this version does not carry out is refused by name" {
    edit_config "$B" '.linux.personality = {domain: "LINUX", flags: ["x"]}'
    run bryo create -b "$B" "$ID"
    assert_status 1
    assert_output "linux.personality.flags: not supported by this version of bryo"
}

@test "a container without process is created but not started" {
    edit_config "$B" 'del(.process)'
    bryo create -b "$B" "$ID"
    assert_equal "$(status_of "$ID")" created
    run bryo start "$ID"
    assert_status 1
    assert_output "process: missing"
    wait_for 5 is_status "$ID" stopped
}

@test "an init that is killed before start is a stopped container" {
    bryo create -b "$B" "$ID"
    kill -KILL "$(bryo state "$ID" | jq .pid)"
    wait_for 5 is_status "$ID" stopped
    run bryo start "$ID"
    assert_status 1
    assert_output "it has stopped"
    bryo delete "$ID"
}

@test "a runtime that is killed while it creates leaves no process, and delete --force removes the rest" {
    edit_config "$B" ".hooks.createRuntime = [{\"path\": \"/bin/sh\", \"args\": [\"sh\", \"-c\", \"echo \$\$ >'$TMP/hook'; exec sleep 1000\"], \"env\": [\"PATH=/usr/bin:/bin\"]}]"
    "$BRYO" --root "$BRYO_ROOT" create -b "$B" "$ID" &
    local pid=$! init
    wait_for 5 test -s "$TMP/hook"
    init=$(bryo state "$ID" | jq .pid)
    assert_equal "$(status_of "$ID")" creating
    kill -KILL $pid
    wait $pid || true
    wait_for 5 sh -c "! kill -0 $init 2>/dev/null"
    assert_equal "$(status_of "$ID")" stopped
    run bryo delete --force "$ID"
    assert_status 0
    [ ! -e "$BRYO_ROOT/$ID" ]
    wait_for 5 sh -c "! kill -0 $(cat "$TMP/hook") 2>/dev/null" # the hook, which nobody would end any more
}

@test "--preserve-fds hands on just the descriptors asked for" {
    set_args "$B" /bin/sh -c 'cat <&3; cat <&4; ls /proc/self/fd'
    run --separate-stderr bash -c '"$0" --root "$1" run --preserve-fds 2 -b "$2" "$3" 3<<<three 4<<<four 7</etc/passwd' "$BRYO" "$BRYO_ROOT" "$B" "$ID"
    assert_status 0
    assert_equal "$(sed -n '1,2p' <<<"$output" | tr '\n' ' ')" "three four "
    refute_output 7
    run --separate-stderr bash -c '"$0" --root "$1" run --preserve-fds 2 -b "$2" "$3" 3<<<three 4<&-' "$BRYO" "$BRYO_ROOT" "$B" "$ID"
    assert_status 1
    assert_output "--preserve-fds: descriptor 4 is not open"
}

@test "LISTEN_FDS of socket activation go in with LISTEN_PID=1" {
    set_args "$B" /bin/sh -c 'echo $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES; cat <&3'
    run --separate-stderr bash -c 'LISTEN_FDS=1 LISTEN_FDNAMES=http "$0" --root "$1" run -b "$2" "$3" 3<<<three' "$BRYO" "$BRYO_ROOT" "$B" "$ID"
    assert_status 0
    assert_equal "$output" "1 1 http
three"
}

@test "LISTEN_PID is the pid of the program as it sees itself, without a pid namespace and in exec too" {
    edit_config "$B" 'del(.linux.namespaces[] | select(.type == "pid"))
        | (.mounts[] | select(.destination == "/proc")) |= {destination: "/proc", type: "bind", source: "/proc", options: ["rbind"]}'
    set_args "$B" /bin/sh -c 'test "$LISTEN_PID" = $$ && echo same'
    run --separate-stderr bash -c 'LISTEN_FDS=1 "$0" --root "$1" run -b "$2" "$3" 3</dev/null' "$BRYO" "$BRYO_ROOT" "$B" "$ID"
    assert_equal "$output" same
    rm "$B/config.json"
    make_bundle "$B"
    set_args "$B" /bin/sleep 1000
    bryo run -d -b "$B" "$ID.2"
    run --separate-stderr bash -c 'LISTEN_FDS=1 "$0" --root "$1" exec "$2" /bin/sh -c "test \$LISTEN_PID = \$\$ && cat <&3" 3<<<three' \
        "$BRYO" "$BRYO_ROOT" "$ID.2"
    assert_equal "$output" three
}

@test "a file that names itself program of another machine" {
    printf 'garbage' >"$B/rootfs/bin/garbage"
    chmod 755 "$B/rootfs/bin/garbage"
    set_args "$B" /bin/garbage
    run bryo run -b "$B" "$ID"
    assert_status 1
    assert_output '/bin/garbage'
    assert_output 'ENOEXEC'
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "errors as JSON lines in a log file" {
    run bryo --log "$TMP/log" --log-format json state nobody
    assert_status 1
    assert_equal "$(tail -n 1 "$TMP/log" | jq -r '.level + ": " + .msg')" 'error: container "nobody" does not exist'
    [[ $(tail -n 1 "$TMP/log" | jq -r .time) =~ ^20[0-9-]+T ]]
}

@test "create, start, run and delete killed at any moment: delete --force removes the rest" {
    set_args "$B" /bin/sleep 1000
    local i id pid verb
    for i in $(seq 60); do
        id=$ID-$i
        verb=(create -b "$B" "$id")
        case $((i % 4)) in
            1) verb=(run --detach -b "$B" "$id") ;;
            2) bryo create -b "$B" "$id" && verb=(start "$id") ;;
            3) bryo create -b "$B" "$id" && verb=(delete --force "$id") ;;
        esac
        "$BRYO" --root "$BRYO_ROOT" "${verb[@]}" </dev/null >/dev/null 2>&1 &
        pid=$!
        sleep "0.00$((RANDOM % 10))$((RANDOM % 10))"
        kill -KILL $pid 2>/dev/null || true
        wait $pid 2>/dev/null || true
        run bryo state "$id"
        [ "$status" -eq 0 ] || assert_output "$id"
        run bryo delete --force "$id"
        assert_status 0
        [ ! -e "$BRYO_ROOT/$id" ]
    done
}

@test "run removes its own container at the end, not another that has the id by then" {
    set_args "$B" /bin/sleep 1000
    "$BRYO" --root "$BRYO_ROOT" run -b "$B" "$ID" </dev/null >/dev/null 2>&1 3>&- &
    local pid=$!
    wait_for 5 is_status "$ID" running
    kill -STOP $pid
    bryo delete --force "$ID"
    bryo create -b "$B" "$ID"
    kill -CONT $pid
    wait $pid || true
    assert_equal "$(status_of "$ID")" created
}

@test "delete leaves the directories of others below --root alone" {
    mkdir -p "$BRYO_ROOT/pulse/native"
    run bryo delete pulse
    assert_status 1
    assert_output 'container "pulse" does not exist'
    run bryo delete --force pulse
    assert_status 0
    [ -d "$BRYO_ROOT/pulse/native" ]
    rm -r "$BRYO_ROOT/pulse"
}

@test "init's own error is told when it fails early" {
    skip_if_root
    edit_config "$B" 'del(.linux.uidMappings, .linux.gidMappings)' # they would name ids of the outer namespace
    run unshare --user --map-root-user sh -c 'echo 0 >/proc/sys/user/max_uts_namespaces; exec "$0" --root "$1" run -b "$2" "$3"' "$BRYO" "$BRYO_ROOT" "$B" "$ID"
    assert_status 1
    assert_output "create the container's namespaces: no space left on device"
    assert_output "/proc/sys/user/max_*_namespaces"
}

@test "signals that the caller ignores are not ignored by the program, libc's own two neither" {
    skip_without python3
    set_args "$B" grep SigIgn /proc/self/status
    cat >"$TMP/ignore.py" <<'PY'
import ctypes, os, platform, sys
class Action(ctypes.Structure):
    _fields_ = [("handler", ctypes.c_void_p), ("flags", ctypes.c_ulong), ("restorer", ctypes.c_void_p), ("mask", ctypes.c_ulong)]
if platform.machine() == "x86_64":
    for sig in (1, 2, 10, 32, 33, 34):
        ctypes.CDLL(None).syscall(13, sig, ctypes.byref(Action(1, 0, None, 0)), None, 8)
os.execv(sys.argv[1], sys.argv[1:])
PY
    run python3 "$TMP/ignore.py" "$BRYO" --root "$BRYO_ROOT" run -b "$B" "$ID"
    assert_status 0
    assert_output "SigIgn:	0000000000000000"
}
