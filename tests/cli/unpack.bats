#!/usr/bin/env bats
# bryo unpack: an archive becomes a bundle that bryo run accepts.

load ../lib/common

setup_file() {
    export IMAGES=$BATS_FILE_TMPDIR
    "$BRYO_TOP/examples/make-rootfs" "$IMAGES/rootfs.tar.gz"
}

setup() {
    bryo_setup
    image=$IMAGES/rootfs.tar.gz
    run "$BRYO" unpack /dev/null "$TMP/probe"
    [[ "$output" != *"find the helper program"* ]] || skip "bryo-image was not built (libarchive)"
}

@test "a bundle that run accepts" {
    run --separate-stderr bryo unpack "$image" "$TMP/bundle"
    assert_status 0
    assert_equal "$output" ""
    ! has_subids || assert_equal "$stderr" ""
    assert_equal "$(stat -c %a "$TMP/bundle")" 700
    assert_equal "$(jq -r '.process.args[0] + " " + .root.path' "$TMP/bundle/config.json")" "/bin/sh rootfs"
    run bash -c "echo 'id -u; cat /etc/motd; exit 6' | '$BRYO' --root '$BRYO_ROOT' run -b '$TMP/bundle' $(new_id)"
    assert_status 6
    assert_output "made of busybox"
}

@test "the same bundle through create, start and delete" {
    bryo unpack "$image" "$TMP/bundle"
    set_args "$TMP/bundle" /bin/sleep 30
    local id
    id=$(new_id)
    bryo create -b "$TMP/bundle" "$id" </dev/null >/dev/null
    bryo start "$id"
    run bryo state "$id"
    assert_output running
    bryo delete --force "$id"
}

@test "an empty directory is taken, one with content refused" {
    mkdir -m 755 "$TMP/empty" "$TMP/full"
    : >"$TMP/full/file"
    bryo unpack "$image" "$TMP/empty"
    [ -d "$TMP/empty/rootfs/bin" ]
    run bryo unpack "$image" "$TMP/full"
    assert_status 1
    assert_output "bundle \"$TMP/full\": the directory is not empty"
    assert_equal "$(ls "$TMP/full")" file
    assert_equal "$(stat -c %a "$TMP/full")" 755
}

@test "a failure leaves what was there" {
    echo "no archive" >"$TMP/text"
    run bryo unpack "$TMP/text" "$TMP/bundle"
    assert_status 1
    [ ! -e "$TMP/bundle" ]
    mkdir -m 755 "$TMP/empty"
    head -c 20000 "$image" >"$TMP/cut"
    run bryo unpack "$TMP/cut" "$TMP/empty"
    assert_status 1
    assert_equal "$(ls -A "$TMP/empty")" ""
    assert_equal "$(stat -c %a "$TMP/empty")" 755
    run bryo unpack --max-size 4k "$image" "$TMP/bundle"
    assert_status 1
    [ ! -e "$TMP/bundle" ]
}

@test "an interrupt leaves nothing" {
    mkfifo "$TMP/slow"
    "$BRYO" --root "$BRYO_ROOT" unpack "$TMP/slow" "$TMP/bundle" 2>/dev/null &
    local pid=$! code=0
    exec 7>"$TMP/slow"
    wait_for 5 test -d "$TMP/bundle/rootfs"
    sleep 0.2
    kill -INT $pid # a background job ignores it, and so does bryo
    sleep 0.2
    kill -TERM $pid
    wait $pid || code=$?
    exec 7>&-
    assert_equal $code 143
    [ ! -e "$TMP/bundle" ]
}

@test "progress is shown on a terminal when it takes longer than a second, and goes away" {
    skip_without script
    mkfifo "$TMP/slow"
    { head -c 200000 "$image"; sleep 1.5; tail -c +200001 "$image"; } >"$TMP/slow" &
    run script -qec "'$BRYO' unpack '$TMP/slow' '$TMP/bundle'" /dev/null </dev/null
    assert_status 0
    assert_output "unpacking slow:"
    assert_output $'entries\r\e[K'
    assert_output "next: bryo run -b"
    run script -qec "'$BRYO' unpack '$image' '$TMP/second'" /dev/null </dev/null
    refute_output "unpacking"
}

@test "mistakes" {
    run bryo unpack "$TMP" "$TMP/bundle"
    assert_status 1
    assert_output "it is a directory, there is nothing to unpack"
    run bryo unpack "$image" "$TMP/no/such/place"
    assert_status 1
    assert_output "the directory above it must exist"
    run bryo unpack "$TMP/missing" "$TMP/bundle"
    assert_status 1
    assert_output "no such file or directory"
    run bryo unpack "$image"
    [ "$status" -ne 0 ]
    [ ! -e "$TMP/bundle" ]
}
