# One test for each vulnerability of the field that touches what bryo does on the command line; SECURITY.md has the whole
# list, with those that unit tests cover.

load ../lib/common

setup() {
    bryo_setup
    B=$TMP/bundle
    make_bundle "$B" '.root.readonly = false'
    ID=$(new_id)
}

@test "CVE-2019-5736: a binary that the caller can write is not what runs in the container" {
    # A copy that belongs to us, as one built in a home directory does.
    cp "$BRYO" "$TMP/bryo"
    local sum init
    sum=$(sha256sum <"$TMP/bryo")
    "$TMP/bryo" --root "$BRYO_ROOT" create -b "$B" "$ID"
    init=$(bryo state "$ID" | jq .pid)
    [[ $(readlink "/proc/$init/exe") == /memfd:bryo* ]]
    bryo delete --force "$ID"
    # The attack: what is exec'ed leads back to the runtime's own program, and a second process writes through it.
    printf '#!/proc/self/exe\n' >"$B/rootfs/attack"
    chmod 755 "$B/rootfs/attack"
    set_args "$B" /attack
    run "$TMP/bryo" --root "$BRYO_ROOT" run -b "$B" "$ID"
    [ "$status" -ne 0 ]
    set_args "$B" /bin/sh -c 'for p in /proc/[0-9]*/exe; do echo owned >$p; done 2>/dev/null; :'
    run "$TMP/bryo" --root "$BRYO_ROOT" run -b "$B" "$ID"
    assert_status 0
    assert_equal "$(sha256sum <"$TMP/bryo")" "$sum"
}

@test "CVE-2024-21626: no descriptor of the host is left, and cwd cannot lead through one" {
    set_args "$B" /bin/ls -l /proc/self/fd
    run bash -c '"$0" --root "$1" run -b "$2" "$3" 5</ 9</etc' "$BRYO" "$BRYO_ROOT" "$B" "$ID"
    assert_status 0
    refute_output ' 5 ->'
    refute_output ' 9 ->'
    local n
    for n in 3 5 7 9; do
        edit_config "$B" ".process.cwd = \"/proc/self/fd/$n\""
        run bash -c '"$0" --root "$1" run -b "$2" "$3" 5</ 9</etc' "$BRYO" "$BRYO_ROOT" "$B" "$ID"
        assert_status 1
        assert_output "process.cwd"
        [ ! -e "$BRYO_ROOT/$ID" ]
    done
}

@test "CVE-2022-29162: inheritable capabilities are empty unless asked for" {
    edit_config "$B" '.process.capabilities = {"bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"], "effective": ["CAP_KILL"]}'
    set_args "$B" /bin/grep Cap /proc/self/status
    run bryo run -b "$B" "$ID"
    assert_status 0
    assert_equal "$(awk '/CapInh/ { print $2 }' <<<"$output")" 0000000000000000
    assert_equal "$(awk '/CapBnd/ { print $2 }' <<<"$output")" 0000000000000020
    assert_equal "$(awk '/CapAmb/ { print $2 }' <<<"$output")" 0000000000000000
}

@test "CVE-2023-27561, CVE-2025-54867: a /proc or /sys that is a symbolic link in the image is refused" {
    local dir
    for dir in proc sys; do
        rm -rf "$B/rootfs/$dir"
        mkdir -p "$B/rootfs/evil"
        ln -s evil "$B/rootfs/$dir"
        run bryo run -b "$B" "$ID"
        assert_status 1
        assert_output "/$dir"
        [ -z "$(ls -A "$B/rootfs/evil")" ]
        rm "$B/rootfs/$dir"
        mkdir "$B/rootfs/$dir"
    done
}

@test "CVE-2026-41579: a /dev that is a symbolic link in the image is refused, and nothing is written outside" {
    rm -rf "$B/rootfs/dev"
    mkdir "$TMP/outside"
    ln -s "$TMP/outside" "$B/rootfs/dev"
    run bryo run -b "$B" "$ID"
    assert_status 1
    assert_output "/dev"
    [ -z "$(ls -A "$TMP/outside")" ]
}

