# pause, resume, update and events: what they take, and what they say to a container without a cgroup. Limits where
# no cgroup can be made. (With cgroups: tests/rootful/cgroups.bats, tests/vm.)

load ../lib/common

setup() {
    bryo_setup
    ID=$(new_id)
}

start_one() {
    B=$TMP/bundle
    make_bundle "$B"
    set_args "$B" /bin/sleep 1000
    bryo --cgroup-manager disabled run --detach -b "$B" "$ID" </dev/null >/dev/null 2>&1 3>&-
}

NO_CGROUP='it has no cgroup (cgroup manager "disabled")'

@test "without a cgroup each fails with one line that says so" {
    start_one
    local manager
    for manager in disabled auto; do
        run --separate-stderr "$BRYO" --root "$BRYO_ROOT" --cgroup-manager "$manager" pause "$ID"
        assert_status 1
        assert_equal "$output" ""
        assert_output "cannot pause container \"$ID\": $NO_CGROUP"
        assert_output "hint: it was created where no cgroup could be made, or with --cgroup-manager disabled"
    done
    run bryo resume "$ID"
    assert_status 1
    assert_output "cannot resume container \"$ID\": $NO_CGROUP"
    run bryo update --memory 64m "$ID"
    assert_status 1
    assert_output "cannot update container \"$ID\": $NO_CGROUP"
    run bryo events --stats "$ID"
    assert_status 1
    assert_output "cannot read the statistics of container \"$ID\": $NO_CGROUP"
    run timeout 20 "$BRYO" --root "$BRYO_ROOT" events --interval 10ms "$ID"
    assert_status 1
    assert_output "cannot watch container \"$ID\": $NO_CGROUP"
    run bryo state "$ID"
    assert_output '"status": "running"'
}

@test "a container that was only created is told the same" {
    B=$TMP/bundle
    make_bundle "$B"
    bryo --cgroup-manager disabled create -b "$B" "$ID" </dev/null >/dev/null 2>&1 3>&-
    run bryo pause "$ID"
    assert_status 1
    assert_output "$NO_CGROUP"
    run bryo state "$ID"
    assert_output '"status": "created"'
}

@test "a container that is gone or has stopped" {
    local verb
    for verb in pause resume events "events --stats" "update --pids-limit 5"; do
        # shellcheck disable=SC2086
        run bryo $verb nobody
        assert_status 1
        assert_output 'container "nobody" does not exist'
    done
    start_one
    bryo kill "$ID" KILL
    wait_for 5 sh -c "'$BRYO' --root '$BRYO_ROOT' state '$ID' | grep -q stopped"
    for verb in pause resume events "events --stats" "update --pids-limit 5"; do
        # shellcheck disable=SC2086
        run bryo $verb "$ID"
        assert_status 1
        assert_output "container not running: \"$ID\" has stopped"
    done
}

@test "events: the interval is a time as Go writes it" {
    local bad
    for bad in '' 0 0s 5 -5s 5d soon; do
        run bryo events --interval "$bad" nobody
        assert_status 1
        assert_output "events: --interval: expected a time above 0 such as 5s, 1m30s or 500ms, found \"$bad\""
    done
    for bad in 5s 1m30s 500ms 1.5h 7us; do
        run bryo events --interval="$bad" nobody
        assert_output "does not exist"
    done
}

@test "update: all options of runc and crun are read, and each is checked" {
    run bryo update --memory 512m --memory-swap -1 --memory-reservation=1g --kernel-memory 64m --kernel-memory-tcp 1k \
        --cpu-share 512 --cpu-quota -1 --cpu-period 100000 --cpu-burst 1000 --cpu-rt-period 1000000 \
        --cpu-rt-runtime 950000 --cpu-idle 1 --cpuset-cpus 0-2,7 --cpuset-mems 0 --pids-limit 100 --blkio-weight 500 nobody
    assert_status 1
    assert_output "does not exist"
    run bryo update --memory much nobody
    assert_output 'update: --memory: expected a size in bytes, with k, m, g or t, or -1, found "much"'
    run bryo update --memory -2 nobody
    assert_output 'update: --memory: memory.limit: expected'
    run bryo update --cpu-share -1 nobody
    assert_output 'update: --cpu-share: cpu.shares: expected'
    run bryo update --cpu-quota x nobody
    assert_output 'update: --cpu-quota: expected a number, found "x"'
    run bryo update --cpuset-cpus 0-a nobody
    assert_output 'update: --cpuset-cpus: cpu.cpus: expected'
    run bryo update --blkio-weight 70000 nobody
    assert_output 'update: --blkio-weight: blockIO.weight: expected'
    run bryo update --pids-limit '' nobody
    assert_output 'update: --pids-limit: the argument is empty'
    run bryo update --l3-cache-schema '' nobody
    assert_output 'update: --l3-cache-schema: the argument is empty'
    run bryo update --mem-bw-schema '0=10' nobody
    assert_output 'update: --mem-bw-schema: expected a line that starts with MB:, found "0=10"'
    run bryo update --mem-bw-schema 'MB:0=10' nobody
    assert_output 'container "nobody" does not exist'
    run bryo update nobody
    assert_status 1
    assert_output "update: nothing to change"
}

