#!/usr/bin/env bats
# Images in transport formats: OCI layouts, `docker save`, layers with whiteouts, and those made in bad faith.

load ../lib/common

setup_file() {
    export IMAGES=$BATS_FILE_TMPDIR
    "$BRYO_TOP/examples/make-rootfs" "$IMAGES/base.tar"
}

setup() {
    bryo_setup
    export XDG_CACHE_HOME=$TMP/cache
    skip_without python3
    run "$BRYO" unpack /dev/null "$TMP/probe"
    [[ "$output" != *"find the helper program"* ]] || skip "bryo-image was not built (libarchive)"
}

layout() { # CASE…
    local name
    for name; do
        "$BRYO_TOP/tests/image/layout.py" "$name" "$IMAGES/base.tar" "$TMP/$name"
    done
}

docker_save() { # CASE
    "$BRYO_TOP/tests/image/layout.py" --docker "$1" "$IMAGES/base.tar" "$TMP/saved-$1"
    tar -C "$TMP/saved-$1" -cf "$TMP/$1.tar" .
}

sandbox() {
    run --separate-stderr bryo sandbox "$@" </dev/null
}

# Nothing came into the store, and nothing is left of the attempt.
assert_nothing() {
    local store
    store=$(echo "$XDG_DATA_HOME"/bryo/ids-*)
    [ -z "$(bryo images list -q)" ]
    [ -z "$(ls -A "$store/tmp")$(ls -A "$store/locks")" ]
}

@test "an OCI layout: layers, and the image's command, variables, directory and user" {
    layout plain
    if has_subids; then
        sandbox "oci:$TMP/plain"
        assert_status 0
        assert_equal "$output" "from the second layer"
        sandbox "oci:$TMP/plain" -- sh -c 'pwd; echo "$FROM"; cat /srv/new; id -un'
        assert_status 0
        assert_equal "$(xargs <<<"$output")" "/etc image new guest"
    else
        sandbox "oci:$TMP/plain"
        assert_status 125
        assert_output 'the image'"'"'s user "guest": process.user.uid: 1000 is not mapped'
        assert_output "--user 0 runs the command as the user who calls bryo"
    fi
    sandbox --user 0 --cwd / --env FROM=me --entry /bin/sh "$TMP/plain" -- -c 'id -u; pwd; echo $FROM'
    assert_equal "$(xargs <<<"$output")" "0 / me"
    assert_equal "$(bryo images inspect "$(bryo images list -q)" | jq -c '[.os, .config.StopSignal, (.layers | length)]')" '["linux","SIGUSR1",2]'
}

@test "archives: oci-archive, docker-archive, and either without being named" {
    layout plain
    tar -C "$TMP/plain" -czf "$TMP/oci.tar.gz" .
    docker_save plain
    local image
    for image in "oci-archive:$TMP/oci.tar.gz" "$TMP/oci.tar.gz" "docker-archive:$TMP/plain.tar" "docker-archive:$TMP/plain.tar:library/demo:1" "$TMP/plain.tar"; do
        sandbox --user 0 "$image" -- cat /etc/motd
        assert_status 0
        assert_equal "$output" "from the second layer"
    done
    # The same layers and configuration by whatever way: one image.
    assert_equal "$(bryo images list -q | wc -l)" 1
    run bryo sandbox "docker-archive:$TMP/plain.tar:other" -- true
    assert_status 125
    assert_output 'no image "other"'
    assert_output "there are: docker.io/library/demo:1"
    bryo sandbox --user 0 - -- true <"$TMP/plain.tar" # it can be read once more
    run bash -c 'cat "$TMP/plain.tar" | "$BRYO" --root "$BRYO_ROOT" sandbox --user 0 - -- true'
    assert_status 125
    assert_output "such an image is read from a file: save it to one first"
}

@test "unpack makes a bundle with what the image says" {
    layout plain
    run bryo unpack "oci:$TMP/plain" "$TMP/bundle"
    assert_status 0
    assert_equal "$(cat "$TMP/bundle/rootfs/etc/motd")" "from the second layer"
    assert_equal "$(jq -c '[.process.args, .process.cwd, .annotations["org.example.a"], .annotations["org.opencontainers.image.exposedPorts"]]' "$TMP/bundle/config.json")" \
        '[["cat","/etc/motd"],"/etc","b","80/tcp"]'
    assert_equal "$(jq -r '.process.env[]' "$TMP/bundle/config.json" | grep FROM)" "FROM=image"
}

@test "whiteouts and opaque directories, mounted and copied alike" {
    layout whiteouts
    sandbox --user 0 "oci:$TMP/whiteouts" -- sh -c 'cd /; find one two three four five -type f | sort; find / -xdev -name ".wh*"'
    local expected
    expected=$(printf '%s\n' five/deep/a four/b one/b three/b)
    assert_equal "$output" "$expected"
    bryo unpack "oci:$TMP/whiteouts" "$TMP/bundle"
    assert_equal "$(cd "$TMP/bundle/rootfs" && find one two three four five -type f 2>/dev/null | sort)" "$expected"
    [ -z "$(find "$TMP/bundle/rootfs" -name '.wh*')" ]
    [ -z "$(find "$TMP/bundle/rootfs/one" "$TMP/bundle/rootfs/three" -type c)" ]
}

