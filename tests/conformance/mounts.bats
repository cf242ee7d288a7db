# config.md#mounts: file systems and bind mounts, and every option of the specification's table.

load lib

# Rows of mount-options as JSON.
option_table() {
    grep -v '^#' "$BRYO_TOP/tests/conformance/mount-options" | jq -R -s '
        [split("\n")[] | select(. != "") | [splits(" +")]
            | {name: .[0], requirement: .[1], before: .[2], shown: (.[3] | split(","))}]'
}

# A directory of the machine that has a mount below it.
tree_with_mounts() {
    mountpoint -q /dev/pts || skip "this machine has no mount at /dev/pts"
    TREE=/dev BELOW=pts
}

# property: mounts mounts[].destination
@test "a destination is made where there is none, and a relative one is below /" {
    mkdir "$B/rootfs/there"
    inspect '.mounts += [{destination: "/there", type: "tmpfs", source: "tmpfs"},
        {destination: "/made/of/three", type: "tmpfs", source: "tmpfs"}, {destination: "relative", type: "tmpfs", source: "tmpfs"}]'
    expect 'mount_at("/there").type == "tmpfs"' 'mount_at("/made/of/three").type == "tmpfs"'
    expect 'mount_at("/relative").type == "tmpfs"'
    refused '.mounts += [{type: "tmpfs", source: "tmpfs"}]' 'mounts[3].destination: expected'
}

# property: mounts
@test "mounts are made in their order" {
    inspect '.mounts += [{destination: "/a", type: "tmpfs", source: "one"}, {destination: "/a/b", type: "tmpfs", source: "two"}]'
    expect '[.mounts[] | select(.at | startswith("/a")) | .source] == ["one", "two"]'
    mkdir -p "$B/rootfs/a/b"
    inspect '.mounts += [{destination: "/a/b", type: "tmpfs", source: "two"}, {destination: "/a", type: "tmpfs", source: "one"}]' \
        path=/a
    expect '.paths["/a"].entries == []'
}

