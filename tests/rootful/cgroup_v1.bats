# Cgroup v1 and hybrid machines, as root: each limit is set, read back in the cgroup's file and felt by a process.
# Controllers that the machine has not mounted are skipped one by one.

load ../lib/common

setup() {
    skip_unless_root
    [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ] && grep -q ' - cgroup ' /proc/self/mountinfo ||
        skip "this machine has no cgroup v1"
    bryo_setup
    B=$TMP/bundle
    make_bundle "$B"
    # Writable, for what the programs below leave.
    edit_config "$B" '.mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"}]'
    ID=$(new_id)
}

teardown() {
    local left=0
    [ -n "${TMP:-}" ] || return 0
    bryo_teardown || left=1
    if find /sys/fs/cgroup -type d -name "*$ID*" | grep . >&2; then
        echo "left as cgroups, see above" >&2
        find /sys/fs/cgroup -depth -type d -name "*$ID*" -exec rmdir {} \; || true
        left=1
    fi
    return $left
}

# Where the hierarchy with that controller is mounted.
mount_of() {
    awk -v c="$1" '{ n = split($NF, o, ","); for (i = 1; i <= n; i++) if (o[i] == c && $(NF - 2) == "cgroup") { print $5; exit } }' \
        /proc/self/mountinfo
}

skip_without_controller() {
    local controller
    for controller; do
        [ -n "$(mount_of "$controller")" ] || skip "the controller $controller is not mounted"
    done
}

# The directory in which the process PID is, for a controller: from the kernel, not from what bryo says.
dir_of() { # CONTROLLER PID
    echo "$(mount_of "$1")$(awk -F: -v c="$1" '{ n = split($2, o, ","); for (i = 1; i <= n; i++) if (o[i] == c) print $3 }' "/proc/$2/cgroup")"
}

