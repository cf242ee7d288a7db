# Properties of process and linux: scheduling, I/O priority, CPUs, NUMA policy, security modules, interfaces.

load ../lib/common

setup() {
    bryo_setup
    B=$TMP/bundle
    make_bundle "$B"
    ID=$(new_id)
}

# Field N of /proc/self/stat, counted from the state, which is 3 (proc_pid_stat(5)): inside, by the shell itself.
stat_field='field() { local stat; read -r stat </proc/self/stat; set -- $1 ${stat##*) }; shift $(($1 - 2)); echo $1; }'

# The last of the CPUs that this test may run on.
last_cpu() {
    local list
    list=$(awk '/^Cpus_allowed_list/ { print $2 }' /proc/self/status)
    echo "${list##*[,-]}"
}

run_detached() {
    set_args "$B" /bin/sleep 1000
    bryo run --detach -b "$B" "$ID" </dev/null >/dev/null
}

@test "process.scheduler sets the policy and the nice value" {
    set_args "$B" /bin/sh -c "$stat_field; field 41; field 19"
    edit_config "$B" '.process.scheduler = {policy: "SCHED_BATCH", nice: 7}'
    run --separate-stderr bryo run -b "$B" "$ID"
    assert_status 0
    assert_equal "$output" "3
7"
    edit_config "$B" '.process.scheduler = {policy: "SCHED_IDLE", flags: ["SCHED_FLAG_RESET_ON_FORK"]}'
    run --separate-stderr bryo run -b "$B" "$ID"
    assert_status 0
    assert_equal "${lines[0]}" 5
}

@test "a real-time policy: carried out for root, explained to others" {
    set_args "$B" /bin/sh -c "$stat_field; field 41; field 40"
    edit_config "$B" '.process.scheduler = {policy: "SCHED_RR", priority: 12}'
    # A cgroup of version 1 has no time for such programs unless linux.resources gives it some.
    run --separate-stderr bryo --cgroup-manager disabled run -b "$B" "$ID"
    if is_real_root; then
        assert_status 0
        assert_equal "$output" "2
12"
    else
        assert_status 1
        assert_output "process.scheduler: run with SCHED_RR: operation not permitted (EPERM)"
        assert_output "RLIMIT_RTPRIO of at least 12"
    fi
}

@test "a scheduler that contradicts itself is refused before anything exists" {
    edit_config "$B" '.process.scheduler = {policy: "SCHED_FIFO"}'
    run --separate-stderr bryo create -b "$B" "$ID"
    assert_status 1
    assert_output "process.scheduler.priority: expected 1 to 99 with SCHED_FIFO, found 0"
    edit_config "$B" '.process.scheduler = {policy: "SCHED_OTHER", runtime: 5}'
    run --separate-stderr bryo create -b "$B" "$ID"
    assert_status 1
    assert_output "process.scheduler.runtime: expected none with SCHED_OTHER"
}

@test "process.ioPriority sets class and priority" {
    set_args "$B" ionice -p 1
    edit_config "$B" '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 6}'
    run --separate-stderr bryo run -b "$B" "$ID"
    assert_status 0
    assert_equal "$output" "best-effort: prio 6"
    edit_config "$B" '.process.ioPriority = {class: "IOPRIO_CLASS_IDLE"}'
    run --separate-stderr bryo run -b "$B" "$ID"
    assert_status 0
    assert_output idle
}

@test "exec has the scheduler and the I/O priority of the container, unless its file says otherwise" {
    edit_config "$B" '.process.scheduler = {policy: "SCHED_BATCH", nice: 3} | .process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 5}'
    run_detached
    run --separate-stderr bryo exec "$ID" /bin/sh -c "$stat_field; field 41; field 19; ionice -p \$\$"
    assert_status 0
    assert_equal "$output" "3
3
best-effort: prio 5"
    jq '.process | .args = ["/bin/sh", "-c", $code] | .scheduler.nice = 9 | del(.ioPriority)' \
        --arg code "$stat_field; field 19; ionice -p \$\$" "$B/config.json" >"$TMP/process.json"
    run --separate-stderr bryo exec --process "$TMP/process.json" "$ID"
    assert_status 0
    assert_equal "$output" "9
best-effort: prio 5"
}

@test "execCPUAffinity binds what exec starts, and not the container's init" {
    local cpu all
    cpu=$(last_cpu)
    all=$(awk '/^Cpus_allowed_list/ { print $2 }' /proc/self/status)
    edit_config "$B" ".process.execCPUAffinity = {initial: \"$cpu\"}"
    run_detached
    run --separate-stderr bryo exec "$ID" awk '/^Cpus_allowed_list/ { print $2 }' /proc/1/status /proc/self/status
    assert_status 0
    assert_equal "$output" "$all
$cpu"
    jq ".process | .args = [\"grep\", \"Cpus_allowed_list\", \"/proc/self/status\"] | .execCPUAffinity = {final: \"0-8191\"}" \
        "$B/config.json" >"$TMP/process.json"
    run --separate-stderr bryo exec --process "$TMP/process.json" "$ID"
    assert_status 0
    assert_equal "$(awk '{ print $2 }' <<<"$output")" "$all"
    jq '.process | .execCPUAffinity = {final: "8191"}' "$B/config.json" >"$TMP/process.json"
    run --separate-stderr bryo exec --process "$TMP/process.json" "$ID"
    assert_status 255
    assert_output 'process.execCPUAffinity.final: run on the CPUs "8191": invalid argument (EINVAL)'
    jq '.process | .execCPUAffinity = {initial: "8191"}' "$B/config.json" >"$TMP/process.json"
    run --separate-stderr bryo exec --process "$TMP/process.json" "$ID"
    assert_status 255
    assert_output 'process.execCPUAffinity.initial: run on the CPUs "8191"'
}

