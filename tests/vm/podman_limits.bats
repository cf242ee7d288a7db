#!/usr/bin/env bats
# podman with bryo: limits. Each is read inside, read outside, told by systemd, and felt by a process.

load ../lib/common
load podman

inside() { # NAME FILE
    pod exec "$1" cat "/sys/fs/cgroup/$2"
}

# A property of the scope that the container is in, as the user's systemd tells it. Only for bryo: crun 1.8 of Debian 12
# writes the files alone.
assert_property() { # NAME PROPERTY VALUE
    local scope
    [ "$RUNTIME" = bryo ] || return 0
    scope=$(cgroup_of "$1" | grep -oE '[^/]*\.scope' | tail -n 1)
    assert_equal "$(systemctl --user show --property "$2" --value "$scope")" "$3"
}

# A field of the container's cpu.stat.
cpu_stat() { # NAME FIELD
    awk -v field="$2" '$1 == field { print $2 }' "/sys/fs/cgroup$(cgroup_of "$1")/cpu.stat"
}

@test "memory: the limit, the reservation and no swap beside it" {
    pod run -d --name "$C" --memory 64m --memory-swap 64m --memory-reservation 32m $IMAGE sleep 1000
    assert_equal "$(inside "$C" memory.max)" 67108864
    assert_equal "$(inside "$C" memory.low)" 33554432
    assert_equal "$(inside "$C" memory.swap.max)" 0
    assert_equal "$(cgroup_file "$C" memory.max)" 67108864
    assert_property "$C" MemoryMax 67108864
}

@test "memory: who takes more is killed, and the cgroup tells why" {
    run pod run --rm --memory 32m --memory-swap 32m $IMAGE sh -c '
        dd if=/dev/zero of=/dev/null bs=64M count=1; echo "status $?"; cat /sys/fs/cgroup/memory.events'
    assert_status 0
    assert_output "status 137"
    assert_output "oom_kill 1"
    run pod run --rm --memory 128m --memory-swap 128m $IMAGE dd if=/dev/zero of=/dev/null bs=64M count=1
    assert_status 0
}

@test "pids: the limit, and that a fork too many fails" {
    # A first process that reaps: zombies count.
    pod run -d --name "$C" --pids-limit 12 $IMAGE sh -c 'while :; do sleep 1; done'
    assert_equal "$(inside "$C" pids.max)" 12
    assert_equal "$(cgroup_file "$C" pids.max)" 12
    assert_property "$C" TasksMax 12
    run pod exec "$C" sh -c 'i=0; while [ $i -lt 30 ]; do sleep 5 & i=$((i + 1)); done; echo all 30'
    [[ "${output,,}" == *"can't fork"* ]]
    refute_output "all 30"
    [ "$(inside "$C" pids.peak 2>/dev/null || echo 12)" -le 12 ]
    pod exec "$C" true || wait_for 20 pod exec "$C" true # there is room again when they have ended
}

@test "cpus: half a CPU is half a CPU" {
    pod run -d --name "$C" --cpus 0.5 $IMAGE sh -c 'while :; do :; done'
    assert_equal "$(inside "$C" cpu.max)" "50000 100000"
    assert_equal "$(cgroup_file "$C" cpu.max)" "50000 100000"
    assert_property "$C" CPUQuotaPerSecUSec 500ms
    used=$(cpu_stat "$C" usage_usec)
    start=${EPOCHREALTIME/[.,]/}
    sleep 5
    used=$(($(cpu_stat "$C" usage_usec) - used))
    elapsed=$((${EPOCHREALTIME/[.,]/} - start))
    echo "used $used of $elapsed µs"
    # Not more than a half and a tenth of it; less only where the machine has no half CPU to give.
    [ $((used * 100)) -le $((elapsed * 55)) ]
    [ "$(cpu_stat "$C" nr_throttled)" -gt 5 ]
}

@test "cpu shares become a weight" {
    pod run -d --name "$C" --cpu-shares 512 $IMAGE sleep 1000
    weight=$(inside "$C" cpu.weight)
    # By the formula of 2025, which makes 100 of 1024; crun 1.8 has the linear one before it.
    [ "$RUNTIME" = crun ] && assert_equal "$weight" 20 || assert_equal "$weight" 59
    assert_equal "$(cgroup_file "$C" cpu.weight)" "$weight"
    assert_property "$C" CPUWeight "$weight"
}

@test "the files are read-only inside, and the container sees no other cgroup" {
    pod run -d --name "$C" --memory 64m $IMAGE sleep 1000
    run pod exec "$C" sh -c 'echo max >/sys/fs/cgroup/memory.max'
    [ "$status" -ne 0 ]
    assert_equal "$(inside "$C" memory.max)" 67108864
    assert_equal "$(pod exec "$C" cat /proc/self/cgroup)" "0::/"
    run pod exec "$C" ls /sys/fs/cgroup
    refute_output system.slice
}

@test "--cgroupns host shows the scope's path" {
    run pod run --rm --cgroupns host $IMAGE cat /proc/self/cgroup
    assert_status 0
    [[ "$output" =~ ^0::/user\.slice/.*/user\.slice/libpod-[0-9a-f]{64}\.scope ]]
}

