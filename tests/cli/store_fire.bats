#!/usr/bin/env bats
# The store under fire: many processes import, run and prune the same images, and are killed at random.
# $STORE_FIRE_SECONDS (default 10) is for how long.

load ../lib/common

setup() {
    bryo_setup
    export XDG_CACHE_HOME=$TMP/cache
    run "$BRYO" unpack /dev/null "$TMP/probe"
    [[ "$output" != *"find the helper program"* ]] || skip "bryo-image was not built (libarchive)"
}

# A busybox and one file more, so that images differ.
make_images() {
    local i
    make_rootfs "$TMP/tree"
    for i in 1 2 3; do
        echo "$i" >"$TMP/tree/number"
        tar -C "$TMP/tree" --owner=0 --group=0 -cf "$TMP/$i.tar" .
    done
}

# One that goes on until the time is over: what it starts is killed at a random moment, or left to end.
worker() { # SEED DEADLINE
    local pid n
    RANDOM=$1
    while [ "$(date +%s)" -lt "$2" ]; do
        n=$((RANDOM % 3 + 1))
        case $((RANDOM % 8)) in
            0) set -- "$1" "$2" images prune --all ;;
            1) set -- "$1" "$2" images prune ;;
            2) set -- "$1" "$2" images tag "$n" "name$n" ;;
            3) set -- "$1" "$2" images list ;;
            *) set -- "$1" "$2" sandbox --lazy never "$TMP/$n.tar" -- cat /number ;;
        esac
        "$BRYO" --root "$BRYO_ROOT" "${@:3}" >"$TMP/out.$1" 2>>"$TMP/err.$1" </dev/null &
        pid=$!
        if ((RANDOM % 2)); then
            sleep "0.$(printf '%03d' $((RANDOM % 150)))"
            kill -KILL $pid 2>/dev/null || true
            wait $pid 2>/dev/null || true
        elif wait $pid && [ "$3" = sandbox ] && [ "$(cat "$TMP/out.$1")" != "$n" ]; then
            echo "image $n said: $(cat "$TMP/out.$1")" >>"$TMP/wrong"
        fi
    done
}

@test "20 processes, random kills: the store is whole, and nothing of it is lost" {
    make_images
    local deadline i pids=()
    deadline=$(($(date +%s) + ${STORE_FIRE_SECONDS:-10}))
    for i in $(seq 20); do
        worker "$i" "$deadline" 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do
        wait "$i"
    done
    [ ! -e "$TMP/wrong" ] || {
        cat "$TMP/wrong" >&2
        false
    }
    # What a kill left ends with its parent, in a moment; its state is `delete --force`'s to remove.
    wait_for 5 _no_leftover_processes
    local id number
    for id in $(ls "$BRYO_ROOT"); do
        bryo delete --force "$id"
    done
    run bryo images check
    assert_status 0
    assert_equal "$output" ""
    for number in 1 2 3; do
        run --separate-stderr bryo sandbox --lazy never "$TMP/$number.tar" -- cat /number
        assert_status 0
        assert_equal "$output" "$number"
    done
    bryo images prune --all
    local store
    store=$(echo "$XDG_DATA_HOME"/bryo/ids-*)
    assert_equal "$(cd "$store" && find images names files layers locks tmp -mindepth 1 | head -5)" ""
}
