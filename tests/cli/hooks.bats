# The six hooks: where they run, what they get, what their failure does.

load ../lib/common

setup() {
    bryo_setup
    B=$TMP/bundle
    make_bundle "$B" '.root.readonly = false'
    ID=$(new_id)
}

# hook NAME SCRIPT: a shell script as hook; in the container for startContainer, else on the host.
hook() {
    jq --arg n "$1" --arg s "$2" '.hooks[$n] += [{"path": "/bin/sh", "args": ["sh", "-c", $s], "env": ["PATH=/usr/bin:/bin"]}]' \
        "$B/config.json" >"$B/c" && mv "$B/c" "$B/config.json"
}

@test "all hooks run, in order, each in its place" {
    local log=$TMP/log n
    : >"$log"
    chmod 666 "$log"
    edit_config "$B" ".mounts += [{\"destination\": \"/log\", \"type\": \"bind\", \"source\": \"$log\", \"options\": [\"bind\"]}]"
    for n in prestart createRuntime createContainer poststart poststop; do
        hook $n "echo $n \$(readlink /proc/self/ns/mnt) >>$log"
    done
    hook startContainer 'echo startContainer $(readlink /proc/self/ns/mnt) >>/log'
    set_args "$B" /bin/sh -c 'echo program $(readlink /proc/self/ns/mnt) >>/log'
    bryo create -b "$B" "$ID"
    assert_equal "$(cut -d' ' -f1 "$log" | tr '\n' ' ')" "prestart createRuntime createContainer "
    bryo start "$ID"
    wait_for 5 sh -c "grep -q program '$log'"
    bryo delete --force "$ID"
    assert_equal "$(cut -d' ' -f1 "$log" | sort | tr '\n' ' ')" \
        "createContainer createRuntime poststart poststop prestart program startContainer "
    assert_equal "$(cut -d' ' -f1 "$log" | grep -v -e poststart -e program | tr '\n' ' ')" \
        "prestart createRuntime createContainer startContainer poststop "
    local host inside
    host=$(readlink /proc/self/ns/mnt)
    inside=$(awk '$1 == "program" { print $2 }' "$log")
    [ "$host" != "$inside" ]
    for n in prestart createRuntime poststart poststop; do
        assert_equal "$(awk -v n=$n '$1 == n { print $2 }' "$log")" "$host"
    done
    for n in createContainer startContainer; do
        assert_equal "$(awk -v n=$n '$1 == n { print $2 }' "$log")" "$inside"
    done
}

@test "hooks get the state on stdin, with the pid" {
    hook createRuntime "cat >$TMP/runtime"
    hook createContainer "cat >$TMP/container"
    hook poststop "cat >$TMP/poststop"
    bryo create -b "$B" "$ID"
    local pid
    pid=$(bryo state "$ID" | jq .pid)
    assert_equal "$(jq -r '.id + " " + .status + " " + .bundle' "$TMP/runtime")" "$ID created $B"
    assert_equal "$(jq .pid "$TMP/runtime")" "$pid"
    assert_equal "$(jq .pid "$TMP/container")" 1
    assert_equal "$(jq -r .status "$TMP/container")" created
    bryo delete --force "$ID"
    assert_equal "$(jq -r .status "$TMP/poststop")" stopped
}

@test "environment and arguments are just those of the hook" {
    edit_config "$B" '.hooks.createRuntime = [{"path": "/usr/bin/env", "args": ["other-name", "sh", "-c", "env >'"$TMP"'/env"], "env": ["ONLY=this", "PATH=/usr/bin:/bin"]}]'
    LEAK=1 bryo create -b "$B" "$ID"
    run grep -vE '^(PWD|SHLVL|_)=' "$TMP/env"
    assert_equal "$(sort <<<"$output" | tr '\n' ' ')" "ONLY=this PATH=/usr/bin:/bin "
}

@test "a failing createRuntime hook stops everything, poststop hooks run, nothing is left" {
    hook createRuntime 'echo the disk is full >&2; exit 3'
    hook poststop "echo >$TMP/poststop"
    run bryo create -b "$B" "$ID"
    assert_status 1
    assert_output 'createRuntime hook 0 ("/bin/sh") exited with status 3: the disk is full'
    [ -e "$TMP/poststop" ]
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "a failing createContainer hook stops everything" {
    hook createContainer 'exit 4'
    run bryo create -b "$B" "$ID"
    assert_status 1
    assert_output 'createContainer hook 0 ("/bin/sh") exited with status 4'
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "a failing startContainer hook destroys the container" {
    hook startContainer 'exit 5'
    hook poststop "echo >$TMP/poststop"
    set_args "$B" /bin/sh -c 'echo ran >/ran'
    bryo create -b "$B" "$ID"
    run bryo start "$ID"
    assert_status 1
    assert_output 'startContainer hook 0 ("/bin/sh") exited with status 5'
    [ ! -e "$B/rootfs/ran" ]
    [ -e "$TMP/poststop" ]
    run bryo state "$ID"
    assert_output "does not exist"
}

@test "a failing poststart hook stops and destroys the container" {
    hook poststart 'exit 6'
    set_args "$B" /bin/sleep 1000
    bryo create -b "$B" "$ID"
    run bryo start "$ID"
    assert_status 1
    assert_output 'poststart hook 0 ("/bin/sh") exited with status 6'
    run bryo state "$ID"
    assert_output "does not exist"
}

@test "a failing poststop hook is a warning, the next one runs, the container is gone" {
    hook poststop 'exit 7'
    hook poststop "echo >$TMP/second"
    run bryo run -b "$B" "$ID"
    assert_status 0
    assert_output 'warning: poststop hook 0 ("/bin/sh") exited with status 7'
    [ -e "$TMP/second" ]
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "a hook that hangs is killed after its timeout" {
    edit_config "$B" '.hooks.createRuntime = [{"path": "/bin/sleep", "args": ["sleep", "1000"], "timeout": 1}]'
    run bryo create -b "$B" "$ID"
    assert_status 1
    assert_output 'createRuntime hook 0 ("/bin/sleep") was killed after its timeout of 1 s'
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "a hook that is not there" {
    edit_config "$B" '.hooks.prestart = [{"path": "/no/such/hook"}]'
    run bryo create -b "$B" "$ID"
    assert_status 1
    assert_output 'prestart hook 0 ("/no/such/hook")'
    assert_output 'no such file or directory'
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "poststop hooks are those of create, even when the bundle has changed or gone" {
    hook poststop "echo >$TMP/poststop"
    bryo create -b "$B" "$ID"
    rm "$B/config.json"
    bryo delete --force "$ID"
    [ -e "$TMP/poststop" ]
}
