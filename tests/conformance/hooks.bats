# config.md#posix-platform-hooks and runtime.md#lifecycle: which hooks run when, where, and with what.

load lib

# hook NAME [ARG…]: adds to FILTER one more hook of that kind, the probe; it writes down what it was given. startContainer
# is looked for inside the container, where the log is mounted; all others on the host.
FILTER=.
hook() {
    local path=$PROBE log=$LOG name=$1
    [ "$name" != startContainer ] || path=/probe log=/log
    shift
    FILTER+=" | .hooks.$name += [{path: \"$path\", args: $(json_words "$name" "hook=$log" "$@"), env: [\"HOOK=$name\"]}]"
}

HOOKS=(prestart createRuntime createContainer startContainer poststart poststop)

LOG=
start_log() {
    LOG=$TMP/log
    : >"$LOG"
    chmod 666 "$LOG"
    FILTER=".mounts += [{destination: \"/log\", source: \"$LOG\", options: [\"bind\"]}]"
}

# The whole log as one list.
expect_log() {
    jq -s . "$LOG" >"$TMP/log.json"
    expect_of "$TMP/log.json" "$@"
}

wait_stopped() {
    wait_for 5 sh -c "'$BRYO' --root '$BRYO_ROOT' state '$ID' | grep -q stopped"
}

whole_life() {
    configure "$FILTER" "$@"
    bryo create -b "$B" "$ID"
    bryo start "$ID"
    wait_stopped
    bryo delete "$ID"
}

# property: hooks hooks.prestart hooks.createRuntime hooks.createContainer hooks.startContainer hooks.poststart hooks.poststop
@test "all hooks run in the order of the lifecycle, those of one kind in the order of the list" {
    start_log
    local name
    for name in "${HOOKS[@]}"; do
        hook "$name" first
        hook "$name" second
    done
    configure "$FILTER"
    bryo create -b "$B" "$ID"
    expect_log '[.[] | [.args[0], .args[2]]] == [("prestart", "createRuntime", "createContainer") | [., "first"], [., "second"]]'
    bryo start "$ID"
    expect_log '[.[6:][] | [.args[0], .args[2]]] == [("startContainer", "poststart") | [., "first"], [., "second"]]'
    wait_stopped
    bryo delete "$ID"
    expect_log '[.[10:][] | [.args[0], .args[2]]] == [["poststop", "first"], ["poststop", "second"]]'
}

# property: hooks.prestart[].path hooks.prestart[].args hooks.prestart[].env hooks.createRuntime[].path hooks.createRuntime[].args
# property: hooks.createRuntime[].env hooks.createContainer[].path hooks.createContainer[].args hooks.createContainer[].env
# property: hooks.startContainer[].path hooks.startContainer[].args hooks.startContainer[].env hooks.poststart[].path
# property: hooks.poststart[].args hooks.poststart[].env hooks.poststop[].path hooks.poststop[].args hooks.poststop[].env
@test "a hook has its own arguments and its own environment, and nothing else" {
    start_log
    local name
    for name in "${HOOKS[@]}"; do
        hook "$name" "two words" ""
    done
    LEAK=1 whole_life
    expect_log 'length == 6' \
        'all(.args == [.args[0], (if .args[0] == "startContainer" then "hook=/log" else "hook='"$LOG"'" end), "two words", ""])' \
        'all(.env == ["HOOK=" + .args[0]])'
}

# property: hooks.prestart hooks.createRuntime hooks.createContainer hooks.startContainer hooks.poststart hooks.poststop
@test "prestart, createRuntime, poststart and poststop run in the runtime's namespaces, the others in the container's" {
    start_log
    local name here
    for name in "${HOOKS[@]}"; do
        hook "$name"
    done
    here=$(jq -n -c '$ARGS.named' --arg mnt "$(readlink /proc/self/ns/mnt)" --arg net "$(readlink /proc/self/ns/net)" \
        --arg uts "$(readlink /proc/self/ns/uts)")
    whole_life
    expect_log "[.[] | select(.args[0] | IN(\"prestart\", \"createRuntime\", \"poststart\", \"poststop\")).namespaces | {mnt, net, uts}]
        == [$here, $here, $here, $here]"
    expect_log '[.[] | select(.args[0] | IN("createContainer", "startContainer")).namespaces] | .[0] == .[1]'
    expect_log "[.[] | select(.args[0] | IN(\"createContainer\", \"startContainer\")).namespaces
        | .mnt != $here.mnt and .net != $here.net and .uts != $here.uts] == [true, true]"
}

