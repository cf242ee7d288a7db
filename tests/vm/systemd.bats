#!/usr/bin/env bats
# The systemd cgroup manager of a user: scopes in the user's own systemd, from a login session (which lies outside of it),
# from podman's user namespace, and without an environment.

load ../lib/common
load systemd

@test "a container is a scope of the user's, and nothing is left of it" {
    id=$(new_id)
    make_bundle "$TMP/b" '.process.args = ["sleep", "100"]'
    in_scope create -b "$TMP/b" "$id"
    bryo start "$id"
    assert_equal "$(property bryo-$id.scope ActiveState)" active
    assert_equal "$(property bryo-$id.scope Slice)" user.slice
    assert_equal "$(property bryo-$id.scope Delegate)" yes
    assert_equal "$(property bryo-$id.scope Description)" "bryo container $id"
    assert_equal "$(property bryo-$id.scope CollectMode)" inactive-or-failed
    assert_equal "$(cgroup_of "$id")" "$USER_SERVICE/user.slice/bryo-$id.scope/container"
    assert_equal "$(jq -r .cgroupManager "$BRYO_ROOT/$id/state.json")" systemd
    bryo delete --force "$id"
    assert_no_unit "bryo-$id.scope"
    [ ! -e "$CGROUPS$USER_SERVICE/user.slice/bryo-$id.scope" ]
}

@test "run: the same name again and again" {
    make_bundle "$TMP/b"
    for _ in 1 2 3 4 5; do
        in_scope run -b "$TMP/b" again
    done
    assert_no_unit bryo-again.scope
}

@test "cgroupsPath is slice, prefix and name" {
    id=$(new_id)
    make_bundle "$TMP/b" ".process.args = [\"sleep\", \"100\"] | .linux.cgroupsPath = \"bryotest-a-b.slice:pre:n+$id\""
    in_scope create -b "$TMP/b" "$id"
    unit="pre-n\\x2b$id.scope"
    assert_equal "$(property "$unit" Slice)" bryotest-a-b.slice
    assert_equal "$(cgroup_of "$id")" \
        "$USER_SERVICE/bryotest.slice/bryotest-a.slice/bryotest-a-b.slice/$unit/container"
    bryo delete --force "$id"
    assert_no_unit "$unit"
    systemctl --user stop bryotest.slice
}

@test "a slice of the container's own" {
    id=$(new_id)
    make_bundle "$TMP/b" '.process.args = ["sleep", "100"] | .linux.cgroupsPath = "::bryotest-own.slice"'
    # A process can be moved into a slice by its files only, and from a session these are not the user's to write.
    run in_scope create -b "$TMP/b" "$id"
    assert_status 1
    assert_output "cgroup.procs"
    assert_no_unit bryotest-own.slice
    systemd-run --user --scope --quiet "$BRYO" --root "$BRYO_ROOT" --cgroup-manager systemd create -b "$TMP/b" "$id" \
        >"$TMP/out" 2>&1 3>&-
    assert_equal "$(cgroup_of "$id")" "$USER_SERVICE/bryotest.slice/bryotest-own.slice"
    bryo delete --force "$id"
    assert_no_unit bryotest-own.slice
    systemctl --user stop bryotest.slice
}

@test "a cgroupsPath of another form is an error that shows the form" {
    make_bundle "$TMP/b" '.linux.cgroupsPath = "/user.slice/box"'
    run in_scope create -b "$TMP/b" box
    assert_status 1
    assert_output 'linux.cgroupsPath: "/user.slice/box": expected three parts with a colon between them'
    assert_output 'SLICE:PREFIX:NAME'
    [ ! -e "$BRYO_ROOT/box" ]
}

