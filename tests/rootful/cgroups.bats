# Cgroup v2 by its files. Each test runs in a mount namespace with cgroup2 alone on /sys/fs/cgroup, whatever the machine
# has there, and below a cgroup of its own, /bryo-test-…; of controllers hugetlb is all that a machine with cgroup v1 has
# left for v2 (the others: tests/vm).

load ../lib/common

setup() {
    skip_unless_root
    unshare -m mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null || skip "cgroup2 cannot be mounted"
    bryo_setup
    B=$TMP/bundle
    make_bundle "$B"
    ID=$(new_id)
    T=bryo-test-$ID
    edit_config "$B" ".linux.cgroupsPath = \"/$T/box\""
}

teardown() {
    [ -z "${TMP:-}" ] || bryo_teardown
}

# The commands of standard input. $C is /sys/fs/cgroup, $G the container's cgroup seen from outside. What the test leaves
# in the tree fails it.
with_cgroup2() {
    cat >"$TMP/script" <<END
set -eu
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
B=$B ID=$ID T=$T C=/sys/fs/cgroup G=/sys/fs/cgroup/$T/box TMP=$TMP
mkdir -p "\$C/\$T"
bryo() { "$BRYO" --root "$BRYO_ROOT" "\$@"; }
as_user() { HOME=/tmp XDG_RUNTIME_DIR=/tmp setpriv --reuid 12345 --regid 12345 --clear-groups --inh-caps=-all -- "\$@"; }
wait_for() { local i; for i in \$(seq 200); do "\$@" && return; sleep 0.02; done; echo "waited in vain for \$*" >&2; return 1; }
finish() {
    status=\$?
    for id in \$(bryo list -q); do bryo delete --force "\$id" || status=1; done
    if [ -e "\$C/\$T/bryo-caller" ]; then rmdir "\$C/\$T/bryo-caller"; fi
    if [ -n "\$(find "\$C/\$T" -mindepth 1 -type d)" ]; then find "\$C/\$T" -mindepth 1 -type d; status=1; fi
    find "\$C/\$T" -depth -type d -exec rmdir {} +
    exit \$status
}
trap finish EXIT
END
    cat >>"$TMP/script"
    run unshare --mount --propagation private bash "$TMP/script"
}

# The way to DIR is walked by ids that are not root's.
others_may_pass() {
    local dir=$1
    while [ "$dir" != / ]; do
        [ ! -O "$dir" ] || chmod a+x "$dir"
        dir=$(dirname "$dir")
    done
}

has_hugetlb() {
    unshare --mount --propagation private sh -c 'umount -R /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup &&
        grep -qw hugetlb /sys/fs/cgroup/cgroup.controllers' 2>/dev/null
}

@test "a container sees its cgroup as the root, and nothing stays" {
    set_args "$B" /bin/sh -c 'grep ^0:: /proc/self/cgroup; cat /sys/fs/cgroup/cgroup.procs; ls -d /sys/fs/cgroup/bryo* 2>&1'
    with_cgroup2 <<'END'
bryo run -b "$B" "$ID"
[ ! -e "$G" ]
END
    assert_status 1
    edit_config "$B" '.process.args[2] |= sub("; ls.*"; "")'
    with_cgroup2 <<'END'
bryo run -b "$B" "$ID"
[ ! -e "$G" ]
END
    assert_status 0
    assert_equal "${lines[0]}" "0::/"
    assert_equal "${lines[1]}" 1
}

@test "without a path it is bryo-ID, with a number where that is taken" {
    edit_config "$B" 'del(.linux.cgroupsPath)'
    set_args "$B" /bin/sleep 100
    with_cgroup2 <<'END'
bryo run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
jq -r '.cgroupManager, .cgroupPath' "$(echo "$TMP"/state/*/state.json)"
grep -qxF "$(bryo state "$ID" | jq .pid)" "$C/bryo-$ID/cgroup.procs"
"$BRYO" --root "$TMP/other" run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
jq -r .cgroupPath "$TMP/other/$ID/state.json"
"$BRYO" --root "$TMP/other" delete --force "$ID"
bryo delete --force "$ID"
ls -d "$C/bryo-$ID"* 2>/dev/null || echo none
END
    assert_status 0
    assert_equal "$output" "cgroupfs
/bryo-$ID
/bryo-$ID.1
none"
}

