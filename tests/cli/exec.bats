# exec: one more process in a container.

load ../lib/common

setup() {
    bryo_setup
    B=$TMP/bundle
    make_bundle "$B" '.root.readonly = false | .process.env = ["PATH=/usr/bin:/bin", "FROM=config"]'
    set_args "$B" /bin/sleep 1000
    ID=$(new_id)
    bryo run --detach -b "$B" "$ID" </dev/null >/dev/null 2>&1
}

@test "it is in the namespaces of the container, with its environment, and passes its exit code on" {
    local pid n i=0
    pid=$(bryo state "$ID" | jq .pid)
    run bryo exec "$ID" /bin/sh -c 'for n in mnt pid net ipc uts cgroup user; do readlink /proc/self/ns/$n; done; echo $FROM; exit 3'
    assert_status 3
    for n in mnt pid net ipc uts cgroup user; do
        assert_equal "${lines[$i]}" "$(readlink "/proc/$pid/ns/$n")"
        i=$((i + 1))
    done
    assert_equal "${lines[7]}" config
}

@test "stdin, stdout and stderr" {
    run --separate-stderr bryo exec "$ID" sh -c 'cat; echo err >&2' <<<"in and out"
    assert_status 0
    assert_equal "$output" "in and out"
    assert_equal "$stderr" err
}

@test "options change what the container has" {
    run bryo exec --cwd /dev --env A=b --env FROM=option "$ID" sh -c 'pwd; echo $A $FROM'
    assert_status 0
    assert_equal "$output" "/dev
b option"
    run bryo exec --no-new-privs "$ID" grep NoNewPrivs /proc/self/status
    assert_equal "$(awk '{ print $2 }' <<<"$output")" 1
}

@test "--user, --additional-gids and --cap" {
    skip_without_subids
    run bryo exec --user 1000:1001 --additional-gids 7 -g 8 --cap NET_RAW "$ID" sh -c 'id -u; id -g; id -G; grep Cap /proc/self/status'
    assert_status 0
    assert_equal "${lines[0]} ${lines[1]}" "1000 1001"
    assert_equal "${lines[2]}" "1001 7 8"
    assert_output "CapEff:	0000000000002000"
    local bad
    for bad in root 1: :1 -1 4294967295 1:2:3 0x1; do
        run bryo exec --user "$bad" "$ID" true
        assert_status 255
        assert_output --user
    done
    run bryo exec --cap CAP_NONSENSE "$ID" true
    assert_status 255
    assert_output 'unknown capability "CAP_NONSENSE"'
}

@test "inheritable and ambient capabilities stay empty unless asked for (CVE-2022-27650)" {
    run bryo exec "$ID" grep Cap /proc/self/status
    assert_output "CapInh:	0000000000000000"
    assert_output "CapAmb:	0000000000000000"
}

@test "a process file" {
    echo '{"args": ["sh", "-c", "echo $X; pwd; grep -c . /proc/self/limits >/dev/null; ulimit -n"], "cwd": "/dev", "env": ["PATH=/bin", "X=file"], "user": {"uid": 0, "gid": 0}}' >"$TMP/p.json"
    run bryo exec --process "$TMP/p.json" "$ID"
    assert_status 0
    assert_equal "$output" "file
/dev
1024"
    echo '{"args": ["true"], "cwd": 7}' >"$TMP/p.json"
    run bryo exec -p "$TMP/p.json" "$ID"
    assert_status 255
    assert_output "p.json: cwd: expected an absolute path, found 7"
    run bryo exec -p "$TMP/none.json" "$ID"
    assert_status 255
    assert_output "none.json"
}

@test "--detach writes the pid file, and a failure writes none" {
    run bryo exec --detach --pid-file "$TMP/pid" "$ID" sleep 500 </dev/null 3>&-
    assert_status 0
    assert_equal "$(tr '\0' ' ' <"/proc/$(cat "$TMP/pid")/cmdline")" "sleep 500 "
    run bryo exec --detach --pid-file "$TMP/pid2" "$ID" no-such-program
    assert_status 255
    assert_output 'exec "no-such-program": executable file not found in $PATH'
    [ ! -e "$TMP/pid2" ]
}

@test "a signal to bryo reaches the process" {
    "$BRYO" --root "$BRYO_ROOT" exec "$ID" sh -c 'trap "exit 9" TERM; echo up >/up; while :; do sleep 0.05; done' &
    local pid=$! code=0
    wait_for 5 test -e "$B/rootfs/up"
    kill -TERM $pid
    wait $pid || code=$?
    assert_equal $code 9
}

