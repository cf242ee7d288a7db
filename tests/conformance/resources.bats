# config-linux.md#control-groups: what the files of the container's own cgroup say, seen from inside.
#
# Root has the cgroups of the machine, and where that is cgroup v1 also cgroup2 alone in a mount namespace of its own, with
# the controllers that are left. Others have what is delegated to them, in cgroup v2. What is not to be had, because the
# controller is not there, because a version of cgroups has nothing like it, or because the caller may not, is refused by
# the path of the property.

load lib

# "v1", "v2": what this caller can try.
views() {
    if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
        echo v2
    elif kind root; then
        [ "$("$BRYO" features | jq .linux.cgroup.v1)" != true ] || echo v1
        ! unshare --mount mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null || echo v2
    else
        echo none
    fi
}

# Runs CMD with cgroup2 alone on /sys/fs/cgroup, where the machine has it otherwise.
in_view() { # VIEW CMD…
    local view=$1
    shift
    if [ "$view" = v2 ] && [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then
        unshare --mount --propagation private sh -c 'umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"' sh "$@"
    else
        "$@"
    fi
}

# Has the kernel FILE for a cgroup of this caller's in VIEW? FILE is "CONTROLLER/NAME" in v1 and "CONTROLLER.NAME" in v2.
has_file() { # VIEW FILE
    [ "$2" != - ] || return 1
    [[ $2 != unified/* ]] || return 0
    case $1 in
        v1)
            local dir=/sys/fs/cgroup/${2%%/*}/probe-$$
            mkdir "$dir" 2>/dev/null || return 1
            local found=1
            [ ! -e "$dir/${2#*/}" ] || found=0
            rmdir "$dir"
            return $found
            ;;
        v2)
            in_view v2 sh -c 'own=/sys/fs/cgroup$(sed -n "s/^0:://p" /proc/self/cgroup); [ "$(id -u)" = 0 ] || [ -w "$own/cgroup.procs" ] &&
                grep -qw "${1%%.*}" "$own/cgroup.controllers"' sh "$2"
            ;;
        *) return 1 ;;
    esac
}

