# mounts: one more, one less, and a list, in a container that runs.

load ../lib/common

setup() {
    bryo_setup
    B=$TMP/bundle
    make_bundle "$B" '.root.readonly = false'
    set_args "$B" /bin/sleep 1000
    ID=$(new_id)
    mkdir "$TMP/src"
    echo hello >"$TMP/src/file"
    chmod 755 "$TMP" "$TMP/src"
}

start() {
    bryo run --detach -b "$B" "$ID" </dev/null >/dev/null 2>&1 3>&-
}

# inside CMD…: its output in the container
inside() {
    bryo exec "$ID" "$@"
}

@test "a directory comes and goes, and the destination is made" {
    start
    run bryo mounts add --source "$TMP/src" --destination /new/deep "$ID"
    assert_status 0
    assert_equal "$output" ""
    assert_equal "$(inside cat /new/deep/file)" hello
    run inside sh -c 'echo more >>/new/deep/file'
    assert_status 0
    assert_equal "$(cat "$TMP/src/file")" "hello
more"
    run bryo mounts remove --destination /new/deep "$ID"
    assert_status 0
    assert_equal "$(inside ls /new/deep)" ""
    [ -e "$TMP/src/file" ]
    # Nothing of it is left on the host.
    [ -z "$(grep -F "$TMP" /proc/self/mountinfo)" ]
}

@test "a file, read-only, on a file that is there" {
    start
    inside sh -c 'echo old >/target'
    run bryo mounts add --type bind --source="$TMP/src/file" --destination=/target --options ro,nosuid -o noexec "$ID"
    assert_status 0
    assert_equal "$(inside cat /target)" hello
    run inside sh -c 'echo x >/target'
    [ "$status" -ne 0 ]
    assert_output "Read-only file system"
    run bryo mounts list -f json "$ID"
    assert_equal "$(jq -r '.[] | select(.destination == "/target") | "\(.added) \(.options)"' <<<"$output" | cut -d, -f1-4)" "true ro,nosuid,noexec,relatime"
    bryo mounts remove -d /target "$ID"
    assert_equal "$(inside cat /target)" old
}

@test "a relative source starts where the call is made; what is missing is named" {
    start
    cd "$TMP"
    bryo mounts add -s src/file -d /from-here "$ID"
    assert_equal "$(inside cat /from-here)" hello
    run bryo mounts add -s src/nothing -d /x "$ID"
    assert_status 1
    assert_output "source: open"
    assert_output "$TMP/src/nothing"
    run bryo mounts add -s src -d /from-here "$ID"
    assert_status 1
    assert_output "is a directory, but destination \"/from-here\" is a file"
}

@test "a tmpfs with options of its own" {
    start
    run bryo mounts add --type tmpfs --destination /scratch --options size=64k,mode=0700,ro "$ID"
    assert_status 0
    assert_equal "$(inside stat -c '%a' /scratch)" 700
    run inside touch /scratch/x
    assert_output "Read-only file system"
    run bryo mounts list --format json "$ID"
    assert_equal "$(jq -r '.[] | select(.destination == "/scratch") | "\(.type) \(.added)"' <<<"$output")" "tmpfs true"
    assert_output "size=64k"
    run bryo mounts add --type tmpfs -d /scratch2 -o size=lots "$ID"
    assert_status 1
    assert_output 'mount "tmpfs" (tmpfs) at "/scratch2": '
    assert_output EINVAL
    # A tmpfs over a directory looks like it.
    inside sh -c 'mkdir /open && chmod 1777 /open'
    bryo mounts add -t tmpfs -d /open "$ID"
    assert_equal "$(inside stat -c '%a' /open)" 1777
}

@test "a container that was created and not started" {
    bryo create -b "$B" "$ID" </dev/null >/dev/null 2>&1 3>&-
    bryo mounts add -s "$TMP/src" -d /early "$ID"
    bryo start "$ID"
    assert_equal "$(inside cat /early/file)" hello
}

