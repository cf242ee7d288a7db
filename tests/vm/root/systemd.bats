#!/usr/bin/env bats
# The systemd cgroup manager of root: scopes in the system's systemd; and what root does with those of a user.

load ../../lib/common
load ../systemd

as_dev() { # CMD…
    (cd /home/dev && setpriv --reuid dev --regid dev --init-groups env -i PATH="$PATH" HOME=/home/dev \
        XDG_RUNTIME_DIR="/run/user/$(id -u dev)" "$@")
}

@test "a container is a scope of the system, and nothing is left of it" {
    id=$(new_id)
    make_bundle "$TMP/b" '.process.args = ["sleep", "100"]'
    in_scope create -b "$TMP/b" "$id"
    bryo start "$id"
    assert_properties "bryo-$id.scope" ActiveState=active Slice=system.slice Delegate=yes
    assert_equal "$(cgroup_of "$id")" "/system.slice/bryo-$id.scope/container"
    bryo delete --force "$id"
    assert_no_unit "bryo-$id.scope"
    [ ! -e "$CGROUPS/system.slice/bryo-$id.scope" ]
}

@test "every limit is a property of the unit and in the file" {
    id=$(new_id)
    read -r major minor < <(lsblk -dno MAJ:MIN /dev/vda | tr ':' ' ')
    make_bundle "$TMP/b" ".process.args = [\"sleep\", \"100\"] | .linux.cgroupsPath = \"bryotest-x.slice:p:$id\"
        | .linux.resources = {
        memory: {limit: 67108864, reservation: 33554432, swap: 134217728},
        cpu: {shares: 2048, quota: 150000, period: 100000, cpus: \"0\", mems: \"0\"}, pids: {limit: 40},
        blockIO: {throttleReadBpsDevice: [{major: $major, minor: $minor, rate: 1048576}],
            throttleWriteIOPSDevice: [{major: $major, minor: $minor, rate: 100}]}}"
    in_scope create -b "$TMP/b" "$id"
    assert_properties "p-$id.scope" MemoryMax=67108864 MemoryLow=33554432 MemorySwapMax=67108864 \
        CPUQuotaPerSecUSec=1.500000s AllowedCPUs=0 AllowedMemoryNodes=0 TasksMax=40 \
        "IOReadBandwidthMax=/dev/block/$major:$minor 1048576" "IOWriteIOPSMax=/dev/block/$major:$minor 100"
    assert_files "$id" memory.max=67108864 cpu.max="150000 100000" cpuset.cpus=0 cpuset.mems=0 pids.max=40 \
        io.max="$major:$minor rbps=1048576 wbps=max riops=max wiops=100"
    assert_equal "$(cgroup_of "$id")" "/bryotest.slice/bryotest-x.slice/p-$id.scope/container"
    dir=$CGROUPS/bryotest.slice/bryotest-x.slice/p-$id.scope
    assert_equal "$(cat "$dir/cpuset.cpus")" 0
    bryo update --cpuset-cpus 1 --memory 33554432 --memory-swap 33554432 "$id"
    assert_properties "p-$id.scope" AllowedCPUs=1 MemoryMax=33554432 MemorySwapMax=0
    assert_files "$id" cpuset.cpus=1 memory.max=33554432 memory.swap.max=0
    bryo delete --force "$id"
    assert_no_unit "p-$id.scope"
    systemctl stop bryotest.slice
}

@test "io: a weight, and io.max of unified, are properties of the unit and in the files" {
    id=$(new_id)
    device=$(lsblk -dno MAJ:MIN /dev/vda | xargs)
    make_bundle "$TMP/b" ".process.args = [\"sleep\", \"100\"] | .linux.resources = {
        blockIO: {weight: 500, throttleReadIOPSDevice: [{major: ${device%:*}, minor: ${device#*:}, rate: 70}]},
        unified: {\"io.max\": \"$device rbps=1048576 wiops=100\"}}"
    in_scope create -b "$TMP/b" "$id"
    assert_properties "bryo-$id.scope" IOWeight=4950 "IOReadBandwidthMax=/dev/block/$device 1048576" \
        "IOWriteIOPSMax=/dev/block/$device 100" "IOReadIOPSMax=/dev/block/$device 70"
    assert_files "$id" io.weight="default 4950" io.max="$device rbps=1048576 wbps=max riops=70 wiops=100"
    bryo update --blkio-weight 100 "$id"
    bryo update -r - "$id" <<<"{\"unified\": {\"io.max\": \"$device rbps=max wiops=50\"}}"
    assert_properties "bryo-$id.scope" IOWeight=910 IOReadBandwidthMax= "IOWriteIOPSMax=/dev/block/$device 50" \
        "IOReadIOPSMax=/dev/block/$device 70"
    assert_files "$id" io.weight="default 910" io.max="$device rbps=max wbps=max riops=70 wiops=50"
}

@test "device rules are properties of the unit, hold, and change with an update" {
    id=$(new_id)
    make_bundle "$TMP/b" '.process.args = ["sleep", "100"] | .root.readonly = false
        | .process.capabilities[] += ["CAP_MKNOD"]
        | .linux.resources.devices = [{allow: false}, {allow: true, type: "c", major: 10, minor: 200, access: "rw"}]'
    mknod "$TMP/b/rootfs/tun" c 10 200
    mknod "$TMP/b/rootfs/fuse" c 10 229
    in_scope create -b "$TMP/b" "$id"
    bryo start "$id"
    assert_properties "bryo-$id.scope" DevicePolicy=strict
    assert_equal "$(property "bryo-$id.scope" DeviceAllow | sort | paste -sd,)" "/dev/char/10:200 rw,/dev/char/1:3 rwm,/dev/char/1:5 rwm,/dev/char/1:7 rwm,/dev/char/1:8 rwm,/dev/char/1:9 rwm,/dev/char/5:0 rwm,/dev/char/5:1 rwm,/dev/char/5:2 rwm,block-* m,char-* m,char-136 rwm"
    opens() { # NODE
        bryo exec "$id" sh -c "exec 3<>$1" 2>&1 || true
    }
    assert_equal "$(opens /tun)$(opens /dev/null)$(opens /dev/ptmx)" ""
    [[ "$(opens /fuse)" == *"not permitted"* ]]
    bryo exec "$id" mknod /made c 1 3
    bryo update -r - "$id" <<<'{"devices": [{"allow": false}, {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"}]}'
    [[ "$(property "bryo-$id.scope" DeviceAllow | paste -sd,)" == *"/dev/char/10:229 rw"* ]]
    [[ "$(property "bryo-$id.scope" DeviceAllow | paste -sd,)" != *"10:200"* ]]
    assert_equal "$(opens /fuse)$(opens /dev/null)" ""
    [[ "$(opens /tun)" == *"not permitted"* ]]
    # What systemd can't say: all but one. It forbids nothing then, and the rule holds all the same.
    bryo update -r - "$id" <<<'{"devices": [{"allow": true}, {"allow": false, "type": "c", "major": 10, "minor": 229}]}'
    assert_properties "bryo-$id.scope" DevicePolicy=auto DeviceAllow=
    assert_equal "$(opens /tun)" ""
    [[ "$(opens /fuse)" == *"not permitted"* ]]
    # systemd, asked for another thing, leaves ours alone.
    systemctl daemon-reload
    systemctl set-property --runtime "bryo-$id.scope" CPUWeight=50
    [[ "$(opens /fuse)" == *"not permitted"* ]]
}

@test "felt: a CPU is throttled to what was asked for, on the CPU that was asked for" {
    id=$(new_id)
    make_bundle "$TMP/b" '.process.args = ["sh", "-c", "while :; do :; done"]
        | .linux.resources = {cpu: {quota: 30000, period: 100000, cpus: "1"}}'
    in_scope create -b "$TMP/b" "$id"
    bryo start "$id"
    sleep 1
    a=$(cpu_usage "$id") t=$(date +%s%N)
    sleep 5
    b=$(cpu_usage "$id") u=$(date +%s%N)
    permille=$(((b - a) * 1000000 / (u - t)))
    echo "used $permille of 1000" >&2
    [ "$permille" -ge 270 ]
    [ "$permille" -le 330 ]
    assert_equal "$(sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$(pid_of "$id")/status")" 1
}

@test "felt: a hog of memory is killed, and the statistics say so" {
    id=$(new_id)
    make_bundle "$TMP/b" '.process.args = ["sh", "-c", "tail /dev/zero; sleep 100"]
        | .linux.resources = {memory: {limit: 33554432, swap: 33554432}}'
    in_scope create -b "$TMP/b" "$id"
    bryo start "$id"
    dir=$CGROUPS$(cgroup_of "$id")
    wait_for 20 grep -q '^oom_kill [1-9]' "$dir/memory.events"
    assert_equal "$(bryo events --stats "$id" | jq '.data.memory.usage.limit')" 33554432
}

@test "a container in a user namespace owns its cgroup, and systemd still takes it away" {
    id=$(new_id)
    make_bundle "$TMP/b" '.process.args = ["sh", "-c", "mkdir /sys/fs/cgroup/inner && sleep 100"]
        | .linux.namespaces += [{type: "user"}]
        | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
        | .linux.gidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
        | .mounts |= map(if .type == "cgroup" then .options = ["rw", "nosuid", "noexec", "nodev"] else . end)'
    # Where the users of the namespace may look.
    mv "$TMP/b" "/var/tmp/bryo-$id"
    chmod -R o+rX "/var/tmp/bryo-$id"
    in_scope create -b "/var/tmp/bryo-$id" "$id"
    bryo start "$id"
    dir=$CGROUPS/system.slice/bryo-$id.scope
    wait_for 10 test -d "$dir/container/inner"
    assert_equal "$(stat -c %u "$dir/container" "$dir/container/cgroup.procs" "$dir/cgroup.procs" | paste -sd' ')" \
        "100000 100000 0"
    assert_equal "$(stat -c %u "$dir/container/memory.max")" 0
    bryo delete --force "$id"
    assert_no_unit "bryo-$id.scope"
    [ ! -e "$dir" ]
    rm -rf "/var/tmp/bryo-$id"
}

@test "systemctl stop ends the container, and delete finds it stopped" {
    id=$(new_id)
    make_bundle "$TMP/b" '.process.args = ["sleep", "100"] | .annotations = {"org.systemd.property.TimeoutStopSec": "1"}'
    in_scope create -b "$TMP/b" "$id"
    bryo start "$id"
    systemctl stop "bryo-$id.scope"
    wait_for 10 stopped "$id"
    assert_no_unit "bryo-$id.scope"
    bryo delete "$id"
}

@test "root deletes the container of a user: the unit of the user's systemd goes" {
    make_bundle "$TMP/b"
    mkdir -p /home/dev/rooted
    cp -a "$TMP/b/rootfs" /home/dev/rooted/
    chown -R dev: /home/dev/rooted
    as_dev "$BRYO" spec --rootless -b /home/dev/rooted
    edit_config /home/dev/rooted '.process.terminal = false | .process.args = ["sleep", "100"]
        | .linux.resources = {pids: {limit: 10}}'
    chmod 644 /home/dev/rooted/config.json
    as_dev "$BRYO" --root "/run/user/$(id -u dev)/rooted" --systemd-cgroup create -b /home/dev/rooted ofdev \
        >"$TMP/out" 2>&1 </dev/null 3>&-
    unit=$CGROUPS/user.slice/user-$(id -u dev).slice/user@$(id -u dev).service/user.slice/bryo-ofdev.scope
    assert_equal "$(cat "$unit/container/pids.max")" 10
    "$BRYO" --root "/run/user/$(id -u dev)/rooted" update --pids-limit 5 ofdev
    assert_equal "$(cat "$unit/container/pids.max" "$unit/pids.max" | paste -sd' ')" "5 5"
    "$BRYO" --root "/run/user/$(id -u dev)/rooted" delete --force ofdev
    [ ! -e "$unit" ]
    assert_equal "$(systemctl --user --machine=dev@ show -p LoadState --value bryo-ofdev.scope)" not-found
    rm -rf /home/dev/rooted "/run/user/$(id -u dev)/rooted"
}

@test "a user without a manager: what is missing is named, with what mends it" {
    make_bundle "$TMP/b"
    mkdir -p /home/guest/b
    cp -a "$TMP/b/rootfs" /home/guest/b/
    chown -R guest: /home/guest/b
    as_guest=(setpriv --reuid guest --regid guest --init-groups env -i PATH="$PATH" HOME=/home/guest)
    "${as_guest[@]}" "$BRYO" spec --rootless -b /home/guest/b
    edit_config /home/guest/b ".process.terminal = false | .process.args = [\"true\"]
        | .linux.uidMappings = [{containerID: 0, hostID: $(id -u guest), size: 1}]
        | .linux.gidMappings = [{containerID: 0, hostID: $(id -g guest), size: 1}]"
    chmod 644 /home/guest/b/config.json
    cd /home/guest
    run "${as_guest[@]}" "$BRYO" --root /home/guest/state --cgroup-manager systemd run -b /home/guest/b box
    assert_status 1
    assert_output "connect to the user's systemd at \"unix:path=/run/user/$(id -u guest)/bus\""
    assert_output "loginctl enable-linger $(id -u guest)"
    edit_config /home/guest/b '.linux.resources = {pids: {limit: 10}}'
    chmod 644 /home/guest/b/config.json
    run "${as_guest[@]}" "$BRYO" --root /home/guest/state run -b /home/guest/b box
    assert_status 1
    assert_output 'linux.resources.pids.limit'
    assert_output "loginctl enable-linger"
    [ -z "$(ls -A /home/guest/state 2>/dev/null)" ]
    rm -rf /home/guest/b /home/guest/state
}

@test "many at a time: all start, all stop, nothing is left" {
    count=${BRYO_TEST_PARALLEL:-20} workers=${BRYO_TEST_PARALLEL:-10}
    make_bundle "$TMP/b" '.process.args = ["sleep", "1000"]
        | .linux.resources = {memory: {limit: 67108864}, pids: {limit: 10}, cpu: {quota: 50000, period: 100000}}'
    many "$workers" "$count" create_one
    assert_equal "$(systemctl list-units --plain --no-legend 'bryo-many*' | wc -l)" "$count"
    assert_equal "$(bryo list -f json | jq '[.[] | select(.status == "running")] | length')" "$count"
    many "$workers" "$count" delete_one
    assert_equal "$(systemctl list-units --all --plain --no-legend 'bryo-many*')" ""
    assert_equal "$(find "$CGROUPS" -name 'bryo-many*')" ""
    assert_equal "$(bryo list -q)" ""
}
