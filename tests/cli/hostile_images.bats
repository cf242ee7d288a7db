# Images that try to reach outside: links that lead out, and links that are swapped while the container is made. The
# CVEs by number are in cves.bats; these tests play the same tricks at other places.

load ../lib/common

setup() {
    bryo_setup
    B=$TMP/bundle
    OUTSIDE=$TMP/outside
    mkdir "$OUTSIDE"
    make_bundle "$B" '.root.readonly = false'
}

# Runs the bundle; whatever it does, the directory outside must stay empty.
run_hostile() {
    run timeout 30 "$BRYO" --root "$BRYO_ROOT" run -b "$B" "$(new_id)"
    [ "$status" -ne 124 ]
    nothing_outside
}

nothing_outside() {
    [ -z "$(ls -A "$OUTSIDE")" ] || {
        echo "written outside the root file system: $(ls -lA "$OUTSIDE")" >&2
        _show_run
        return 1
    }
}

@test "destinations below links that lead out, of every kind of mount" {
    ln -s "../../../../../../..$OUTSIDE" "$B/rootfs/relative"
    ln -s "$OUTSIDE" "$B/rootfs/absolute"
    ln -s "$OUTSIDE/file" "$B/rootfs/dangling"
    mkdir "$B/rootfs/real"
    ln -s ../absolute/deeper "$B/rootfs/real/chain"
    edit_config "$B" '.mounts += [
        {destination: "/relative/new/dir", type: "tmpfs", source: "tmpfs", options: []},
        {destination: "/absolute/file", type: "bind", source: "/etc/passwd", options: ["bind"]},
        {destination: "/dangling", type: "bind", source: "/etc/passwd", options: ["bind"]},
        {destination: "/real/chain/x", type: "tmpfs", source: "tmpfs", options: []},
        {destination: "/real/../../../absolute/up", type: "tmpfs", source: "tmpfs", options: []}]'
    run_hostile
}

@test "destinations that are swapped for links while the container is made" {
    local swapper failures=0
    mkdir "$B/rootfs/race"
    edit_config "$B" '.mounts += [range(8) | {destination: "/race/d\(.)/e", type: "tmpfs", source: "tmpfs", options: []}]'
    (
        cd "$B/rootfs/race" || exit
        exec 3>&-
        while [ ! -e ../stop ]; do
            for i in 0 3 6; do
                rm -rf "d$i"
                ln -sfn "$OUTSIDE" "d$i"
                rm -f "d$i"
                mkdir "d$i"
            done
        done
    ) 2>/dev/null &
    swapper=$!
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        run_hostile || failures=1
    done
    touch "$B/rootfs/stop"
    wait "$swapper" || true
    [ $failures = 0 ]
}

@test "devices of the image are links, with nothing mounted on /dev" {
    local device
    for device in null zero full random urandom tty console ptmx fd stdin; do
        ln -s "$OUTSIDE/$device" "$B/rootfs/dev/$device"
    done
    edit_config "$B" '.mounts |= map(select(.destination | startswith("/dev") | not))'
    run_hostile
}

@test "/dev/console of the image is a link, with a terminal and nothing mounted on /dev" {
    skip_without script
    ln -s "$OUTSIDE/console" "$B/rootfs/dev/console"
    edit_config "$B" '.process.terminal = true | .mounts |= map(select(.destination | startswith("/dev") | not))'
    run timeout 20 script --quiet --return --command "'$BRYO' --root '$BRYO_ROOT' run -b '$B' $(new_id)" /dev/null
    [ "$status" -ne 124 ]
    nothing_outside
}

@test "a masked path does not show what /dev/null of the image leads to" {
    echo "must not be shown" >"$B/rootfs/etc/secret"
    ln -s /etc/secret "$B/rootfs/dev/null"
    edit_config "$B" '.mounts |= map(select(.destination | startswith("/dev") | not)) | .linux.maskedPaths = ["/etc/motd"]'
    set_args "$B" cat /etc/motd
    run_hostile
    refute_output "must not be shown"
    refute_output "busybox"
}