@test "every limit is a property of the unit and in the file" {
    id=$(new_id)
    make_bundle "$TMP/b" '.process.args = ["sleep", "100"] | .linux.resources = {
        memory: {limit: 67108864, reservation: 33554432, swap: 134217728},
        cpu: {shares: 512, quota: 33333, period: 100000}, pids: {limit: 40},
        unified: {"memory.high": "60000000", "memory.min": "4096", "cpu.max.burst": "10000"}}'
    in_scope create -b "$TMP/b" "$id"
    assert_properties "bryo-$id.scope" MemoryMax=67108864 MemoryLow=33554432 MemorySwapMax=67108864 MemoryHigh=60000000 \
        MemoryMin=4096 CPUWeight=59 CPUQuotaPerSecUSec=340ms CPUQuotaPeriodUSec=100ms TasksMax=40
    assert_files "$id" memory.max=67108864 memory.low=33554432 memory.swap.max=67108864 memory.high=59998208 \
        memory.min=4096 cpu.weight=59 cpu.max="33333 100000" cpu.max.burst=10000 pids.max=40
    # The scope around it has them as well: they hold although the container owns what is below.
    dir=$(dirname "$CGROUPS$(cgroup_of "$id")")
    assert_equal "$(cat "$dir/memory.max" "$dir/pids.max" "$dir/cpu.max" | paste -sd' ')" "67108864 40 34000 100000"
    bryo update --memory 50331648 --memory-swap 100663296 --cpu-quota 50000 --pids-limit 30 "$id"
    assert_properties "bryo-$id.scope" MemoryMax=50331648 MemorySwapMax=50331648 CPUQuotaPerSecUSec=500ms TasksMax=30 \
        CPUWeight=59
    assert_files "$id" memory.max=50331648 memory.swap.max=50331648 cpu.max="50000 100000" pids.max=30
    bryo update --memory -1 --memory-swap -1 --cpu-quota -1 --pids-limit -1 "$id"
    assert_properties "bryo-$id.scope" MemoryMax=infinity MemorySwapMax=infinity CPUQuotaPerSecUSec=infinity \
        TasksMax=infinity
    assert_files "$id" memory.max=max memory.swap.max=max cpu.max="max 100000" pids.max=max
}

@test "cpu.idle is a property where systemd has it" {
    id=$(new_id)
    make_bundle "$TMP/b" '.process.args = ["sleep", "100"] | .linux.resources = {cpu: {idle: 1}}'
    in_scope create -b "$TMP/b" "$id"
    assert_properties "bryo-$id.scope" CPUWeight=idle
    assert_files "$id" cpu.idle=1
}

@test "a controller that the user does not have is named, with what delegates it" {
    make_bundle "$TMP/b" '.linux.resources = {cpu: {cpus: "0"}, pids: {limit: 10}}'
    run in_scope create -b "$TMP/b" box
    assert_status 1
    assert_output 'linux.resources.cpu.cpus: the controller is not delegated to the cgroup'
    assert_output 'Delegate=cpu cpuset io memory pids'
    [ ! -e "$BRYO_ROOT/box" ]
    assert_no_unit bryo-box.scope
    run --separate-stderr bryo --cgroup-manager systemd --limits try run -b "$TMP/b" box
    assert_status 0
    assert_output "without the limits linux.resources.cpu.cpus"
}

@test "felt: a CPU is throttled to what was asked for" {
    id=$(new_id)
    make_bundle "$TMP/b" '.process.args = ["sh", "-c", "while :; do :; done"]
        | .linux.resources = {cpu: {quota: 20000, period: 100000}}'
    in_scope create -b "$TMP/b" "$id"
    bryo start "$id"
    sleep 1
    a=$(cpu_usage "$id") t=$(date +%s%N)
    sleep 5
    b=$(cpu_usage "$id") u=$(date +%s%N)
    permille=$(((b - a) * 1000000 / (u - t)))
    echo "used $permille of 1000" >&2
    [ "$permille" -ge 180 ]
    [ "$permille" -le 220 ]
}