# A container that stays; $PID is its first process.
start() {
    [ $# -eq 0 ] || set_args "$B" "$@"
    [ $# -ne 0 ] || set_args "$B" sleep 1000
    bryo run --detach -b "$B" "$ID" </dev/null
    PID=$(bryo state "$ID" | jq .pid)
}

# The cgroups on the way to one, which stay. Others' cgroups may go while they are looked through.
remove_way() {
    find /sys/fs/cgroup -depth -type d -path "*/bryo-way-$ID*" -exec rmdir {} \; 2>/dev/null || true
}

# The content of a file of the running container's cgroup.
value() { # FILE
    cat "$(dir_of "${1%%.*}" "$PID")/$1"
}

assert_value() { # FILE VALUE
    assert_equal "$1: $(value "$1")" "$1: $2"
}

@test "a cgroup in each hierarchy, named bryo-ID, and none of them stays" {
    start
    local line
    while IFS=: read -r _ _ line; do
        assert_equal "$line" "/bryo-$ID"
    done <"/proc/$PID/cgroup"
    [ -d "$(mount_of freezer)/bryo-$ID" ]
    bryo delete --force "$ID"
    [ -z "$(find /sys/fs/cgroup -type d -name "*$ID*")" ]
}

@test "without a place for one: a name that is taken gets a number" {
    start
    bryo --root "$TMP/other" run --detach -b "$B" "$ID" </dev/null
    assert_equal "$(awk -F: '{ print $3 }' "/proc/$("$BRYO" --root "$TMP/other" state "$ID" | jq .pid)/cgroup" | sort -u)" "/bryo-$ID.1"
    "$BRYO" --root "$TMP/other" delete --force "$ID"
    assert_equal "$(dir_of freezer "$PID")" "$(mount_of freezer)/bryo-$ID"
}

@test "linux.cgroupsPath: from the mount, or from the caller's own; what was made on the way stays" {
    skip_without_controller pids freezer
    edit_config "$B" ".linux.cgroupsPath = \"/bryo-way-$ID//a/./box/\""
    start
    assert_equal "$(dir_of pids "$PID")" "$(mount_of pids)/bryo-way-$ID/a/box"
    bryo delete --force "$ID"
    [ -d "$(mount_of pids)/bryo-way-$ID/a" ]
    [ ! -e "$(mount_of pids)/bryo-way-$ID/a/box" ]
    remove_way
    # The caller's own cgroups differ from hierarchy to hierarchy.
    edit_config "$B" ".linux.cgroupsPath = \"bryo-way-$ID/box\""
    local own
    own=$(mount_of pids)/bryo-own-$ID
    mkdir "$own"
    set_args "$B" sleep 1000
    sh -c 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"' sh "$own" \
        "$BRYO" --root "$BRYO_ROOT" run --detach -b "$B" "$ID" </dev/null >/dev/null 2>&1 3>&-
    PID=$(bryo state "$ID" | jq .pid)
    assert_equal "$(dir_of pids "$PID")" "$own/bryo-way-$ID/box"
    assert_equal "$(dir_of freezer "$PID")" "$(dir_of freezer $$ | sed 's,/$,,')/bryo-way-$ID/box"
    bryo delete --force "$ID"
    remove_way
    rmdir "$own"
}

@test "paths that can't be meant" {
    local bad
    for bad in /../x a/../../b ..; do
        edit_config "$B" ".linux.cgroupsPath = \"$bad\""
        run bryo run -b "$B" "$ID"
        assert_status 1
        assert_output "linux.cgroupsPath: expected a path without \"..\", found \"$bad\""
    done
    edit_config "$B" '.linux.cgroupsPath = "/"'
    run bryo run -b "$B" "$ID"
    assert_status 1
    assert_output 'linux.cgroupsPath: expected a cgroup of the container'"'"'s own, found "/"'
    edit_config "$B" '.linux.cgroupsPath = "a:b:c"'
    run bryo --cgroup-manager cgroupfs run -b "$B" "$ID"
    assert_status 1
    assert_output 'linux.cgroupsPath: "a:b:c" names a unit of systemd'
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "a cgroup that is another's is left alone, and what was made beside it goes again" {
    skip_without_controller pids
    local taken
    taken=$(mount_of pids)/bryo-taken-$ID
    mkdir "$taken" "$taken/below"
    edit_config "$B" ".linux.cgroupsPath = \"/bryo-taken-$ID\""
    run bryo run -b "$B" "$ID"
    assert_status 1
    assert_output "create the cgroup \"$taken\": file exists (EEXIST)"
    assert_output "hint: there is one already, with processes or cgroups in it"
    assert_equal "$(find /sys/fs/cgroup -type d -name "bryo-taken-$ID")" "$taken"
    [ ! -e "$BRYO_ROOT/$ID" ]
    # An empty one was left by a container that was killed, or made for this one.
    rmdir "$taken/below"
    run bryo run -b "$B" "$ID"
    assert_status 0
    [ ! -e "$taken" ]
}

@test "memory: limits are in the files, and update changes them in whatever order it takes" {
    skip_without_controller memory
    edit_config "$B" '.linux.resources.memory = {limit: 67108864, reservation: 33554432, swappiness: 10}'
    local swap=true
    [ -e "$(mount_of memory)/memory.memsw.limit_in_bytes" ] || swap=false
    ! $swap || edit_config "$B" '.linux.resources.memory.swap = 134217728'
    start
    assert_value memory.limit_in_bytes 67108864
    assert_value memory.soft_limit_in_bytes 33554432
    assert_value memory.swappiness 10
    $swap || skip "this kernel does not count swap"
    assert_value memory.memsw.limit_in_bytes 134217728
    bryo update --memory 256m --memory-swap 512m "$ID"
    assert_value memory.limit_in_bytes 268435456
    assert_value memory.memsw.limit_in_bytes 536870912
    bryo update --memory 32m --memory-swap 40m "$ID"
    assert_value memory.limit_in_bytes 33554432
    assert_value memory.memsw.limit_in_bytes 41943040
    run bryo update --memory 64m --memory-reservation 1m "$ID"
    assert_status 1
    assert_output "cannot update container \"$ID\": memory.limit: write \"67108864\" to \"$(dir_of memory "$PID")/memory.limit_in_bytes\": invalid argument (EINVAL)"
    assert_output "hint: memory.swap counts memory and swap together, and must be at least memory.limit"
    # What came through before is taken back.
    assert_value memory.soft_limit_in_bytes 33554432
    bryo update --memory -1 "$ID"
    assert_equal "$(value memory.limit_in_bytes)" "$(cat "$(mount_of memory)/memory.limit_in_bytes")"
    assert_equal "$(value memory.memsw.limit_in_bytes)" "$(cat "$(mount_of memory)/memory.limit_in_bytes")"
}

@test "memory: values that can't be meant, and checkBeforeUpdate" {
    skip_without_controller memory
    edit_config "$B" '.linux.resources.memory = {swap: 67108864}'
    run bryo run -b "$B" "$ID"
    assert_status 1
    assert_output "linux.resources.memory.swap: expected memory.limit beside it"
    edit_config "$B" '.linux.resources.memory = {limit: 67108864, swap: 33554432}'
    run bryo run -b "$B" "$ID"
    assert_status 1
    assert_output "linux.resources.memory.swap: expected at least memory.limit, 67108864"
    edit_config "$B" '.linux.resources.memory = {limit: 67108864}'
    start
    run bryo update -r - "$ID" <<<'{"memory": {"limit": 4096, "checkBeforeUpdate": true}}'
    assert_status 1
    assert_output "memory.limit: expected at least what \"$(dir_of memory "$PID")\" uses"
    assert_value memory.limit_in_bytes 67108864
}

@test "memory: a hog is killed, and events tell of it" {
    skip_without_controller memory
    edit_config "$B" '.linux.resources.memory = {limit: 33554432}'
    [ ! -e "$(mount_of memory)/memory.memsw.limit_in_bytes" ] || edit_config "$B" '.linux.resources.memory.swap = 33554432'
    # The second one, in a cgroup of its own below, is counted there by the kernel.
    start sh -c 'while [ ! -e /tmp/go ]; do sleep 0.02; done; dd if=/dev/zero of=/dev/null bs=100M count=1; echo $? >/tmp/status; sleep 1000'
    "$BRYO" --root "$BRYO_ROOT" events --interval 10s "$ID" >"$TMP/events" 2>"$TMP/events.err" 3>&- &
    local events=$!
    wait_for 5 sh -c "ls -l /proc/$events/fd | grep -q eventfd"
    touch "/proc/$PID/root/tmp/go"
    wait_for 10 test -s "/proc/$PID/root/tmp/status"
    wait_for 30 grep -q oom "$TMP/events"
    assert_equal "$(cat "/proc/$PID/root/tmp/status")" 137
    assert_equal "$(jq -c . "$TMP/events")" "{\"type\":\"oom\",\"id\":\"$ID\"}"
    local before
    before=$(wc -l <"$TMP/events")
    run bryo exec --cgroup below "$ID" dd if=/dev/zero of=/dev/null bs=100M count=1
    assert_status 137
    wait_for 10 sh -c "[ \$(wc -l <'$TMP/events') -gt $before ]"
    bryo kill "$ID" KILL
    wait "$events"
    assert_equal "$(cat "$TMP/events.err")" ""
    assert_equal "$(jq -r .type "$TMP/events" | sort -u)" oom
}

@test "memory: the last strike is told, although run has taken the cgroup away" {
    skip_without_controller memory
    edit_config "$B" '.linux.resources.memory = {limit: 33554432}'
    [ ! -e "$(mount_of memory)/memory.memsw.limit_in_bytes" ] || edit_config "$B" '.linux.resources.memory.swap = 33554432'
    set_args "$B" /bin/sh -c 'while [ ! -e /go ]; do sleep 0.02; done; exec dd if=/dev/zero of=/dev/null bs=100M count=1'
    "$BRYO" --root "$BRYO_ROOT" run -b "$B" "$ID" >"$TMP/out" 2>&1 </dev/null 3>&- &
    local run=$!
    wait_for 10 sh -c "'$BRYO' --root '$BRYO_ROOT' state '$ID' | grep -q running"
    "$BRYO" --root "$BRYO_ROOT" events --interval 10s "$ID" >"$TMP/events" 2>"$TMP/events.err" 3>&- &
    local events=$! status=0
    wait_for 5 sh -c "ls -l /proc/$events/fd | grep -q timerfd"
    # It looks when all is over.
    kill -STOP "$events"
    touch "$B/rootfs/go"
    wait "$run" || status=$?
    kill -CONT "$events"
    wait "$events"
    assert_status 137
    assert_equal "$(cat "$TMP/events.err" "$TMP/events")" "{\"type\":\"oom\",\"id\":\"$ID\"}"
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "memory: without the OOM killer a shortage stops the process and is told" {
    skip_without_controller memory
    edit_config "$B" '.linux.resources.memory = {limit: 33554432, disableOOMKiller: true}'
    [ ! -e "$(mount_of memory)/memory.memsw.limit_in_bytes" ] || edit_config "$B" '.linux.resources.memory.swap = 33554432'
    # The kernel stops a process at the limit only where it touches memory by itself: a system call that does, as a
    # read into a large buffer, fails with EFAULT instead.
    start sh -c "while [ ! -e /tmp/go ]; do sleep 0.02; done; exec awk 'BEGIN { s = \"x\"; while (1) s = s s }'"
    value memory.oom_control | grep -qx 'oom_kill_disable 1'
    "$BRYO" --root "$BRYO_ROOT" events --interval 10s "$ID" >"$TMP/events" 3>&- &
    local events=$!
    wait_for 5 sh -c "ls -l /proc/$events/fd | grep -q eventfd"
    touch "/proc/$PID/root/tmp/go"
    wait_for 30 grep -q oom "$TMP/events"
    value memory.oom_control | grep -qx 'under_oom 1'
    assert_equal "$(bryo state "$ID" | jq -r .status)" running
    bryo update -r - "$ID" <<<'{"memory": {"disableOOMKiller": false}}'
    wait_for 10 sh -c "'$BRYO' --root '$BRYO_ROOT' state '$ID' | grep -q stopped"
    wait "$events"
}

@test "pids: a fork bomb is stopped" {
    skip_without_controller pids
    edit_config "$B" '.linux.resources.pids.limit = 8'
    set_args "$B" sh -c 'i=0; while [ $i -lt 30 ]; do sleep 30 & i=$((i + 1)); done; echo all'
    run bryo run -b "$B" "$ID"
    refute_output all
    assert_output "can't fork"
    start
    assert_value pids.max 8
    bryo update --pids-limit -1 "$ID"
    assert_value pids.max max
    bryo update --pids-limit 1 "$ID"
    run bryo exec "$ID" sh -c 'true & wait; echo forked'
    refute_output forked
    bryo update -r - "$ID" <<<'{"pids": {"limit": 0}}'
    assert_value pids.max 0
}

@test "cpu: shares, quota, period, burst and idle" {
    skip_without_controller cpu
    edit_config "$B" '.linux.resources.cpu = {shares: 512, quota: 20000, period: 50000}'
    [ ! -e "$(mount_of cpu)/cpu.cfs_burst_us" ] || edit_config "$B" '.linux.resources.cpu.burst = 10000'
    start
    assert_value cpu.shares 512
    assert_value cpu.cfs_quota_us 20000
    assert_value cpu.cfs_period_us 50000
    [ ! -e "$(mount_of cpu)/cpu.cfs_burst_us" ] || assert_value cpu.cfs_burst_us 10000
    bryo update --cpu-quota 4000 --cpu-burst 1000 "$ID" # burst may not be above the quota
    assert_value cpu.cfs_quota_us 4000
    assert_value cpu.cfs_burst_us 1000
    bryo update --cpu-quota 30000 --cpu-burst 20000 --cpu-period 100000 "$ID"
    assert_value cpu.cfs_burst_us 20000
    bryo update --cpu-quota -1 --cpu-burst 0 "$ID"
    assert_value cpu.cfs_quota_us -1
    assert_value cpu.cfs_burst_us 0
    run bryo update --cpu-share 700 --cpu-period 1 "$ID"
    assert_status 1
    assert_output "cpu.period: write \"1\" to \"$(dir_of cpu "$PID")/cpu.cfs_period_us\": invalid argument (EINVAL)"
    assert_value cpu.shares 512
    [ -e "$(dir_of cpu "$PID")/cpu.idle" ] || return 0
    bryo update --cpu-share 600 --cpu-idle 1 "$ID" # what is idle takes no shares
    assert_value cpu.idle 1
    bryo update --cpu-share 800 --cpu-idle 0 "$ID"
    assert_value cpu.idle 0
    assert_value cpu.shares 800
}

@test "cpu: a quota is felt" {
    skip_without_controller cpu cpuacct
    edit_config "$B" '.linux.resources.cpu = {quota: 20000, period: 100000}'
    start sh -c 'while :; do :; done'
    local from to began ended
    wait_for 30 sh -c "[ \$(awk '/nr_throttled/ { print \$2 }' '$(dir_of cpu "$PID")/cpu.stat') -gt 2 ]"
    began=$(date +%s%N) from=$(value cpuacct.usage)
    sleep 1.5
    to=$(value cpuacct.usage) ended=$(date +%s%N)
    # A fifth of a CPU, and one period more that may lie at the edge.
    [ $(((to - from) * 5)) -lt $((ended - began + 500000000)) ] || {
        echo "used $((to - from)) ns in $((ended - began)) ns" >&2
        return 1
    }
    bryo events --stats "$ID" | jq -e '.data.cpu.throttling.throttledPeriods > 0 and .data.cpu.throttling.throttledTime > 0'
}

@test "cpu: time for real-time tasks, also on the way" {
    skip_without_controller cpu
    [ -e "$(mount_of cpu)/cpu.rt_runtime_us" ] || {
        edit_config "$B" '.linux.resources.cpu = {realtimeRuntime: 1000}'
        run bryo run -b "$B" "$ID"
        assert_status 1
        assert_output 'linux.resources.cpu.realtimeRuntime: this kernel has no "cpu.rt_runtime_us" in cgroup v1'
        skip "this kernel has no real-time groups"
    }
    edit_config "$B" ".linux.cgroupsPath = \"/bryo-way-$ID/a/box\" | .linux.resources.cpu = {realtimeRuntime: 1000, realtimePeriod: 500000}"
    start
    assert_value cpu.rt_runtime_us 1000
    assert_value cpu.rt_period_us 500000
    assert_equal "$(cat "$(mount_of cpu)/bryo-way-$ID/a/cpu.rt_runtime_us")" 1000
    bryo delete --force "$ID"
    remove_way
}

@test "cpuset: inherited where nothing is said, also on the way, and felt" {
    skip_without_controller cpuset
    edit_config "$B" ".linux.cgroupsPath = \"/bryo-way-$ID/a/box\""
    start
    assert_equal "$(value cpuset.cpus)" "$(cat "$(mount_of cpuset)/cpuset.cpus")"
    assert_equal "$(value cpuset.mems)" "$(cat "$(mount_of cpuset)/cpuset.mems")"
    bryo update --cpuset-cpus 0 --cpuset-mems 0 "$ID"
    assert_value cpuset.cpus 0
    run bryo exec "$ID" grep Cpus_allowed_list /proc/self/status
    assert_equal "$(echo "$output" | tr -s '\t ' ' ')" "Cpus_allowed_list: 0"
    run bryo update --cpuset-cpus 9999 "$ID"
    assert_status 1
    assert_output "cpu.cpus: write \"9999\""
    assert_value cpuset.cpus 0
    bryo delete --force "$ID"
    remove_way
}

@test "blkio: weight and throttles" {
    skip_without_controller blkio
    skip_without losetup
    local loop number
    truncate -s 16M "$TMP/disk"
    loop=$(losetup --show -f "$TMP/disk") || skip "no loop device"
    number=$(lsblk -ndo MAJ:MIN "$loop" | tr -d ' ')
    edit_config "$B" ".linux.resources.blockIO = {throttleReadBpsDevice: [{major: ${number%:*}, minor: ${number#*:}, rate: 1048576}],
        throttleWriteIOPSDevice: [{major: ${number%:*}, minor: ${number#*:}, rate: 100}]}
        | .linux.devices = [{path: \"/dev/disk\", type: \"b\", major: ${number%:*}, minor: ${number#*:}}]"
    start
    local status=0
    {
        assert_value blkio.throttle.read_bps_device "$number 1048576" &&
            assert_value blkio.throttle.write_iops_device "$number 100" &&
            began=$(date +%s%N) &&
            bryo exec "$ID" sh -c 'for i in 0 1; do dd if=/dev/disk of=/dev/null bs=1M count=1 skip=$i iflag=direct; done' >&2 &&
            [ $(($(date +%s%N) - began)) -gt 700000000 ] &&
            bryo events --stats "$ID" | jq -e "[.data.blkio.ioServiceBytesRecursive[] | select(.major == ${number%:*} and .minor == ${number#*:} and .op == \"Read\")][0].value >= 2097152" &&
            bryo update -r - "$ID" <<<"{\"blockIO\": {\"throttleReadBpsDevice\": [{\"major\": ${number%:*}, \"minor\": ${number#*:}, \"rate\": 0}]}}" &&
            assert_value blkio.throttle.read_bps_device ""
    } || status=1
    losetup -d "$loop"
    [ $status = 0 ]
    if [ -e "$(dir_of blkio "$PID")/blkio.bfq.weight" ]; then
        bryo update --blkio-weight 300 "$ID"
        assert_value blkio.bfq.weight 300
    elif [ ! -e "$(dir_of blkio "$PID")/blkio.weight" ]; then
        run bryo update --blkio-weight 300 "$ID"
        assert_status 1
        assert_output 'blockIO.weight: this kernel has no "blkio.weight" in cgroup v1'
    fi
    run bryo update -r - "$ID" <<<'{"blockIO": {"leafWeight": 300}}'
    assert_status 1
    assert_output 'blockIO.leafWeight: this kernel has no "blkio.leaf_weight" in cgroup v1'
}

@test "devices: what is not allowed is refused" {
    skip_without_controller devices
    # Nobody has this number: who may open it hears that there is no such device.
    edit_config "$B" '.linux.devices = [{path: "/dev/a", type: "c", major: 240, minor: 7}]'
    local try='for f in a null zero full random urandom tty ptmx; do { exec 4</dev/$f; } 2>&1 | sed "s/.*: //"; done; exec 4<>/dev/null'
    set_args "$B" sh -c "$try"
    run bryo run -b "$B" "$ID"
    assert_equal "$output" "No such device or address
No such device or address"
    # To make a node is of no use without a rule for opening it.
    edit_config "$B" '.process.capabilities |= map_values(. + ["CAP_MKNOD"] | unique)'
    set_args "$B" sh -c 'mknod /tmp/b c 240 8 && { exec 4</tmp/b; } 2>&1 | sed "s/.*: //"'
    run bryo run -b "$B" "$ID"
    assert_equal "$output" "Operation not permitted"
    # A first rule that forbids everything takes back linux.devices, not what every container has.
    edit_config "$B" '.linux.resources.devices = [{allow: false, access: "rwm"}]'
    set_args "$B" sh -c "$try"
    run bryo run -b "$B" "$ID"
    assert_equal "$output" "Operation not permitted
No such device or address"
    edit_config "$B" '.linux.resources.devices += [{allow: true, type: "c", major: 240, access: "r"}]'
    set_args "$B" sh -c '{ exec 4</dev/a; } 2>&1 | sed "s/.*: //"; { exec 4>/dev/a; } 2>&1 | sed "s/.*: //"'
    run bryo run -b "$B" "$ID"
    assert_equal "$output" "No such device or address
Operation not permitted"
    edit_config "$B" '.linux.resources.devices += [{allow: true, access: "rwm"}, {allow: false, type: "c", major: 240, access: "w"}]'
    run bryo run -b "$B" "$ID"
    assert_equal "$output" "No such device or address
Operation not permitted"
}

@test "devices: an update replaces the rules" {
    skip_without_controller devices
    edit_config "$B" '.linux.devices = [{path: "/dev/a", type: "c", major: 240, minor: 7}] | .linux.resources.devices = [{allow: false}]'
    local try=(bryo exec "$ID" sh -c '{ exec 4</dev/a; } 2>&1 | sed "s/.*: //"; { exec 4>/dev/a; } 2>&1 | sed "s/.*: //"; exec 4<>/dev/null')
    local yes="No such device or address" no="Operation not permitted"
    start
    run "${try[@]}"
    assert_equal "$output" "$no"$'\n'"$no"
    local before
    before=$(value devices.list | wc -l)
    bryo update -r - "$ID" <<<'{"devices": [{"allow": false}, {"allow": true, "type": "c", "major": 240, "minor": 7, "access": "r"}]}'
    run "${try[@]}"
    assert_equal "$output" "$yes"$'\n'"$no"
    # In a cgroup with cgroups below it only what differs can be written.
    mkdir "$(dir_of devices "$PID")/below"
    bryo update -r - "$ID" <<<'{"devices": [{"allow": false}, {"allow": true, "type": "c", "major": 240, "minor": 7, "access": "w"}]}'
    run "${try[@]}"
    assert_equal "$output" "$no"$'\n'"$yes"
    run bryo update -r - "$ID" <<<'{"devices": [{"allow": true}]}'
    assert_status 1
    assert_output "hint: the verdict for all devices cannot be changed while there are cgroups below this one"
    rmdir "$(dir_of devices "$PID")/below"
    bryo update -r - "$ID" <<<'{"devices": [{"allow": true}]}'
    run "${try[@]}"
    assert_equal "$output" "$yes"$'\n'"$yes"
    assert_value devices.list "a *:* rwm"
    bryo update -r - "$ID" <<<'{"devices": [{"allow": true}, {"allow": false, "type": "c", "major": 240}]}'
    run "${try[@]}"
    assert_equal "$output" "$no"$'\n'"$no"
    bryo update -r - "$ID" <<<'{"devices": [{"allow": false}]}'
    assert_equal "$(value devices.list | wc -l)" "$before"
    assert_equal "$(bryo state "$ID" | jq -r .status)" running
    run bryo update -r - "$ID" <<<'{"devices": [{"allow": true, "type": "c", "major": 240}, {"allow": false, "type": "c", "major": 240, "minor": 7}]}'
    assert_status 1
    assert_output 'linux.resources.devices: "c 240:7 rw" is denied out of a wider rule, which cgroup v1 cannot do'
    # Other updates leave the rules alone.
    bryo update --pids-limit 100 "$ID"
    assert_equal "$(value devices.list | wc -l)" "$before"
}

@test "devices: rules need a cgroup or a user namespace" {
    edit_config "$B" '.linux.resources.devices = [{allow: false}]'
    run bryo --cgroup-manager disabled run -b "$B" "$ID"
    assert_status 1
    assert_output 'linux.resources.devices: rules for devices need a cgroup, and there is none (cgroup manager "disabled")'
    edit_config "$B" '.linux.resources.devices += [{allow: true}]'
    run bryo --cgroup-manager disabled run -b "$B" "$ID"
    assert_status 0
}

@test "a controller that is not there, and files of cgroup v2" {
    [ -z "$(mount_of rdma)" ] || skip "the controller rdma is there"
    edit_config "$B" '.linux.resources = {rdma: {m: {hcaHandles: 1}}, unified: {"memory.high": "max"}}'
    run bryo run -b "$B" "$ID"
    assert_status 1
    assert_output "linux.resources.unified: these are files of cgroup v2, and this machine has cgroup v1"
    edit_config "$B" 'del(.linux.resources.unified)'
    run bryo run -b "$B" "$ID"
    assert_status 1
    assert_output 'linux.resources.rdma: this machine has no controller "rdma" in cgroup v1'
    assert_output "--limits=try runs the container without"
    [ ! -e "$BRYO_ROOT/$ID" ]
    edit_config "$B" '.linux.resources.unified = {"memory.high": "max"}'
    run bryo --limits try run -b "$B" "$ID"
    assert_status 0
    assert_output "warning: without the limits linux.resources.unified: "
    assert_output 'warning: without the limits linux.resources.rdma: this machine has no controller "rdma" in cgroup v1'
    run bryo --limits off run -b "$B" "$ID"
    assert_status 0
    assert_equal "$output" ""
    start_limits='{"rdma": {"m": {"hcaHandles": 1}}}'
    edit_config "$B" 'del(.linux.resources)'
    start
    run bryo update -r - "$ID" <<<"$start_limits"
    assert_status 1
    assert_output "cannot update container \"$ID\": this machine has no controller \"rdma\" in cgroup v1"
    run bryo update -r - "$ID" <<<'{"unified": {"memory.high": "max"}}'
    assert_status 1
    assert_output "cannot update container \"$ID\": unified: these are files of cgroup v2"
}

@test "a file that the kernel does not have any more" {
    skip_without_controller memory
    edit_config "$B" '.linux.resources.memory = {limit: 67108864, kernel: 33554432}'
    run bryo run -b "$B" "$ID"
    [ "$status" != 0 ] || skip "this kernel limits its memory by itself"
    assert_output 'linux.resources.memory.kernel: this kernel has no "memory.kmem.limit_in_bytes" in cgroup v1'
    [ ! -e "$BRYO_ROOT/$ID" ]
    run bryo --limits try run -b "$B" "$ID"
    assert_status 0
    assert_output 'warning: without the limits linux.resources.memory.kernel: this kernel has no "memory.kmem.limit_in_bytes" in cgroup v1'
}

@test "hybrid: a controller that cgroup v2 has and v1 has not" {
    local unified=/sys/fs/cgroup/unified before
    grep -qw hugetlb $unified/cgroup.controllers 2>/dev/null && [ -z "$(mount_of hugetlb)" ] ||
        skip "cgroup v2 does not have the controller hugetlb"
    before=$(cat $unified/cgroup.subtree_control)
    edit_config "$B" ".linux.cgroupsPath = \"/bryo-way-$ID/box\" | .linux.resources.hugepageLimits = [{pageSize: \"2MB\", limit: 4194304}]"
    start
    assert_equal "$(cat "$unified/bryo-way-$ID/box/hugetlb.2MB.max")" 4194304
    bryo update -r - "$ID" <<<'{"hugepageLimits": [{"pageSize": "2MB", "limit": 2097152}]}'
    assert_equal "$(cat "$unified/bryo-way-$ID/box/hugetlb.2MB.max")" 2097152
    bryo delete --force "$ID"
    remove_way
    [[ " $before " == *" hugetlb "* ]] || echo -hugetlb >$unified/cgroup.subtree_control
}

@test "cgroup v1 alone, without cgroup v2 beside it" {
    set_args "$B" sleep 1000
    local status=0
    unshare --mount --propagation private sh -c 'umount /sys/fs/cgroup/unified 2>/dev/null; grep -q " - cgroup2 " /proc/self/mountinfo && exit 77
        exec "$@"' sh "$BRYO" --root "$BRYO_ROOT" run --detach -b "$B" "$ID" </dev/null >/dev/null 2>&1 3>&- || status=$?
    [ "$status" != 77 ] || skip "cgroup v2 stays in sight"
    [ "$status" = 0 ]
    PID=$(bryo state "$ID" | jq .pid)
    assert_equal "$(dir_of freezer "$PID")" "$(mount_of freezer)/bryo-$ID"
    [ ! -e "/sys/fs/cgroup/unified/bryo-$ID" ]
    bryo exec "$ID" grep freezer: /proc/self/cgroup
    bryo pause "$ID"
    bryo resume "$ID"
    bryo exec --cgroup sub "$ID" true
    bryo kill --all "$ID" KILL
}

@test "without the freezer, and without the controller devices" {
    skip_without_controller freezer devices
    set_args "$B" sh -c '(exec 4</dev/a) 2>&1 | sed "s/.*: //" >/tmp/a; exec sleep 1000'
    edit_config "$B" '.linux.devices = [{path: "/dev/a", type: "c", major: 240, minor: 7}] | .linux.resources.devices = [{allow: false}]'
    unshare --mount --propagation private sh -c 'umount "$1" "$2" && shift 2 && exec "$@"' sh \
        "$(mount_of freezer)" "$(mount_of devices)" "$BRYO" --root "$BRYO_ROOT" run --detach -b "$B" "$ID" </dev/null >/dev/null 2>&1 3>&-
    PID=$(bryo state "$ID" | jq .pid)
    run bryo pause "$ID"
    assert_status 1
    assert_output "cannot pause container \"$ID\": it is in no cgroup with the controller \"freezer\""
    # The program of cgroup v2 stands in for it.
    wait_for 5 test -s "/proc/$PID/root/tmp/a"
    assert_equal "$(cat "/proc/$PID/root/tmp/a")" "Operation not permitted"
    bryo kill --all "$ID" KILL
    wait_for 5 sh -c "'$BRYO' --root '$BRYO_ROOT' state '$ID' | grep -q stopped"
}

@test "pause, state, exec, resume" {
    skip_without_controller freezer
    start sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/tmp/tick; sleep 0.01; done'
    local root=/proc/$PID/root before
    wait_for 5 test -s "$root/tmp/tick"
    run bryo resume "$ID"
    assert_status 1
    assert_output "it is not paused"
    bryo pause "$ID"
    assert_value freezer.state FROZEN
    assert_equal "$(bryo state "$ID" | jq -r .status)" paused
    before=$(cat "$root/tmp/tick")
    sleep 0.2
    assert_equal "$(cat "$root/tmp/tick")" "$before"
    run bryo pause "$ID"
    assert_status 1
    assert_output "it is paused already"
    run bryo exec "$ID" true
    assert_output "it is paused"
    bryo exec --ignore-paused "$ID" touch /tmp/late 3>&- &
    child=$!
    sleep 0.3
    [ ! -e "$root/tmp/late" ]
    bryo resume "$ID"
    wait $child
    [ -e "$root/tmp/late" ]
    assert_value freezer.state THAWED
    assert_equal "$(bryo state "$ID" | jq -r .status)" running
    wait_for 5 sh -c "[ '$before' != \"\$(cat $root/tmp/tick)\" ]"
    # What is paused can be killed.
    bryo pause "$ID"
    bryo delete --force "$ID"
}

@test "resume below a cgroup that is frozen says so" {
    skip_without_controller freezer
    edit_config "$B" ".linux.cgroupsPath = \"/bryo-way-$ID/box\""
    start
    local above
    above=$(mount_of freezer)/bryo-way-$ID
    bryo pause "$ID"
    echo FROZEN >"$above/freezer.state"
    run bryo resume "$ID"
    echo THAWED >"$above/freezer.state"
    assert_status 1
    assert_output "cannot resume container \"$ID\": the processes of \"$above/box\" do not go on"
    bryo delete --force "$ID"
    remove_way
}

@test "exec enters all cgroups, or those below them" {
    start
    run bryo exec "$ID" cat /proc/self/cgroup
    assert_status 0
    [ -z "$(awk -F: '$3 != "/"' <<<"$output")" ]
    assert_equal "$(wc -l <<<"$output")" "$(wc -l <"/proc/$PID/cgroup")"
    run bryo exec --cgroup a "$ID" cat /proc/self/cgroup
    assert_status 0
    [ -z "$(awk -F: '$3 != "/a"' <<<"$output")" ]
    run bryo exec --cgroup /a "$ID" cat /proc/self/cgroup
    assert_status 0
    run bryo exec --cgroup a/../.. "$ID" true
    assert_output '--cgroup: expected a path without "..", found "a/../.."'
    run bryo exec --cgroup no/way "$ID" true
    assert_output "create the cgroup \"$(awk -F'[/:]' 'NR == 1 { print "" }' /dev/null)"
    assert_output "/bryo-$ID/no/way\": no such file or directory (ENOENT)"
}

@test "without a pid namespace: ps, kill --all and delete go by the cgroup" {
    edit_config "$B" 'del(.linux.namespaces[] | select(.type == "pid")) | .mounts |= map(if .destination == "/proc" then {destination: "/proc", type: "bind", source: "/proc", options: ["rbind", "ro"]} else . end) | del(.linux.maskedPaths, .linux.readonlyPaths)'
    start sh -c 'sleep 1001 & sleep 1002 & exec sleep 1003'
    local dir below pid pids
    dir=$(dir_of freezer "$PID")
    wait_for 5 sh -c "[ \$(wc -l <$dir/cgroup.procs) = 3 ]"
    assert_equal "$(bryo ps -f json "$ID" | jq -c .)" "$(sort -n "$dir/cgroup.procs" | jq -sc .)"
    # One of them is in a cgroup below, with a freezer of its own.
    below=$dir/below
    mkdir "$below"
    pid=$(grep -vx "$PID" "$dir/cgroup.procs" | head -1)
    echo "$pid" >"$below/cgroup.procs"
    assert_equal "$(bryo ps -f json "$ID" | jq length)" 3
    bryo kill --all "$ID" STOP
    for pid in $(cat "$dir/cgroup.procs" "$below/cgroup.procs"); do
        wait_for 5 grep -q '^State:.T' "/proc/$pid/status"
    done
    bryo kill --all "$ID" CONT
    echo FROZEN >"$below/freezer.state"
    kill -KILL "$PID"
    wait_for 5 sh -c "'$BRYO' --root '$BRYO_ROOT' state '$ID' | grep -q stopped"
    bryo kill --all "$ID" KILL
    wait_for 5 sh -c "[ -z \"\$(cat $dir/cgroup.procs $below/cgroup.procs)\" ]"
    bryo kill --all "$ID" KILL
    bryo delete "$ID"
    [ ! -e "$dir" ]
    # And delete kills what is left.
    start sh -c 'sleep 1001 & sleep 1002 & exec sleep 1003'
    wait_for 5 sh -c "[ \$(wc -l <$dir/cgroup.procs) = 3 ]"
    pids=$(cat "$dir/cgroup.procs")
    kill -KILL "$PID"
    wait_for 5 sh -c "'$BRYO' --root '$BRYO_ROOT' state '$ID' | grep -q stopped"
    bryo delete "$ID"
    for pid in $pids; do
        [ ! -e "/proc/$pid" ] || grep -q '^State:.Z' "/proc/$pid/status"
    done
}

@test "kill --all leaves out none that forks meanwhile" {
    edit_config "$B" 'del(.linux.namespaces[] | select(.type == "pid")) | .mounts |= map(if .destination == "/proc" then {destination: "/proc", type: "bind", source: "/proc", options: ["rbind", "ro"]} else . end) | del(.linux.maskedPaths, .linux.readonlyPaths)'
    start sh -c 'trap "" TERM; f() { while :; do (f2 &) ; sleep 0.005; done; }; f2() { sleep 0.02; }; f & f'
    local dir
    dir=$(dir_of freezer "$PID")
    wait_for 5 sh -c "[ \$(wc -l <$dir/cgroup.procs) -ge 3 ]"
    bryo kill --all "$ID" KILL
    wait_for 5 sh -c "[ -z \"\$(cat $dir/cgroup.procs)\" ]"
}

@test "what a container sees: its own part, writable only with a namespace of its own (CVE-2023-25809)" {
    skip_without_controller pids
    local try='cd /sys/fs/cgroup/pids && ls -d */ 2>/dev/null; head -1 cgroup.procs; mkdir x 2>&1 && rmdir x && echo made'
    edit_config "$B" '.mounts |= map(if .type == "cgroup" then .options -= ["ro"] else . end)'
    set_args "$B" sh -c "$try"
    run bryo run -b "$B" "$ID"
    assert_equal "$output" "1
made"
    edit_config "$B" '.mounts |= map(if .type == "cgroup" then .options += ["ro"] else . end)'
    run bryo run -b "$B" "$ID"
    assert_equal "$output" "1
mkdir: can't create directory 'x': Read-only file system"
    edit_config "$B" '.mounts |= map(if .type == "cgroup" then .options -= ["ro"] else . end) | del(.linux.namespaces[] | select(.type == "cgroup"))'
    run bryo run -b "$B" "$ID"
    assert_equal "$output" "1
mkdir: can't create directory 'x': Read-only file system"
}

@test "events: the numbers" {
    start sh -c 'head -c 1000000 /dev/zero >/tmp/f; i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; exec sleep 1000'
    wait_for 10 sh -c "grep -qa ^sleep /proc/$PID/cmdline"
    run bryo events --stats "$ID"
    assert_status 0
    jq -e '.type == "stats" and .id == $id and (.data | keys == ["blkio","cpu","cpuset","hugetlb","intel_rdt","memory","network_interfaces","pids"])' --arg id "$ID" <<<"$output"
    [ -z "$(mount_of cpuacct)" ] || jq -e '.data.cpu.usage | .total > 1000000 and (.percpu | add) > 1000000' <<<"$output"
    # The kernel adds up what the CPUs have counted every two seconds.
    cache_is_counted() {
        bryo events --stats "$ID" >"$TMP/stats" && jq -e '.data.memory.cache >= 1000000' "$TMP/stats" >/dev/null
    }
    if [ -n "$(mount_of memory)" ]; then
        wait_for 20 cache_is_counted
        output=$(<"$TMP/stats")
    fi
    [ -z "$(mount_of memory)" ] || jq -e '.data.memory.usage.usage > 1000000 and .data.memory.usage.max >= .data.memory.usage.usage and .data.memory.cache >= 1000000' <<<"$output"
    [ -z "$(mount_of pids)" ] || jq -e '.data.pids == {current: 1, limit: 0}' <<<"$output"
    bryo events --interval 20ms "$ID" >"$TMP/events" 3>&- &
    child=$!
    wait_for 5 sh -c "[ \$(wc -l <'$TMP/events') -ge 3 ]"
    bryo kill "$ID" KILL
    wait $child
    assert_equal "$(jq -r .type "$TMP/events" | sort -u)" stats
}

@test "a cgroup that is gone is told, and delete does not mind" {
    start
    local dir verb
    while IFS=: read -r _ _ _; do :; done <"/proc/$PID/cgroup"
    for dir in /sys/fs/cgroup/*/"bryo-$ID"; do
        echo "$PID" >"${dir%/*}/cgroup.procs"
        rmdir "$dir"
    done
    for verb in pause 'update --cpu-share 500' 'events --stats' ps; do
        # shellcheck disable=SC2086
        run bryo $verb "$ID"
        assert_status 1
        assert_output "bryo-$ID"
    done
    run bryo exec "$ID" true
    assert_status 255
    assert_output "bryo-$ID"
    assert_equal "$(bryo state "$ID" | jq -r .status)" running
    bryo kill --all "$ID" KILL
    wait_for 5 sh -c "'$BRYO' --root '$BRYO_ROOT' state '$ID' | grep -q stopped"
    bryo delete "$ID"
}

@test "a value that the kernel refuses names all, and nothing stays" {
    skip_without_controller cpu
    edit_config "$B" ".linux.cgroupsPath = \"/bryo-way-$ID/box\" | .linux.resources.cpu.period = 1"
    run bryo run -b "$B" "$ID"
    assert_status 1
    assert_output "linux.resources.cpu.period: write \"1\" to \"$(mount_of cpu)/bryo-way-$ID/box/cpu.cfs_period_us\": invalid argument (EINVAL)"
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "killed at any point, create leaves what delete --force removes" {
    skip_without strace
    set_args "$B" sleep 100
    local call when
    # The note is written, some of the cgroups are there; all are; init is in them.
    mkdir "$BRYO_ROOT"
    for call in mkdir:1 mkdir:2 mkdir:6 clone3:1 renameat,renameat2:1; do
        when=${call#*:} call=${call%:*}
        ASAN_OPTIONS=detect_leaks=0 strace -qq -o /dev/null -e "trace=$call" -e "inject=$call:signal=KILL:when=$when" \
            "$BRYO" --root "$BRYO_ROOT" create -b "$B" "$ID" </dev/null >/dev/null 2>&1 3>&- || true
        [ -e "$BRYO_ROOT/$ID/cgroup" ]
        [ "$call $when" = "mkdir 1" ] || find /sys/fs/cgroup -type d -name "bryo-$ID" | grep -q .
        bryo delete --force "$ID"
        [ -z "$(find /sys/fs/cgroup -type d -name "*$ID*")" ]
        [ ! -e "$BRYO_ROOT/$ID" ]
    done
}

@test "many containers at once, with limits: all start, all stop, nothing is left" {
    edit_config "$B" '.linux.resources = {cpu: {shares: 100}, devices: [{allow: false}]}'
    [ -z "$(mount_of pids)" ] || edit_config "$B" '.linux.resources.pids.limit = 10'
    [ -z "$(mount_of memory)" ] || edit_config "$B" '.linux.resources.memory.limit = 67108864'
    set_args "$B" sleep 1000
    local i children=()
    for i in $(seq 50); do
        "$BRYO" --root "$BRYO_ROOT" create -b "$B" "$ID-$i" </dev/null >/dev/null 2>>"$TMP/errors" 3>&- &
        children+=($!)
    done
    wait "${children[@]}"
    cat "$TMP/errors" >&2
    assert_equal "$(find "$(mount_of freezer)" -maxdepth 1 -name "bryo-$ID-*" | wc -l)" 50
    for i in $(seq 50); do
        "$BRYO" --root "$BRYO_ROOT" delete --force "$ID-$i" 2>>"$TMP/errors" 3>&- &
        children+=($!)
    done
    wait "${children[@]}"
    assert_equal "$(cat "$TMP/errors")" ""
    assert_equal "$(find /sys/fs/cgroup -type d -name "*$ID*")" ""
}