@test "linux.memoryPolicy holds for the program and for exec" {
    [ -e /proc/self/numa_maps ] || skip "the kernel has no NUMA policies"
    local node
    node=$(awk '/^Mems_allowed_list/ { print $2 }' /proc/self/status)
    node=${node##*[,-]}
    set_args "$B" head -n 1 /proc/self/numa_maps
    edit_config "$B" ".linux.memoryPolicy = {mode: \"MPOL_BIND\", nodes: \"$node\", flags: [\"MPOL_F_STATIC_NODES\"]}"
    run --separate-stderr bryo run -b "$B" "$ID"
    assert_status 0
    assert_output "bind=static:$node"
    run_detached
    run --separate-stderr bryo exec "$ID" head -n 1 /proc/self/numa_maps
    assert_status 0
    assert_output "bind=static:$node"
}

@test "a memory policy that cannot be" {
    edit_config "$B" '.linux.memoryPolicy = {mode: "MPOL_INTERLEAVE"}'
    run --separate-stderr bryo create -b "$B" "$ID"
    assert_status 1
    assert_output "linux.memoryPolicy.nodes: expected at least one with MPOL_INTERLEAVE, found none"
    [ -e /proc/self/numa_maps ] || return 0
    edit_config "$B" '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "8191"}'
    run --separate-stderr bryo create -b "$B" "$ID"
    assert_status 1
    assert_output 'linux.memoryPolicy: set MPOL_BIND for the nodes "8191": invalid argument (EINVAL)'
}

@test "a label of a security module that is not enabled is refused by its name, at create and at exec" {
    [ ! -e /sys/module/apparmor/parameters/enabled ] && [ ! -e /sys/fs/selinux/enforce ] || skip "this machine has a security module"
    edit_config "$B" '.process.apparmorProfile = "box"'
    run --separate-stderr bryo create -b "$B" "$ID"
    assert_status 1
    assert_output 'process.apparmorProfile: "box" cannot be had: AppArmor is not enabled on this machine'
    edit_config "$B" 'del(.process.apparmorProfile) | .process.selinuxLabel = "a:b:c:s0"'
    run --separate-stderr bryo create -b "$B" "$ID"
    assert_status 1
    assert_output 'process.selinuxLabel: "a:b:c:s0" cannot be had: SELinux is not enabled on this machine'
    edit_config "$B" 'del(.process.selinuxLabel) | .linux.mountLabel = "a:b:c:s0"'
    set_args "$B" /bin/sleep 1000
    run --separate-stderr bryo run --detach -b "$B" "$ID"
    assert_status 0
    [[ $stderr == *"warning: linux.mountLabel is left out: SELinux is not enabled on this machine"* ]]
    run --separate-stderr bryo exec --apparmor box "$ID" true
    assert_status 255
    assert_output 'AppArmor is not enabled'
    run --separate-stderr bryo exec --process-label a:b:c:s0 "$ID" true
    assert_status 255
    assert_output 'SELinux is not enabled'
    run --separate-stderr bryo exec --apparmor unconfined "$ID" true
    assert_status 0
}

@test "the profile \"unconfined\" asks for nothing where there is no AppArmor" {
    [ ! -e /sys/module/apparmor/parameters/enabled ] || skip "this machine has AppArmor"
    edit_config "$B" '.process.apparmorProfile = "unconfined"'
    run --separate-stderr bryo run -b "$B" "$ID"
    assert_status 0
}

@test "an ordinary user cannot move an interface of the host, and is told" {
    skip_if_root
    edit_config "$B" '.linux.netDevices = {lo: {name: "eth0"}}'
    run --separate-stderr bryo create -b "$B" "$ID"
    assert_status 1
    assert_output "linux.netDevices.lo: operation not permitted (EPERM)"
    assert_output "CAP_NET_ADMIN"
    edit_config "$B" '.linux.netDevices = {"bryo-no-such": {name: "eth0"}}'
    run --separate-stderr bryo create -b "$B" "$ID"
    assert_status 1
    assert_output "linux.netDevices.bryo-no-such: find the interface: no such device (ENODEV)"
}

@test "capabilities that the kernel grants to nobody are left out with a warning, as buildah needs it" {
    edit_config "$B" '.process.capabilities = {"bounding": ["CAP_KILL", "CAP_CHOWN"], "permitted": ["CAP_KILL", "CAP_CHOWN"],
        "effective": ["CAP_KILL", "CAP_CHOWN"], "inheritable": ["CAP_CHOWN"], "ambient": ["CAP_KILL", "CAP_CHOWN"]}'
    set_args "$B" /bin/grep -E 'Cap(Eff|Inh|Amb)' /proc/self/status
    run --separate-stderr bryo run -b "$B" "$ID"
    assert_status 0
    assert_equal "$stderr" 'bryo: warning: process.capabilities.ambient: CAP_KILL cannot be granted: not in process.capabilities.inheritable'
    assert_equal "${output//[[:space:]]/ }" "CapInh: 0000000000000001 CapEff: 0000000000000021 CapAmb: 0000000000000001"
}