@test "a masked path does not show what lies as null in a directory that is bound at /dev" {
    mkdir "$TMP/dev"
    edit_config "$B" ".mounts |= map(select(.destination | startswith(\"/dev\") | not)) | .linux.maskedPaths = [\"/etc/motd\"]
        | .mounts += [{destination: \"/dev\", type: \"bind\", source: \"$TMP/dev\", options: [\"rbind\"]}]"
    set_args "$B" cat /etc/motd
    echo "must not be shown" | tee "$TMP/dev/null" >"$B/rootfs/etc/secret"
    run_hostile
    assert_status 1
    assert_output '"/dev/null" of the container is not the null device'
    rm "$TMP/dev/null"
    ln -s /etc/secret "$TMP/dev/null"
    run_hostile
    assert_status 1
    refute_output "must not be shown"
}

@test "masked and read-only paths that are links mask what they lead to inside" {
    ln -s "$OUTSIDE" "$B/rootfs/masked"
    ln -s /etc/motd "$B/rootfs/masked-file"
    edit_config "$B" '.linux.maskedPaths = ["/masked", "/masked-file"] | .linux.readonlyPaths = ["/masked/x"]'
    set_args "$B" cat /masked-file
    run_hostile
    refute_output "busybox"
}

@test "a sysctl is not written through what the image or the configuration put in its way" {
    edit_config "$B" '.linux.sysctl = {"net.ipv4.ip_forward": "1"}
        | .mounts += [{destination: "/proc/sys/net", type: "tmpfs", source: "tmpfs", options: []}]'
    set_args "$B" find /proc/sys/net -type f
    run_hostile
    [ "$status" -ne 0 ] || refute_output "ip_forward"
    # Something that would take the value.
    mkdir -p "$TMP/net/ipv4"
    echo untouched >"$TMP/net/ipv4/ip_forward"
    edit_config "$B" ".mounts[-1] = {destination: \"/proc/sys/net\", type: \"bind\", source: \"$TMP/net\", options: [\"rbind\"]}"
    run_hostile
    assert_status 1
    assert_output 'linux.sysctl["net.ipv4.ip_forward"]: open "/proc/sys/net/ipv4/ip_forward"'
    assert_equal "$(cat "$TMP/net/ipv4/ip_forward")" untouched
}

@test "what bryo binds into a sandbox does not follow the image's links" {
    rm -f "$B/rootfs/etc/hosts" "$B/rootfs/etc/resolv.conf"
    ln -s "$OUTSIDE/hosts" "$B/rootfs/etc/hosts"
    ln -s "../../../../../..$OUTSIDE/resolv.conf" "$B/rootfs/etc/resolv.conf"
    tar -C "$B/rootfs" -cf "$TMP/image.tar" .
    export XDG_CACHE_HOME=$TMP/cache
    run bryo sandbox "$TMP/image.tar" -- true
    assert_status 0
    nothing_outside
    # The directory of these files is a link: what is where it leads to inside is covered.
    rm -rf "$B/rootfs/etc"
    mkdir -p "$B/rootfs$OUTSIDE"
    echo image >"$B/rootfs$OUTSIDE/hosts"
    ln -s "$OUTSIDE" "$B/rootfs/etc"
    tar -C "$B/rootfs" -cf "$TMP/image.tar" .
    run --separate-stderr bryo sandbox "$TMP/image.tar" -- cat "$OUTSIDE/hosts"
    assert_status 0
    assert_output "127.0.1.1 sandbox-"
    nothing_outside
}

@test "what only begins with a number is no user" {
    local user
    for user in "1 " " 1" "+1" "0x1" "1:" "1:+2" "-1" 4294967295 4294967296 "1,2"; do
        run bryo sandbox --user "$user" "$B/rootfs" -- id
        [ "$status" -ne 0 ] || {
            echo "taken for a user: '$user'" >&2
            _show_run
            return 1
        }
    done
}