# Rows of standard input: PROPERTY (below linux.resources) = VALUE, the file of v2 and what it says, that of v1 and what it
# says; "-" where there is none.
check_limits() {
    local property value v2_file v2_text v1_file v1_text view file text filter wrong=0 done=0
    while IFS='|' read -r property value v2_file v2_text v1_file v1_text; do
        filter=".linux.namespaces += [{type: \"cgroup\"}] | .linux.resources.$property = $value
            | .mounts += [{destination: \"/sys\", type: \"sysfs\", source: \"sysfs\", options: [\"ro\"]},
                {destination: \"/sys/fs/cgroup\", type: \"cgroup\", source: \"cgroup\", options: [\"ro\"]}]"
        for view in $(views); do
            if [ "$view" = v1 ]; then file=$v1_file text=$v1_text; else file=$v2_file text=$v2_text; fi
            # A controller that cgroup v1 has left to v2 beside it.
            if [ "$view" = v1 ] && [ "$file" != - ] && [ ! -d "/sys/fs/cgroup/${file%%/*}" ] &&
                grep -qw "${v2_file%%.*}" /sys/fs/cgroup/unified/cgroup.controllers 2>/dev/null; then
                file=unified/$v2_file text=$v2_text
            fi
            configure "$filter" brief "path=/sys/fs/cgroup/$file"
            if has_file "$view" "$file"; then
                in_view "$view" "$BRYO" --root "$BRYO_ROOT" run -b "$B" "$ID" </dev/null >"$REPORT" 2>"$TMP/messages" 3>&- &&
                    [ "$(jq -r '.paths[].content' "$REPORT" | xargs)" = "$text" ] || {
                    echo "$view: $property = $value: $file: expected \"$text\", found $(jq -c '.paths[]' "$REPORT") $(cat "$TMP/messages")" >&2
                    wrong=1
                }
            elif in_view "$view" "$BRYO" --root "$BRYO_ROOT" run -b "$B" "$ID" </dev/null >"$REPORT" 2>"$TMP/messages" 3>&-; then
                echo "$view: $property = $value: expected an error, since there is no $file" >&2
                wrong=1
            elif ! other_runtime && ! grep -qF "linux.resources.${property%%[=[]*}" "$TMP/messages"; then
                echo "$view: $property = $value: expected an error that names it, found $(cat "$TMP/messages")" >&2
                wrong=1
            fi
            done=1
        done
    done < <(grep -v '^#' | sed 's/ *| */|/g')
    [ $wrong -eq 0 ] && [ $done -eq 1 ]
}

# property: linux.resources linux.resources.memory linux.resources.memory.limit linux.resources.memory.reservation
# property: linux.resources.memory.swap
# rootless: with cgroup v2 and the controller delegated to the user; otherwise refused
@test "memory: limit, reservation, and both together with swap" {
    check_limits <<'ROWS'
memory.limit | 134217728 | memory.max | 134217728 | memory/memory.limit_in_bytes | 134217728
memory.reservation | 67108864 | memory.low | 67108864 | memory/memory.soft_limit_in_bytes | 67108864
memory | {limit: 134217728, swap: 201326592} | memory.swap.max | 67108864 | memory/memory.memsw.limit_in_bytes | 201326592
ROWS
}

# property: linux.resources.memory.kernel linux.resources.memory.kernelTCP linux.resources.memory.swappiness
# property: linux.resources.memory.disableOOMKiller
# rootless: no: cgroup v1 only, which only root manages; otherwise refused
# note: in cgroup v2 refused, which has nothing like it
@test "memory: what cgroup v2 has not" {
    check_limits <<'ROWS'
memory.kernelTCP | 67108864 | - | - | memory/memory.kmem.tcp.limit_in_bytes | 67108864
memory.swappiness | 33 | - | - | memory/memory.swappiness | 33
memory.disableOOMKiller | true | - | - | memory/memory.oom_control | oom_kill_disable 1 under_oom 0 oom_kill 0
ROWS
}

# property: linux.resources.cpu linux.resources.cpu.shares linux.resources.cpu.quota linux.resources.cpu.period
# property: linux.resources.cpu.burst linux.resources.cpu.idle
# rootless: with cgroup v2 and the controller delegated to the user; otherwise refused
@test "cpu: shares, quota, period, burst, idle" {
    check_limits <<'ROWS'
cpu.shares | 2048 | cpu.weight | 170 | cpu/cpu.shares | 2048
cpu | {quota: 50000, period: 200000} | cpu.max | 50000 200000 | cpu/cpu.cfs_quota_us | 50000
cpu | {period: 200000, quota: 50000} | cpu.max | 50000 200000 | cpu/cpu.cfs_period_us | 200000
cpu | {quota: 50000, period: 200000, burst: 10000} | cpu.max.burst | 10000 | cpu/cpu.cfs_burst_us | 10000
cpu.idle | 1 | cpu.idle | 1 | cpu/cpu.idle | 1
ROWS
}

# property: linux.resources.cpu.realtimeRuntime linux.resources.cpu.realtimePeriod
# rootless: no: cgroup v1 only, which only root manages; otherwise refused
# note: in cgroup v2 refused, which has nothing like it
@test "cpu: real-time, which cgroup v2 has not" {
    check_limits <<'ROWS'
cpu.realtimeRuntime | 1000 | - | - | cpu/cpu.rt_runtime_us | 1000
cpu.realtimePeriod | 2000000 | - | - | cpu/cpu.rt_period_us | 2000000
ROWS
}

# property: linux.resources.cpu.cpus linux.resources.cpu.mems
# rootless: with cgroup v2 and the controller delegated to the user; otherwise refused
@test "cpu: which CPUs and which memory nodes" {
    check_limits <<'ROWS'
cpu.cpus | "0" | cpuset.cpus | 0 | cpuset/cpuset.cpus | 0
cpu.mems | "0" | cpuset.mems | 0 | cpuset/cpuset.mems | 0
ROWS
}

# property: linux.resources.pids linux.resources.pids.limit
# rootless: with cgroup v2 and the controller delegated to the user; otherwise refused
@test "pids: the limit" {
    check_limits <<'ROWS'
pids.limit | 55 | pids.max | 55 | pids/pids.max | 55
ROWS
}

# property: linux.resources.hugepageLimits linux.resources.hugepageLimits[].pageSize linux.resources.hugepageLimits[].limit
# rootless: with cgroup v2 and the controller delegated to the user; otherwise refused
@test "hugepageLimits: a limit for a size of pages" {
    check_limits <<'ROWS'
hugepageLimits | [{pageSize: "2MB", limit: 8388608}] | hugetlb.2MB.max | 8388608 | hugetlb/hugetlb.2MB.limit_in_bytes | 8388608
ROWS
    refused '.linux.resources.hugepageLimits = [{pageSize: "2", limit: 1}]' 'linux.resources.hugepageLimits[0].pageSize: expected a page size'
    refused '.linux.resources.hugepageLimits = [{pageSize: "2MB"}]' 'linux.resources.hugepageLimits[0].limit: expected'
}

# property: linux.resources.unified
# rootless: with cgroup v2 and the controller delegated to the user; otherwise refused
@test "unified: any file of cgroup v2" {
    check_limits <<'ROWS'
unified | {"hugetlb.2MB.max": "4194304"} | hugetlb.2MB.max | 4194304 | - | -
unified | {"pids.max": "66"} | pids.max | 66 | - | -
ROWS
}

# property: linux.resources.memory.useHierarchy linux.resources.memory.checkBeforeUpdate
@test "memory: useHierarchy is what every cgroup does, checkBeforeUpdate is for a limit" {
    inspect '.linux.resources.memory = {useHierarchy: true, checkBeforeUpdate: true}'
}

# A whole disk of this machine.
disk() {
    awk '$1 ~ /^[0-9]+$/ && $2 % 16 == 0 && $4 !~ /^(loop|ram|zram|dm-)/ { print $1, $2; exit }' /proc/partitions
}

# property: linux.resources.blockIO linux.resources.blockIO.throttleReadBpsDevice linux.resources.blockIO.throttleReadBpsDevice[].major
# property: linux.resources.blockIO.throttleReadBpsDevice[].minor linux.resources.blockIO.throttleReadBpsDevice[].rate
# property: linux.resources.blockIO.throttleWriteBpsDevice linux.resources.blockIO.throttleWriteBpsDevice[].major
# property: linux.resources.blockIO.throttleWriteBpsDevice[].minor linux.resources.blockIO.throttleWriteBpsDevice[].rate
# property: linux.resources.blockIO.throttleReadIOPSDevice linux.resources.blockIO.throttleReadIOPSDevice[].major
# property: linux.resources.blockIO.throttleReadIOPSDevice[].minor linux.resources.blockIO.throttleReadIOPSDevice[].rate
# property: linux.resources.blockIO.throttleWriteIOPSDevice linux.resources.blockIO.throttleWriteIOPSDevice[].major
# property: linux.resources.blockIO.throttleWriteIOPSDevice[].minor linux.resources.blockIO.throttleWriteIOPSDevice[].rate
# rootless: with cgroup v2 and the controller delegated to the user; otherwise refused
@test "blockIO: rates of a device" {
    local major minor
    read -r major minor < <(disk) && [ -n "$major" ] || skip "this machine has no disk"
    local device="major: $major, minor: $minor, rate:"
    check_limits <<ROWS
blockIO.throttleReadBpsDevice | [{$device 1048576}] | io.max | $major:$minor rbps=1048576 wbps=max riops=max wiops=max | blkio/blkio.throttle.read_bps_device | $major:$minor 1048576
blockIO.throttleWriteBpsDevice | [{$device 1048577}] | io.max | $major:$minor rbps=max wbps=1048577 riops=max wiops=max | blkio/blkio.throttle.write_bps_device | $major:$minor 1048577
blockIO.throttleReadIOPSDevice | [{$device 100}] | io.max | $major:$minor rbps=max wbps=max riops=100 wiops=max | blkio/blkio.throttle.read_iops_device | $major:$minor 100
blockIO.throttleWriteIOPSDevice | [{$device 101}] | io.max | $major:$minor rbps=max wbps=max riops=max wiops=101 | blkio/blkio.throttle.write_iops_device | $major:$minor 101
ROWS
    refused '.linux.resources.blockIO.throttleReadBpsDevice = [{rate: 1}]' 'linux.resources.blockIO.throttleReadBpsDevice[0].major: expected'
}

# property: linux.resources.blockIO.weight linux.resources.blockIO.leafWeight linux.resources.blockIO.weightDevice
# property: linux.resources.blockIO.weightDevice[].major linux.resources.blockIO.weightDevice[].minor
# property: linux.resources.blockIO.weightDevice[].weight linux.resources.blockIO.weightDevice[].leafWeight
# rootless: with cgroup v2 and the controller delegated to the user; otherwise refused
# note: leafWeight in cgroup v2 refused, which has nothing like it
@test "blockIO: weights" {
    check_limits <<'ROWS'
blockIO.weight | 300 | io.bfq.weight | default 300 | blkio/blkio.bfq.weight | 300
blockIO.leafWeight | 300 | - | - | blkio/blkio.leaf_weight | 300
ROWS
    refused '.linux.resources.blockIO.weight = 70000' 'linux.resources.blockIO.weight: expected'
    refused '.linux.resources.blockIO.weightDevice = [{weight: 1}]' 'linux.resources.blockIO.weightDevice[0].major: expected'
    refused '.linux.resources.blockIO.weightDevice = [{major: 8, minor: 0, weight: 1, leafWeight: "x"}]' \
        'linux.resources.blockIO.weightDevice[0].leafWeight: expected'
}

# property: linux.resources.network linux.resources.network.classID linux.resources.network.priorities
# property: linux.resources.network.priorities[].name linux.resources.network.priorities[].priority
# rootless: no: cgroup v1 only, which only root manages; otherwise refused
# note: in cgroup v2 refused, which has nothing like it
@test "network: class and priorities, which cgroup v2 has not" {
    check_limits <<'ROWS'
network.classID | 1048577 | - | - | net_cls/net_cls.classid | 1048577
network.priorities | [{name: "lo", priority: 5}] | - | - | net_prio/net_prio.ifpriomap | lo 5
ROWS
    refused '.linux.resources.network.priorities = [{name: "lo"}]' 'linux.resources.network.priorities[0].priority: expected'
}

# property: linux.resources.rdma linux.resources.rdma{}.hcaHandles linux.resources.rdma{}.hcaObjects
# rootless: with cgroup v2 and the controller delegated to the user; otherwise refused
@test "rdma: handles and objects of a device" {
    local device
    device=$(ls /sys/class/infiniband 2>/dev/null | head -n 1)
    # Without a device its file takes nothing.
    [ -n "$device" ] || refused '.linux.resources.rdma = {"none": {hcaHandles: 3}}' 'linux.resources.rdma'
    [ -z "$device" ] || check_limits <<ROWS
rdma | {"$device": {hcaHandles: 3, hcaObjects: 100}} | rdma.max | $device hca_handle=3 hca_object=100 | rdma/rdma.max | $device hca_handle=3 hca_object=100
ROWS
    refused '.linux.resources.rdma = {"mlx5_0": {hcaHandles: "x"}}' 'linux.resources.rdma.mlx5_0.hcaHandles: expected'
}

# property: linux.cgroupsPath
# rootless: with cgroup v2, below what is delegated to the user, or as a scope of the user's systemd; otherwise refused
@test "cgroupsPath is the place of the container's cgroup" {
    local view path=/bryo-conformance-$$ done=0
    configure ".linux.cgroupsPath = \"$path/box\""
    for view in $(views); do
        if kind root; then
            in_view "$view" "$BRYO" --root "$BRYO_ROOT" run -b "$B" "$ID" </dev/null >"$REPORT" 3>&-
            expect "[.cgroup | splits(\"\\n\")] | any(endswith(\":$path/box\"))"
            in_view "$view" sh -c 'find /sys/fs/cgroup -depth -type d -name "$1" -exec rmdir {} +' sh "${path#/}"
        else
            refused ".linux.cgroupsPath = \"$path/box\"" 'linux.cgroupsPath'
        fi
        done=1
    done
    [ $done -eq 1 ]
}

# property: linux.resources.devices linux.resources.devices[].allow linux.resources.devices[].type linux.resources.devices[].major
# property: linux.resources.devices[].minor linux.resources.devices[].access
# rootless: yes: the kernel lets nobody make devices in a user namespace, and only those of linux.devices and the default ones are bound
@test "devices: rules that deny all but some" {
    local rules='[{allow: false, access: "rwm"}, {allow: true, type: "c", major: 1, minor: 3, access: "rwm"},
        {allow: true, type: "c", major: 1, access: "r"}]'
    if ! kind root; then
        inspect ".linux.resources.devices = $rules" path=/dev/null call=mknod
        expect '.paths["/dev/null"].writable == true' '.calls.mknod != "ok"'
    elif [ "$(views | head -n 1)" = v1 ] && [ -c /dev/net/tun ] && [ -c /dev/fuse ]; then
        # Nodes of the image, which nobody asked for: what the rules say is all that keeps the program from them.
        mknod "$B/rootfs/allowed" c 10 200
        mknod "$B/rootfs/denied" c 10 229
        inspect ".linux.resources.devices = $rules + [{allow: true, type: \"c\", major: 10, minor: 200, access: \"r\"}]
            | grant([\"CAP_MKNOD\"])" path=/dev/null path=/allowed path=/denied call=mknod
        expect '.paths["/dev/null"].writable == true' '.paths["/denied"] | [.unreadable, .unwritable] == ["EPERM", "EPERM"]'
        expect '.paths["/allowed"] | [.unreadable, .unwritable] == [null, "EPERM"]'
    fi
    refused '.linux.resources.devices = [{type: "c"}]' 'linux.resources.devices[0].allow: expected'
    refused '.linux.resources.devices = [{allow: true, type: "x"}]' 'linux.resources.devices[0].type: expected'
    refused '.linux.resources.devices = [{allow: true, access: "rwx"}]' 'linux.resources.devices[0].access: expected'
    refused '.linux.resources.devices = [{allow: true, major: "1"}]' 'linux.resources.devices[0].major: expected'
    refused '.linux.resources.devices = [{allow: true, minor: -2}]' 'linux.resources.devices[0].minor: expected'
}

# property: linux.resources.memory.limit linux.resources.cpu.shares linux.resources.pids.limit linux.resources.memory.swappiness
# property: linux.resources.blockIO linux.resources.blockIO.weight linux.resources.network.classID
@test "what asks for nothing needs no cgroup" {
    inspect '.linux.resources = {memory: {limit: 0, reservation: -1, swap: 0}, cpu: {shares: 0, quota: -1, period: 0}, pids: {limit: -1},
        blockIO: {weight: 0}, network: {classID: 0}, hugepageLimits: [], unified: {}, rdma: {}}'
    inspect '.linux.resources = {} | .linux.cgroupsPath = ""'
}
