#!/usr/bin/env bats
# bryo check: its exit code, its two forms, and that what it is told not to have shows.

load ../lib/common

@test "check: exit 0 where containers run, and both forms agree" {
    run bryo check --format json
    ok=$(jq -r .ok <<<"$output")
    [ "$ok" = true ] && assert_status 0 || assert_status 1
    assert_equal "$(jq -r '[.checks[].status] | any(. == "fail") | not' <<<"$output")" "$ok"
    rows=$(jq -r '.checks | length' <<<"$output")
    [ "$rows" -gt 15 ]
    run bryo check
    assert_equal "$(grep -cE '^(ok|info|warn|fail) +[^ ]' <<<"$output")" "$rows"
}

@test "check: no colours when it is not a terminal" {
    run bryo check
    [[ "$output" != *$'\033'* ]]
}

@test "check: colours on a terminal, none with NO_COLOR" {
    run script -qec "'$BRYO' check" /dev/null
    [[ "$output" == *$'\033[32m'* ]]
    NO_COLOR=1 run script -qec "'$BRYO' check" /dev/null
    [[ "$output" != *$'\033['* ]]
}

@test "check: a wrong format is named" {
    run bryo check --format yaml
    assert_status 1
    assert_output 'expected table or json, found "yaml"'
}

@test "check: says as whom it runs" {
    run bryo check
    if is_root; then
        assert_output "running as root:"
    else
        assert_output "uid $(id -u)"
    fi
}

@test "check: a runtime directory that others can read or write is told, not one that they only pass through" {
    for mode in 0700:ok 0711:ok 0750:warn 0704:warn 0702:warn; do
        mkdir -m "${mode%:*}" "$TMP/run${mode%:*}"
        XDG_RUNTIME_DIR=$TMP/run${mode%:*} run "$BRYO" check --format json
        row=$(jq -r '.checks[] | select(.id == "runtime-dir")' <<<"$output")
        assert_equal "$mode" "${mode%:*}:$(jq -r .status <<<"$row")"
        [[ $mode == *:ok || "$(jq -r .detail <<<"$row")" == *"has mode ${mode%:*}: others may look into it" ]]
    done
}

@test "check: without newuidmap it tells the package" {
    is_root && skip "root needs no newuidmap"
    PATH=/nonexistent run "$BRYO" check
    assert_output "newuidmap is not in \$PATH (/nonexistent)"
    assert_output "sudo apt-get install uidmap"
}

@test "check: no_new_privs takes the helpers' rights" {
    is_root && skip "root needs no newuidmap"
    command -v setpriv >/dev/null || skip "no setpriv"
    run setpriv --no-new-privs "$BRYO" check
    assert_output "bryo was started with no_new_privs"
}

@test "check: a missing helper program is named" {
    BRYO_HELPER_DIR=$TMP run bryo check --format json
    assert_equal "$(jq -r '.checks[] | select(.id == "image-helper") | .status' <<<"$output")" warn
    assert_output "$TMP/bryo-image"
}

@test "check: a missing network helper is named" {
    BRYO_HELPER_DIR=$TMP run bryo check --format json
    assert_equal "$(jq -r '.checks[] | select(.id == "net-helper") | .status' <<<"$output")" info
    assert_output "$TMP/bryo-net"
    assert_output "install bryo with libslirp"
}

@test "check: works without a state directory" {
    run env -u XDG_RUNTIME_DIR "$BRYO" --root /nonexistent/state check
    [ "$status" -le 1 ]
    assert_output "kernel"
    [ ! -e /nonexistent/state ]
}
