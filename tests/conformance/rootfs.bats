# config.md#root, config-linux.md#devices, #masked-paths and #readonly-paths, runtime-linux.md#dev-symbolic-links: the root
# file system and what stands in it.

load lib

# property: root root.path
@test "root.path is relative to the bundle or absolute" {
    echo here >"$B/rootfs/file"
    inspect . path=/file path=/..
    expect '.paths["/file"].content == "here\n"' '.paths["/.."].entries | contains(["file", "probe"])'
    mv "$B/rootfs" "$TMP/elsewhere"
    inspect ".root.path = \"$TMP/elsewhere\"" path=/file
    expect '.paths["/file"].content == "here\n"'
    mkdir "$B/rootfs"
}

# property: root.path
@test "a root that is no directory, or is not there, or is not named" {
    refused '.root.path = "nothing"' 'root.path: open' 'no such file or directory'
    refused '.root.path = "rootfs/probe"' 'root.path: not a directory'
    refused 'del(.root)' 'root.path: expected a string that is not empty, found nothing'
    refused 'del(.root.path)' 'root.path: expected a string that is not empty, found nothing'
}

# property: root.readonly
@test "the root is writable, or with readonly it is not" {
    inspect . path=/ make=/new
    expect '.paths["/"].writable == true' '.made["/new"].type == "file"' 'options("/") | contains(["rw"])'
    inspect '.root.readonly = true' path=/ make=/new make=/dev/new
    expect '.paths["/"].unwritable == "EROFS"' '.made["/new"] == "EROFS"' 'options("/") | contains(["ro"])'
    expect '.made["/dev/new"].type == "file"'
}

# property: linux.devices
@test "the default devices are there" {
    inspect .
    expect '.dev.null | [.type, .major, .minor] == ["c", 1, 3]'
    expect '.dev.zero | [.type, .major, .minor] == ["c", 1, 5]'
    expect '.dev.full | [.type, .major, .minor] == ["c", 1, 7]'
    expect '.dev.random | [.type, .major, .minor] == ["c", 1, 8]'
    expect '.dev.urandom | [.type, .major, .minor] == ["c", 1, 9]'
    expect '.dev.tty | [.type, .major, .minor] == ["c", 5, 0]'
    expect '.dev.ptmx | .type == "link" and .target == "pts/ptmx"'
    expect '.dev | keys - ["console", "core", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr",
        "stdin", "stdout", "tty", "urandom", "zero"] == []'
}

# property: linux.devices
@test "the default devices do what they are for" {
    inspect . path=/dev/null path=/dev/zero path=/dev/full path=/dev/random path=/dev/urandom
    expect '.paths["/dev/null"] | [.content, .writable] == ["", true]'
    expect '.paths["/dev/zero"].content | length == 300'
    expect '[.paths["/dev/full", "/dev/zero", "/dev/random", "/dev/urandom"].writable] | all'
}

# property: linux.devices
@test "the links of /dev are there" {
    inspect .
    expect '.dev.fd | [.type, .target] == ["link", "/proc/self/fd"]'
    expect '.dev.stdin | [.type, .target] == ["link", "/proc/self/fd/0"]'
    expect '.dev.stdout | [.type, .target] == ["link", "/proc/self/fd/1"]'
    expect '.dev.stderr | [.type, .target] == ["link", "/proc/self/fd/2"]'
}

# property: linux.devices linux.devices[].type linux.devices[].path linux.devices[].major linux.devices[].minor
@test "a device of config.json is there, also outside of /dev" {
    # One that every machine has beside the default ones.
    inspect '.linux.devices = [{type: "c", path: "/dev/ptmx", major: 5, minor: 2}]
        | .mounts |= map(select(.destination != "/dev/pts"))'
    expect '.dev.ptmx | [.type, .major, .minor] == ["c", 5, 2]'
    inspect '.linux.devices = [{type: "c", path: "/devices/deep/null", major: 1, minor: 3},
        {type: "u", path: "/dev/unbuffered", major: 1, minor: 5}]' path=/devices/deep/null
    expect '.paths["/devices/deep/null"] | [.type, .major, .minor, .writable] == ["c", 1, 3, true]'
    expect '.dev.unbuffered | [.type, .major, .minor] == ["c", 1, 5]'
}