@test "CVE-2026-88264: /dev/console and /dev/null of the image are not followed where nothing is mounted on /dev" {
    mkdir "$TMP/outside"
    echo precious >"$TMP/outside/file"
    mkdir -p "$B/rootfs/dev"
    ln -sf "$TMP/outside/file" "$B/rootfs/dev/console"
    ln -sf "$TMP/outside/file" "$B/rootfs/dev/null"
    edit_config "$B" 'del(.mounts[] | select(.destination | startswith("/dev"))) | .linux.maskedPaths = ["/proc/kcore"]'
    set_args "$B" /bin/sh -c 'echo x >/dev/null; :'
    run bryo run -b "$B" "$ID"
    assert_equal "$(cat "$TMP/outside/file")" precious
}

@test "CVE-2021-30465, CVE-2024-45310: mount destinations through links stay in the root" {
    mkdir "$TMP/outside"
    ln -s "$TMP/outside" "$B/rootfs/link"
    ln -s /../../../../../../../../../../../.. "$B/rootfs/up"
    edit_config "$B" ".mounts += [{\"destination\": \"/link/sub/dir\", \"type\": \"tmpfs\", \"source\": \"tmpfs\"}, {\"destination\": \"/up$TMP/outside/two\", \"type\": \"tmpfs\", \"source\": \"tmpfs\"}]"
    run bryo run -b "$B" "$ID"
    [ -z "$(ls -A "$TMP/outside")" ]
    refute_output "Segmentation"
}

@test "CVE-2023-25809: the cgroup tree is never writable without a cgroup namespace" {
    edit_config "$B" 'del(.linux.namespaces[] | select(.type == "cgroup")) | .mounts |= map(select(.destination != "/sys/fs/cgroup")) | .mounts += [{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["rw"]}]'
    set_args "$B" /bin/sh -c 'for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $d/bryo-was-here 2>/dev/null && echo WRITABLE $d && rmdir $d/bryo-was-here; done; :'
    run bryo run -b "$B" "$ID"
    refute_output WRITABLE
}

@test "CVE-2025-31133, CVE-2025-52881: what is masked is masked, what is read-only is read-only" {
    edit_config "$B" '.linux.maskedPaths = ["/proc/version", "/proc/acpi", "/secret", "/secrets"] | .linux.readonlyPaths = ["/proc/sys", "/ro"]'
    mkdir "$B/rootfs/secrets" "$B/rootfs/ro"
    echo hidden | tee "$B/rootfs/secret" >"$B/rootfs/secrets/treasure"
    set_args "$B" /bin/sh -c 'cat /secret; ls /secrets; echo 1 >/ro/x; echo 1 >/proc/sys/kernel/domainname; wc -c </proc/version; :'
    run --separate-stderr bryo run -b "$B" "$ID"
    assert_status 0
    refute_output hidden
    refute_output treasure
    assert_equal "$output" 0
    assert_equal "$(grep -c 'Read-only file system' <<<"$stderr")" 2
}

@test "CVE-2026-30892: a user is a number or an error" {
    local bad
    for bad in '"1"' -1 1.5 4294967295 4294967296 '"1000:"'; do
        edit_config "$B" ".process.user.uid = $bad"
        run bryo create -b "$B" "$ID"
        assert_status 1
        assert_output process.user.uid
    done
}

@test "GHSA-g54h-m393-cpwq: no devices but those asked for" {
    set_args "$B" /bin/sh -c 'ls /dev; mknod /x c 1 1 2>&1 && cat /x | head -c 1'
    run --separate-stderr bryo run -b "$B" "$ID"
    assert_equal "$(grep -vE '^(console|core|fd|full|mqueue|null|ptmx|pts|random|shm|stderr|stdin|stdout|tty|urandom|zero|mknod:.*)$' <<<"$output")" ""
}