@test "hostile destinations stay in the root: links, absolute and upward, swapped meanwhile" {
    mkdir "$TMP/outside" "$B/rootfs/inner"
    chmod 777 "$TMP/outside"
    ln -s "$TMP/outside" "$B/rootfs/absolute"
    ln -s ../../../../../../../../../../../.. "$B/rootfs/up"
    ln -s /inner "$B/rootfs/fine"
    start
    bryo mounts add -s "$TMP/src" -d "/absolute/one" "$ID"
    bryo mounts add -s "$TMP/src" -d "/up$TMP/outside/two" "$ID"
    bryo mounts add -s "$TMP/src" -d "/../../../..$TMP/outside/three" "$ID"
    [ -z "$(ls -A "$TMP/outside")" ]
    assert_equal "$(inside cat "$TMP/outside/one/file" "$TMP/outside/two/file" "$TMP/outside/three/file" | uniq)" hello
    bryo mounts add -s "$TMP/src" -d /fine "$ID"
    assert_equal "$(inside cat /inner/file)" hello
    # The container swaps a directory for a link to the host as fast as it can.
    bryo exec --detach "$ID" sh -c "while :; do mkdir -p /race/d; mv /race /away; ln -s $TMP/outside /race; rm /race; mv /away /race; done" </dev/null >/dev/null 2>&1 3>&-
    local _
    for _ in $(seq 25); do bryo mounts add -s "$TMP/src" -d /race/d/e "$ID" >/dev/null 2>&1 || true; done
    [ -z "$(ls -A "$TMP/outside")" ]
    [ -z "$(grep -F "$TMP" /proc/self/mountinfo)" ]
}

@test "hostile destinations: no link at or below /proc, /sys and /dev, and no magic link" {
    mkdir "$B/rootfs/elsewhere"
    start
    inside ln -s /elsewhere /dev/shm/link
    run bryo mounts add -s "$TMP/src" -d /dev/shm/link "$ID"
    assert_status 1
    assert_output "leads over a symbolic link"
    run bryo mounts add -s "$TMP/src" -d /proc/1/root/elsewhere "$ID"
    assert_status 1
    inside ln -s /proc/1/root /magic
    run bryo mounts add -s "$TMP/src" -d /magic/elsewhere "$ID"
    assert_status 1
    assert_equal "$(inside ls /elsewhere)" ""
    run bryo mounts remove -d /dev/shm/link --force "$ID"
    assert_status 1
}

@test "only what was added goes; the rest needs --force; the root never goes" {
    edit_config "$B" '.linux.maskedPaths += ["/secret"]'
    mkdir "$B/rootfs/secret"
    start
    local d
    for d in /secret /proc /dev /proc/sys; do
        run bryo mounts remove -d "$d" "$ID"
        assert_status 1
        assert_output "the mount at \"$d\" was not added by \`bryo mounts add\`"
        assert_output "hint:"
    done
    for d in / // /.. /etc/..; do
        run bryo mounts remove --force -d "$d" "$ID"
        assert_status 1
        assert_output "is the root of the container"
    done
    run bryo mounts remove --force -d /bin "$ID"
    assert_status 1
    assert_output 'nothing is mounted at "/bin"'
    run bryo mounts remove -d /nowhere "$ID"
    assert_status 1
    assert_output 'open "/nowhere" in the container: no such file or directory'
    run bryo mounts remove -d relative "$ID"
    assert_output "destination: expected an absolute path"
    run bryo mounts remove --force -d /secret "$ID"
    assert_status 0
    # A mount of the container's own on top of an added one is not taken for it.
    bryo mounts add -s "$TMP/src" -d /covered "$ID"
    bryo mounts add -t tmpfs -d /covered "$ID"
    bryo mounts remove -d /covered "$ID"
    assert_equal "$(inside cat /covered/file)" hello
    bryo mounts remove -d /covered "$ID"
    run bryo mounts remove -d /covered "$ID"
    assert_output "nothing is mounted"
}

@test "a mount in use can be removed" {
    start
    bryo mounts add -s "$TMP/src" -d /busy "$ID"
    bryo exec --detach --cwd /busy "$ID" sleep 500 </dev/null >/dev/null 2>&1 3>&-
    run bryo mounts remove -d /busy "$ID"
    assert_status 0
    run bryo mounts list "$ID"
    refute_output /busy
}

@test "the container's root cannot make a read-only source writable, nor see what it may not" {
    skip_if_root
    start
    bryo mounts add -s /etc/passwd -d /passwd "$ID"
    run inside sh -c 'echo x >>/passwd'
    [ "$status" -ne 0 ]
    run bryo mounts add -s /root/secret -d /x "$ID"
    assert_status 1
    assert_output "permission denied"
}

@test "a list: a table and JSON" {
    start
    bryo mounts add -s "$TMP/src" -d "/with blank" "$ID"
    run bryo mounts list "$ID"
    assert_status 0
    [[ ${lines[0]} == DESTINATION*TYPE*SOURCE*OPTIONS*ADDED ]]
    assert_equal "$(grep -c ' yes$' <<<"$output")" 1
    assert_equal "$(grep '^/proc ' <<<"$output" | awk '{ print $2, $NF }')" "proc no"
    run bryo mounts list -f json "$ID"
    assert_status 0
    assert_equal "$(jq -r '[.[] | select(.added)][0].destination' <<<"$output")" "/with blank"
    assert_equal "$(jq -r '.[0].destination' <<<"$output")" /
}

