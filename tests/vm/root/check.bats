#!/usr/bin/env bats
# bryo check of users who have no session: one whose manager runs (lingering), and one who has nothing.

load ../../lib/common

check_as() { # USER
    setpriv --reuid "$1" --regid "$1" --init-groups env -i PATH="$PATH" HOME="/home/$1" "$BRYO" check --format json
}

row() { # ID FIELD
    jq -r --arg id "$1" --arg field "$2" '.checks[] | select(.id == $id) | .[$field]' <<<"$output"
}

@test "without a session, with lingering: the bus and the delegated cgroup are found" {
    run check_as dev
    assert_status 0
    assert_equal "$(row user-bus status)" ok
    assert_equal "$(row user-bus detail)" "/run/user/$(id -u dev)/bus"
    assert_equal "$(row runtime-dir status)" warn
    [[ "$(row cgroup detail)" == *"/user@$(id -u dev).service\" is delegated with: cpu memory pids"* ]]
}

@test "without a session and without lingering: it works, and what is missing is named with what mends it" {
    run check_as guest
    assert_status 0
    assert_equal "$(row user-bus status)" info
    assert_equal "$(row runtime-dir status)" warn
    assert_equal "$(row cgroup status)" info
    [[ "$(row cgroup detail)" == *"no cgroup is delegated to this user"* ]]
    [[ "$(row cgroup fix)" == *"loginctl enable-linger guest"* ]]
    [[ "$(row user-bus fix)" == *"loginctl enable-linger guest"* ]]
}

@test "what mends it mends it" {
    loginctl enable-linger guest
    wait_for 20 test -S "/run/user/$(id -u guest)/bus"
    run check_as guest
    loginctl disable-linger guest
    assert_equal "$(row user-bus status)" ok
    assert_equal "$(row cgroup status)" ok
}

@test "root without a session" {
    run "$BRYO" check --format json
    assert_status 0
    assert_equal "$(row user-bus detail)" /run/dbus/system_bus_socket
    # Whatever the service that this runs in has: root's containers have the whole tree.
    [[ "$(row cgroup detail)" == 'version 2, "/sys/fs/cgroup" is root'"'"'s with: cpuset cpu io memory '* ]]
    assert_equal "$(row cgroup status)" ok
    assert_equal "$(jq -c '[.checks[] | select(.status == "warn" or .status == "fail") | .id]' <<<"$output")" "[]"
}
