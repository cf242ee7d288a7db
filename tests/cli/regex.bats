#!/usr/bin/env bats
# kill, delete and list over several containers at once.

load ../lib/common

setup() {
    bryo_setup
    make_bundle "$TMP/bundle" '.process.args = ["/bin/sleep", "1000"]'
    local id
    for id in web-1 web-2 db; do
        bryo create -b "$TMP/bundle" "$id" </dev/null >"$TMP/out-$id" 2>&1 3>&- || {
            cat "$TMP/out-$id" >&2
            return 1
        }
    done
}

status_of() {
    bryo state "$1" | jq -r .status
}

is_stopped() {
    [ "$(status_of "$1")" = stopped ]
}

@test "list shows all, sorted, as table, ids and JSON" {
    assert_equal "$(bryo list -q | xargs)" "db web-1 web-2"
    run bryo list
    assert_equal "${#lines[@]}" 4
    [[ ${lines[1]} =~ ^db\ +[1-9][0-9]*\ +created\ +$TMP/bundle\ +20[0-9T:.-]+Z\ +[^\ ]+$ ]]
    # Aligned: every status begins in the column of its title.
    local title=${lines[0]%%STATUS*} line
    for line in "${lines[@]:1}"; do
        [[ ${line:${#title}} == created* ]]
    done
    bryo list --format json | jq -e '
        map(.id) == ["db", "web-1", "web-2"]
        and all(.[]; .status == "created" and .pid > 1 and .ociVersion and .bundle and .rootfs and .created and .owner)'
}

@test "list skips what is not a container" {
    mkdir "$BRYO_ROOT/stranger" "$BRYO_ROOT/.hidden"
    touch "$BRYO_ROOT/file"
    assert_equal "$(bryo list | wc -l)" 4
    rm -r "$BRYO_ROOT/stranger" "$BRYO_ROOT/.hidden" "$BRYO_ROOT/file"
}

@test "kill --regex reaches every match and nothing else" {
    bryo kill --regex '^web-[0-9]+$' KILL
    wait_for 5 is_stopped web-1
    wait_for 5 is_stopped web-2
    assert_equal "$(status_of db)" created
}

@test "one failure does not keep kill --regex from the others" {
    bryo kill web-1 KILL
    wait_for 5 is_stopped web-1
    run bryo kill --regex web KILL
    assert_status 1
    assert_output "not running"
    wait_for 5 is_stopped web-2
    bryo kill web-2 KILL || true
    run bryo kill --regex web KILL
    assert_status 1
    assert_output "2 of 2 containers failed, the first: "
    # With --all a stopped container is no failure.
    bryo kill --all --regex web KILL
}

@test "delete --regex leaves what runs, with --force not" {
    bryo kill web-1 KILL
    wait_for 5 is_stopped web-1
    run bryo delete --regex .
    assert_status 1
    assert_output "2 of 3 containers failed"
    assert_equal "$(bryo list -q | xargs)" "db web-2"
    bryo delete --force --regex 'web|nothing'
    assert_equal "$(bryo list -q)" "db"
    bryo delete -f --regex .
    assert_equal "$(bryo list -q)" ""
}

# shellcheck disable=SC2086 # a verb and its option
@test "an expression that is empty or matches nothing kills and deletes nothing" {
    local verb
    for verb in "kill" "kill --all" "delete" "delete --force"; do
        run bryo $verb --regex ''
        assert_status 1
        assert_output "--regex: the expression is empty"
        assert_output "hint: '.' matches every container"
    done
    assert_equal "$(bryo list -q | xargs)" "db web-1 web-2"
    # As for an id that is not there: only delete --force takes it.
    for verb in "kill" "kill --all" "delete"; do
        run bryo $verb --regex nothing
        assert_status 1
        assert_output '--regex "nothing": no container matches'
    done
    bryo delete --force --regex nothing
}