@test "--cgroup-parent: a slice of one's own" {
    pod run -d --name "$C" --cgroup-parent user-bryotest.slice --memory 64m $IMAGE sleep 1000
    path=$(cgroup_of "$C")
    assert_equal "$(cgroup_file "$C" memory.max)" 67108864
    pod rm --force --time 0 "$C"
    systemctl --user stop user-bryotest.slice # systemd keeps what it made on the way
    [[ "$path" == *"/user-bryotest.slice/libpod-"*".scope"* ]]
}

@test "--cgroups=disabled makes no cgroup: it stays in the one of podman" {
    pod run -d --name "$C" --cgroups disabled --cgroupns host $IMAGE sleep 1000
    [[ "$(cgroup_of "$C")" != *libpod* ]]
    pod exec "$C" true
}

@test "--cgroups=no-conmon: conmon stays where podman is, the container does not" {
    pod run -d --name "$C" --cgroups no-conmon --memory 64m $IMAGE sleep 1000
    [[ "$(cgroup_of "$C")" == *"/libpod-"*".scope"* ]]
    [[ "$(cat "/proc/$(value "$C" '{{.State.ConmonPid}}')/cgroup")" != *libpod* ]]
    assert_equal "$(cgroup_file "$C" memory.max)" 67108864
}

@test "--cgroup-manager cgroupfs: where podman's own path is not the user's, a container without limits runs" {
    run podman --runtime "$RUNTIME" --cgroup-manager cgroupfs run --rm --name "$C" --pids-limit 0 $IMAGE echo runs 3>&-
    assert_status 0
    assert_output runs
}

@test "pause and unpause: nothing goes on in between" {
    pod run -d --name "$C" $IMAGE sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/tmp/new; mv /tmp/new /tmp/count; sleep 0.05; done'
    wait_for 10 pod exec "$C" test -s /tmp/count
    pod pause "$C"
    assert_equal "$(value "$C" '{{.State.Status}}')" paused
    count=/proc/$(pid_of "$C")/root/tmp/count
    before=$(podman unshare cat "$count")
    sleep 1
    assert_equal "$(podman unshare cat "$count")" "$before"
    run pod exec "$C" true
    [ "$status" -ne 0 ]
    pod unpause "$C"
    assert_equal "$(value "$C" '{{.State.Status}}')" running
    wait_for 10 sh -c "[ \"\$(podman unshare cat $count)\" -gt $before ]"
}

@test "a paused container is removed by force" {
    pod run -d --name "$C" $IMAGE sleep 1000
    pod pause "$C"
    pod rm --force --time 0 "$C"
    run pod container exists "$C"
    assert_status 1
}

@test "stats: what it uses, and of how much" {
    pod run -d --name "$C" --memory 64m $IMAGE sh -c 'sleep 1000 & sleep 1000 & wait'
    run pod stats --no-stream --no-reset --format '{{.PIDs}}|{{.MemUsage}}|{{.CPU}}' "$C"
    assert_status 0
    assert_equal "${output%%|*}" 3
    [[ "$output" =~ [1-9].*B\ /\ 67\.11MB ]]
}

@test "update: memory and cpus of a running container" {
    pod run -d --name "$C" --memory 64m --cpus 0.5 --pids-limit 33 $IMAGE sleep 1000
    pod update --memory 96m --memory-swap 96m --cpus 0.25 "$C"
    assert_equal "$(inside "$C" memory.max)" 100663296
    assert_equal "$(inside "$C" cpu.max)" "25000 100000"
    assert_equal "$(inside "$C" pids.max)" 33
    assert_equal "$(cgroup_file "$C" memory.max)" 100663296
    assert_property "$C" MemoryMax 100663296
    # A reload of the manager writes its own values anew: they must be the same.
    systemctl --user daemon-reload
    assert_equal "$(cgroup_file "$C" memory.max) $(cgroup_file "$C" pids.max)" "100663296 33"
}

@test "inspect tells the limits and the cgroup" {
    pod run -d --name "$C" --memory 64m --pids-limit 55 $IMAGE sleep 1000
    assert_equal "$(value "$C" '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}')" "67108864 55"
    path=$(value "$C" '{{.State.CgroupPath}}')
    [ -d "/sys/fs/cgroup$path" ]
    [[ "$(cgroup_of "$C")" == "$path"* ]]
}

@test "after rm the scope and its cgroup are gone" {
    pod run -d --name "$C" --memory 64m $IMAGE sleep 1000
    path=/sys/fs/cgroup$(cgroup_of "$C")
    scope=$(grep -oE '[^/]*\.scope' <<<"$path" | tail -n 1)
    [ -d "$path" ]
    [ "$(systemctl --user is-active "$scope")" = active ]
    pod rm --force --time 0 "$C"
    wait_for 5 sh -c "! [ -d '$path' ]"
    assert_equal "$(systemctl --user is-active "$scope")" inactive
}

@test "a controller that is not delegated is named" {
    run pod run --rm --cpuset-cpus 0 $IMAGE true
    [ "$status" -ne 0 ]
    assert_output cpuset
}