# property: linux.devices[].type linux.devices[].major linux.devices[].minor
# rootless: yes, if the host has the device: it is bound from there
@test "a device that the host does not have" {
    if kind root; then
        inspect '.linux.devices = [{type: "b", path: "/dev/block", major: 240, minor: 9}]'
        expect '.dev.block | [.type, .major, .minor] == ["b", 240, 9]'
        return
    fi
    refused '.linux.devices = [{type: "b", path: "/dev/block", major: 240, minor: 9}]' \
        'device "/dev/block": the host has no block device 240:9' 'in a user namespace devices are bound from the host'
    refused '.linux.devices = [{type: "c", path: "/dev/null", major: 240, minor: 9}]' \
        'device "/dev/null": the host has no character device 240:9'
}

# property: linux.devices[].type
@test "a fifo needs no numbers, and every user can have one" {
    inspect '.linux.devices = [{type: "p", path: "/dev/fifo", fileMode: 384}]'
    expect '.dev.fifo | [.type, .mode] == ["p", 384]'
}

# property: linux.devices[].fileMode linux.devices[].uid linux.devices[].gid
# rootless: yes for a fifo; a device is bound from the host in a user namespace, and keeps its owner and mode
@test "mode and owner of a device" {
    ! kind nosub || skip "one id: there is no other owner"
    inspect '.linux.devices = [{type: "p", path: "/dev/fifo", fileMode: 416, uid: 7, gid: 8}]'
    expect '.dev.fifo | [.mode, .uid, .gid] == [416, 7, 8]'
    if kind root; then
        inspect '.linux.devices = [{type: "c", path: "/dev/mine", major: 1, minor: 3, fileMode: 416, uid: 7, gid: 8}]'
        expect '.dev.mine | [.mode, .uid, .gid] == [416, 7, 8]'
    fi
}

# property: linux.devices[].path
@test "a device where the image has something else is refused, but for the empty file of an earlier bind mount" {
    mkdir "$B/rootfs/place"
    echo text >"$B/rootfs/place/file"
    touch "$B/rootfs/place/empty"
    mkfifo "$B/rootfs/place/fifo"
    refused '.linux.devices = [{type: "c", path: "/place", major: 1, minor: 3}]' '"/place"' 'has a directory there'
    refused '.linux.devices = [{type: "p", path: "/place/file"}]' '"/place/file"' 'has a file there'
    refused '.linux.devices = [{type: "c", path: "/place/fifo", major: 1, minor: 3}]' '"/place/fifo"' 'has something else there'
    refused '.linux.devices = [{type: "c", path: "/dev/null", major: 1, minor: 5}]
        | .mounts += [{destination: "/dev/null", source: "/dev/null", options: ["bind"]}]' '"/dev/null"'
    if kind root; then
        refused '.linux.devices = [{type: "c", path: "/place/file", major: 1, minor: 3}]' '"/place/file"' 'has a file there'
        mknod "$B/rootfs/place/null" c 1 5
        refused '.linux.devices = [{type: "c", path: "/place/null", major: 1, minor: 3}]' 'has something else there'
        inspect '.linux.devices = [{type: "c", path: "/place/empty", major: 1, minor: 3}]' path=/place/empty
        expect '.paths["/place/empty"] | [.type, .major, .minor] == ["c", 1, 3]'
    fi
}

# property: linux.devices[].type linux.devices[].path linux.devices[].major linux.devices[].fileMode
@test "a device that is none" {
    refused '.linux.devices = [{type: "x", path: "/dev/x", major: 1, minor: 3}]' 'linux.devices[0].type: expected'
    refused '.linux.devices = [{path: "/dev/x", major: 1, minor: 3}]' 'linux.devices[0].type: expected'
    refused '.linux.devices = [{type: "c", major: 1, minor: 3}]' 'linux.devices[0].path: expected'
    ! other_runtime || return 0
    refused '.linux.devices = [{type: "c", path: "/dev/x", minor: 3}]' 'linux.devices[0].major: expected a device number'
    refused '.linux.devices = [{type: "c", path: "/dev/x", major: 4096, minor: 3}]' 'linux.devices[0].major: expected'
    refused '.linux.devices = [{type: "c", path: "/dev/x", major: 1, minor: 3, fileMode: 4096}]' \
        'linux.devices[0].fileMode: expected'
}