@test "felt: a hog of memory is killed, and that is an event" {
    id=$(new_id)
    make_bundle "$TMP/b" '.process.args = ["sh", "-c", "read line </go; tail /dev/zero"]
        | .linux.resources = {memory: {limit: 33554432, swap: 33554432}} | .root.readonly = false'
    mkfifo "$TMP/b/rootfs/go"
    in_scope run -d -b "$TMP/b" "$id"
    bryo events "$id" >"$TMP/events" 3>&- &
    events=$!
    sleep 1
    echo go >"$TMP/b/rootfs/go"
    wait_for 30 stopped "$id"
    wait "$events" || true
    assert_equal "$(jq -r 'select(.type == "oom") | .id' "$TMP/events" | head -n 1)" "$id"
    bryo delete "$id"
    assert_no_unit "bryo-$id.scope"
    edit_config "$TMP/b" '.process.args = ["sh", "-c", "exec tail /dev/zero"]'
    run in_scope run -b "$TMP/b" "$id"
    assert_status 137
    assert_no_unit "bryo-$id.scope"
}

@test "felt: a fork bomb is stopped" {
    id=$(new_id)
    make_bundle "$TMP/b" '.process.args = ["sh", "-c", "sh -c \"while :; do sleep 100 & done\"; sleep 100"]
        | .linux.resources = {pids: {limit: 20}}'
    in_scope create -b "$TMP/b" "$id"
    bryo start "$id"
    dir=$CGROUPS$(cgroup_of "$id")
    wait_for 20 refused "$dir"
    [ "$(cat "$dir/pids.current")" -le 20 ]
    bryo delete --force "$id"
    assert_no_unit "bryo-$id.scope"
}

@test "the container's own view: its cgroup is the root, and its limits are in it" {
    make_bundle "$TMP/b" '.process.args = ["sh", "-c", "cat /proc/self/cgroup /sys/fs/cgroup/memory.max"]
        | .linux.resources = {memory: {limit: 67108864}}'
    run in_scope run -b "$TMP/b" box
    assert_status 0
    assert_equal "$output" $'0::/\n67108864'
}

@test "exec, ps, pause, resume and kill --all work from a session outside" {
    id=$(new_id)
    make_bundle "$TMP/b" '.process.args = ["sleep", "100"] | .linux.namespaces |= map(select(.type != "pid"))'
    in_scope create -b "$TMP/b" "$id"
    bryo start "$id"
    run bryo exec "$id" cat /proc/self/cgroup
    assert_status 0
    assert_equal "$output" "0::/"
    run bryo exec --cgroup sub "$id" cat /proc/self/cgroup
    assert_status 0
    assert_equal "$output" "0::/sub"
    bryo exec -d "$id" sleep 200
    assert_equal "$(bryo ps -f json "$id" | jq length)" 2
    bryo pause "$id"
    assert_equal "$(bryo state "$id" | jq -r .status)" paused
    assert_files "$id" cgroup.freeze=1
    bryo resume "$id"
    bryo kill --all "$id" KILL
    wait_for 10 stopped "$id"
    bryo delete "$id"
    assert_no_unit "bryo-$id.scope"
}

@test "properties from annotations" {
    id=$(new_id)
    make_bundle "$TMP/b" '.process.args = ["sleep", "100"] | .annotations = {
        "org.systemd.property.TimeoutStopUSec": "uint64 5000000", "org.systemd.property.RuntimeMaxSec": "1000",
        "org.systemd.property.Documentation": "[\"https://example.org\"]",
        "org.systemd.property.Description": "'"'"'a box'"'"'"}'
    in_scope create -b "$TMP/b" "$id"
    assert_properties "bryo-$id.scope" TimeoutStopUSec=5s "RuntimeMaxUSec=16min 40s" Documentation=https://example.org \
        "Description=a box"
}