@test "no descriptor of the host goes in but those asked for" {
    run bash -c '"$0" --root "$1" exec --preserve-fds 1 "$2" sh -c "cat <&3; ls /proc/self/fd" 3<<<three 6</etc 9</' "$BRYO" "$BRYO_ROOT" "$ID"
    assert_status 0
    assert_output three
    refute_output 6
    refute_output 9
}

@test "cwd cannot lead out of the container (CVE-2024-21626)" {
    local n
    for n in 3 4 5 6 7 8 9; do
        run bash -c '"$0" --root "$1" exec --cwd "/proc/self/fd/$3" "$2" true 9</' "$BRYO" "$BRYO_ROOT" "$ID" "$n"
        assert_status 255
        assert_output process.cwd
    done
}

@test "the container cannot trace or look into a process that enters (CVE-2016-9962)" {
    # A process of the container looks whose programs it can see. One that has just entered has no more rights than the
    # container, but is still bryo, and looks for its program in many directories.
    set_args "$B" sh -c 'echo >/looking; while :; do for p in /proc/[0-9]*; do
        [ ! -e $p/exe ] || [ $p/exe -ef /bin/busybox ] || readlink $p/exe >>/seen; done; done'
    bryo run --detach -b "$B" "$ID-eye" </dev/null >/dev/null 2>&1 3>&-
    wait_for 5 test -e "$B/rootfs/looking"
    local _ path
    path=$(printf '/nowhere/%04d:' $(seq 3000))/bin
    for _ in $(seq 15); do bryo exec --env "PATH=$path" "$ID-eye" true; done
    # It is not blind: what has become another program is seen.
    mkdir "$B/rootfs/other"
    cp "$B/rootfs/bin/busybox" "$B/rootfs/other/sleep"
    bryo exec --detach "$ID-eye" /other/sleep 100 </dev/null >/dev/null 2>&1 3>&-
    wait_for 5 grep -q /other/sleep "$B/rootfs/seen"
    run cat "$B/rootfs/seen"
    bryo delete --force "$ID-eye"
    refute_output bryo
}

@test "a container that was created but not started, a stopped one, one that is not there" {
    bryo create -b "$B" "$ID-2" </dev/null >/dev/null 2>&1 3>&-
    run bryo exec "$ID-2" sh -c 'echo early'
    assert_status 0
    assert_output early
    bryo delete --force "$ID-2"
    run bryo exec "$ID-2" true
    assert_status 255
    assert_output "container \"$ID-2\" does not exist"
    bryo kill "$ID" KILL
    wait_for 5 sh -c "'$BRYO' --root '$BRYO_ROOT' state '$ID' | grep -q stopped"
    run bryo exec "$ID" true
    assert_status 255
    assert_output "container not running"
}

@test "the bundle may change or go meanwhile" {
    rm "$B/config.json"
    run bryo exec "$ID" sh -c 'echo $FROM'
    assert_status 0
    assert_output config
}

@test "without libseccomp a profile is refused, not left out" {
    edit_config "$B" '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]}'
    mkdir "$TMP/lib"
    : >"$TMP/lib/libseccomp.so.2"
    run env LD_LIBRARY_PATH="$TMP/lib" "$BRYO" --root "$BRYO_ROOT" run -b "$B" "$ID-without"
    assert_status 1
    assert_output "a seccomp profile needs libseccomp.so.2: "
    assert_output "hint: install libseccomp2"
    edit_config "$B" 'del(.linux.seccomp)'
    set_args "$B" true
    run env LD_LIBRARY_PATH="$TMP/lib" "$BRYO" --root "$BRYO_ROOT" run -b "$B" "$ID-without"
    assert_status 0
}

@test "a seccomp profile holds for it too" {
    bryo delete --force "$ID"
    edit_config "$B" '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}'
    bryo run --detach -b "$B" "$ID" </dev/null >/dev/null 2>&1 3>&-
    run bryo exec "$ID" mkdir /new
    [ "$status" -ne 0 ]
    assert_output "not supported"
    [ ! -e "$B/rootfs/new" ]
}

@test "mistakes on the command line" {
    run bryo exec "$ID"
    assert_status 255
    assert_output "no command"
    run bryo exec --process x "$ID" true
    assert_status 255
    assert_output "exclude each other"
    run bryo exec --env NOVALUE "$ID" true
    assert_status 255
    assert_output '--env: expected NAME=VALUE, found "NOVALUE"'
    run bryo exec --cwd relative "$ID" true
    assert_status 255
    assert_output '--cwd: expected an absolute path'
    run bryo exec --detach --tty "$ID" true
    assert_status 255
    assert_output "--console-socket"
}
