#!/usr/bin/env bats
# bryo-image unpack: what becomes of archives, hostile and ordinary. The archives are made by hostile.py; nothing may
# ever be written outside of the destination, and a failure leaves nothing.

load ../lib/common

setup() {
    bryo_setup
    HELPER=$(dirname "$BRYO")/bryo-image
    [ -x "$HELPER" ] || skip "bryo-image was not built (libarchive)"
    skip_without python3
    mkdir "$TMP/world" "$TMP/world/outside"
    echo untouched >"$TMP/world/sentinel"
    D=$TMP/world/dest
    mkdir "$D"
    A=$TMP/archive
}

teardown() {
    # What is closed is opened for the removal.
    in_namespace chmod -R u+rwx "$TMP/world" 2>/dev/null || true
    bryo_teardown
}

# Runs a command as uid 0 of a user namespace with all ids that the caller has; real root needs none.
in_namespace() {
    if is_real_root; then
        "$@"
    elif is_root || has_subids; then
        unshare --user --map-root-user --map-auto "$@"
    else
        unshare --user --map-root-user "$@"
    fi
}

# Only one id is mapped.
one_id() {
    ! is_root && ! has_subids
}

# The helper with the descriptors of image/protocol.h; its answers become $output, with its exit status.
helper() { # COMMAND ARG…
    in_namespace "$HELPER" "$@" 3<"$A" 4<"$D" 5>&1
}

hostile() {
    "$BRYO_TOP/tests/image/hostile.py" "$1" >"$A"
}

unpack() { # [MAX_BYTES [MAX_ENTRIES]]
    run helper unpack name.tar "${1:-1000000000}" "${2:-100000}"
    nothing_outside
}

nothing_outside() {
    assert_equal "$(cat "$TMP/world/sentinel")" untouched
    assert_equal "$(stat -c %h "$TMP/world/sentinel")" 1
    assert_equal "$(ls -A "$TMP/world/outside")" ""
    assert_equal "$(ls -A "$TMP/world" | sort | tr '\n' ' ')" "dest outside sentinel "
}

assert_done() {
    assert_status 0
    [[ "$output" == *"d "[0-9]*" "[0-9]* ]] || assert_output "d ENTRIES BYTES"
}

# The failure with this text, and nothing left.
assert_failed() {
    assert_status 1
    assert_output "$1"
    [[ "$output" == *"e "[1-9]*" name.tar: "* ]] || assert_output "e CODE name.tar: …"
    assert_equal "$(ls -A "$D")" ""
}

# The tree as one line a file: type, mode, path, target; sorted.
tree() {
    in_namespace find "$1" -mindepth 1 -printf '%y %m %P %l\n' | LC_ALL=C sort
}