@test "an annotation that systemd does not take is told with what systemd says" {
    make_bundle "$TMP/b" '.annotations = {"org.systemd.property.NoSuchThing": "true"}'
    run in_scope create -b "$TMP/b" box
    assert_status 1
    assert_output 'org.freedesktop.DBus.Error.PropertyReadOnly'
    assert_output 'NoSuchThing'
    edit_config "$TMP/b" '.annotations = {"org.systemd.property.TimeoutStopSec": "soon"}'
    run in_scope create -b "$TMP/b" box
    assert_status 1
    assert_output 'annotations["org.systemd.property.TimeoutStopSec"]: at character 1'
    [ ! -e "$BRYO_ROOT/box" ]
}

@test "the cgroup in the scope: another name, none, and one more below" {
    id=$(new_id)
    make_bundle "$TMP/b" '.process.args = ["sleep", "100"] | .annotations = {"run.oci.systemd.subgroup": "inner"}
        | .linux.resources = {pids: {limit: 9}}'
    in_scope create -b "$TMP/b" "$id"
    assert_equal "$(cgroup_of "$id")" "$USER_SERVICE/user.slice/bryo-$id.scope/inner"
    bryo delete --force "$id"
    edit_config "$TMP/b" '.annotations = {"run.oci.systemd.subgroup": ""}'
    in_scope create -b "$TMP/b" "$id"
    assert_equal "$(cgroup_of "$id")" "$USER_SERVICE/user.slice/bryo-$id.scope"
    assert_files "$id" pids.max=9
    bryo delete --force "$id"
    edit_config "$TMP/b" '.annotations = {"run.oci.delegate-cgroup": "init"}
        | .process.args = ["sh", "-c", "cat /proc/self/cgroup; sleep 100"]'
    in_scope create -b "$TMP/b" "$id"
    bryo start "$id"
    wait_for 10 grep -q . "$TMP/detached.out"
    assert_equal "$(cgroup_of "$id")" "$USER_SERVICE/user.slice/bryo-$id.scope/container/init"
    assert_equal "$(cat "$TMP/detached.out")" 0::/init
    bryo delete --force "$id"
    edit_config "$TMP/b" '.annotations = {"run.oci.delegate-cgroup": "../x"}'
    run in_scope create -b "$TMP/b" "$id"
    assert_status 1
    assert_output 'annotations["run.oci.delegate-cgroup"]: expected a path without ".."'
    edit_config "$TMP/b" '.annotations = {"run.oci.systemd.subgroup": "../x"}'
    run in_scope create -b "$TMP/b" "$id"
    assert_status 1
    assert_output 'annotations["run.oci.systemd.subgroup"]: expected the name of a cgroup, found "../x"'
    assert_no_unit "bryo-$id.scope"
}

@test "without an environment the bus is found" {
    make_bundle "$TMP/b" '.linux.resources = {pids: {limit: 10}}'
    run env -i "$BRYO" --root "$BRYO_ROOT" --cgroup-manager systemd run -b "$TMP/b" box
    assert_status 0
    run env -i DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere XDG_RUNTIME_DIR=/tmp "$BRYO" --root "$BRYO_ROOT" \
        --cgroup-manager systemd run -b "$TMP/b" box
    assert_status 0
    # A bus of the session's own has no systemd on it.
    run dbus-run-session -- "$BRYO" --root "$BRYO_ROOT" --cgroup-manager systemd run -b "$TMP/b" box
    assert_status 0
}

@test "auto: the user's systemd for a container with limits, nobody for one without" {
    id=$(new_id)
    make_bundle "$TMP/b" '.process.args = ["sleep", "100"] | .linux.resources = {pids: {limit: 10}}'
    bryo create -b "$TMP/b" "$id"
    assert_equal "$(cgroup_of "$id")" "$USER_SERVICE/user.slice/bryo-$id.scope/container"
    assert_files "$id" pids.max=10
    bryo delete --force "$id"
    edit_config "$TMP/b" 'del(.linux.resources)'
    bryo create -b "$TMP/b" "$id"
    assert_equal "$(cgroup_of "$id")" "$(sed s/0::// /proc/self/cgroup)"
}

