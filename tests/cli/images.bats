#!/usr/bin/env bats
# bryo images: what comes into the store, how it is used, and how it goes.

load ../lib/common

setup_file() {
    export IMAGES=$BATS_FILE_TMPDIR
    "$BRYO_TOP/examples/make-rootfs" "$IMAGES/rootfs.tar"
    gzip -k "$IMAGES/rootfs.tar"
}

setup() {
    bryo_setup
    export XDG_CACHE_HOME=$TMP/cache
    run "$BRYO" unpack /dev/null "$TMP/probe"
    [[ "$output" != *"find the helper program"* ]] || skip "bryo-image was not built (libarchive)"
    image=$IMAGES/rootfs.tar
}

# The store: one directory, for this caller's id map.
store() {
    echo "$XDG_DATA_HOME"/bryo/ids-*
}

sandbox() {
    run --separate-stderr bryo sandbox "$@" </dev/null
}

# Nothing is in the store but what belongs to a record.
assert_clean() {
    run bryo images check
    assert_status 0
    assert_equal "$output" ""
    [ -z "$(ls -A "$(store)/tmp" "$(store)/locks" | grep -v ':$' | grep .)" ]
}

@test "an archive is unpacked once, whatever it is compressed by" {
    sandbox "$image" -- true
    assert_status 0
    local id
    id=$(bryo images list -q)
    assert_equal "$id" "$(sha256sum <"$image" | cut -d' ' -f1)"
    local layer
    layer=$(store)/layers/$id
    touch "$TMP/before"
    sandbox "$image" -- true
    sandbox "$image.gz" -- true
    assert_status 0
    assert_equal "$(bryo images list -q)" "$id"
    [ ! "$layer" -nt "$TMP/before" ]
    assert_clean
}

@test "the second run reads nothing of the archive" {
    cp "$image" "$TMP/image.tar"
    sandbox "$TMP/image.tar" -- true
    skip_without strace
    run --separate-stderr strace -f -e trace=execve -o "$TMP/trace" "$BRYO" --root "$BRYO_ROOT" sandbox "$TMP/image.tar" -- true
    [ "$status" -eq 0 ] || skip "strace cannot follow bryo here"
    ! grep bryo-image "$TMP/trace"
}

@test "an archive that has changed is another image" {
    cp "$image" "$TMP/image.tar"
    sandbox "$TMP/image.tar" -- true
    mkdir "$TMP/more"
    echo new >"$TMP/more/new"
    tar -rf "$TMP/image.tar" -C "$TMP/more" --owner=0 --group=0 new
    sandbox "$TMP/image.tar" -- cat /new
    assert_status 0
    assert_equal "$output" new
    assert_equal "$(bryo images list -q | wc -l)" 2
}

@test "what a sandbox changes is gone with it" {
    sandbox "$image" -- sh -c 'echo x >/new; rm /etc/motd; echo changed >>/etc/passwd; rm -r /usr; mkdir /usr; ls -a /usr'
    assert_status 0
    assert_equal "$(xargs <<<"$output")" ". .."
    sandbox "$image" -- sh -c 'ls /new; ls /etc/motd /usr/bin; tail -1 /etc/passwd'
    assert_output "/etc/motd"
    refute_output changed
    assert_clean
    [ -z "$(ls -A "$XDG_CACHE_HOME/bryo/sandbox")" ]
}

@test "--scratch memory: changes in memory, within the size" {
    sandbox --scratch memory:1m "$image" -- sh -c 'echo small >/new && cat /new; dd if=/dev/zero of=/big bs=1M count=4 2>/dev/null || echo full'
    assert_status 0
    assert_equal "$output" $'small\nfull'
    sandbox --scratch memory "$image" -- sh -c 'rm -r /home; mkdir /home; ls -A /home; stat -c %a /'
    assert_status 0
    assert_equal "$output" 755
    sandbox --scratch elsewhere "$image" -- true
    assert_status 125
    assert_output 'sandbox: --scratch: expected disk, memory or memory:SIZE such as memory:2g, found "elsewhere"'
}