@test "several at once are all recorded" {
    start
    local i pids=()
    for i in 1 2 3 4 5 6; do
        "$BRYO" --root "$BRYO_ROOT" mounts add -t tmpfs -d "/m$i" "$ID" &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i"; done
    assert_equal "$(bryo mounts list -f json "$ID" | jq '[.[] | select(.added)] | length')" 6
    for i in 1 2 3 4 5 6; do bryo mounts remove -d "/m$i" "$ID"; done
    assert_equal "$(bryo mounts list -f json "$ID" | jq '[.[] | select(.added)] | length')" 0
    bryo delete --force "$ID"
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "containers that are gone, stopped, or have no mount namespace of their own" {
    local action
    for action in "list" "add -t tmpfs -d /x" "remove -d /x"; do
        # shellcheck disable=SC2086
        run bryo mounts $action nobody
        assert_status 1
        assert_output 'container "nobody" does not exist'
    done
    start
    bryo kill "$ID" KILL
    wait_for 5 sh -c "'$BRYO' --root '$BRYO_ROOT' state '$ID' | grep -q stopped"
    for action in "list" "add -t tmpfs -d /x" "remove -d /x"; do
        # shellcheck disable=SC2086
        run bryo mounts $action "$ID"
        assert_status 1
        assert_output "container not running: \"$ID\" has stopped"
    done
}

@test "mistakes on the command line" {
    run bryo mounts move -d /x id
    assert_status 1
    assert_output 'mounts: expected add, remove or list, found "move"'
    run bryo mounts add
    assert_status 1
    assert_output "ID is missing"
    run bryo mounts add -s /x id
    assert_output "mounts add: --destination is missing"
    run bryo mounts add -d /x id
    assert_output "mounts add: --source is missing"
    run bryo mounts add -t tmpfs -s /x -d /x id
    assert_output "mounts add: --source: a tmpfs has none"
    run bryo mounts add -t proc -d /x id
    assert_output 'mounts: --type: expected bind or tmpfs, found "proc"'
    run bryo mounts list -d /x id
    assert_output "mounts list: it takes no --destination"
    run bryo mounts remove -o ro -d /x id
    assert_output "mounts remove: it takes no --options"
    start
    run bryo mounts add -s /etc -d / "$ID"
    assert_output 'destination: "/" is the root of the container'
    run bryo mounts add -s /etc -d x "$ID"
    assert_output 'destination: expected an absolute path, found "x"'
    run bryo mounts add -s /etc -d /x -o rubbish "$ID"
    assert_output 'unknown mount option "rubbish"'
    refute_output "mounts[0]"
    run bryo mounts add -s /etc -d /x -o size=1k "$ID"
    assert_status 1
    assert_output 'option "size=1k" has no effect on a bind mount'
    local option
    for option in remount copy-symlink; do
        run bryo mounts add -s /etc -d /x -o $option "$ID"
        assert_status 1
        assert_output "option \"$option\": not possible in a container that runs"
    done
    run bryo mounts add -t tmpfs -d /x -o tmpcopyup "$ID"
    assert_output 'option "tmpcopyup": not possible'
    run bryo mounts add -t tmpfs -d /x -o silent "$ID"
    assert_output "options silent"
    run inside ls /x
    [ "$status" -ne 0 ]
}

@test "a mount that cannot be recorded does not come to be" {
    start
    inside mkdir /spot
    # A directory that takes no new files stands for a full disk.
    if chmod 0555 "$TMP" && touch "$TMP/x" 2>/dev/null; then
        chmod 0755 "$TMP"
        skip "permissions do not bind this caller"
    fi
    chmod 0755 "$TMP"
    chmod 0500 "$BRYO_ROOT/$ID"
    run bryo mounts add -s "$TMP/src" -d /spot "$ID"
    chmod 0700 "$BRYO_ROOT/$ID"
    assert_status 1
    assert_output "mounts.json"
    assert_output "(EACCES)"
    assert_equal "$(inside ls /spot)" ""
    run bryo mounts list "$ID"
    [[ $output != */spot* ]]
    run bryo mounts add -s "$TMP/src" -d /spot "$ID"
    assert_status 0
    assert_equal "$(inside ls /spot)" file
}
