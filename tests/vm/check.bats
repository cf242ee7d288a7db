#!/usr/bin/env bats
# bryo check in a session of a systemd machine: what systemd gives to a login is found, and found to be usable.

load ../lib/common

row() { # ID FIELD
    jq -r --arg id "$1" --arg field "$2" '.checks[] | select(.id == $id) | .[$field]' <<<"$output"
}

@test "in a session everything is there" {
    run bryo check --format json
    assert_status 0
    assert_equal "$(jq -c '[.checks[] | select(.status == "warn" or .status == "fail") | .id]' <<<"$output")" "[]"
    assert_equal "$(row user-bus status)" ok
    assert_equal "$(row user-bus detail)" "/run/user/$(id -u)/bus"
    assert_equal "$(row cgroup status)" ok
}

@test "what is told to be delegated is delegated" {
    run bryo check --format json
    path=$(row cgroup detail | sed -n 's/.*"\(.*\)" is delegated.*/\1/p')
    mkdir "$path/bryo-check.test"
    rmdir "$path/bryo-check.test"
    for controller in $(sed 's/.* with: //' <<<"$(row cgroup detail)"); do
        grep -qw "$controller" "$path/cgroup.controllers"
    done
}

@test "in a delegated scope the own cgroup is named" {
    run systemd-run --user --quiet --scope -p Delegate=yes -- "$BRYO" check --format json
    assert_status 0
    assert_equal "$(row cgroup status)" ok
    [[ "$(row cgroup detail)" == *"/user@$(id -u).service/app.slice/run-"*".scope\" is delegated"* ]]
}

@test "a bare environment inside a session finds the bus all the same" {
    run env -i "$BRYO" check --format json
    assert_equal "$(row user-bus status)" ok
    assert_equal "$(row runtime-dir status)" warn
    [[ "$(row runtime-dir fix)" == *"export XDG_RUNTIME_DIR=/run/user/$(id -u)"* ]]
}
