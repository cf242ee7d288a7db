#!/usr/bin/env bats
# The systemd cgroup manager against a systemd that fails (tests/lib/fake-systemd.c), on any machine: what is said, and that
# nothing is left. With a real one: tests/vm/systemd.bats.

load ../lib/common

setup() {
    skip_unless_root
    bryo_setup
    FAKE=$(dirname "$BRYO")/tests/lib/fake-systemd
    [ -x "$FAKE" ] || skip "built without libsystemd-dev, or not by make check"
    CGROUPS=/sys/fs/cgroup
    [ "$(stat -f -c %T $CGROUPS)" = cgroup2fs ] || CGROUPS=/sys/fs/cgroup/unified
    [ "$(stat -f -c %T $CGROUPS 2>/dev/null)" = cgroup2fs ] || skip "no cgroup2 is mounted"
    mkdir "$CGROUPS/bryo-probe-$$" 2>/dev/null || skip "no cgroup can be made here"
    rmdir "$CGROUPS/bryo-probe-$$"
    export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$TMP/bus
    ID=$(new_id)
    make_bundle "$TMP/b" ".linux.cgroupsPath = \"-:bryo:$ID\"" # the root slice, where the fake has its units
}

teardown() {
    stop_fake
    [ -z "${ID:-}" ] || rmdir "$CGROUPS/bryo-$ID.scope" 2>/dev/null || true
    [ -z "${BRYO_ROOT:-}" ] || bryo_teardown
}

start_fake() { # OPTION…
    mkfifo "$TMP/end"
    "$FAKE" "$TMP/bus" "log=$TMP/calls" "cgroup=$CGROUPS" "$@" <"$TMP/end" >"$TMP/fake" 3>&- &
    FAKE_PID=$!
    exec {END}>"$TMP/end"
    wait_for 10 grep -q ready "$TMP/fake"
}

stop_fake() {
    [ -n "${FAKE_PID:-}" ] || return 0
    exec {END}>&-
    wait "$FAKE_PID" || true
    rm -f "$TMP/end" "$TMP/calls"
    FAKE_PID=
}

# In a mount namespace where /sys/fs/cgroup is cgroup2 alone.
in_scope() { # ARGS…
    unshare --mount sh -c 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"' sh "$BRYO" --root "$BRYO_ROOT" \
        --cgroup-manager systemd "$@"
}

nothing_left() {
    [ ! -e "$BRYO_ROOT/$ID" ]
    [ ! -e "$CGROUPS/bryo-$ID.scope" ]
}

@test "a unit is asked for with what makes it the container's, and stopped at the end" {
    start_fake
    run in_scope run -b "$TMP/b" "$ID"
    assert_status 0
    # Of the devices only how the list begins: all nodes may be made, and then come those of the specification.
    assert_equal "$(sed 's/PIDs=au:.[0-9]*./PIDs/; s/,(block-.*/ …/' "$TMP/calls")" \
        "StartTransientUnit bryo-$ID.scope fail Description=s:bryo container $ID DefaultDependencies=b:0 CollectMode=s:inactive-or-failed Slice=s:-.slice Delegate=b:1 PIDs CPUAccounting=b:1 IOAccounting=b:1 MemoryAccounting=b:1 TasksAccounting=b:1 DevicePolicy=s:strict DeviceAllow=a(ss):[(char-*,m) …
StopUnit bryo-$ID.scope replace
ResetFailedUnit bryo-$ID.scope"
    nothing_left
}

@test "a systemd that fails, goes away or does not do it: one clear error, and nothing is left" {
    local option text
    while IFS='|' read -r option text; do
        start_fake "$option"
        run in_scope create -b "$TMP/b" "$ID"
        echo "$option" >&2
        assert_status 1
        assert_output "$text"
        nothing_left
        stop_fake
    done <<ROWS
result=StartTransientUnit:failed|systemd: start "bryo-$ID.scope": its job ended as "failed"
die=StartTransientUnit|systemd: start "bryo-$ID.scope": the connection to its bus ended meanwhile
drop=StartTransientUnit|systemd: start "bryo-$ID.scope": the connection to its bus ended meanwhile
refuse=StartTransientUnit:org.freedesktop.systemd1.UnitMasked|hint: run: systemctl unmask bryo-$ID.scope
refuse=StartTransientUnit:org.freedesktop.DBus.Error.AccessDenied|hint: the system's manager starts units for root only
ROWS
}

@test "a bus that is gone at the end: the cgroup is removed all the same" {
    start_fake die=StopUnit
    run in_scope run -b "$TMP/b" "$ID"
    assert_status 0
    nothing_left
}

@test "no bus at all" {
    run in_scope create -b "$TMP/b" "$ID"
    assert_status 1
    assert_output "connect to the system's systemd at"
    assert_output "hint: the system's bus runs where systemd is pid 1 and dbus is installed"
    nothing_left
}