@test "/etc/hosts is the sandbox's, and can be replaced" {
    sandbox --name box "$image" -- sh -c 'cat /etc/hosts; echo mine >/etc/hosts.new; mv /etc/hosts.new /etc/hosts; cat /etc/hosts'
    assert_status 0
    assert_output "127.0.1.1 box"
    assert_output mine
}

@test "names: import, tag, run by name and id, remove" {
    run --separate-stderr bryo images import --name demo "$image"
    assert_status 0
    local id=$output
    sandbox demo -- echo ran
    assert_equal "$output" ran
    sandbox demo:latest -- true
    assert_status 0
    sandbox "${id:0:8}" -- echo by id
    assert_equal "$output" "by id"
    bryo images tag demo lib/other:1.0
    run bryo images list
    assert_output "lib/other:1.0"
    assert_output "demo:latest"
    assert_equal "$(bryo images inspect demo | jq -c '[.id, .names, .layers[0].digest]')" "[\"$id\",[\"demo:latest\",\"lib/other:1.0\"],\"$id\"]"
    bryo images remove demo
    assert_equal "$(bryo images list --format json | jq -c '.[].names')" '["lib/other:1.0"]'
    run bryo images remove demo
    assert_status 1
    assert_output 'image "demo": there is none in the store'
    bryo images remove lib/other:1.0
    assert_equal "$(bryo images list -q)" ""
    [ -z "$(ls -A "$(store)/layers")" ]
    assert_clean
}

@test "an image in use cannot be removed" {
    bryo images import --name demo "$image" >/dev/null
    "$BRYO" --root "$BRYO_ROOT" sandbox --name box demo -- sleep 30 </dev/null 3>&- &
    local pid=$!
    wait_for 5 bash -c "'$BRYO' --root '$BRYO_ROOT' state box 2>/dev/null | grep -q running"
    run bryo images remove demo
    assert_status 1
    assert_output 'image "demo": a sandbox uses it'
    run bryo images prune --all
    assert_status 0
    assert_output "1 in use"
    run bryo exec box cat /etc/passwd
    assert_status 0
    bryo kill box KILL
    wait $pid || true
    run bryo images prune --all
    assert_output "1 images and 1 layers removed"
    assert_clean
}