@test "a directory replaced by a link, and written through: nothing is outside" {
    layout replaced escape whiteout-through-link
    sandbox --user 0 "oci:$TMP/replaced" -- sh -c 'cat /dir/passwd; grep -c through /etc/passwd'
    assert_equal "$output" $'written through\n0'
    bryo unpack "oci:$TMP/replaced" "$TMP/bundle"
    assert_equal "$(ls -A "$TMP/bundle/rootfs/dir")" passwd
    rm -f /tmp/escaped
    sandbox --user 0 "oci:$TMP/escape" -- true
    assert_status 0
    [ ! -e /tmp/escaped ]
    : >"/tmp/bryo-whiteout-$$"
    sandbox --user 0 "oci:$TMP/whiteout-through-link" -- true
    [ -e "/tmp/bryo-whiteout-$$" ]
    rm -f "/tmp/bryo-whiteout-$$"
}

@test "a layer that comes twice" {
    layout same-twice
    sandbox --user 0 "oci:$TMP/same-twice" -- cat /a
    assert_status 0
    assert_equal "$output" 1
    bryo unpack "oci:$TMP/same-twice" "$TMP/bundle"
    assert_equal "$(cat "$TMP/bundle/rootfs/a")" 1
}

@test "several images: by tag, by platform" {
    layout many
    sandbox "oci:$TMP/many"
    assert_status 125
    assert_output "there are 2 images to choose from"
    assert_output "there are: multi, single"
    sandbox --user 0 "oci:$TMP/many:single"
    assert_equal "$output" single
    local id
    id=$(bryo images import --platform linux/arm64 "oci:$TMP/many:multi")
    assert_equal "$(bryo images inspect "$id" | jq '.layers | length')" 2
    sandbox --user 0 "$id"
    assert_equal "$output" arm64
    run bryo images import --platform linux/z80 "oci:$TMP/many:multi"
    assert_status 1
    assert_output "no image for linux/z80"
    assert_output "(linux/s390x)"
    run bryo images import --platform here "oci:$TMP/many:multi"
    assert_output "no image for linux/here"
    run bryo images import --platform /x "oci:$TMP/many:multi"
    assert_output 'expected OS/ARCHITECTURE[/VARIANT] such as linux/arm64, found "/x"'
}

@test "lies, cuts and tricks: refused with a reason, nothing stays" {
    local name text
    while IFS='|' read -r name text; do
        layout "$name"
        sandbox "oci:$TMP/$name" -- true
        assert_status 125
        assert_output "$text"
        assert_nothing_but_base
        rm -rf "$TMP/$name"
    done <<'END'
lie|the SHA-256 of the archive is
content-lie|the SHA-256 of the decompressed archive is
manifest-lie|the SHA-256 of blob
truncated|bytes, its manifest says
truncated-config|has 10 bytes, its manifest says
missing|no such file or directory
huge-manifest|is larger than 4194304 bytes
many-layers|layers: 501 layers, more than 500
counts|rootfs.diff_ids names 1 layers, the manifest 2
digest-path|manifests[0].digest: expected sha256: and 64 hexadecimal digits, found "sha256:../
digest-kind|manifests[0].digest: expected sha256: and 64 hexadecimal digits
blob-link|no such file or directory
blob-fifo|is not a regular file
loop|indexes are nested more than 4 deep
foreign|is no layer that bryo can read
no-json|index.json:1:16: not valid JSON
no-list|manifests: expected a list, found "all"
bad-config|config.Cmd: expected a list of strings, found "sh"
whiteout-up|a whiteout of "..", which is not the name of a file
whiteout-dot|a whiteout of ".", which is not the name of a file
whiteout-empty|a whiteout of "", which is not the name of a file
whiteout-outside|the name leads out of the archive
END
}

# A first layer may be there already when the second is refused: the next prune takes it.
assert_nothing_but_base() {
    bryo images prune >/dev/null
    assert_nothing
}

@test "docker save: names that lead out" {
    local name
    for name in docker-escape docker-config; do
        docker_save "$name"
        sandbox "$TMP/$name.tar" -- true
        assert_status 125
        assert_output 'etc/passwd'
        assert_nothing
    done
}

@test "transports that others read, or nobody" {
    sandbox oci: -- true
    assert_status 125
    assert_output 'image "oci:": expected oci:DIRECTORY[:TAG]'
    sandbox ostree:x -- true
    assert_output 'image "ostree:x": bryo does not read ostree'
    mkdir "$TMP/bin"
    run env PATH="$TMP/bin" "$BRYO" --root "$BRYO_ROOT" sandbox docker://demo -- true
    assert_status 125
    assert_output 'image "docker://demo": neither skopeo nor podman is installed, which read registries'
}

@test "a registry by skopeo: asked once, and again by import" {
    layout plain
    mkdir "$TMP/bin"
    # A skopeo that knows one image.
    cat >"$TMP/bin/skopeo" <<END
#!/bin/sh
echo "\$*" >>"$TMP/calls"
[ "\$3" = docker://demo:1 ] || { echo "some noise" >&2; echo "reading manifest: unknown" >&2; exit 1; }
to=\${4#oci:}
cp -r "$TMP/plain" "\${to%:image}"
END
    chmod +x "$TMP/bin/skopeo"
    export PATH=$TMP/bin:$PATH
    sandbox --user 0 docker://demo:1
    assert_equal "$output" "from the second layer"
    sandbox --user 0 docker://demo:1
    assert_status 0
    sandbox --user 0 demo:1
    assert_status 0
    assert_equal "$(wc -l <"$TMP/calls")" 1
    bryo images import docker://demo:1 >/dev/null
    assert_equal "$(wc -l <"$TMP/calls")" 2
    sandbox docker://other
    assert_status 125
    assert_output 'image "docker://other": skopeo failed: reading manifest: unknown'
}