# property: hooks
@test "every hook gets the state on standard input, with the pid as its namespace has it" {
    start_log
    local name
    for name in "${HOOKS[@]}"; do
        hook "$name"
    done
    FILTER+=' | .annotations = {"com.example.key": "value"}'
    configure "$FILTER"
    bryo create -b "$B" "$ID"
    local pid
    pid=$(bryo state "$ID" | jq .pid)
    bryo start "$ID"
    wait_stopped
    bryo delete "$ID"
    expect_log "all(.state.id == \"$ID\")" "all(.state.bundle == \"$B\")" 'all(.state.ociVersion | startswith("1."))'
    expect_log 'all(.state.annotations["com.example.key"] == "value")'
    expect_log '[.[] | [.args[0], .state.status]] == [["prestart", "created"], ["createRuntime", "created"],
        ["createContainer", "created"], ["startContainer", "created"], ["poststart", "running"], ["poststop", "stopped"]]'
    expect_log "[.[] | select(.args[0] | IN(\"prestart\", \"createRuntime\", \"poststart\")).state.pid] == [$pid, $pid, $pid]"
    expect_log '[.[] | select(.args[0] | IN("createContainer", "startContainer")) | .state.pid] == [1, 1]'
}

# property: hooks.prestart[].timeout hooks.createRuntime[].timeout hooks.createContainer[].timeout hooks.startContainer[].timeout
# property: hooks.poststart[].timeout hooks.poststop[].timeout
@test "a hook that takes longer than its timeout is killed, and has failed" {
    start_log
    hook createRuntime wait
    FILTER+=' | .hooks.createRuntime[0].timeout = 1'
    refused "$FILTER" "createRuntime hook 0 (\"$PROBE\") was killed after its timeout of 1 s"
    ! other_runtime || return 0
    local name
    for name in "${HOOKS[@]}"; do
        refused ".hooks.$name = [{path: \"/bin/true\", timeout: 0}]" "hooks.$name[0].timeout: expected"
    done
}

# property: hooks.prestart hooks.createRuntime hooks.createContainer hooks.poststop
@test "one that fails before the container is created: an error, no container, and the poststop hooks run" {
    local name
    for name in prestart createRuntime createContainer; do
        start_log
        hook "$name" exit=3
        hook "$name"
        hook poststop
        refused "$FILTER" "$name hook 0 (\"$PROBE\") exited with status 3"
        expect_log "[.[].args[0]] == [\"$name\", \"poststop\"]"
    done
}

# property: hooks.startContainer hooks.poststart hooks.poststop
@test "one that fails at start: an error, the container is destroyed, and the poststop hooks run" {
    local name
    for name in startContainer poststart; do
        start_log
        hook "$name" exit=3
        hook "$name"
        hook poststop
        configure "$FILTER" wait
        bryo create -b "$B" "$ID"
        run bryo start "$ID"
        [ "$status" -ne 0 ]
        other_runtime || assert_output "$name hook 0 (\"$([ $name = startContainer ] && echo /probe || echo "$PROBE")\") exited with status 3"
        run bryo state "$ID"
        [ "$status" -ne 0 ]
        expect_log "[.[].args[0]] == [\"$name\", \"poststop\"]"
    done
}

# property: hooks.poststop
@test "a poststop hook that fails is a warning, and the next one runs" {
    start_log
    hook poststop exit=3
    hook poststop
    _inspect "$FILTER"
    other_runtime || grep -q 'warning: poststop hook 0 .* exited with status 3' "$TMP/messages"
    expect_log 'length == 2'
    [ ! -e "$BRYO_ROOT/$ID" ]
}

# property: hooks.prestart[].path hooks.createRuntime[].path hooks.createContainer[].path hooks.startContainer[].path
# property: hooks.poststart[].path hooks.poststop[].path
@test "a hook has an absolute path, and its program must be there" {
    local name
    for name in "${HOOKS[@]}"; do
        refused ".hooks.$name = [{path: \"relative\"}]" "hooks.$name[0].path: expected an absolute path, found \"relative\""
        refused ".hooks.$name = [{args: [\"x\"]}]" "hooks.$name[0].path: expected"
    done
    refused '.hooks.prestart = [{path: "/no/such/hook"}]' 'prestart hook 0 ("/no/such/hook")' 'no such file or directory'
}

# property: hooks.createRuntime
@test "createRuntime hooks see the mounts of the container, before the root is entered" {
    start_log
    FILTER+=' | .mounts += [{destination: "/mark", type: "tmpfs", source: "mark"}]'
    cat >"$TMP/look" <<'SCRIPT'
#!/bin/sh
pid=$(tr ',{}' '\n' | sed -n 's/^ *"pid": *//p')
grep ' mark ' "/proc/$pid/mountinfo"
readlink "/proc/$pid/root"
SCRIPT
    chmod 755 "$TMP/look"
    FILTER+=" | .hooks.createRuntime = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"$TMP/look >$TMP/seen\"], env: [\"PATH=/usr/bin:/bin\"]}]"
    configure "$FILTER"
    bryo create -b "$B" "$ID"
    grep -q "$B/rootfs/mark" "$TMP/seen"
    [ "$(tail -n 1 "$TMP/seen")" = / ]
}