@test "names that lead out" {
    hostile absolute
    unpack
    assert_done
    [ -f "$D/etc/absolute" ] && [ -f "$D/twice/slashed" ]
    hostile dotdot
    rm -rf "${D:?}"/*
    unpack
    assert_failed 'entry "a/../../dotdot": the name leads out of the archive ("..")'
    hostile dotdot-end
    unpack
    assert_failed 'entry "a/.."'
    hostile empty-name
    unpack
    assert_failed "the entry has an empty name"
    hostile root-is-file
    unpack
    assert_failed 'entry ".": the root itself is not a directory'
}

@test "files below links that lead out land inside" {
    hostile below-link-out
    unpack
    assert_done
    assert_equal "$(cd "$D" && ls outside file3 | tr '\n' ' ')" "file3  outside: file file2 "
}

@test "chains of links, and links of procfs, stay inside" {
    hostile link-chain
    unpack
    assert_done
    [ -f "$D/chain" ]
    rm -rf "${D:?}"/*
    hostile magic-link
    unpack
    assert_done
    [ -f "$D/proc/self/root/tmp/file" ]
    rm -rf "${D:?}"/*
    hostile link-loop
    unpack
    assert_failed 'entry "a/file": open directory "a" of the new root: too many levels of symbolic links (ELOOP)'
}

@test "a file in the place of a link replaces the link, not its target" {
    hostile write-through-link
    unpack
    assert_done
    [ ! -L "$D/f" ]
    assert_equal "$(cat "$D/f")" overwritten
}

@test "a merged /usr: entries below linked directories, also before their target" {
    hostile usrmerge
    unpack
    assert_done
    assert_equal "$(readlink "$D/bin")" usr/bin
    assert_equal "$(ls "$D/usr/bin" | tr '\n' ' ')" "ls sh "
    assert_equal "$(cat "$D/run/pid")" 1
}

@test "hard links to what is outside" {
    hostile hardlink-out
    unpack
    assert_failed 'entry "passwd": hard link to "/etc/passwd", which no earlier entry made'
    hostile hardlink-dotdot
    unpack
    assert_failed 'hard link to "../sentinel": the name leads out of the archive'
    hostile hardlink-through-link
    unpack
    assert_failed 'hard link to "out/sentinel", which no earlier entry made'
    hostile hardlink-folder
    unpack
    assert_failed 'hard link to "d", which is a directory'
}

@test "hard links to files and links inside, and to themselves" {
    hostile hardlinks
    unpack
    assert_done
    assert_equal "$(stat -c %h "$D/one")" 3
    assert_equal "$(cat "$D/three")" same
    assert_equal "$(stat -c '%h %F' "$D/soft2")" "2 symbolic link"
}

@test "a later entry of the same name replaces the earlier one" {
    hostile duplicates
    unpack
    assert_done
    assert_equal "$(tree "$D")" "\
d 711 twice 
d 755 file-dir 
d 755 link-dir 
f 600 f 
f 644 dir-file 
f 644 file-dir/x 
f 644 link-dir/x 
l 777 dir-link f"
    assert_equal "$(cat "$D/f")" second
    rm -rf "${D:?}"/*
    hostile cached-folder-replaced
    unpack
    assert_done
    [ -f "$D/b/x" ]
    rm -rf "${D:?}"/*
    hostile full-folder-replaced
    unpack
    assert_failed 'entry "d": an earlier entry made a directory there that is not empty'
}

@test "long names" {
    hostile long-names
    unpack
    assert_done
    [ -f "$D/$(printf 'n%.0s' {1..255})" ]
    [ -f "$D/$(printf 'g%.0s' {1..150})" ]
    # Longer than the system calls take: 30 directories of 200 bytes.
    assert_equal "$(find "$D" -mindepth 1 -name 'd*' -type d | wc -l)" 30
    assert_equal "$(find "$D" -name file -execdir cat {} \;)" deep
    rm -rf "${D:?}"/*
    hostile too-long-component
    unpack
    assert_failed "the name has a component of 256 bytes, more than 255"
    hostile too-long-name
    unpack
    assert_failed "the name is longer than 32768 bytes"
}

@test "names are bytes: not UTF-8, composed or not, in every kind of header" {
    hostile odd-names
    unpack
    assert_done
    python3 - "$D" <<'END'
import os, sys
want = sorted([b"latin-\xe4\xff", "nfd-a\u0308".encode(), "nfc-\u00e4".encode(), b"control-\x01\x1b[31m\n", b'quote-"\\',
               b"-rf", b" ", b"..."])
top = os.fsencode(sys.argv[1])
for folder in b"u", b"g", b"p":
    assert sorted(os.listdir(top + b"/" + folder)) == want, (folder, os.listdir(top + b"/" + folder))
links = sorted(os.readlink(top + b"/l/" + n)[2:] for n in os.listdir(top + b"/l"))
assert links == want, links
END
}

@test "errors show odd names escaped" {
    python3 - "$BRYO_TOP/tests/image" >"$A" <<'END'
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import hostile
sys.stdout.buffer.write(hostile.file(b"../\x1b[31m\n\xff") + hostile.END)
END
    unpack
    assert_failed 'entry "../\x1b[31m\n\xff": the name leads out'
}

@test "dots and doubled slashes in names" {
    hostile dots
    unpack
    assert_done
    [ -f "$D/a" ] && [ -f "$D/b/c" ] && [ -f "$D/d/e" ]
}

@test "limits of bytes and entries" {
    hostile zeros
    unpack 1000000
    assert_failed 'entry "zeros": the file is large: more than 1000000 bytes'
    assert_output "h if you trust it, raise the limit with --max-size"
    hostile many
    unpack 1000 1000
    assert_failed 'the archive holds more than 1000 entries'
    # Directories that no entry names count as well.
    hostile long-names
    unpack 1000 20
    assert_failed 'the archive holds more than 20 entries'
    hostile absolute
    unpack 7
    assert_failed "the archive's files hold more than 7 bytes"
}

@test "a compression bomb ends at the limit" {
    local z
    hostile zeros
    for z in gzip bzip2 xz zstd; do
        command -v $z >/dev/null || continue
        $z -c <"$A" >"$TMP/bomb"
        A=$TMP/bomb unpack 1000000
        assert_failed 'entry "zeros"'
    done
}

@test "sparse files keep their holes, sparse bombs end at the limit" {
    hostile sparse
    unpack
    assert_done
    assert_equal "$(stat -c %s "$D/sparse")" 8388608
    [ "$(du -k "$D/sparse" | cut -f1)" -lt 1000 ]
    assert_equal "$(tail -c +1048577 "$D/sparse" | head -c 4)" data
    rm -rf "${D:?}"/*
    hostile sparse-bomb
    unpack
    assert_failed 'entry "bomb": the file is large'
    hostile sparse-far
    unpack
    assert_failed 'entry "far": the file is large'
    hostile huge-size
    unpack
    assert_failed 'entry "huge": the file is large'
    hostile negative-size
    unpack
    assert_failed "the archive is damaged"
}

@test "GNU tar's sparse files of every version" {
    local format
    truncate -s 3M "$TMP/holes"
    printf data | dd of="$TMP/holes" bs=1 seek=1000000 conv=notrunc status=none
    for format in gnu pax:0.0 pax:0.1 pax:1.0; do
        tar --format="${format%:*}" ${format#gnu} --sparse -C "$TMP" -cf "$A" holes 2>/dev/null ||
            tar --format="${format%:*}" --sparse --sparse-version="${format#*:}" -C "$TMP" -cf "$A" holes
        unpack
        assert_done
        cmp "$TMP/holes" "$D/holes"
        rm "$D/holes"
    done
}

@test "twenty thousand entries in one directory" {
    hostile many
    unpack
    assert_done
    assert_output "d 20001 0"
    assert_equal "$(find "$D/many" -type f | wc -l)" 20000
}

@test "device nodes are left out where they cannot be made" {
    hostile devices
    unpack
    assert_done
    [ -p "$D/fifo" ] && [ -f "$D/after" ]
    if is_real_root; then
        [ -c "$D/null" ] && [ -b "$D/disk" ]
    else
        assert_output 'w 2 device nodes were left out: this user may not make them (the first: "null")'
        [ ! -e "$D/null" ]
    fi
}

@test "a type that nobody knows is a file" {
    hostile unknown-type
    unpack
    assert_done
    [ -f "$D/unknown" ]
}

@test "owners, and owners beyond the map" {
    hostile owners
    unpack
    assert_done
    assert_equal "$(stat -c %a "$D/mine")" 4755
    if one_id; then
        assert_output "w owners are not kept"
        assert_equal "$(stat -c %a "$D/other")" 755
        return
    fi
    assert_equal "$(in_namespace stat -c '%u:%g %a' "$D/other" "$D/dir" | tr '\n' ' ')" "7:8 6755 7:8 2755 "
    assert_equal "$(in_namespace stat -c '%u:%g' "$D/link")" "7:8"
    is_real_root && return
    assert_output 'w 2 entries have owners outside the id map and belong to root now (the first: "far", 2000000000:0)'
    assert_equal "$(in_namespace stat -c '%u:%g %a' "$D/far" "$D/farther" | tr '\n' ' ')" "0:0 755 0:0 755 "
}

@test "with one id mapped all is root's, and one warning says so" {
    ! is_real_root || skip "root of the machine needs no map"
    hostile owners
    with_one_id() {
        unshare --user --map-root-user "$HELPER" unpack name.tar 1000 1000 3<"$A" 4<"$D" 5>&1
    }
    run with_one_id
    assert_done
    assert_output 'w owners are not kept: 5 entries of other users belong to root now (the first: "other")'
    assert_equal "$(stat -c %a "$D/mine" "$D/other" "$D/far" | tr '\n' ' ')" "4755 755 755 "
    assert_equal "$(stat -c %u "$D/other")" "$(id -u)"
}

@test "modes, of directories too" {
    hostile modes
    unpack
    assert_done
    assert_equal "$(tree "$D")" "\
d 0 closed 
d 1777 tmp 
d 555 readonly 
d 555 readonly/sub 
f 0 closed/file 
f 444 readonly/sub/b 
f 4711 program 
f 644 readonly/a "
    assert_equal "$(stat -c %a "$D")" 755
}

@test "a umask, a setgid destination and a default ACL change nothing" {
    skip_without setfacl
    chmod 2777 "$D"
    setfacl -d -m u:0:rwx "$D" || skip "no ACLs here"
    umask 077
    hostile modes
    unpack
    assert_done
    assert_equal "$(stat -c %a "$D")" 755
    assert_equal "$(in_namespace stat -c %a "$D/readonly/a" "$D/readonly/sub" "$D/program" | tr '\n' ' ')" "644 555 4711 "
    assert_equal "$(in_namespace getfacl -cp "$D/readonly/a" | grep -c mask)" 0
}

@test "times, of directories and links too" {
    hostile times
    unpack
    assert_done
    assert_equal "$(stat -c %.9Y "$D/file")" 1234567890.123456789
    assert_equal "$(stat -c %Y "$D/dir" "$D/link" "$D/dir/inside" | tr '\n' ' ')" "1000000001 1000000002 1000000000 "
}

@test "extended attributes and file capabilities" {
    skip_without getfattr getcap
    hostile xattrs
    unpack
    assert_done
    if ! setfattr -n user.probe -v 1 "$TMP/x$RANDOM" 2>/dev/null && : >"$TMP/probe" && ! setfattr -n user.probe -v 1 "$TMP/probe"; then
        skip "the file system of $TMP has no user attributes"
    fi
    assert_equal "$(getfattr --only-values -n user.a "$D/user" | tr '\0' '~')" "value~with nul"
    assert_equal "$(getfattr --only-values -n user.kept "$D/trusted")" yes
    assert_equal "$(in_namespace getcap "$D/caps" | sed 's/.* //')" cap_net_raw=ep
    assert_equal "$(in_namespace getcap "$D/caps3" | sed 's/.* //')" cap_net_raw=ep
    assert_output 'w 2 extended attributes of kinds that images do not carry over were left out (the first: "trusted", '
    assert_output 'w 1 extended attribute was not taken by the file system ("big", user.big: '
}

@test "access control lists" {
    skip_without getfacl
    : >"$TMP/probe" && setfacl -m u:0:r "$TMP/probe" || skip "the file system of $TMP has no ACLs"
    one_id && skip "named users need more than one id"
    hostile acls
    unpack
    assert_done
    assert_equal "$(in_namespace getfacl -cpn "$D/file" | tr '\n' ' ')" "user::rw- user:1:r-- group::r-- mask::r-- other::---  "
    assert_equal "$(in_namespace getfacl -cpn "$D/dir" | tr '\n' ' ')" \
        "user::rwx user:7:rwx group::r-x group:8:r-- mask::rwx other::--- default:user::rwx default:user:7:r-x default:group::r-x default:mask::r-x default:other::---  "
    # The default list comes after what is inside.
    assert_equal "$(in_namespace stat -c %a "$D/dir/inside")" 666
}

@test "damage and cuts, wherever they are, leave nothing" {
    local size at z
    hostile hardlinks
    size=$(stat -c %s "$A")
    # Cut in a header, in data, at the border of an entry: the end marker begins at size - 1024.
    for at in 1 100 511 512 600 1024 1500 $((size - 1024)); do
        head -c "$at" "$A" >"$TMP/cut"
        A=$TMP/cut unpack
        assert_failed ""
    done
    for z in gzip bzip2 xz zstd lz4; do
        command -v $z >/dev/null || continue
        $z -c <"$A" >"$TMP/whole"
        A=$TMP/whole unpack
        assert_done
        rm -rf "${D:?}"/*
        size=$(stat -c %s "$TMP/whole")
        # The last bytes are check sums, which the archive's own end does not need.
        for at in 10 $((size / 2)) $((size - 5)) $((size - 1)); do
            head -c "$at" "$TMP/whole" >"$TMP/cut"
            A=$TMP/cut unpack
            assert_failed ""
        done
    done
}

@test "a flipped bit in compressed data is found by the check sum" {
    local z size
    python3 -c 'import random, sys
random.seed(1)
sys.stdout.buffer.write(bytes(random.randrange(256) for _ in range(200000)))' >"$TMP/noise"
    tar -C "$TMP" -cf "$A" noise
    for z in gzip bzip2 xz zstd lz4; do
        command -v $z >/dev/null || continue
        $z -c <"$A" >"$TMP/flipped"
        size=$(stat -c %s "$TMP/flipped")
        printf '\x5a' | dd of="$TMP/flipped" bs=1 seek=$((size / 2)) conv=notrunc status=none
        A=$TMP/flipped unpack
        assert_failed "$z: the data is damaged"
    done
}

@test "an archive without its end marker was cut short, data behind it is told" {
    hostile no-end
    unpack
    assert_failed 'after entry "b": the archive has no end marker: it was cut short'
    hostile bad-checksum
    unpack
    assert_failed 'after entry "a": the archive is damaged or was cut short'
    hostile empty
    unpack
    assert_failed "the archive is empty: it holds no files"
    hostile trailing
    unpack
    assert_done
    assert_output "w the archive has data behind its end, which was ignored"
}

@test "every kind of compression, told by content" {
    local z
    hostile absolute
    for z in gzip bzip2 xz zstd lz4; do
        command -v $z >/dev/null || continue
        $z -c <"$A" >"$TMP/packed"
        A=$TMP/packed unpack
        assert_done
        [ -f "$D/etc/absolute" ]
        rm -rf "${D:?}"/*
    done
    # Two members, and padding behind.
    { head -c 1000 "$A" | gzip -c && tail -c +1001 "$A" | gzip -c && head -c 3000 /dev/zero; } >"$TMP/packed"
    A=$TMP/packed unpack
    assert_done
    [ -f "$D/etc/absolute" ]
}

@test "every format of tar: the same tree as tar makes" {
    local format
    mkdir -p "$TMP/tree/a/b" "$TMP/ref" && echo x >"$TMP/tree/a/b/x" && ln -s b/x "$TMP/tree/a/l" && ln "$TMP/tree/a/b/x" "$TMP/tree/a/h"
    chmod 750 "$TMP/tree/a"
    head -c 300000 /dev/urandom >"$TMP/tree/random"
    for format in v7 oldgnu gnu ustar pax; do
        tar --format=$format --owner=0 --group=0 --numeric-owner -C "$TMP/tree" -cf "$A" a random
        unpack
        assert_done
        assert_equal "$(tree "$D")" "$(tree "$TMP/tree")"
        cmp "$D/random" "$TMP/tree/random"
        rm -rf "${D:?}"/*
    done
}

@test "what is no archive is told by what it looks like" {
    expect() {
        unpack
        assert_failed "name.tar: not an archive bryo can read (tar, optionally gzip, bzip2, xz, zstd or lz4 compressed)"
        assert_output "$1"
    }
    cp /bin/true "$A" && expect "h it looks like an ELF program"
    : >"$A" && expect "h it looks like an empty file"
    printf '<!DOCTYPE html><html>404' >"$A" && expect "h it looks like an HTML page"
    printf 'PK\3\4xxxxxxxxxxxxxxxxxxxxxxxxx' >"$A" && expect "h it looks like a zip file"
    printf 'hsqs%0600d' 0 >"$A" && expect "h it looks like a squashfs image"
    printf 'hello\n' >"$A" && expect "h it looks like a text file"
    printf '#!/bin/sh\n' >"$A" && expect "h it looks like a script"
    printf '{"a":1}' >"$A" && expect "h it looks like a JSON file"
    gzip -c /bin/true >"$A" && expect "h it is gzip compressed, and what is inside looks like an ELF program"
    printf '\x1f\x8b\x08garbage' >"$A"
    unpack
    assert_failed "gzip: the data is damaged"
    printf '\x28\xb5\x2f\xfdgarbagegarbage' >"$A"
    unpack
    assert_failed "zstd: the data is damaged"
    printf 'BZh9garbagegarbagegarbage' >"$A"
    unpack
    assert_failed "bzip2: the data is damaged"
    printf '\x04\x22\x4d\x18garbagegarbage' >"$A"
    unpack
    assert_failed "lz4: the data is damaged"
    printf '\xfd7zXZ\0garbagegarbagegarbage' >"$A"
    unpack
    assert_failed "xz: the data is damaged"
}

@test "images in transport formats are no root file systems" {
    hostile docker-save
    unpack
    assert_failed "an image archive (docker save or an OCI layout), not a root file system"
    assert_output "h bryo images import reads it"
    hostile oci-archive
    unpack
    assert_failed "an image archive"
    hostile manifest-in-root
    unpack
    assert_done
}

@test "a destination that is not empty is not touched" {
    echo mine >"$D/file"
    chmod 750 "$D"
    hostile absolute
    unpack
    assert_status 1
    assert_output "name.tar: the destination directory is not empty"
    assert_equal "$(cat "$D/file") $(stat -c %a "$D")" "mine 750"
}

@test "a full disk: a clear text, and nothing left" {
    hostile zeros
    run in_namespace unshare --mount sh -c 'mount -t tmpfs -o size=1m,mode=700 none "$3" && cd "$3" && mkdir d && "$1" unpack name.tar 1000000000 100 3<"$2" 4<d 5>&1; echo "status $? left: $(ls -A d)."' \
        sh "$HELPER" "$A" "$D"
    assert_output 'name.tar: entry "zeros": write: no space left on device (ENOSPC)'
    assert_output "h the file system that it is unpacked to is full"
    assert_output "status 1 left: ."
}

@test "SIGTERM while the archive is silent: nothing left" {
    hostile zeros
    mkfifo "$TMP/pipe"
    # The shell's pid becomes the helper's, whatever made the namespace.
    in_namespace sh -c 'echo $$ >"$1"; exec "$2" unpack name.tar 1000000000 1000 3<"$3" 4<"$4" 5>"$5"' \
        sh "$TMP/pid" "$HELPER" "$TMP/pipe" "$D" "$TMP/status" 3>&- &
    local job=$! code=0
    exec 7>"$TMP/pipe"
    head -c 20000000 "$A" >&7
    wait_for 10 test -s "$D/before"
    kill -TERM "$(cat "$TMP/pid")"
    wait $job || code=$?
    exec 7>&-
    assert_equal "$code" 1
    assert_equal "$(grep '^e' "$TMP/status")" 'e 4 name.tar: entry "zeros": interrupted'
    assert_equal "$(ls -A "$D")" ""
}

@test "a listener that is gone ends the work" {
    hostile many
    run in_namespace bash -c 'exec 5> >(exec true); sleep 0.3; "$0" unpack name.tar 1000 100000 3<"$1" 4<"$2"' "$HELPER" "$A" "$D"
    assert_status 1
    assert_equal "$(ls -A "$D")" ""
}

@test "remove: a tree of any depth, closed directories, few descriptors" {
    python3 - "$D" <<'END'
import os, sys
os.chdir(sys.argv[1])
os.mkdir("tree")
os.chdir("tree")
for i in range(3000):
    os.mkdir("d")
    open("f%d" % (i % 7), "w").close()
    os.chdir("d")
END
    ln -s ../../sentinel "$D/tree/link"
    mkdir -p "$D/tree/closed/inside" && : >"$D/tree/closed/inside/file" && chmod 000 "$D/tree/closed/inside" "$D/tree/closed"
    : >"$A"
    run in_namespace bash -c 'ulimit -n 100; "$0" remove tree 4<"$1" 5>&1' "$HELPER" "$D"
    assert_status 0
    assert_equal "$output" "d 0 0"
    assert_equal "$(ls -A "$D")" ""
    nothing_outside
    run helper remove nothing-there
    assert_status 0
    run helper remove ../sentinel
    assert_status 1
    assert_output 'e 22 remove "../sentinel": not the name of one file'
    run helper remove ..
    assert_status 1
    nothing_outside
}

@test "without its descriptors or with a wrong command line it says who it is" {
    run "$HELPER"
    assert_status 2
    assert_output "bryo-image is a part of bryo"
    run "$HELPER" unpack x 1 2 4</dev/null 5>&1
    assert_status 2
    hostile absolute
    run helper unpack name.tar 12x 1
    assert_status 1
    assert_output "two numbers are expected"
}
