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

@test "CVE-2026-41579, CVE-2026-47766: a /dev that is a symbolic link in the image is refused, and nothing is written where it leads" {
    mkdir "$TMP/outside" "$B/rootfs/inside"
    local target
    for target in "$TMP/outside" inside /inside; do
        rm -rf "$B/rootfs/dev"
        ln -s "$target" "$B/rootfs/dev"
        run bryo run -b "$B" "$ID"
        assert_status 1
        assert_output "/dev"
        assert_output "symbolic link"
        # Nor without a file system on it.
        jq '.mounts |= map(select(.destination | startswith("/dev") | not))' "$B/config.json" >"$TMP/bare.json"
        run bryo run -b "$B" --config "$TMP/bare.json" "$ID"
        assert_status 1
        assert_output '"/dev" of the root file system is a symbolic link'
        [ -z "$(ls -A "$TMP/outside" "$B/rootfs/inside" | grep -v :)" ]
    done
}

@test "CVE-2026-88264, CVE-2026-88265: /dev/console and /dev/null of the image are not followed where nothing is mounted on /dev" {
    mkdir "$TMP/outside"
    echo precious >"$TMP/outside/file"
    chmod 640 "$TMP/outside/file"
    mkdir -p "$B/rootfs/dev"
    edit_config "$B" 'del(.mounts[] | select(.destination | startswith("/dev"))) | .linux.maskedPaths = ["/proc/kcore"]'
    set_args "$B" /bin/sh -c 'echo x >/dev/null; echo ran'
    jq '.process.terminal = true' "$B/config.json" >"$TMP/terminal.json"
    local target
    # One that exists, one that would be made, and one that leads up and out of the root by a relative way.
    for target in "$TMP/outside/file" "$TMP/outside/new" "../../../../../../../../../../../..$TMP/outside/new"; do
        ln -sf "$target" "$B/rootfs/dev/console"
        ln -sf "$target" "$B/rootfs/dev/null"
        run bryo run -b "$B" "$ID"
        assert_status 1
        assert_output 'device "/dev/null": the root file system has a symbolic link there'
        refute_output ran
        rm "$B/rootfs/dev/null"
        run timeout 20 script --quiet --return --command \
            "'$BRYO' --root '$BRYO_ROOT' run -b '$B' --config '$TMP/terminal.json' '$ID'" /dev/null
        assert_status 1
        assert_output '"/dev/console" of the root file system is a symbolic link'
        assert_equal "$(ls "$TMP/outside")" file
        assert_equal "$(cat "$TMP/outside/file"; stat -c %a "$TMP/outside/file")" "precious
640"
    done
}

@test "CVE-2021-30465, CVE-2024-45310: mount destinations through links stay in the root" {
    mkdir "$TMP/outside"
    ln -s "$TMP/outside" "$B/rootfs/link"
    ln -s /../../../../../../../../../../../.. "$B/rootfs/up"
    edit_config "$B" ".mounts += [{\"destination\": \"/link/sub/dir\", \"type\": \"tmpfs\", \"source\": \"tmpfs\"}, {\"destination\": \"/up$TMP/outside/two\", \"type\": \"tmpfs\", \"source\": \"tmpfs\"}]"
    set_args "$B" grep -c " $TMP/outside" /proc/self/mountinfo
    run bryo run -b "$B" "$ID"
    [ -z "$(ls -A "$TMP/outside")" ]
    # Inside the links lead to places inside, where the mounts are.
    assert_status 0
    assert_equal "$output" 2
    [ -d "$B/rootfs$TMP/outside/sub/dir" ]
    [ -d "$B/rootfs$TMP/outside/two" ]
}

@test "CVE-2023-25809: the cgroup tree is never writable without a cgroup namespace" {
    edit_config "$B" 'del(.linux.namespaces[] | select(.type == "cgroup")) | .mounts |= map(select(.destination != "/sys/fs/cgroup")) | .mounts += [{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["rw"]}]'
    set_args "$B" /bin/sh -c 'for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $d/bryo-was-here 2>/dev/null && echo WRITABLE $d && rmdir $d/bryo-was-here; done
        awk "\$5 ~ /^.sys.fs.cgroup/ { print \$6 }" /proc/self/mountinfo'
    run bryo run -b "$B" "$ID"
    assert_status 0
    refute_output WRITABLE
    # Also where the owner of the files is what keeps an ordinary user away.
    assert_output ro,
    refute_output rw,
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
        assert_output "process.user.uid: expected an integer from 0 to 4294967294, found"
    done
}

@test "GHSA-g54h-m393-cpwq: no devices but those asked for" {
    # Also with the right to make them, which in a user namespace is none over the host's devices.
    is_real_root || edit_config "$B" '.process.capabilities |= map_values(. + ["CAP_MKNOD"])'
    set_args "$B" /bin/sh -c 'ls /dev; mknod /x c 1 1 2>&1 && cat /x | head -c 1'
    run --separate-stderr bryo run -b "$B" "$ID"
    assert_equal "$(grep -vE '^(console|core|fd|full|mqueue|null|ptmx|pts|random|shm|stderr|stdin|stdout|tty|urandom|zero|mknod:.*)$' <<<"$output")" ""
    assert_output "mknod: /x: Operation not permitted"
}

@test "CVE-2019-16884, CVE-2019-19921: what covers /proc does not get what is meant for procfs" {
    mkdir -p "$TMP/fake/self/attr" "$TMP/fake/sys/net/ipv4" "$TMP/fake/1"
    local file
    for file in self/attr/exec self/attr/current self/oom_score_adj 1/oom_score_adj sys/net/ipv4/ip_forward; do
        echo untouched >"$TMP/fake/$file"
    done
    edit_config "$B" ".process.oomScoreAdj = 700 | .linux.sysctl = {\"net.ipv4.ip_forward\": \"1\"} | .linux.maskedPaths = []
        | .linux.readonlyPaths = [] | .mounts |= map(if .destination == \"/proc\" then
            {destination: \"/proc\", type: \"bind\", source: \"$TMP/fake\", options: [\"rbind\"]} else . end)"
    set_args "$B" /bin/sleep 1000
    run bryo run --detach -b "$B" "$ID"
    # A runtime may refuse it; bryo has a procfs of its own, and what is written goes there.
    assert_status 0
    assert_equal "$(cat "/proc/$(bryo state "$ID" | jq .pid)/oom_score_adj")" 700
    assert_equal "$(cat $(find "$TMP/fake" -type f) | sort -u)" untouched
}

@test "CVE-2026-87766: what a sandbox binds does not follow a parent that is a link to the host" {
    mkdir "$TMP/outside" "$TMP/shared"
    ln -s "$TMP/outside" "$B/rootfs/absolute"
    ln -s "../../../../../../../../../..$TMP/outside" "$B/rootfs/relative"
    tar -C "$B/rootfs" -cf "$TMP/image.tar" .
    export XDG_CACHE_HOME=$TMP/cache
    local link
    for link in absolute relative; do
        run --separate-stderr bryo sandbox --bind "$TMP/shared:/$link/deep/mount" "$TMP/image.tar" -- grep -c " $TMP/outside/deep/mount " /proc/self/mountinfo
        assert_status 0
        assert_equal "$output" 1
        [ -z "$(ls -A "$TMP/outside")" ]
    done
}