# property: linux.maskedPaths
@test "masked files are empty, masked directories too, and what is not there is left alone" {
    mkdir "$B/rootfs/directory"
    echo secret | tee "$B/rootfs/file" >"$B/rootfs/directory/inside"
    inspect '.linux.maskedPaths = ["/file", "/directory", "/nothing", "/proc/version", "/proc/sys/kernel"]' \
        path=/file path=/directory path=/directory/inside path=/nothing path=/proc/version path=/proc/sys/kernel
    expect '.paths["/file"].content == ""' '.paths["/proc/version"].content == ""'
    expect '.paths["/directory"].entries == []' '.paths["/proc/sys/kernel"].entries == []'
    expect '.paths["/directory"].unwritable == "EROFS"' '.paths["/directory/inside"].missing == "ENOENT"'
    expect '.paths["/nothing"].missing == "ENOENT"'
    [ "$(cat "$B/rootfs/file")" = secret ]
    refused '.linux.maskedPaths = ["file"]' 'linux.maskedPaths[0]: expected an absolute path, found "file"'
}

# property: linux.readonlyPaths
@test "read-only paths can be read and not written, with the mounts below" {
    mkdir "$B/rootfs/directory"
    echo text | tee "$B/rootfs/file" >"$B/rootfs/directory/inside"
    inspect 'grant(["CAP_NET_ADMIN"])' path=/proc/sys/net/ipv4/ip_forward
    expect '.paths["/proc/sys/net/ipv4/ip_forward"].writable == true'
    inspect 'grant(["CAP_NET_ADMIN"]) | .linux.readonlyPaths = ["/file", "/directory", "/nothing", "/proc/sys"]' \
        path=/file path=/directory path=/directory/inside path=/nothing path=/proc/sys/net/ipv4/ip_forward path=/
    expect '.paths["/file"] | [.content, .unwritable] == ["text\n", "EROFS"]'
    expect '.paths["/directory"] | [.entries, .unwritable] == [["inside"], "EROFS"]'
    expect '.paths["/directory/inside"].unwritable == "EROFS"' '.paths["/proc/sys/net/ipv4/ip_forward"].unwritable == "EROFS"'
    expect '.paths["/"].writable == true' '.paths["/nothing"].missing == "ENOENT"'
    refused '.linux.readonlyPaths = ["file"]' 'linux.readonlyPaths[0]: expected an absolute path, found "file"'
}

# property: linux.rootfsPropagation
@test "the root has the propagation of config.json" {
    local value
    inspect .
    expect 'propagation("/") | contains(["shared"]) | not'
    for value in private rprivate; do
        inspect ".linux.rootfsPropagation = \"$value\""
        expect 'propagation("/") == []'
    done
    for value in unbindable runbindable; do
        inspect ".linux.rootfsPropagation = \"$value\""
        expect 'propagation("/") == ["unbindable"]'
    done
    for value in shared rshared; do
        inspect ".linux.rootfsPropagation = \"$value\""
        expect 'propagation("/") | contains(["shared"])'
    done
    for value in slave rslave; do
        inspect ".linux.rootfsPropagation = \"$value\""
        expect 'propagation("/") | contains(["shared"]) | not'
    done
    refused '.linux.rootfsPropagation = "public"' 'linux.rootfsPropagation: expected'
}

# property: linux.mountLabel
# rootless: yes, where the machine has SELinux and its policy allows the change
@test "a label of mounts where SELinux is not enabled is left out with a warning" {
    [ ! -e /sys/fs/selinux/enforce ] || skip "this machine has SELinux"
    inspect_warned 'linux.mountLabel is left out: SELinux is not enabled on this machine' '.linux.mountLabel = "a:b:c:s0"'
    expect '[.mounts[].super[] | select(startswith("context="))] == []'
}

# property: root
@test "nothing of the root file system's directory changes but the places of mounts" {
    touch -d 2001-01-01 "$B/rootfs/probe"
    inspect .
    assert_equal "$(find "$B/rootfs" -mindepth 1 -printf '%P %y\n' | LC_ALL=C sort | xargs)" "dev d probe f proc d"
}