@test "linux.cgroupsPath: from the root, or from the caller's own; what was made on the way stays" {
    set_args "$B" /bin/sleep 100
    edit_config "$B" ".linux.cgroupsPath = \"/$T/a//b/./box/\""
    with_cgroup2 <<'END'
bryo run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
jq -r .cgroupPath "$TMP/state/$ID/state.json"
bryo delete --force "$ID"
[ -d "$C/$T/a/b" ] && [ ! -d "$C/$T/a/b/box" ]
rmdir "$C/$T/a/b" "$C/$T/a"
jq '.linux.cgroupsPath = "./x/y"' "$B/config.json" >"$B/relative.json"
mkdir "$C/$T/own"
sh -c 'echo $$ >"$1/cgroup.procs"; exec "$2" --root "$3" run -d -b "$4" -f "$4/relative.json" "$5"' sh "$C/$T/own" "$BRYO" "$TMP/state" "$B" "$ID" </dev/null >/dev/null 2>&1
jq -r .cgroupPath "$TMP/state/$ID/state.json"
bryo delete --force "$ID"
rmdir "$C/$T/own/x" "$C/$T/own"
END
    assert_status 0
    assert_equal "$output" "/$T/a/b/box
/$T/own/x/y"
}

@test "paths that can't be meant" {
    local bad
    for bad in /../x a/../../b ..; do
        edit_config "$B" ".linux.cgroupsPath = \"$bad\""
        with_cgroup2 <<'END'
bryo run -b "$B" "$ID"
END
        assert_status 1
        assert_output "linux.cgroupsPath: expected a path without \"..\", found \"$bad\""
    done
    edit_config "$B" '.linux.cgroupsPath = "/"'
    with_cgroup2 <<'END'
bryo run -b "$B" "$ID"
END
    assert_status 1
    assert_output 'linux.cgroupsPath: expected a cgroup of the container'"'"'s own, found "/"'
    edit_config "$B" '.linux.cgroupsPath = "a:b:c"'
    with_cgroup2 <<'END'
bryo --cgroup-manager cgroupfs run -b "$B" "$ID"
END
    assert_status 1
    assert_output 'linux.cgroupsPath: "a:b:c" names a unit of systemd'
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "a cgroup that is another's is left alone" {
    set_args "$B" /bin/sleep 100
    with_cgroup2 <<'END'
bryo run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
bryo run -b "$B" second && exit 1
bryo state "$ID" | jq -r .status
[ ! -e "$TMP/state/second" ]
bryo kill "$ID" KILL
wait_for sh -c "grep -q 'populated 0' '$G/cgroup.events'"
# The leftover of one that was killed is used again.
bryo run -d -b "$B" second </dev/null >/dev/null 2>&1
bryo state second | jq -r .status
END
    assert_status 0
    assert_equal "$output" "bryo: create the cgroup \"/sys/fs/cgroup/$T/box\": file exists (EEXIST)
bryo: hint: there is one already, with processes or cgroups in it
running
running"
}

@test "limits are in the files, inside and outside, and update changes them" {
    has_hugetlb || skip "no controller hugetlb in cgroup2"
    edit_config "$B" '.linux.resources = {hugepageLimits: [{pageSize: "2MB", limit: 4194304}], unified: {"cgroup.max.depth": "5"}}'
    set_args "$B" /bin/sh -c 'cat /sys/fs/cgroup/hugetlb.2MB.max /sys/fs/cgroup/hugetlb.2MB.rsvd.max /sys/fs/cgroup/cgroup.max.depth >/tmp/limits; exec sleep 100'
    edit_config "$B" '.mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"}]'
    with_cgroup2 <<'END'
bryo run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
cat "$G/hugetlb.2MB.max"
wait_for bryo exec "$ID" test -s /tmp/limits
bryo exec "$ID" cat /tmp/limits
bryo update -r - "$ID" <<<'{"hugepageLimits": [{"pageSize": "2MB", "limit": 2097152}]}'
cat "$G/hugetlb.2MB.max" "$G/cgroup.max.depth"
bryo update --cpu-rt-runtime 5 "$ID" 2>&1 && exit 1
# One that is refused takes back what came before it.
bryo update -r - "$ID" <<<'{"hugepageLimits": [{"pageSize": "2MB", "limit": 0}], "unified": {"cgroup.max.depth": "-7"}}' 2>&1 || cat "$G/hugetlb.2MB.max"
END
    assert_status 0
    assert_equal "$output" "4194304
4194304
4194304
5
2097152
5
bryo: cannot update container \"$ID\": cpu.realtimeRuntime: cgroup v2 has nothing like it
bryo: hint: remove it
bryo: cannot update container \"$ID\": write \"-7\" to \"/sys/fs/cgroup/$T/box/cgroup.max.depth\": numerical result out of range (ERANGE)
2097152"
}

@test "a controller that is not there" {
    with_cgroup2 <<'END'
grep -qw rdma "$C/cgroup.controllers" && exit 77
jq '.linux.resources = {rdma: {m: {hcaHandles: 1}}, unified: {"rdma.max": "m hca_handle=2"}}' "$B/config.json" >"$B/new.json"
bryo --cgroup-manager cgroupfs run -b "$B" -f "$B/new.json" "$ID" 2>&1 && exit 1
[ ! -e "$G" ]
bryo --cgroup-manager cgroupfs --limits try run -b "$B" -f "$B/new.json" "$ID" 2>&1
bryo --limits off run -b "$B" -f "$B/new.json" "$ID" 2>&1
jq '.process.args = ["sleep", "100"]' "$B/config.json" >"$B/new.json"
bryo run -d -b "$B" -f "$B/new.json" "$ID" </dev/null >/dev/null 2>&1
bryo update -r - "$ID" <<<'{"rdma": {"m": {"hcaHandles": 1}}}' 2>&1 && exit 1
bryo delete --force "$ID"
END
    [ "$status" != 77 ] || skip "the controller rdma is there"
    assert_status 0
    assert_equal "$output" 'bryo: linux.resources.rdma: this machine has no controller "rdma" in cgroup v2
bryo: hint: --limits=try runs the container without
bryo: warning: without the limits linux.resources.rdma, linux.resources.unified["rdma.max"]: this machine has no controller "rdma" in cgroup v2
bryo: cannot update container "'"$ID"'": this machine has no controller "rdma" in cgroup v2'
}

@test "a value that the kernel refuses names directory, file and value, and nothing stays" {
    edit_config "$B" '.linux.resources.unified = {"cgroup.max.depth": "deep"}'
    edit_config "$B" ".linux.cgroupsPath = \"/$T/way/box\""
    with_cgroup2 <<'END'
bryo run -b "$B" "$ID"
END
    assert_status 1
    assert_equal "$output" "bryo: write \"deep\" to \"/sys/fs/cgroup/$T/way/box/cgroup.max.depth\": invalid argument (EINVAL)"
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "pause, state, exec, resume" {
    set_args "$B" /bin/sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/tmp/tick; sleep 0.01; done'
    edit_config "$B" '.mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"}]'
    with_cgroup2 <<'END'
bryo run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
root=/proc/$(bryo state "$ID" | jq .pid)/root
wait_for test -s "$root/tmp/tick"
bryo resume "$ID" 2>&1 && exit 1
bryo pause "$ID"
grep frozen "$G/cgroup.events"
bryo state "$ID" | jq -r .status
before=$(cat "$root/tmp/tick"); sleep 0.2
[ "$before" = "$(cat "$root/tmp/tick")" ]
bryo pause "$ID" 2>&1 && exit 1
bryo exec "$ID" true 2>&1 && exit 1
bryo exec --ignore-paused "$ID" echo late &
sleep 0.2
bryo resume "$ID"
wait
bryo state "$ID" | jq -r .status
wait_for sh -c "[ '$before' != \"\$(cat $root/tmp/tick)\" ]"
# What is paused can be killed.
bryo pause "$ID"
bryo delete --force "$ID"
END
    assert_status 0
    assert_equal "$output" "bryo: cannot resume container \"$ID\": it is not paused
frozen 1
paused
bryo: cannot pause container \"$ID\": it is paused already
bryo: cannot exec in container \"$ID\": it is paused
bryo: hint: resume it first, or use --ignore-paused
late
running"
}

@test "exec enters the cgroup, one below it, or where the container's first process went" {
    set_args "$B" /bin/sleep 100
    edit_config "$B" '.mounts |= map(if .type == "cgroup" then .options -= ["ro"] else . end)'
    with_cgroup2 <<'END'
bryo run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
bryo exec "$ID" grep ^0:: /proc/self/cgroup
bryo exec --cgroup a "$ID" grep ^0:: /proc/self/cgroup
bryo exec --cgroup /a "$ID" sh -c 'cat /proc/self/cgroup | grep ^0::; readlink /proc/self/ns/cgroup' | sed "s/$(readlink /proc/self/ns/cgroup)/OURS/; s/cgroup:.*/THEIRS/"
bryo exec --cgroup a/../.. "$ID" true 2>&1 && exit 1
bryo exec --cgroup no/way "$ID" true 2>&1 && exit 1
# As an init that divides its cgroup.
[ -n "$(cat "$C/cgroup.controllers")" ] || exit 77
for c in $(cat "$C/cgroup.controllers"); do echo "+$c" >"$C/cgroup.subtree_control"; echo "+$c" >"$C/$T/cgroup.subtree_control"; break; done
bryo exec "$ID" sh -c 'cd /sys/fs/cgroup && mkdir init && for p in $(cat cgroup.procs); do echo $p >init/cgroup.procs 2>/dev/null; done; for c in $(cat cgroup.controllers); do echo "+$c" >cgroup.subtree_control; done; cat cgroup.subtree_control' >/dev/null
bryo exec "$ID" grep ^0:: /proc/self/cgroup
echo "-$c" >"$G/cgroup.subtree_control"
bryo delete --force "$ID"
echo "-$c" >"$C/$T/cgroup.subtree_control"
END
    [ "$status" != 77 ] || skip "no controller in cgroup2"
    assert_status 0
    assert_equal "$output" "0::/
0::/a
0::/a
THEIRS
bryo: container \"$ID\": --cgroup: expected a path without \"..\", found \"a/../..\"
bryo: hint: a path that begins with / counts from /sys/fs/cgroup, another from the caller's own cgroup
bryo: container \"$ID\": create the cgroup \"/sys/fs/cgroup/$T/box/no/way\": no such file or directory (ENOENT)
0::/init"
}

@test "without a pid namespace: ps, kill --all and delete go by the cgroup" {
    edit_config "$B" 'del(.linux.namespaces[] | select(.type == "pid")) | .mounts |= map(if .destination == "/proc" then {destination: "/proc", type: "bind", source: "/proc", options: ["rbind", "ro"]} else . end) | del(.linux.maskedPaths, .linux.readonlyPaths)'
    # The first process ends, those that it started stay: one of them ignores signals, one makes a cgroup of its own.
    set_args "$B" /bin/sh -c 'sleep 1001 & sleep 1002 & exec sleep 1003'
    with_cgroup2 <<'END'
bryo run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
wait_for sh -c "[ \$(wc -l <$G/cgroup.procs) = 3 ]"
[ "$(bryo ps -f json "$ID" | jq -c .)" = "$(sort -n "$G/cgroup.procs" | jq -sc .)" ]
bryo ps "$ID" -o pid,args | grep -c 'sleep 100[123]'
mkdir "$G/below"
grep -m1 . "$G/cgroup.procs" >"$G/below/cgroup.procs"
bryo kill --all "$ID" STOP
for p in $(cat "$G/cgroup.procs" "$G/below/cgroup.procs"); do awk '{ print $3 }' "/proc/$p/stat"; done | sort | uniq -c | awk '{ print $1, $2 }'
bryo kill --all "$ID" CONT
kill -KILL "$(bryo state "$ID" | jq .pid)"
wait_for sh -c "'$BRYO' --root '$TMP/state' state '$ID' | grep -q stopped"
grep populated "$G/cgroup.events"
bryo kill --all "$ID" USR1
wait_for grep -q 'populated 0' "$G/cgroup.events"
bryo kill --all "$ID" KILL
bryo delete "$ID"
[ ! -e "$G" ]
# And delete kills what is left.
bryo run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
wait_for sh -c "[ \$(wc -l <$G/cgroup.procs) = 3 ]"
pids=$(cat "$G/cgroup.procs")
kill -KILL "$(bryo state "$ID" | jq .pid)"
wait_for sh -c "'$BRYO' --root '$TMP/state' state '$ID' | grep -q stopped"
bryo delete "$ID"
for p in $pids; do [ ! -e "/proc/$p" ] || grep -q '^State:.Z' "/proc/$p/status"; done
END
    assert_status 0
    assert_equal "$output" "3
3 T
populated 1"
}

@test "kill without cgroup.kill, as on Linux 5.12 and 5.13" {
    edit_config "$B" 'del(.linux.namespaces[] | select(.type == "pid")) | .mounts |= map(if .destination == "/proc" then {destination: "/proc", type: "bind", source: "/proc", options: ["rbind", "ro"]} else . end) | del(.linux.maskedPaths, .linux.readonlyPaths)'
    set_args "$B" /bin/sh -c 'trap "" TERM; while :; do sleep 0.01; done & while :; do sleep 0.01; done'
    skip_without strace
    with_cgroup2 <<'END'
bryo run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
wait_for sh -c "[ \$(wc -l <$G/cgroup.procs) -ge 2 ]"
# faccessat tells that the file is not there.
ASAN_OPTIONS=detect_leaks=0 strace -qq -o /dev/null -P "$G/cgroup.kill" -P cgroup.kill -e trace=faccessat,faccessat2 -e inject=faccessat,faccessat2:error=ENOENT "$BRYO" --root "$TMP/state" kill --all "$ID" KILL
wait_for grep -q 'populated 0' "$G/cgroup.events"
cat "$G/cgroup.freeze"
END
    assert_status 0
    assert_equal "$output" 0
}

@test "events: numbers once, and every interval until the end" {
    set_args "$B" /bin/sleep 100
    with_cgroup2 <<'END'
bryo run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
bryo events --stats "$ID" | jq -c '[.type, .id == $id, (.data | keys)]' --arg id "$ID"
bryo events --stats "$ID" | jq '.data.cpu.usage.total > 0'
bryo events --interval 20ms "$ID" >"$TMP/events" &
wait_for sh -c "[ \$(wc -l <'$TMP/events') -ge 3 ]"
bryo kill "$ID" KILL
wait
jq -r .type "$TMP/events" | sort -u
END
    assert_status 0
    assert_equal "$output" '["stats",true,["blkio","cpu","cpuset","hugetlb","intel_rdt","memory","network_interfaces","pids"]]
true
stats'
}

@test "a cgroup that is gone is told, and delete does not mind" {
    set_args "$B" /bin/sleep 100
    with_cgroup2 <<'END'
bryo run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
pid=$(bryo state "$ID" | jq .pid)
echo "$pid" >"$C/cgroup.procs"
rmdir "$G"
for verb in pause 'update --pids-limit 5' 'events --stats' 'events --interval 10ms' ps; do
    bryo $verb "$ID" 2>&1 && exit 1
done
bryo exec "$ID" true 2>&1 && exit 1
bryo state "$ID" | jq -r .status
bryo kill --all "$ID" KILL
wait_for sh -c "'$BRYO' --root '$TMP/state' state '$ID' | grep -q stopped"
bryo delete "$ID"
END
    assert_status 0
    local gone="open the cgroup \"/sys/fs/cgroup/$T/box\": no such file or directory (ENOENT)"
    assert_equal "$output" "bryo: cannot pause container \"$ID\": $gone
bryo: cannot update container \"$ID\": $gone
bryo: cannot read the statistics of container \"$ID\": $gone
bryo: cannot watch container \"$ID\": $gone
bryo: container \"$ID\": $gone
bryo: container \"$ID\": $gone
running"
}

@test "with a writable mount the files belong to the container's root" {
    skip_without newuidmap
    edit_config "$B" '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1000}] | .linux.gidMappings = .linux.uidMappings | .mounts |= map(if .type == "cgroup" then .options -= ["ro"] else . end)'
    chown -R 100000:100000 "$B/rootfs"
    others_may_pass "$B"
    set_args "$B" /bin/sh -c 'cd /sys/fs/cgroup; stat -c "%u:%g" . cgroup.procs cgroup.subtree_control cgroup.threads cgroup.freeze; mkdir sub; echo $$ >sub/cgroup.procs; grep ^0:: /proc/self/cgroup; sleep 1000 & exit 3'
    with_cgroup2 <<'END'
status=0
bryo run -b "$B" "$ID" || status=$?
echo $status
END
    assert_status 0
    assert_equal "$output" "0:0
0:0
0:0
0:0
65534:65534
0::/sub
3"
}

@test "a container that joins namespaces of another has its own cgroup" {
    set_args "$B" /bin/sleep 100
    with_cgroup2 <<'END'
bryo run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
pid=$(bryo state "$ID" | jq .pid)
# Through the stage process, cloned into it.
jq ".linux.cgroupsPath = \"/$T/two\" | .linux.namespaces |= map(if .type == \"network\" or .type == \"ipc\" then .path = \"/proc/$pid/ns/\" + {network: \"net\", ipc: \"ipc\"}[.type] else . end) | .process.args = [\"grep\", \"^0::\", \"/proc/self/cgroup\"] | .mounts |= map(select(.type != \"sysfs\"and .type != \"cgroup\"))" "$B/config.json" >"$B/two.json"
bryo run -b "$B" -f "$B/two.json" two
# With the other's cgroup namespace, outside of which its own cgroup lies: moved there from outside.
jq '.linux.namespaces |= map(if .type == "cgroup" then .path = "/proc/'$pid'/ns/cgroup" else . end)' "$B/two.json" >"$B/three.json"
bryo run -b "$B" -f "$B/three.json" three
bryo delete --force "$ID"
END
    assert_status 0
    assert_equal "$output" "0::/
0::/../two"
}

@test "killed at any point, create leaves what delete --force removes" {
    skip_without strace
    set_args "$B" /bin/sleep 100
    local call
    # mkdir: the note is written; clone3: the cgroup is there; the state's rename: init is in it.
    for call in mkdir clone3 renameat,renameat2; do
        TMP_CALL=$call
        with_cgroup2 <<END
mkdir -p "$BRYO_ROOT"
ASAN_OPTIONS=detect_leaks=0 strace -qq -o /dev/null -e trace=$TMP_CALL -e inject=$TMP_CALL:signal=KILL:when=1 "$BRYO" --root "$BRYO_ROOT" create -b "$B" "$ID" </dev/null >/dev/null 2>&1 || true
[ -e "$BRYO_ROOT/$ID/cgroup" ]
[ $TMP_CALL = mkdir ] || [ -d "\$G" ]
bryo delete --force "$ID"
[ ! -e "\$G" ]
[ ! -e "$BRYO_ROOT/$ID" ]
END
        assert_status 0
    done
}

@test "a note of a create that was killed does not remove another's cgroup" {
    set_args "$B" /bin/sleep 100
    with_cgroup2 <<'END'
bryo run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
mkdir "$TMP/state/second"
: >"$TMP/state/second/lock"
head -c -1 "$TMP/state/$ID/cgroup" >"$TMP/state/second/cgroup"
bryo delete --force second
bryo state "$ID" | jq -r .status
[ ! -e "$TMP/state/second" ]
END
    assert_status 0
    assert_equal "$output" running
}

@test "a user in a delegated cgroup: divides it, and moves out of its way" {
    has_hugetlb || skip "no controller hugetlb in cgroup2"
    others_may_pass "$TMP"
    with_cgroup2 <<'END'
echo +hugetlb >"$C/cgroup.subtree_control"
echo +hugetlb >"$C/$T/cgroup.subtree_control"
mkdir "$C/$T/user"
chown 12345:12345 "$C/$T/user" "$C/$T/user"/cgroup.{procs,threads,subtree_control}
mkdir -m 700 "$TMP/u"; cp -a "$B" "$TMP/u/b"; chown -R 12345:12345 "$TMP/u"
in_cgroup() { # as a process of the delegated cgroup, whose only process is bryo
    sh -c 'echo $$ >"$1/cgroup.procs"; shift; exec setpriv --reuid 12345 --regid 12345 --clear-groups --inh-caps=-all -- "$@"' sh "$C/$T/user" "$@"
}
maps='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 12345, size: 1}] | .linux.gidMappings = .linux.uidMappings | del(.linux.cgroupsPath) | .mounts |= map(.options = ((.options // []) - ["gid=5"]))'
jq "$maps"' | .process.args = ["grep", "^0::", "/proc/1/cgroup"]' "$B/config.json" >"$TMP/u/b/config.json"
# Without limits nothing is moved.
in_cgroup "$BRYO" --root "$TMP/u/s" run -b "$TMP/u/b" one
[ -z "$(ls -d "$C/$T/user"/*/ 2>/dev/null)" ]
jq "$maps"' | .process.args = ["cat", "/sys/fs/cgroup/hugetlb.2MB.max"] | .linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 2097152}]' "$B/config.json" >"$TMP/u/b/config.json"
in_cgroup "$BRYO" --root "$TMP/u/s" run -b "$TMP/u/b" two
ls -d "$C/$T/user"/*/ | sed "s,$C/$T,,"
# The next call starts where the first one moved.
sh -c 'echo $$ >"$1/bryo-caller/cgroup.procs"; exec setpriv --reuid 12345 --regid 12345 --clear-groups --inh-caps=-all -- "$2" --root "$3" run -b "$4" three' sh "$C/$T/user" "$BRYO" "$TMP/u/s" "$TMP/u/b"
ls -d "$C/$T/user"/*/ | sed "s,$C/$T,,"
rmdir "$C/$T/user/bryo-caller"
echo -hugetlb >"$C/$T/user/cgroup.subtree_control"
# A root of the container that is not the user: the user's cgroup is given away from inside, if it is mapped there.
if command -v newuidmap >/dev/null; then
    cp /etc/subuid "$TMP/subuid"; cp /etc/subgid "$TMP/subgid"; cp /etc/passwd "$TMP/passwd"; cp /etc/group "$TMP/group"
    echo bryotest:200000:1000 | tee -a "$TMP/subuid" >>"$TMP/subgid"
    echo bryotest:x:12345:12345::/:/bin/sh >>"$TMP/passwd"; echo bryotest:x:12345: >>"$TMP/group"
    for f in subuid subgid passwd group; do mount --bind "$TMP/$f" "/etc/$f"; done
    jq "$maps"' | .linux.uidMappings = [{containerID: 0, hostID: 200000, size: 100}, {containerID: 1000, hostID: 12345, size: 1}] | .linux.gidMappings = .linux.uidMappings
        | .mounts |= map(if .type == "cgroup" then .options -= ["ro"] else . end) | .process.args = ["/bin/sh", "-c", "cd /sys/fs/cgroup; stat -c %u:%g . cgroup.procs cgroup.freeze; mkdir sub"]' "$B/config.json" >"$TMP/u/b/config.json"
    chown -R 200000:200000 "$TMP/u/b/rootfs"; chmod 711 "$TMP/u"
    in_cgroup "$BRYO" --root "$TMP/u/s" run -b "$TMP/u/b" owner
    jq '.process.args[2] = "mkdir -p /sys/fs/cgroup/a/b/c; exec sleep 100"' "$TMP/u/b/config.json" >"$TMP/u/b/sleep.json"
    in_cgroup "$BRYO" --root "$TMP/u/s" run -d -b "$TMP/u/b" -f "$TMP/u/b/sleep.json" owner </dev/null >/dev/null 2>&1
    in_cgroup "$BRYO" --root "$TMP/u/s" exec owner grep ^0:: /proc/self/cgroup
    # One more below it belongs to the container's root, too; what has a slash in it needs the one above.
    in_cgroup "$BRYO" --root "$TMP/u/s" exec --cgroup new owner sh -c 'grep ^0:: /proc/self/cgroup; stat -c %u:%g /sys/fs/cgroup/new'
    in_cgroup "$BRYO" --root "$TMP/u/s" exec --cgroup new owner grep ^0:: /proc/self/cgroup
    in_cgroup "$BRYO" --root "$TMP/u/s" exec --cgroup no/where owner true 2>&1 | sed "s,$C/$T,,"
    in_cgroup "$BRYO" --root "$TMP/u/s" delete --force owner
    [ ! -e "$C/$T/user/bryo-owner" ]
    jq '.linux.uidMappings |= .[:1] | .linux.gidMappings |= .[:1] | .process.args = ["true"]' "$TMP/u/b/config.json" >"$TMP/u/b/other.json"
    in_cgroup "$BRYO" --root "$TMP/u/s" run -b "$TMP/u/b" -f "$TMP/u/b/other.json" owner 2>&1
    chown -R 12345:12345 "$TMP/u/b/rootfs"
    for f in subuid subgid passwd group; do umount "/etc/$f"; done
fi
jq "$maps"' | .linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 2097152}]' "$B/config.json" >"$TMP/u/b/config.json"
# With another process beside it that is not to be done.
sleep 100 &
echo $! >"$C/$T/user/cgroup.procs"
in_cgroup "$BRYO" --root "$TMP/u/s" --cgroup-manager cgroupfs run -b "$TMP/u/b" four 2>&1 && exit 1
kill $!; wait $! || true
# Nor where the cgroup is not the user's.
chown 0:0 "$C/$T/user"
in_cgroup "$BRYO" --root "$TMP/u/s" --cgroup-manager cgroupfs run -b "$TMP/u/b" five 2>&1 && exit 1
wait_for grep -q 'populated 0' "$C/$T/user/cgroup.events"
rmdir "$C/$T/user"
echo -hugetlb >"$C/$T/cgroup.subtree_control"
END
    assert_status 0
    assert_output "0::/
2097152
/user/bryo-caller/
2097152
/user/bryo-caller/
0:0
0:0
1000:1000
0::/
0::/new
0:0
0::/new
bryo: container \"owner\": create the cgroup \"/user/bryo-owner/no/where\": no such file or directory (ENOENT)
bryo: warning: the cgroup is not given to the container's root: its user namespace does not map the caller, who owns the cgroup
bryo: linux.resources.hugepageLimits: the cgroup \"/sys/fs/cgroup/$T/user\" has other processes than bryo, so it cannot be divided
bryo: hint: start bryo in a cgroup of its own, such as: systemd-run --user --scope -p Delegate=yes bryo …; --limits=try runs the container without
bryo: the cgroup \"/sys/fs/cgroup/$T/user\" is not the caller's to divide: permission denied (EACCES)"
}

@test "many containers at once: all start, all stop, nothing is left" {
    set_args "$B" /bin/sleep 100
    with_cgroup2 <<'END'
for i in $(seq 30); do
    jq ".linux.cgroupsPath = \"/$T/many/$i\" | .linux.resources.unified = {\"cgroup.max.depth\": \"3\"}" "$B/config.json" >"$B/$i.json"
    bryo create -b "$B" -f "$B/$i.json" "$ID-$i" </dev/null >/dev/null 2>&1 &
done
wait
ls -d "$C/$T/many"/*/ | wc -l
for i in $(seq 30); do bryo delete --force "$ID-$i" & done
wait
rmdir "$C/$T/many"
END
    assert_status 0
    assert_equal "$output" 30
}