@test "prune: by name, by age, by size" {
    sandbox "$image" -- true
    bryo images import --name kept "$image" >/dev/null
    tar -C "$IMAGES" -cf "$TMP/other.tar" --owner=0 --group=0 rootfs.tar.gz
    bryo images import "$TMP/other.tar" >/dev/null
    assert_equal "$(bryo images list -q | wc -l)" 2
    bryo images prune --older-than 1h
    assert_equal "$(bryo images list -q | wc -l)" 2
    touch -d '2 days ago' "$(store)"/images/*.json
    bryo images prune --older-than 1d
    assert_equal "$(bryo images list --format json | jq -c '.[].names')" '["kept:latest"]'
    bryo images prune --all --max-size 1g
    assert_equal "$(bryo images list -q | wc -l)" 1
    run bryo images prune --all --max-size 1 --format json
    assert_equal "$(jq '.removed | length' <<<"$output")" 1
    assert_clean
}

@test "check finds what is damaged, missing or changed" {
    bryo images import --name demo "$image" >/dev/null
    assert_clean
    local id tree
    id=$(bryo images list -q)
    tree=$(store)/layers/$id/tree
    echo more >>"$tree/etc/motd"
    run bryo images check
    assert_status 1
    assert_output "layer ${id:0:12}: its files are not what was unpacked"
    rm -r "$(store)/layers/$id"
    run bryo images check
    assert_status 1
    assert_output "image ${id:0:12}: its layer ${id:0:12} is not there"
    sandbox demo -- true
    assert_status 125
    assert_output "bryo images check tells what is wrong with the store"
    echo '{' >"$(store)/images/$id.json"
    run bryo images check
    assert_status 1
    assert_output "not valid JSON"
    bryo images remove "$id"
    assert_clean
}

@test "what a kill leaves is swept" {
    bryo images import --name demo "$image" >/dev/null
    mkdir -p "$(store)/tmp/layer-abcdef/tree/deep" "$(store)/tmp/gone-123456"
    : >"$(store)/tmp/new-00"
    : >"$(store)/locks/file-1-2"
    cp -r "$(store)/layers/$(bryo images list -q)" "$(store)/layers/$(printf '%064d' 7)"
    bryo images prune
    assert_clean
    assert_equal "$(ls "$(store)/layers" | wc -l)" 1
    sandbox demo -- true
    assert_status 0
}

@test "what was not synced does not outlive the boot" {
    cp "$image" "$TMP/image.tar"
    sandbox "$TMP/image.tar" -- true
    local id
    id=$(bryo images list -q)
    # As if the machine had been started again since.
    sed -i 's/"boot": "[^"]*"/"boot": "00000000-0000-0000-0000-000000000000"/' "$(store)/images/$id.json" "$(store)/layers/$id/layer.json"
    assert_equal "$(bryo images list -q)" ""
    : >"$(store)/layers/$id/tree/etc/passwd"
    sandbox "$TMP/image.tar" -- cat /etc/passwd
    assert_status 0
    assert_output root
    assert_equal "$(bryo images list -q)" "$id"
    assert_clean
    # What was synced does.
    bryo images import "$TMP/image.tar" >/dev/null
    local boot
    boot=$(sed -n 's/.*"boot": "\([^"]*\)".*/\1/p' "$(store)/images/$id.json")
    [ -s "$(store)/sync/$boot" ]
    mv "$(store)/sync/$boot" "$(store)/sync/00000000-0000-0000-0000-000000000000"
    sed -i 's/"boot": "[^"]*"/"boot": "00000000-0000-0000-0000-000000000000"/' "$(store)/images/$id.json" "$(store)/layers/$id/layer.json"
    assert_equal "$(bryo images list -q)" "$id"
}

@test "many at once unpack it once" {
    cp "$image" "$TMP/image.tar"
    local pids=() i
    for i in 1 2 3 4 5 6; do
        "$BRYO" --root "$BRYO_ROOT" sandbox "$TMP/image.tar" -- cat /etc/hostname >"$TMP/out.$i" </dev/null 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do
        wait "$i"
    done
    assert_equal "$(cat "$TMP"/out.* | grep -c sandbox-)" 6
    assert_equal "$(bryo images list -q | wc -l)" 1
    assert_clean
}

@test "mistakes: words, options, names, places" {
    run bryo images frob
    assert_status 1
    assert_output 'images: expected list, inspect, tag, remove, import, prune or check, found "frob"'
    run bryo images tag one
    assert_status 1
    assert_output "images tag: an argument is missing"
    assert_output "usage: bryo images tag IMAGE NAME"
    run bryo images list --name x
    assert_status 1
    assert_output "images list: it takes no --name"
    run bryo images prune --older-than soon
    assert_status 1
    assert_output 'expected a length of time such as 30d, 12h or 90m, found "soon"'
    local name
    for name in 'a b' '../x' 'x//y' 'x:' '' ".hidden"; do
        run bryo images import --name="$name" "$image"
        assert_status 1
    done
    run bryo images import --name 'a b' "$image"
    assert_output '"a b" is no name for an image'
    mkdir "$TMP/tree"
    run bryo images import "$TMP/tree"
    assert_status 1
    assert_output "it is a directory, which sandboxes use in place"
    : >"$TMP/file"
    XDG_DATA_HOME=$TMP/file run bryo images list
    assert_status 1
    assert_output "set XDG_DATA_HOME to a directory of your own"
}
