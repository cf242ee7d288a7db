#!/usr/bin/env bats
# podman with bryo: the life of a container, from create to rm, and what its process is given.

load ../lib/common
load podman

# A container in the background that says "caught" and ends with 3 when it gets a signal.
TRAP='trap "echo caught \$sig; exit 3" USR1 TERM; echo ready; while :; do sleep 0.1; done'

said() { # NAME TEXT
    pod logs "$1" 2>&1 | grep -qF -- "$2"
}

@test "run: exit status, standard output and standard error" {
    run --separate-stderr pod run --rm $IMAGE sh -c 'echo out; echo err >&2; exit 7'
    assert_status 7
    assert_equal "$output" out
    assert_equal "$stderr" err
}

@test "run: death by a signal is 128 and its number" {
    pod run --name "$C" $IMAGE sleep 1000 &
    wait_for 30 is_state "$C" running
    kill -KILL "$(pid_of "$C")"
    status=0
    wait $! || status=$?
    assert_status 137
}

@test "run: a signal to podman reaches the program" {
    pod run --name "$C" $IMAGE sh -c "$TRAP" &
    wait_for 30 said "$C" ready
    pkill -TERM -f -- "^podman .*run --name $C "
    status=0
    wait $! || status=$?
    assert_status 3
}

@test "run -i: standard input goes in, and ends" {
    run pod run --rm -i $IMAGE sh -c 'cat; echo end' <<<"some text"
    assert_status 0
    assert_equal "$output" $'some text\nend'
}

@test "run: no such program is 127, one that can't be executed is 126, and nothing is left" {
    run -127 pod run --name "$C" $IMAGE no-such-program
    assert_output "no-such-program"
    assert_output "not found"
    pod rm "$C"
    run pod run --name "$C" $IMAGE /etc/passwd
    assert_status 126
    [[ "${output,,}" == *"permission denied"* ]]
}

@test "run: environment, directory, user, groups, host name, umask, limits, sysctl" {
    run pod run --rm --env 'A=b c' --workdir /var/tmp --user 1000:1000 --group-add 29 --hostname moss --umask 0027 \
        --ulimit nofile=123:456 --sysctl net.ipv4.ip_default_ttl=77 --read-only $IMAGE sh -c '
            echo "<$A>"; pwd; id; hostname; umask; ulimit -Sn; ulimit -Hn; cat /proc/sys/net/ipv4/ip_default_ttl'
    assert_status 0
    assert_equal "${lines[0]}" "<b c>"
    assert_equal "${lines[1]}" /var/tmp
    assert_equal "${lines[2]}" "uid=1000(guest) gid=1000(guest) groups=29(audio),1000(guest)"
    assert_equal "${lines[*]:3}" "moss 0027 123 456 77"
}

@test "create, start, inspect: states, pid and runtime are told as they are" {
    pod create --name "$C" $IMAGE sleep 1000
    assert_equal "$(value "$C" '{{.State.Status}} {{.State.Pid}}')" "created 0"
    pod start "$C"
    assert_equal "$(value "$C" '{{.State.Status}}')" running
    [[ "$(value "$C" '{{.OCIRuntime}}')" == *"$RUNTIME" ]]
    assert_equal "$(tr '\0' ' ' <"/proc/$(pid_of "$C")/cmdline")" "sleep 1000 "
    pod rm --force --time 0 "$C"
    run pod container exists "$C"
    assert_status 1
}

@test "init: it waits between init and start, and its process is the one that runs then" {
    pod create --name "$C" $IMAGE sleep 1000
    pod init "$C"
    assert_equal "$(value "$C" '{{.State.Status}}')" initialized
    before=$(pid_of "$C")
    pod start "$C"
    assert_equal "$(pid_of "$C")" "$before"
    assert_equal "$(tr '\0' ' ' <"/proc/$before/cmdline")" "sleep 1000 "
}

@test "start --attach passes output and exit status on, also a second time" {
    pod create --name "$C" $IMAGE sh -c 'echo here; exit 4'
    for _ in 1 2; do
        run pod start --attach "$C"
        assert_status 4
        assert_equal "$output" here
    done
    assert_equal "$(value "$C" '{{.State.Status}} {{.State.ExitCode}}')" "exited 4"
}

@test "exec: status, streams, environment, directory, user; it is in the container" {
    pod run -d --name "$C" --hostname moss $IMAGE sleep 1000
    run --separate-stderr pod exec --env A=b --workdir /tmp --user 1000 "$C" \
        sh -c 'echo "$A $PWD $(id -u) $(hostname)"; readlink /proc/self/ns/pid; echo err >&2; exit 9'
    assert_status 9
    assert_equal "${lines[0]}" "b /tmp 1000 moss"
    assert_equal "${lines[1]}" "$(podman unshare readlink "/proc/$(pid_of "$C")/ns/pid")"
    assert_equal "$stderr" err
    assert_equal "$(pod exec -i "$C" cat <<<"typed")" typed
    # In the container's cgroup, so what it uses is counted.
    assert_equal "$(pod exec "$C" cat /proc/self/cgroup)" "$(pod exec "$C" cat /proc/1/cgroup)"
    run -127 pod exec "$C" no-such-program
    run pod exec "$C" /etc/passwd
    assert_status 126
}

@test "exec -d goes on by itself; exec in a stopped container is refused" {
    pod run -d --name "$C" $IMAGE sleep 1000
    pod exec -d "$C" sh -c 'echo $$ >/tmp/pid; exec sleep 999'
    wait_for 10 pod exec "$C" test -s /tmp/pid
    pod exec "$C" sh -c 'tr "\0" " " </proc/$(cat /tmp/pid)/cmdline' | grep -qx 'sleep 999 '
    pod stop --time 0 "$C"
    run pod exec "$C" true
    [ "$status" -ne 0 ]
    assert_output "container state improper"
}

