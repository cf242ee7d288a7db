# What is different when the machine's root calls: no user namespace unless asked for, real device nodes, all ids.

load ../lib/common

setup() {
    skip_unless_root
    bryo_setup
    B=$TMP/bundle
    make_bundle "$B" '.root.readonly = false'
    ID=$(new_id)
}

teardown() {
    [ -z "${TMP:-}" ] || bryo_teardown
}

@test "root gets no user namespace by itself" {
    set_args "$B" readlink /proc/self/ns/user
    run bryo run -b "$B" "$ID"
    assert_status 0
    assert_equal "$output" "$(readlink /proc/self/ns/user)"
}

@test "root gets one with --rootless=true" {
    bryo spec --rootless -b "$TMP" >/dev/null
    jq '.process.terminal = false | .process.args = ["readlink", "/proc/self/ns/user"] | .root.path = "bundle/rootfs"' \
        "$TMP/config.json" >"$TMP/new.json"
    mv "$TMP/new.json" "$TMP/config.json"
    run bryo --rootless=true run -b "$TMP" "$ID"
    assert_status 0
    [ "$output" != "$(readlink /proc/self/ns/user)" ]
}

@test "root may map ids that are nobody's range" {
    chown -R 300000:300000 "$B/rootfs"
    # Inside, the way to the bundle is walked by uid 300000.
    dir=$B
    while [ "$dir" != / ]; do
        [ -O "$dir" ] && chmod a+x "$dir"
        dir=$(dirname "$dir")
    done
    edit_config "$B" '.linux.namespaces += [{type: "user"}]
        | .linux.uidMappings = [{containerID: 0, hostID: 300000, size: 1000}] | .linux.gidMappings = .linux.uidMappings'
    set_args "$B" sh -c 'cat /proc/self/uid_map; id -u; stat -c %u /bin'
    run bryo run -b "$B" "$ID"
    assert_status 0
    assert_equal "$(echo "${lines[0]}" | xargs)" "0 300000 1000"
    assert_equal "${lines[1]} ${lines[2]}" "0 0"
}

@test "a process of another uid and its groups" {
    edit_config "$B" '.process.user = {uid: 1234, gid: 5678, additionalGids: [42, 43]}'
    set_args "$B" sh -c 'id -u; id -g; grep Groups /proc/self/status'
    run bryo run -b "$B" "$ID"
    assert_status 0
    assert_equal "${lines[0]} ${lines[1]}" "1234 5678"
    assert_equal "$(echo "${lines[2]}" | xargs)" "Groups: 42 43"
}

@test "device nodes are made, with the mode and owner asked for" {
    edit_config "$B" '.linux.devices = [{path: "/dev/mynull", type: "c", major: 1, minor: 3, fileMode: 416, uid: 7, gid: 8},
        {path: "/dev/sub/fifo", type: "p", fileMode: 384}]'
    set_args "$B" stat -c '%n %F %a %u %g %t:%T' /dev/mynull /dev/sub/fifo
    run bryo run -b "$B" "$ID"
    assert_status 0
    assert_equal "${lines[0]}" "/dev/mynull character special file 640 7 8 1:3"
    assert_output "/dev/sub/fifo fifo 600"
}

@test "the mounts of a container do not reach the machine" {
    before=$(wc -l </proc/self/mountinfo)
    set_args "$B" sleep 100
    bryo create -b "$B" "$ID"
    assert_equal "$(wc -l </proc/self/mountinfo)" "$before"
    bryo delete --force "$ID"
    assert_equal "$(wc -l </proc/self/mountinfo)" "$before"
}

@test "capabilities that are not granted are gone for good" {
    edit_config "$B" '.process.capabilities = {bounding: ["CAP_CHOWN"], permitted: ["CAP_CHOWN"], effective: ["CAP_CHOWN"]}'
    set_args "$B" sh -c 'grep ^Cap /proc/self/status; mount -t tmpfs tmpfs /tmp 2>&1; hostname other 2>&1'
    run bryo run -b "$B" "$ID"
    [ "$status" -ne 0 ]
    for set in CapPrm CapEff CapBnd; do
        assert_output "$set:"$'\t'"0000000000000001"
    done
    assert_output "permission denied"
}

@test "a capability that nobody can grant is warned about, not an error" {
    skip_without capsh
    edit_config "$B" '.process.capabilities = {bounding: ["CAP_CHOWN", "CAP_SYS_TIME"], permitted: ["CAP_CHOWN", "CAP_SYS_TIME"], effective: ["CAP_CHOWN"]}'
    set_args "$B" grep ^Cap /proc/self/status
    run capsh --drop=cap_sys_time -- -c "'$BRYO' --root '$BRYO_ROOT' run -b '$B' '$ID'"
    assert_status 0
    assert_output "warning: process.capabilities: CAP_SYS_TIME cannot be granted"
    assert_output "CapBnd:"$'\t'"0000000000000001"
    set_args "$B" sleep 1000
    capsh --drop=cap_sys_time -- -c "'$BRYO' --root '$BRYO_ROOT' run --detach -b '$B' '$ID' </dev/null >/dev/null 2>&1 3>&-"
    run capsh --drop=cap_sys_time -- -c "'$BRYO' --root '$BRYO_ROOT' exec '$ID' grep ^CapBnd /proc/self/status"
    assert_status 0
    assert_output "CapBnd:"$'\t'"0000000000000001"
}

@test "check: root has the controllers of the machine, whatever cgroup it is called in" {
    run bryo check --format json
    detail=$(jq -r '.checks[] | select(.id == "cgroup") | .detail' <<<"$output")
    if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
        [[ "$detail" == "version 2, \"/sys/fs/cgroup\" is root's with: $(</sys/fs/cgroup/cgroup.controllers)"* ]]
    else
        [[ "$detail" == "version 1 with: "* ]]
        for name in $(cut -d: -f2 /proc/self/cgroup | grep -v = | tr , ' '); do
            [[ " ${detail#*: } " == *" $name "* ]]
        done
        unshare --mount --propagation private sh -c 'umount -R /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"' \
            sh "$BRYO" check --format json >"$TMP/v2" || true
        jq -r '.checks[] | select(.id == "cgroup") | .detail, .fix' "$TMP/v2" >"$TMP/row"
        grep -q "^version 2, \"/sys/fs/cgroup\" is root's with: .*; missing: " "$TMP/row"
        grep -q "take cgroup_disable= off the kernel's command line" "$TMP/row"
    fi
}
