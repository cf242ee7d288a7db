# Namespaces: new ones, those of the caller, those of another container.

load ../lib/common

setup() {
    bryo_setup
    B=$TMP/bundle
    make_bundle "$B"
    ID=$(new_id)
}

without_ns() {
    edit_config "$B" "del(.linux.namespaces[] | select(.type == \"$1\"))"
}

@test "every namespace asked for is another than the caller's" {
    set_args "$B" /bin/sh -c 'for n in mnt pid net ipc uts cgroup; do readlink /proc/self/ns/$n; done'
    run --separate-stderr bryo run -b "$B" "$ID"
    assert_status 0
    local n i=0
    for n in mnt pid net ipc uts cgroup; do
        [ "${lines[$i]}" != "$(readlink /proc/self/ns/$n)" ]
        i=$((i + 1))
    done
}

@test "one that is not named is the caller's" {
    without_ns ipc
    without_ns uts
    edit_config "$B" 'del(.hostname) | del(.mounts[] | select(.type == "mqueue"))'
    set_args "$B" /bin/sh -c 'readlink /proc/self/ns/ipc; readlink /proc/self/ns/uts'
    run --separate-stderr bryo run -b "$B" "$ID"
    assert_status 0
    assert_equal "$output" "$(readlink /proc/self/ns/ipc; readlink /proc/self/ns/uts)"
}

@test "an ordinary user gets a user namespace also where config.json names none" {
    skip_if_root
    without_ns user
    default_maps "$B"
    set_args "$B" /bin/sh -c 'id -u; readlink /proc/self/ns/user'
    run --separate-stderr bryo run -b "$B" "$ID"
    assert_status 0
    assert_equal "${lines[0]}" 0
    [ "${lines[1]}" != "$(readlink /proc/self/ns/user)" ]
}

@test "the program is pid 1, has its host name, and lo is up" {
    edit_config "$B" '.hostname = "moss"'
    set_args "$B" /bin/sh -c 'echo $$; hostname; cat /sys/class/net/lo/flags'
    run --separate-stderr bryo run -b "$B" "$ID"
    assert_status 0
    assert_equal "${lines[0]}" 1
    assert_equal "${lines[1]}" moss
    assert_equal "${lines[2]}" 0x9
}

@test "without a pid namespace the program is a process among the caller's, and kill --all says what is missing" {
    without_ns pid
    set_args "$B" /bin/sleep 1000
    edit_config "$B" '(.mounts[] | select(.destination == "/proc")) |= {"destination": "/proc", "type": "bind", "source": "/proc", "options": ["rbind"]}'
    bryo --cgroup-manager disabled run --detach -b "$B" "$ID" </dev/null
    run bryo kill --all "$ID" TERM
    assert_status 1
    assert_output "no pid namespace of its own"
    bryo delete --force "$ID"
}

@test "namespaces of another container are joined by path" {
    set_args "$B" /bin/sleep 1000
    bryo run --detach -b "$B" "$ID" </dev/null
    local pid
    pid=$(bryo state "$ID" | jq .pid)
    cp -r "$B" "$TMP/second"
    edit_config "$TMP/second" "del(.hostname) | .linux.namespaces |= map(if .type == \"mount\" then . else .path = \"/proc/$pid/ns/\" + ({\"network\": \"net\"}[.type] // .type) end)"
    set_args "$TMP/second" /bin/sh -c 'for n in user pid net ipc uts; do readlink /proc/self/ns/$n; done; ls /proc/1/root >/dev/null && echo sees pid 1'
    run --separate-stderr bryo run -b "$TMP/second" "$ID-2"
    assert_status 0
    local n i=0
    for n in user pid net ipc uts; do
        assert_equal "${lines[$i]}" "$(readlink "/proc/$pid/ns/$n")"
        i=$((i + 1))
    done
    bryo delete --force "$ID"
}

