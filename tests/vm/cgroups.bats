#!/usr/bin/env bats
# Cgroup v2 by its files, with the controllers that a user has here (cpu, memory, pids), in a scope that is delegated:
# each limit is in the file and felt by a process.

load ../lib/common

setup() {
    bryo_setup
    B=$TMP/bundle
    make_bundle "$B"
    ID=$(new_id)
}

# The script of standard input, in a delegated scope of its own. Its shell goes one cgroup down, so that the scope can be
# divided; $S is the scope's directory, box a cgroup for a container in it.
in_scope() {
    cat >"$TMP/script" <<END
set -eu
S=/sys/fs/cgroup\$(sed -n 's/^0:://p' /proc/self/cgroup)
mkdir "\$S/shell"
echo \$\$ >"\$S/shell/cgroup.procs"
B=$B ID=$ID TMP=$TMP
path=\${S#/sys/fs/cgroup}/box
bryo() { "$BRYO" --root "$BRYO_ROOT" --cgroup-manager cgroupfs "\$@"; }
wait_for() { local i; for i in \$(seq 300); do "\$@" && return; sleep 0.05; done; echo "waited in vain for \$*" >&2; return 1; }
limits() { jq ".linux.cgroupsPath = \"\$path\" | .linux.resources = \$1" "\$B/config.json" >"\$B/limits.json"; }
END
    cat >>"$TMP/script"
    run systemd-run --user --quiet --scope -p Delegate=yes -- bash "$TMP/script"
}

@test "every limit of a user's controllers is in its file" {
    set_args "$B" /bin/sleep 100
    in_scope <<'END'
limits '{memory: {limit: 67108864, reservation: 1048576, swap: 100663296}, cpu: {shares: 512, quota: 50000, period: 200000, burst: 1000}, pids: {limit: 20}, unified: {"memory.high": "60000000"}}'
bryo run -d -b "$B" -f "$B/limits.json" "$ID" </dev/null >/dev/null 2>&1
cd "$S/box"
cat memory.max memory.low memory.swap.max cpu.weight cpu.max cpu.max.burst pids.max memory.high
bryo exec "$ID" cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cgroup.procs >"$TMP/inside"
head -n 2 "$TMP/inside"
bryo update --memory 128m --cpu-quota -1 --pids-limit -1 --cpu-idle 1 "$ID"
cat memory.max memory.swap.max cpu.max pids.max cpu.idle memory.high
bryo update --cpu-idle 0 --cpu-share 1024 "$ID"
cat cpu.idle cpu.weight
# One that the kernel refuses takes back what came before it.
bryo update --memory 64m --pids-limit 99999999999 "$ID" 2>/dev/null && exit 1
cat memory.max pids.max
bryo events --stats "$ID" | jq -c '.data | [.memory.usage.limit, .memory.usage.usage > 0, .pids.current, .cpu.usage.total > 0, .cpu.psi.some.total >= 0]'
cd /
bryo delete --force "$ID"
[ ! -e "$S/box" ]
END
    assert_status 0
    assert_equal "$output" "67108864
1048576
33554432
59
50000 200000
1000
20
59998208
67108864
1
134217728
33554432
max 200000
max
1
59998208
0
100
134217728
max
[134217728,true,1,true,true]"
}

@test "a memory hog is killed, and events tells of it" {
    set_args "$B" /bin/sh -c 'while [ ! -e /tmp/go ]; do sleep 0.1; done; awk "BEGIN { s = \"x\"; while (1) s = s s }"; sleep 1'
    edit_config "$B" '.mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"}]'
    in_scope <<'END'
limits '{memory: {limit: 20971520, swap: 20971520}}'
bryo run -d -b "$B" -f "$B/limits.json" "$ID" </dev/null >/dev/null 2>&1
bryo events --interval 50ms "$ID" >"$TMP/events" &
wait_for grep -q stats "$TMP/events"
bryo exec "$ID" touch /tmp/go
wait_for grep -q '"type":"oom"' "$TMP/events"
wait
grep -o '"type":"oom"' "$TMP/events" | sort -u
bryo delete --force "$ID"
END
    assert_status 0
    assert_equal "$output" '"type":"oom"'
}

@test "a fork bomb stops at pids.max" {
    set_args "$B" /bin/sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do sleep 20 & done; wait'
    in_scope <<'END'
limits '{pids: {limit: 5}}'
bryo run -d -b "$B" -f "$B/limits.json" "$ID" </dev/null >"$TMP/out" 2>&1 || true
wait_for grep -qE '^max [1-9]' "$S/box/pids.events"
[ "$(cat "$S/box/pids.current")" -le 5 ]
bryo delete --force "$ID"
END
    assert_status 0
}

@test "a quota of a fifth of a CPU is a fifth of a CPU" {
    set_args "$B" /bin/sh -c 'while :; do :; done'
    in_scope <<'END'
limits '{cpu: {quota: 20000, period: 100000}}'
bryo run -d -b "$B" -f "$B/limits.json" "$ID" </dev/null >/dev/null 2>&1
used() { awk '$1 == "usage_usec" { print $2 }' "$S/box/cpu.stat"; }
sleep 1
a=$(used) t=$(date +%s%N)
sleep 4
b=$(used) u=$(date +%s%N)
bryo delete --force "$ID"
# In percent of one CPU.
echo $(((b - a) * 100000 / (u - t)))
END
    assert_status 0
    [ "$output" -ge 15 ] && [ "$output" -le 22 ]
}

@test "the caller moves out of the way when it is alone, and leaves others alone" {
    run systemd-run --user --quiet --scope -p Delegate=yes -- "$BRYO" --root "$BRYO_ROOT" --cgroup-manager cgroupfs sandbox --memory 64m --pids 30 "$B/rootfs" -- cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max
    assert_status 0
    assert_equal "$output" "67108864
30"
    run systemd-run --user --quiet --scope -p Delegate=yes -- bash -c "'$BRYO' --root '$BRYO_ROOT' --cgroup-manager cgroupfs sandbox --memory 64m '$B/rootfs' -- true; exit \$?"
    assert_status 125
    assert_output "has other processes than bryo, so it cannot be divided"
    # Without a limit there is a cgroup all the same.
    run systemd-run --user --quiet --scope -p Delegate=yes -- bash -c "'$BRYO' --root '$BRYO_ROOT' sandbox --name '$ID' '$B/rootfs' -- grep ^0:: /proc/self/cgroup; exit \$?"
    assert_equal "$output" "0::/"
}

@test "a controller that is not delegated: the text that would delegate it" {
    local hint='hint: put the lines "[Service]" and "Delegate=cpu cpuset io memory pids" into /etc/systemd/system/user@.service.d/delegate.conf, then: systemctl daemon-reload, and log in anew'
    grep -qw cpuset "/sys/fs/cgroup/user.slice/user-$(id -u).slice/user@$(id -u).service/cgroup.controllers" && skip "cpuset is delegated"
    in_scope <<'END'
limits '{cpu: {cpus: "0", shares: 512}}'
bryo run -b "$B" -f "$B/limits.json" "$ID" 2>&1 && exit 1
[ ! -e "$S/box" ]
bryo --limits try run -b "$B" -f "$B/limits.json" "$ID" 2>&1
END
    assert_status 0
    assert_output "bryo: linux.resources.cpu.cpus: the controller \"cpuset\" is not delegated to the cgroup \"/sys/fs/cgroup/user.slice"
    assert_output "bryo: warning: without the limits linux.resources.cpu.cpus: the controller \"cpuset\" is not delegated"
    assert_equal "$(grep -cF "$hint" <<<"$output")" 2
}

@test "in a session's scope, which is root's, a run without limits stays where it is, silently" {
    run --separate-stderr bryo run -b "$B" "$ID"
    assert_status 0
    assert_equal "$output$stderr" ""
    run --separate-stderr bryo --cgroup-manager cgroupfs run -b "$B" "$ID"
    assert_status 1
    assert_output "is not the caller's to divide: permission denied (EACCES)"
}

@test "kill --all, ps and delete without a pid namespace, and a container that divides its own cgroup" {
    edit_config "$B" 'del(.linux.namespaces[] | select(.type == "pid")) | .mounts |= map(if .destination == "/proc" then {destination: "/proc", type: "bind", source: "/proc", options: ["rbind", "ro"]} elif .type == "cgroup" then .options -= ["ro"] else . end) | del(.linux.maskedPaths, .linux.readonlyPaths)'
    set_args "$B" /bin/sh -c 'mkdir -p /sys/fs/cgroup/a/b /sys/fs/cgroup/init; echo $$ >/sys/fs/cgroup/init/cgroup.procs; echo +pids >/sys/fs/cgroup/cgroup.subtree_control; sleep 1001 & exec sleep 1002'
    in_scope <<'END'
limits '{pids: {limit: 30}}'
bryo run -d -b "$B" -f "$B/limits.json" "$ID" </dev/null >/dev/null 2>&1
wait_for sh -c "[ \$(cat '$S/box/init/cgroup.procs' | wc -l) = 2 ]"
bryo ps -f json "$ID" | jq length
cat "$S/box/cgroup.subtree_control"
bryo exec "$ID" grep ^0:: /proc/self/cgroup
bryo pause "$ID"; bryo state "$ID" | jq -r .status; bryo resume "$ID"
bryo kill --all "$ID" KILL
wait_for grep -q 'populated 0' "$S/box/cgroup.events"
bryo delete "$ID"
[ ! -e "$S/box" ]
END
    assert_status 0
    assert_equal "$output" "2
pids
0::/init
paused"
}