@test "attach: to a running container, its input and output" {
    pod run -d -i --name "$C" $IMAGE sh -c 'read line; echo "got $line"; exit 6'
    run pod attach "$C" <<<"hello"
    assert_output "got hello"
    run pod wait "$C"
    assert_equal "$output" 6
}

@test "logs: both streams in their order, and --follow to the end" {
    pod run -d --name "$C" $IMAGE sh -c '
        echo one; sleep 0.3; echo two >&2; sleep 0.3; echo three; sleep 1; echo last'
    run pod logs --follow "$C"
    assert_equal "${lines[*]}" "one two three last"
    run --separate-stderr pod logs "$C"
    assert_equal "$stderr" two
}

@test "stop: TERM first, and the program may end by itself" {
    pod run -d --name "$C" $IMAGE sh -c "$TRAP"
    wait_for 10 said "$C" ready
    pod stop --time 30 "$C"
    assert_equal "$(value "$C" '{{.State.Status}} {{.State.ExitCode}}')" "exited 3"
    said "$C" caught
}

@test "stop: KILL after the time" {
    pod run -d --name "$C" $IMAGE sleep 1000 # pid 1, for which TERM has no effect
    run pod stop --time 1 "$C"
    assert_status 0
    assert_equal "$(value "$C" '{{.State.Status}} {{.State.ExitCode}}')" "exited 137"
}

@test "kill: a signal by its name, and --all of a container's processes by rm" {
    pod run -d --name "$C" $IMAGE sh -c "sleep 998 & $TRAP"
    wait_for 10 said "$C" ready
    # podman top fails when one of the short sleeps ends while it looks.
    sleeper() {
        inner=$(pod top "$C" hpid args | awk '$2 == "sleep" && $3 == "998" { print $1 }')
        [ -n "$inner" ]
    }
    wait_for 20 sleeper
    [ -d "/proc/$inner" ]
    pod kill --signal USR1 "$C"
    run pod wait "$C"
    assert_equal "$output" 3
    [ ! -d "/proc/$inner" ]
    run pod kill "$C"
    [ "$status" -ne 0 ]
}

@test "restart, and a name that is free again after rm" {
    pod run -d --name "$C" $IMAGE sleep 1000
    before=$(pid_of "$C")
    pod restart --time 0 "$C"
    [ "$(pid_of "$C")" != "$before" ]
    assert_equal "$(value "$C" '{{.State.Status}}')" running
    run pod rm "$C"
    [ "$status" -ne 0 ] # it runs
    pod rm --force --time 0 "$C"
    run pod run --rm --name "$C" $IMAGE echo again
    assert_equal "$output" again
}

@test "top: the processes, inside and outside" {
    pod run -d --name "$C" --user 1000 $IMAGE sh -c 'sleep 997 & wait'
    wait_for 10 sh -c "podman top '$C' args | grep -q 'sleep 997'"
    run pod top "$C" pid user args
    assert_output "guest"
    assert_equal "$(awk '$3 == "sleep" { print $1 }' <<<"$output")" 2
    run pod top "$C" hpid huser args
    host=$(awk '$3 == "sleep" { print $1 }' <<<"$output")
    assert_equal "$(tr '\0' ' ' <"/proc/$host/cmdline")" "sleep 997 "
    # By options of ps: the runtime's own list of processes would show as well.
    run pod ps --filter "name=$C" --format '{{.Status}}'
    assert_output Up
}

@test "ten at once" {
    for i in 1 2 3 4 5 6 7 8 9 10; do
        pod run --rm --name "$C-$i" $IMAGE sh -c "echo $i; exit $i" >"$TMP/$i" 2>&1 &
        pids[i]=$!
    done
    for i in 1 2 3 4 5 6 7 8 9 10; do
        status=0
        wait "${pids[i]}" || status=$?
        assert_equal "$status $(cat "$TMP/$i")" "$i $i"
    done
}

@test "descriptors: --preserve-fds hands on those asked for, and no others are open" {
    run pod run --rm $IMAGE sh -c 'ls /proc/self/fd | tr "\n" " "'
    assert_equal "$output" "0 1 2 3 " # 3 is the directory
    run bash -c 'podman --runtime "$RUNTIME" run --rm --preserve-fds 2 "$1" sh -c "cat <&3; cat <&4" 3< <(echo three) 4< <(echo four)' \
        bash "$IMAGE"
    assert_equal "${lines[*]}" "three four"
}

@test "an error of the runtime comes out of podman with its own words" {
    run pod run --rm --security-opt seccomp=/dev/null $IMAGE true
    [ "$status" -ne 0 ]
    run pod run --rm --sysctl kernel.no_such_switch=1 $IMAGE true
    [ "$status" -ne 0 ]
    assert_output "no_such_switch"
}

@test "the drop-in of one user makes bryo known by its name" {
    [ "$RUNTIME" = bryo ] || skip "is about bryo's own file"
    # A configuration without the system's: only the user's, as README tells.
    mkdir -p "$TMP/config/containers/containers.conf.d"
    sed '/^\[engine\]/a runtime = "bryo"' /usr/local/share/bryo/containers.conf.d/bryo.conf \
        >"$TMP/config/containers/containers.conf.d/bryo.conf"
    XDG_CONFIG_HOME=$TMP/config run podman info --format '{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}}'
    assert_equal "$output" "bryo /usr/local/bin/bryo"
}