@test "inside podman unshare, as uid 0" {
    id=$(new_id)
    make_bundle "$TMP/b" '.process.args = ["sleep", "100"] | .linux.resources = {memory: {limit: 67108864}}'
    podman unshare "$BRYO" --root "$BRYO_ROOT" --cgroup-manager systemd create -b "$TMP/b" "$id" >"$TMP/out" 2>&1 3>&-
    assert_properties "bryo-$id.scope" MemoryMax=67108864
    podman unshare "$BRYO" --root "$BRYO_ROOT" update --memory 33554432 "$id"
    assert_properties "bryo-$id.scope" MemoryMax=33554432
    assert_equal "$(podman unshare "$BRYO" --root "$BRYO_ROOT" exec "$id" cat /proc/self/cgroup)" "0::/"
    podman unshare "$BRYO" --root "$BRYO_ROOT" delete --force "$id"
    assert_no_unit "bryo-$id.scope"
}

@test "a scope of the name that failed is reset, one that runs is an error" {
    make_bundle "$TMP/b"
    run systemd-run --user --scope --quiet --unit=bryo-left.scope -p RuntimeMaxSec=1 sleep 100
    wait_for 10 failed bryo-left.scope
    run in_scope run -b "$TMP/b" left
    assert_status 0
    systemd-run --user --scope --quiet --unit=bryo-there.scope sleep 100 3>&- &
    wait_for 10 active bryo-there.scope
    run in_scope run -b "$TMP/b" there
    assert_status 1
    assert_output "org.freedesktop.systemd1.UnitExists"
    assert_output "systemctl --user stop bryo-there.scope"
    [ ! -e "$BRYO_ROOT/there" ]
    active bryo-there.scope
    systemctl --user stop bryo-there.scope
}

@test "an init that fails leaves no scope" {
    make_bundle "$TMP/b" '.process.args = ["/no/such/program"]'
    run in_scope create -b "$TMP/b" box
    assert_status 1
    assert_no_unit bryo-box.scope
    # A limit that the kernel refuses.
    edit_config "$TMP/b" '.process.args = ["true"] | .linux.resources = {unified: {"memory.high": "nonsense"}}'
    run in_scope create -b "$TMP/b" box
    assert_status 1
    assert_output memory.high
    assert_no_unit bryo-box.scope
    [ ! -e "$BRYO_ROOT/box" ]
}

@test "a call killed at any point leaves nothing that delete --force does not remove" {
    make_bundle "$TMP/b" '.linux.resources = {pids: {limit: 10}}'
    for delay in 0.02 0.05 0.1 0.15 0.2 0.3; do
        timeout --signal=KILL "$delay" "$BRYO" --root "$BRYO_ROOT" --cgroup-manager systemd create -b "$TMP/b" box \
            >/dev/null 2>&1 </dev/null 3>&- || true
        wait_for 20 delete_force box
        wait_for 10 gone bryo-box.scope
    done
}

@test "many at a time: all start, all stop, nothing is left" {
    count=${BRYO_TEST_PARALLEL:-30} workers=${BRYO_TEST_PARALLEL:-12}
    make_bundle "$TMP/b" '.process.args = ["sleep", "1000"]
        | .linux.resources = {memory: {limit: 67108864}, pids: {limit: 10}, cpu: {quota: 50000, period: 100000}}'
    many "$workers" "$count" create_one
    assert_equal "$(systemctl --user list-units --plain --no-legend 'bryo-many*' | wc -l)" "$count"
    assert_equal "$(bryo list -f json | jq '[.[] | select(.status == "running")] | length')" "$count"
    many "$workers" "$count" delete_one
    assert_equal "$(systemctl --user list-units --all --plain --no-legend 'bryo-many*')" ""
    assert_equal "$(find "$CGROUPS" -name 'bryo-many*')" ""
    assert_equal "$(bryo list -q)" ""
}