# property: mounts[].type mounts[].source
@test "the file systems that every container should have" {
    inspect '.mounts += [{destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
        {destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"]},
        {destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"]}]'
    expect 'mount_at("/proc").type == "proc"' 'mount_at("/sys").type == "sysfs"' 'mount_at("/dev/pts").type == "devpts"'
    expect 'mount_at("/dev/shm").type == "tmpfs"' 'mount_at("/dev/mqueue").type == "mqueue"'
    expect '.dev.shm.mode == 1023' 'options("/dev/shm") | contains(["size=65536k", "nosuid", "noexec", "nodev"])'
    expect 'options("/sys") | contains(["ro"])'
}

# property: mounts[].type
@test "a type that the kernel does not have" {
    refused '.mounts += [{destination: "/x", type: "nofs", source: "x"}]' 'mounts[3]: mount "x" (nofs) at "/x"' 'ENODEV'
    refused '.mounts += [{destination: "/x", source: "x"}]' 'mounts[3].type: missing'
}

# property: mounts[].source mounts[].options
@test "a bind mount of a file and of a directory, absolute and relative to the bundle" {
    mkdir "$TMP/directory" "$B/near"
    echo text | tee "$TMP/directory/file" >"$B/near/file"
    inspect ".mounts += [{destination: \"/directory\", source: \"$TMP/directory\", options: [\"bind\"]},
        {destination: \"/file\", source: \"$TMP/directory/file\", options: [\"bind\", \"ro\"]},
        {destination: \"/near\", type: \"none\", source: \"near\", options: [\"rbind\"]}]" path=/directory path=/file path=/near
    expect '.paths["/directory"] | [.entries, .writable] == [["file"], true]'
    expect '.paths["/file"] | [.content, .unwritable] == ["text\n", "EROFS"]'
    expect '.paths["/near"].entries == ["file"]'
    refused '.mounts += [{destination: "/x", source: "/no/such/source", options: ["bind"]}]' \
        'mounts[3].source: open "/no/such/source": no such file or directory'
    refused '.mounts += [{destination: "/x", options: ["bind"]}]' 'mounts[3].source: missing, a bind mount needs one'
    refused ".mounts += [{destination: \"/probe\", source: \"$TMP/directory\", options: [\"bind\"]}]" \
        'mounts[3]: source' 'is a directory, but destination "/probe" is a file'
}

# property: mounts[].options
@test "every option of the specification does to a file system what it is for" {
    local table wrong
    table=$(option_table | jq -c 'map(select(.shown != ["."]))')
    inspect "$table as \$table | .mounts += [\$table[] | {destination: \"/m/\(.name)\", type: \"tmpfs\", source: \"tmpfs\",
        options: ([.before | select(. != \".\")] + [.name])}]"
    assert_equal "$(jq length <<<"$table")" "$(jq '[.mounts[] | select(.at | startswith("/m/"))] | length' "$REPORT")"
    wrong=$(jq -r --argjson table "$table" "$JQ"'
        . as $report | $table[] | .name as $name | ($report | options("/m/" + $name)) as $found
        | .shown[] | . as $word | ($found | index($word | ltrimstr("-")) != null) as $there
        | select($there == startswith("-")) | "\($name): expected \($word), found \($found | join(","))"' "$REPORT")
    assert_equal "$wrong" ""
}

# property: mounts[].options
@test "options that nothing shows are taken" {
    inspect '.mounts += [range(6) as $i | {destination: "/m\($i)", type: "tmpfs", source: "tmpfs",
        options: [["iversion", "noiversion", "silent", "loud", "mand", "nomand"][$i]]}]'
    expect '[.mounts[] | select(.at | test("^/m[0-5]$"))] | length == 6'
}

# property: mounts[].options
@test "an option that is not in the table goes to the file system" {
    inspect '.mounts += [{destination: "/x", type: "tmpfs", source: "tmpfs", options: ["size=64k", "mode=0700", "nr_inodes=10"]}]' path=/x
    expect 'options("/x") | contains(["size=64k", "nr_inodes=10"])' '.paths["/x"].mode == 448'
    refused '.mounts += [{destination: "/x", type: "tmpfs", source: "tmpfs", options: ["frobnicate"]}]' \
        'mounts[3]: mount "tmpfs" (tmpfs) at "/x"' "frobnicate"
    ! other_runtime || return 0
    refused ".mounts += [{destination: \"/x\", source: \"$TMP\", options: [\"bind\", \"frobnicate\"]}]" \
        'mounts[3].options[1]: unknown mount option "frobnicate"'
}

# property: mounts[].options
@test "bind leaves the mounts below out, rbind takes them along" {
    tree_with_mounts
    inspect ".mounts += [{destination: \"/tree\", source: \"$TREE\", options: [\"rbind\"]}]"
    expect "mount_at(\"/tree/$BELOW\") != null"
    if kind root; then
        inspect ".mounts += [{destination: \"/tree\", source: \"$TREE\", options: [\"bind\"]}]"
        expect "mount_at(\"/tree/$BELOW\") == null"
    else
        refused ".mounts += [{destination: \"/tree\", source: \"$TREE\", options: [\"bind\"]}]" \
            'mounts below the source may not be left out in a user namespace: use "rbind"'
    fi
}

# property: mounts[].options
@test "options of bind mounts are those of the one mount, with an r in front of the whole tree" {
    tree_with_mounts
    inspect ".mounts += [{destination: \"/one\", source: \"$TREE\", options: [\"rbind\", \"ro\", \"nosymfollow\", \"noexec\"]},
        {destination: \"/all\", source: \"$TREE\", options: [\"rbind\", \"rro\", \"rnosymfollow\", \"rnoexec\", \"rnosuid\"]}]"
    expect 'mount_at("/one").options | contains(["ro", "nosymfollow", "noexec"])'
    expect "mount_at(\"/one/$BELOW\").options | contains([\"nosymfollow\"]) | not" "mount_at(\"/one/$BELOW\").options | contains([\"rw\"])"
    expect "[mount_at(\"/all\"), mount_at(\"/all/$BELOW\") | .options | contains([\"ro\", \"nosymfollow\", \"noexec\", \"nosuid\"])] | all"
}

# property: mounts[].options
# rootless: yes, but what restricts a mount of the host, and how it keeps access times, stays in a user namespace
@test "access times of a bind mount, and taking restrictions away" {
    tree_with_mounts
    local filter=".mounts += [{destination: \"/all\", source: \"$TREE\", options: [\"rbind\", \"rnodiratime\", \"rsuid\"]}]"
    if kind root; then
        inspect "$filter"
        expect "[mount_at(\"/all\"), mount_at(\"/all/$BELOW\") | .options | index(\"nodiratime\") != null and index(\"nosuid\") == null] | all"
    else
        refused "$filter" 'set the attributes of the whole tree: operation not permitted (EPERM)' \
            "in a user namespace the ro, nosuid, nodev and noexec of the host's mounts stay"
    fi
}

# property: mounts[].options
@test "propagation of a mount" {
    inspect '.mounts += [["private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"][]
        | {destination: "/\(.)", type: "tmpfs", source: "tmpfs", options: [.]}]'
    expect '[propagation("/private", "/rprivate", "/slave", "/rslave")] == [[], [], [], []]'
    expect '[propagation("/shared", "/rshared") | index("shared")] == [0, 0]'
    expect '[propagation("/unbindable", "/runbindable")] == [["unbindable"], ["unbindable"]]'
}

# property: mounts[].options
@test "propagation of a bind mount whose source is shared" {
    ! kind subids nosub || skip "an ordinary user has no shared mount to bind"
    # In a mount namespace of its own, so that nothing comes to the machine.
    configure ".mounts += [[\"shared\", \"slave\", \"private\"][] | {destination: \"/\(.)\", source: \"$TMP/source\", options: [\"rbind\", .]}]"
    mkdir "$TMP/source"
    unshare --mount sh -c 'mount -t tmpfs tmpfs "$3/source" && mount --make-shared "$3/source" &&
        exec "$0" --root "$1" run -b "$2" "$4"' "$BRYO" "$BRYO_ROOT" "$B" "$TMP" "$ID" </dev/null >"$REPORT"
    expect 'propagation("/slave") | index("master") != null'
    expect 'propagation("/shared") | index("shared") != null' 'propagation("/private") == []'
}

# property: mounts[].options
@test "remount changes the mount that is there" {
    inspect '.mounts += [{destination: "/x", type: "tmpfs", source: "tmpfs", options: ["size=64k"]},
        {destination: "/x", type: "tmpfs", source: "tmpfs", options: ["remount", "ro", "nosuid", "size=128k"]}]' path=/x
    expect '[.mounts[] | select(.at == "/x")] | length == 1' 'options("/x") | contains(["ro", "nosuid", "size=128k"])'
    expect '.paths["/x"].unwritable == "EROFS"'
}

# property: mounts[].options
@test "tmpcopyup fills a tmpfs with what the image has there" {
    mkdir -p "$B/rootfs/full/deep"
    echo text >"$B/rootfs/full/deep/file"
    ln -s deep/file "$B/rootfs/full/link"
    chmod 640 "$B/rootfs/full/deep/file"
    inspect '.mounts += [{destination: "/full", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup", "nosuid"]}]' \
        path=/full path=/full/deep/file path=/full/link
    expect 'mount_at("/full").type == "tmpfs"' '.paths["/full"] | [.entries, .writable] == [["deep", "link"], true]'
    expect '.paths["/full/deep/file"] | [.content, .mode] == ["text\n", 416]' '.paths["/full/link"].target == "deep/file"'
    inspect '.mounts += [{destination: "/full", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup", "ro"]}]' path=/full
    expect '.paths["/full"] | [.entries, .unwritable] == [["deep", "link"], "EROFS"]'
    refused '.mounts += [{destination: "/full", type: "proc", source: "proc", options: ["tmpcopyup"]}]' \
        'mounts[3].options: "tmpcopyup" needs the type tmpfs'
}

# property: mounts[].uidMappings mounts[].uidMappings[].containerID mounts[].uidMappings[].hostID mounts[].uidMappings[].size
# property: mounts[].gidMappings mounts[].gidMappings[].containerID mounts[].gidMappings[].hostID mounts[].gidMappings[].size
# rootless: no: the kernel maps a mount only for CAP_SYS_ADMIN over the file system, which for one of the host is root's
@test "a mount with mappings of its own shows other owners" {
    local filter
    mkdir "$TMP/mapped"
    touch "$TMP/mapped/file"
    filter=".mounts += [{destination: \"/mapped\", source: \"$TMP/mapped\", options: [\"bind\", \"idmap\"],
        uidMappings: [{containerID: 0, hostID: 1000, size: 10}], gidMappings: [{containerID: 0, hostID: 2000, size: 10}]}]"
    if ! kind root; then
        refused "$filter" 'mounts[3]'
        return
    fi
    chown 3:4 "$TMP/mapped/file"
    inspect "$filter" path=/mapped/file
    expect '.paths["/mapped/file"] | [.uid, .gid] == [1003, 2004]'
    # Without the option the mappings hold all the same.
    inspect "$filter | .mounts[3].options = [\"bind\"]" path=/mapped/file
    expect '.paths["/mapped/file"] | [.uid, .gid] == [1003, 2004]'
}

# property: mounts[].options mounts[].uidMappings mounts[].gidMappings
@test "idmap is of the one mount, ridmap of the whole tree; without mappings there must be a user namespace's" {
    mkdir -p "$TMP/mapped"
    if kind root; then
        refused ".mounts += [{destination: \"/mapped\", source: \"$TMP/mapped\", options: [\"bind\", \"idmap\"]}]" \
            "mounts[3]: an idmapped mount needs uidMappings and gidMappings, its own or those of the container's user namespace"
        configure ".mounts += [[\"idmap\", \"ridmap\"][] | {destination: \"/\(.)\", source: \"$TMP/mapped\", options: [\"rbind\", .],
            uidMappings: [{containerID: 0, hostID: 1000, size: 10}], gidMappings: [{containerID: 0, hostID: 1000, size: 10}]}]" \
            path=/idmap path=/idmap/below path=/ridmap path=/ridmap/below
        unshare --mount sh -c 'mkdir "$3/mapped/below" && mount -t tmpfs tmpfs "$3/mapped/below" &&
            exec "$0" --root "$1" run -b "$2" "$4"' "$BRYO" "$BRYO_ROOT" "$B" "$TMP" "$ID" </dev/null >"$REPORT"
        expect '[.paths["/idmap", "/idmap/below", "/ridmap", "/ridmap/below"].uid] == [1000, 0, 1000, 1000]'
    fi
    refused ".mounts += [{destination: \"/mapped\", source: \"$TMP/mapped\", options: [\"bind\", \"idmap\", \"ridmap\"]}]" \
        'mounts[3].options: "idmap" and "ridmap" exclude each other'
    refused ".mounts += [{destination: \"/mapped\", source: \"$TMP/mapped\", options: [\"bind\"],
        uidMappings: [{containerID: 0, hostID: 1, size: 1}]}]" 'mounts[3].gidMappings: expected mappings'
    refused '.mounts += [{destination: "/mapped", type: "tmpfs", source: "tmpfs", options: ["idmap"]}]' \
        'mounts[3].options: "idmap" needs a bind mount'
}

# property: mounts[].options
@test "copy-symlink, src-nofollow and dest-nofollow: what is done with links" {
    ! other_runtime || skip "not of the specification"
    echo text >"$TMP/file"
    ln -s file "$TMP/link"
    ln -s /place "$B/rootfs/destination"
    inspect ".mounts += [{destination: \"/copied\", source: \"$TMP/link\", options: [\"bind\", \"copy-symlink\"]},
        {destination: \"/followed\", source: \"$TMP/link\", options: [\"bind\"]},
        {destination: \"/destination\", source: \"$TMP/link\", options: [\"bind\", \"src-nofollow\", \"dest-nofollow\"]}]" \
        path=/copied path=/followed path=/destination path=/place
    expect '.paths["/copied"] | [.type, .target] == ["link", "file"]' '.paths["/followed"].content == "text\n"'
    expect '.paths["/destination"] | [.type, .target] == ["link", "file"]' '.paths["/place"].missing == "ENOENT"'
}