@test "update: limits from a file or from standard input" {
    echo '{"memory": {"limit": 1048576}, "cpu": null, "pids": {"limit": -1}, "unified": {"memory.high": "max"}, "blockIO": {"weight": 10}}' >"$TMP/r.json"
    local form
    run bryo update --resources "$TMP/r.json" nobody
    assert_output "does not exist"
    for form in "-r -" "-r=-" "--resources -" "--resources=-" "--cpu-share 3 -r -"; do
        # shellcheck disable=SC2086
        run bryo update $form nobody <"$TMP/r.json"
        assert_output "does not exist"
    done
    # Not even looked for before the document is right.
    echo '{"memory": {"limit": "much"}}' >"$TMP/r.json"
    run bryo update -r "$TMP/r.json" nobody
    assert_status 1
    assert_output "$TMP/r.json: memory.limit: expected"
    run bryo update -r - nobody <"$TMP/r.json"
    assert_output "standard input: memory.limit: expected"
    # An option does not hide what is wrong in the file.
    run bryo update -r "$TMP/r.json" --memory 5m nobody
    assert_output "$TMP/r.json: memory.limit: expected"
    run bryo update -r - nobody <<<'{"memory": }'
    assert_output "standard input:1:"
    run bryo update -r - nobody <<<'{"ociVersion": "1.0.0", "linux": {}}'
    assert_output "found a whole config.json"
    run bryo update -r "$TMP/none" nobody
    assert_status 1
    assert_output "$TMP/none"
}

@test "limits without a cgroup: an error by name, dropped with a warning, or not looked at" {
    B=$TMP/bundle
    make_bundle "$B" '.linux.resources = {memory: {limit: 1000000}, cpu: {shares: 512, cpus: "0"}, pids: {limit: 50}}'
    run --separate-stderr bryo --cgroup-manager disabled run -b "$B" "$ID"
    assert_status 1
    assert_equal "${stderr_lines[0]}" 'bryo: linux.resources.memory.limit: the cgroup manager "disabled" sets no limits'
    assert_output "--limits=try runs the container without"
    [ ! -e "$BRYO_ROOT/$ID" ]
    run --separate-stderr bryo --cgroup-manager disabled --limits try run -b "$B" "$ID"
    assert_status 0
    assert_equal "${stderr_lines[0]}" "bryo: warning: without the limits linux.resources.memory.limit, linux.resources.cpu.shares, linux.resources.cpu.cpus, linux.resources.pids.limit: the cgroup manager \"disabled\" sets no limits"
    run --separate-stderr bryo --cgroup-manager disabled --limits off run -b "$B" "$ID"
    assert_status 0
    assert_equal "$stderr" ""
}

@test "what engines write for no limit needs no cgroup" {
    B=$TMP/bundle
    make_bundle "$B" '.linux.resources = {memory: {limit: -1, swap: 0, kernel: -1, disableOOMKiller: false}, cpu: {shares: 0, quota: -1, period: 0, cpus: ""}, pids: {limit: -1}, blockIO: {weight: 0, leafWeight: 0, weightDevice: []}, network: {classID: 0}, hugepageLimits: null}'
    run --separate-stderr bryo --cgroup-manager disabled run -b "$B" "$ID"
    assert_status 0
    assert_equal "$stderr" ""
}

@test "linux.cgroupsPath: not looked at without cgroups, and the manager's to refuse otherwise" {
    B=$TMP/bundle
    make_bundle "$B" '.linux.cgroupsPath = "/../x"'
    bryo --cgroup-manager disabled run -b "$B" "$ID"
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        run bryo --cgroup-manager cgroupfs run -b "$B" "$ID"
        assert_status 1
        assert_output 'linux.cgroupsPath: expected a path without "..", found "/../x"'
    elif ! is_root; then
        edit_config "$B" '.linux.cgroupsPath = "/x"'
        run bryo run -b "$B" "$ID"
        assert_status 1
        assert_output 'linux.cgroupsPath: this machine has cgroup v1, which only root can manage'
        assert_output 'hint: boot with systemd.unified_cgroup_hierarchy=1 for cgroup v2'
    fi
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "exec --cgroup without a cgroup" {
    start_one
    run bryo exec --cgroup sub "$ID" true
    assert_status 255
    assert_output "container \"$ID\": --cgroup: it has no cgroup (cgroup manager \"disabled\")"
}
