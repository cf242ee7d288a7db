# ps: the processes of a container.

load ../lib/common

setup() {
    bryo_setup
    B=$TMP/bundle
    make_bundle "$B"
    set_args "$B" /bin/sh -c 'sleep 1111 & sleep 2222 & wait'
    ID=$(new_id)
    bryo run --detach -b "$B" "$ID" </dev/null >/dev/null 2>&1 3>&-
    wait_for 5 sh -c "[ \"\$('$BRYO' --root '$BRYO_ROOT' ps -f json '$ID' | jq length)\" = 3 ]"
}

@test "a list of pids, the container's init among them" {
    local pid
    pid=$(bryo state "$ID" | jq .pid)
    run bryo ps --format json "$ID"
    assert_status 0
    assert_equal "$(jq length <<<"$output")" 3
    assert_equal "$(jq ".[0]" <<<"$output")" "$pid"
    assert_equal "$(jq 'sort == .' <<<"$output")" true
}

@test "a table, by default of ps -ef, with the caller's options else" {
    skip_without ps
    run bryo ps "$ID"
    assert_status 0
    assert_equal "${#lines[@]}" 4
    [[ ${lines[0]} == UID*PID* ]]
    assert_output "sleep 1111"
    assert_output "sleep 2222"
    run bryo ps "$ID" -eo user,pid,args
    assert_status 0
    assert_equal "${#lines[@]}" 4
    [[ ${lines[0]} =~ ^USER\ +PID\ +COMMAND$ ]]
    run bryo ps "$ID" -eo args
    assert_status 1
    assert_output "no column PID"
    run bryo ps "$ID" --nonsense
    assert_status 1
    assert_output "ps failed"
}

@test "a container that is gone, stopped, or has no pid namespace of its own" {
    run bryo ps nobody
    assert_status 1
    assert_output 'container "nobody" does not exist'
    bryo kill "$ID" KILL
    wait_for 5 sh -c "'$BRYO' --root '$BRYO_ROOT' state '$ID' | grep -q stopped"
    run bryo ps "$ID"
    assert_status 1
    assert_output "container not running"
    bryo delete "$ID"
    edit_config "$B" 'del(.linux.namespaces[] | select(.type == "pid")) | (.mounts[] | select(.destination == "/proc")) |= {"destination": "/proc", "type": "bind", "source": "/proc", "options": ["rbind"]}'
    set_args "$B" /bin/sleep 1000
    "$BRYO" --root "$BRYO_ROOT" --cgroup-manager disabled run --detach -b "$B" "$ID" </dev/null >/dev/null 2>&1 3>&-
    run bryo ps "$ID"
    assert_status 1
    assert_output "no pid namespace of its own"
}