@test "a path that is no namespace, or one of another kind" {
    edit_config "$B" '(.linux.namespaces[] | select(.type == "ipc")) |= {"type": "ipc", "path": "/etc/passwd"}'
    run bryo create -b "$B" "$ID"
    assert_status 1
    assert_output /etc/passwd
    edit_config "$B" '(.linux.namespaces[] | select(.type == "ipc")) |= {"type": "ipc", "path": "/proc/self/ns/uts"}'
    run bryo create -b "$B" "$ID"
    assert_status 1
    assert_output "/proc/self/ns/uts"
    edit_config "$B" '(.linux.namespaces[] | select(.type == "ipc")) |= {"type": "ipc", "path": "/proc/self/ns/nothing"}'
    run bryo create -b "$B" "$ID"
    assert_status 1
    assert_output "no such file or directory"
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "a time namespace with offsets" {
    [ -e /proc/self/ns/time ] || skip "this kernel has no time namespaces"
    edit_config "$B" '.linux.namespaces += [{"type": "time"}] | .linux.timeOffsets = {"boottime": {"secs": 1000000}, "monotonic": {"secs": 500000, "nanosecs": 1}}'
    set_args "$B" /bin/sh -c 'cut -d. -f1 /proc/uptime; cat /proc/self/timens_offsets'
    run --separate-stderr bryo run -b "$B" "$ID"
    assert_status 0
    [ "${lines[0]}" -ge 1000000 ]
    [[ ${lines[1]} =~ ^monotonic\ +500000\ +1$ ]]
}

@test "the id map of config.json is the one that is there" {
    skip_if_root
    edit_config "$B" ".linux.uidMappings = [{\"containerID\": 0, \"hostID\": $(id -u), \"size\": 1}] | .linux.gidMappings = [{\"containerID\": 0, \"hostID\": $(id -g), \"size\": 1}] | del(.mounts[].options[]? | select(startswith(\"gid=\")))"
    set_args "$B" /bin/sh -c 'cat /proc/self/uid_map'
    run bryo run -b "$B" "$ID"
    assert_status 0
    [[ $output =~ ^\ *0\ +$(id -u)\ +1$ ]]
}

@test "subordinate ids are mapped behind one's own" {
    skip_if_root
    skip_without_subids
    set_args "$B" /bin/sh -c 'cat /proc/self/uid_map; touch /tmp/x; chown 1000:1000 /tmp/x; stat -c %u:%g /tmp/x'
    edit_config "$B" '.mounts += [{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}] | .process.capabilities |= map_values(. + ["CAP_CHOWN"])'
    run bryo run -b "$B" "$ID"
    assert_status 0
    [[ ${lines[0]} =~ ^\ *0\ +$(id -u)\ +1$ ]]
    [[ ${lines[1]} =~ ^\ *1\ + ]]
    assert_equal "${lines[-1]}" 1000:1000
}

@test "ids that the caller does not have are refused before anything is made" {
    skip_if_root
    edit_config "$B" '.linux.uidMappings = [{"containerID": 0, "hostID": 0, "size": 65536}] | .linux.gidMappings = [{"containerID": 0, "hostID": 0, "size": 65536}]'
    run bryo create -b "$B" "$ID"
    assert_status 1
    assert_output "linux.uidMappings[0]"
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "a joined user namespace that forbids setgroups, with an oomScoreAdj" {
    skip_if_root
    unshare --user --map-root-user --net sleep 1000 3>&- &
    local pid=$!
    wait_for 5 sh -c "grep -q ' 0 ' /proc/$pid/uid_map"
    edit_config "$B" ".process.oomScoreAdj = 600
        | del(.mounts[] | select(.type == \"devpts\"))
        | .linux.namespaces |= map(if .type == \"user\" then .path = \"/proc/$pid/ns/user\" elif .type == \"network\" then .path = \"/proc/$pid/ns/net\" else . end)"
    set_args "$B" /bin/sh -c 'cat /proc/self/oom_score_adj; readlink /proc/self/ns/user'
    run bryo run -b "$B" "$ID"
    local user
    user=$(readlink "/proc/$pid/ns/user")
    kill -KILL $pid
    assert_status 0
    assert_equal "${lines[0]}" 600
    assert_equal "${lines[1]}" "$user"
}

@test "--rootless=false is for root, or for a configuration with a user namespace" {
    skip_if_root
    run bryo --rootless=false run -b "$B" "$ID"
    assert_status 0
    without_ns user
    default_maps "$B"
    run bryo --rootless=false run -b "$B" "$ID"
    assert_status 1
    assert_output "--rootless=false: a container without a user namespace needs root"
    assert_output "hint: leave --rootless out"
}

@test "as uid 0 of a user namespace that forbids setgroups" {
    skip_if_root
    default_maps "$B"
    set_args "$B" /bin/sh -c 'id -u; cat /proc/self/setgroups'
    run unshare --user --map-root-user "$BRYO" --root "$BRYO_ROOT" run -b "$B" "$ID"
    assert_status 0
    assert_output 0
    assert_output deny
}

# Without a user namespace of the container's own: root, or uid 0 of a user namespace that has the mount namespace too.
skip_without_own_mounts() {
    is_root || skip "an ordinary user's container has a user namespace, which cannot return to the host's mounts"
    without_ns user
    default_maps "$B"
}

@test "without a mount namespace the mounts are there, and the caller's namespace has none of them" {
    skip_without_own_mounts
    without_ns mount
    edit_config "$B" '.root.readonly = true | .mounts += [{destination: "/made", type: "tmpfs", source: "tmpfs", options: ["mode=755"]},
        {destination: "/bound", type: "bind", source: "data", options: ["bind", "ro"]}]'
    mkdir "$B/data"
    echo kept >"$B/data/file"
    set_args "$B" /bin/sleep 1000
    local before
    before=$(cat /proc/self/mountinfo)
    bryo create -b "$B" "$ID"
    assert_equal "$(readlink "/proc/$(bryo state "$ID" | jq .pid)/ns/mnt")" "$(readlink /proc/self/ns/mnt)"
    assert_equal "$(cat /proc/self/mountinfo)" "$before"
    bryo start "$ID"
    run bryo exec "$ID" /bin/sh -c 'echo x >/made/x && cat /bound/file && readlink /proc/self/ns/mnt && cat /proc/kcore | wc -c
        test -c /dev/null && ls /sys/firmware && echo in >/made/y; echo x >/bound/file; echo x >/etc/x; ls /made'
    assert_output kept
    assert_output "$(readlink /proc/self/ns/mnt)"
    assert_output "can't create /bound/file: Read-only file system"
    assert_output "can't create /etc/x: Read-only file system"
    assert_equal "${lines[-2]} ${lines[-1]}" "x y"
    [ ! -e "$B/rootfs/made/x" ]
    bryo delete --force "$ID"
    assert_equal "$(cat /proc/self/mountinfo)" "$before"
    rm -r "$B/rootfs"
}

@test "a mount namespace that is joined stays as it is, too" {
    skip_without_own_mounts
    unshare --mount sleep 1000 3>&- &
    local holder=$! before
    wait_for 5 sh -c "[ \"\$(readlink /proc/$holder/ns/mnt)\" != \"\$(readlink /proc/self/ns/mnt)\" ]"
    before=$(cat /proc/$holder/mountinfo)
    edit_config "$B" "(.linux.namespaces[] | select(.type == \"mount\")).path = \"/proc/$holder/ns/mnt\"
        | .mounts += [{destination: \"/bound\", type: \"bind\", source: \"data\", options: [\"bind\"]}]"
    mkdir "$B/data"
    echo kept >"$B/data/file"
    set_args "$B" /bin/sleep 1000
    bryo create -b "$B" "$ID"
    bryo start "$ID"
    run bryo exec "$ID" /bin/sh -c 'readlink /proc/self/ns/mnt; cat /bound/file; ls -d /proc/1 /etc/passwd'
    assert_status 0
    assert_equal "${lines[0]}" "$(readlink /proc/$holder/ns/mnt)"
    assert_equal "${lines[1]}" kept
    assert_equal "$(cat /proc/$holder/mountinfo)" "$before"
    bryo delete --force "$ID"
    assert_equal "$(cat /proc/$holder/mountinfo)" "$before"
    kill "$holder"
    wait "$holder" || true
}

@test "without a mount namespace: what cannot be" {
    without_ns mount
    run bryo --rootless=true create -b "$B" "$ID"
    assert_status 1
    assert_output "mounts: needs a mount namespace, as the container has a user namespace of its own"
    assert_output 'hint: add {"type": "mount"} to linux.namespaces'
    skip_without_own_mounts
    edit_config "$B" '.mounts += [{destination: "/x", type: "tmpfs", source: "tmpfs", options: ["unbindable"]}]'
    run bryo create -b "$B" "$ID"
    assert_status 1
    assert_output ': "unbindable" needs a mount namespace'
}

@test "sysctls are set in a container without a mount namespace" {
    skip_without_own_mounts
    edit_config "$B" '.mounts = [] | .linux.maskedPaths = [] | .linux.readonlyPaths = [] | .root.readonly = false
        | .linux.sysctl = {"net.ipv4.ip_forward": "1"}'
    without_ns mount
    # The root has no /proc then.
    set_args "$B" /bin/sleep 1000
    bryo create -b "$B" "$ID"
    assert_equal "$(nsenter -t "$(bryo state "$ID" | jq .pid)" -n cat /proc/sys/net/ipv4/ip_forward)" 1
}
