#!/usr/bin/env bats
# bryo sandbox: from an image to a command's exit code, and nothing left behind.

load ../lib/common

setup_file() {
    export IMAGES=$BATS_FILE_TMPDIR
    "$BRYO_TOP/examples/make-rootfs" "$IMAGES/rootfs.tar.gz"
}

setup() {
    bryo_setup
    export XDG_CACHE_HOME=$TMP/cache
    image=$IMAGES/rootfs.tar.gz
}

# Besides what every test leaves: the cache must be empty again.
teardown() {
    local left=0
    if [ -d "$XDG_CACHE_HOME/bryo/sandbox" ] && [ -n "$(ls -A "$XDG_CACHE_HOME/bryo/sandbox")" ]; then
        echo "left in the cache: $(ls -A "$XDG_CACHE_HOME/bryo/sandbox")" >&2
        left=1
    fi
    bryo_teardown
    return $left
}

needs_archives() {
    run "$BRYO" unpack /dev/null "$TMP/probe"
    [[ "$output" != *"find the helper program"* ]] || skip "bryo-image was not built (libarchive)"
}

tree() {
    make_rootfs "$TMP/tree"
}

sandbox() {
    run --separate-stderr bryo sandbox "$@" </dev/null
}

# For a command that is not there: bats warns of 127 unless it is expected.
sandbox_127() {
    run -127 --separate-stderr bryo sandbox "$@" </dev/null
}

@test "a tarball: uid 0, own pid 1, own host name, only loopback" {
    needs_archives
    sandbox --name box "$image" -- sh -c 'id -u; echo $$; hostname; ls /sys/class/net; cat /proc/1/comm; true'
    assert_status 0
    assert_equal "$output" $'0\n1\nbox\nlo\nsh'
    ! has_subids || assert_equal "$stderr" ""
}

@test "the exit code is the command's, or 128 plus the signal" {
    tree
    sandbox "$TMP/tree" -- sh -c 'exit 37'
    assert_status 37
    sandbox "$TMP/tree" sh -c 'kill -USR1 $$; kill -KILL $$; exit 3'
    assert_status 3 # pid 1 is safe from itself
    sandbox "$TMP/tree" sh -c '(kill -TERM $$) ; sh -c "kill -TERM \$\$"; exit $?'
    assert_status 143
}

@test "compressions are told by content, not by name" {
    needs_archives
    tree
    local z
    for z in cat gzip bzip2 xz zstd; do
        command -v $z >/dev/null || continue
        tar -C "$TMP/tree" -c --owner=0 --group=0 . | $z >"$TMP/image.bin"
        sandbox "$TMP/image.bin" -- cat /etc/motd
        assert_status 0
        assert_equal "$output" "a root file system made of busybox"
    done
}

@test "an archive on standard input" {
    needs_archives
    run bash -c "'$BRYO' --root '$BRYO_ROOT' sandbox - -- cat /etc/motd <'$image'"
    assert_status 0
    assert_output "made of busybox"
}

@test "a directory is used in place and not littered" {
    tree
    (cd "$TMP/tree" && find . | sort) >"$TMP/before"
    sandbox "$TMP/tree" -- sh -c 'echo kept >/root/note; cat /etc/motd'
    assert_status 0
    assert_equal "$(cat "$TMP/tree/root/note")" kept
    rm "$TMP/tree/root/note"
    (cd "$TMP/tree" && find . | sort) >"$TMP/after"
    diff "$TMP/before" "$TMP/after"
}

@test "standard input reaches the command, a redirected output stays clean" {
    tree
    run bash -c "echo hello | '$BRYO' --root '$BRYO_ROOT' sandbox '$TMP/tree' -- sh -c 'read x; echo out \$x; echo err >&2' 2>'$TMP/err'"
    assert_status 0
    assert_equal "$output" "out hello"
    assert_equal "$(grep -v ^bryo: "$TMP/err")" err
}

@test "no command: a shell that reads standard input" {
    tree
    run --separate-stderr bash -c "echo 'echo from the shell; exit 5' | '$BRYO' --root '$BRYO_ROOT' sandbox '$TMP/tree'"
    assert_status 5
    assert_equal "$output" "from the shell"
}

@test "-t gives a terminal, its absence none" {
    tree
    sandbox -t "$TMP/tree" -- sh -c 'tty; [ -t 1 ] && echo yes; echo $TERM'
    assert_status 0
    assert_output yes
    assert_output "/dev/"
    sandbox "$TMP/tree" -- sh -c '[ -t 1 ] || echo no; echo "${TERM-unset}"'
    assert_output no
    assert_output unset
}

@test "a terminal is guessed from the terminal, and -i prevents it" {
    skip_without script
    tree
    run script -qec "'$BRYO' --root '$BRYO_ROOT' sandbox '$TMP/tree' -- sh -c '[ -t 0 ] && tty'" /dev/null </dev/null
    assert_output /dev/pts/0
    # The caller's terminal is not in the sandbox's /dev/pts, so it has no name there.
    run script -qec "'$BRYO' --root '$BRYO_ROOT' sandbox -i '$TMP/tree' -- sh -c '[ -t 0 ] && tty'" /dev/null </dev/null
    assert_output "not a tty"
}

@test "the environment: a few variables, what was asked for, nothing of the caller's" {
    tree
    printf '# comment\nFROM_FILE=1\nBOTH=file\n' >"$TMP/vars"
    SECRET=1 WANTED=yes TZ=CET-1CEST run --separate-stderr bryo sandbox --name box --env-file "$TMP/vars" --env BOTH=opt -e WANTED -e UNSET_HERE \
        "$TMP/tree" -- env </dev/null
    assert_status 0
    assert_equal "$(sort <<<"$output" | grep -v -e ^SHLVL -e ^PWD)" "$(sort <<'END'
BOTH=opt
FROM_FILE=1
HOME=/root
HOSTNAME=box
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
TZ=CET-1CEST
WANTED=yes
container=bryo
END
)"
}

@test "--user by name and number, with the groups of the image" {
    skip_without_subids
    needs_archives
    sandbox --user guest "$image" -- sh -c 'id -u; id -g; id -G; echo $HOME'
    assert_status 0
    assert_equal "$output" $'1000\n1000\n1000 29\n/home'
    sandbox --user 33:34 "$image" -- sh -c 'id -u; id -g; id -G'
    assert_equal "$output" $'33\n34\n34'
    sandbox --user nosuch "$image" -- id
    assert_status 125
    assert_output "user \"nosuch\" is not in the image's /etc/passwd"
}

@test "--hostname, --cwd, --entry" {
    tree
    sandbox --hostname moss --cwd /etc --entry /bin/echo "$TMP/tree" -- a 'b c'
    assert_equal "$output" "a b c"
    sandbox --hostname moss --cwd /etc "$TMP/tree" -- sh -c 'hostname; pwd'
    assert_equal "$output" $'moss\n/etc'
    sandbox --cwd etc "$TMP/tree" -- pwd
    assert_status 125
    assert_output '--cwd "etc": expected an absolute path inside the sandbox'
    sandbox --hostname 'a b' "$TMP/tree" -- pwd
    assert_status 125
    assert_output 'made of letters, digits, dashes and dots'
}

@test "--bind: read-write, read-only, relative, a colon in the name" {
    tree
    mkdir -p "$TMP/data" "$TMP/a:b"
    echo one >"$TMP/data/file"
    cd "$TMP"
    sandbox --bind data:/mnt/data "$TMP/tree" -- sh -c 'cat /mnt/data/file; echo two >/mnt/data/new'
    assert_status 0
    assert_equal "$(cat "$TMP/data/new")" two
    sandbox -v "$TMP/data:/mnt/data:ro" "$TMP/tree" -- sh -c 'cat /mnt/data/file; echo x >/mnt/data/other'
    assert_output one
    assert_output "Read-only file system"
    [ ! -e "$TMP/data/other" ]
    sandbox --bind 'a\:b:/mnt/c' "$TMP/tree" -- ls -d /mnt/c
    assert_status 0
    sandbox --bind "$TMP/missing:/mnt/data" "$TMP/tree" -- true
    assert_status 125
    assert_output "source \"$TMP/missing\": no such file or directory"
    assert_output "mkdir -p"
}

@test "--tmpfs and --read-only" {
    needs_archives
    sandbox --read-only --tmpfs /tmp:size=1m "$image" -- sh -c 'touch /root/x || echo refused; echo hi >/tmp/x; cat /tmp/x; dd if=/dev/zero of=/tmp/big bs=1M count=2 2>&1 | tail -1; grep " /tmp " /proc/mounts'
    assert_output refused
    assert_output hi
    assert_output "size=1024k"
}

@test "capabilities: a default set, --cap-drop ALL, --cap-add" {
    tree
    sandbox --cap-drop ALL "$TMP/tree" -- grep -E 'Cap(Eff|Bnd|Inh|Amb)' /proc/self/status
    assert_equal "$(tr -d 'a-zA-Z:\t\n0' <<<"$output")" ""
    sandbox --cap-drop ALL --cap-add chown "$TMP/tree" -- grep CapEff /proc/self/status
    assert_output 0000000000000001
    sandbox --cap-add NO_SUCH "$TMP/tree" -- true
    assert_status 125
    assert_output '--cap-add "NO_SUCH": there is no such capability'
}

# As root without a user namespace nothing but the missing capability stands between a node and the host's disks.
@test "root's sandbox cannot make device nodes" {
    skip_unless_root
    tree
    sandbox "$TMP/tree" -- mknod /root/disk b 8 0
    [ "$status" -ne 0 ]
    [ ! -e "$TMP/tree/root/disk" ]
}

@test "seccomp: the default filter, none, and a file" {
    tree
    sandbox "$TMP/tree" -- grep -w Seccomp: /proc/self/status
    assert_output 2
    sandbox --seccomp unconfined "$TMP/tree" -- grep -w Seccomp: /proc/self/status
    assert_equal "${output//[[:space:]]/}" "Seccomp:$(awk '/^Seccomp:/ {print $2}' /proc/self/status)"
    echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":28}]}' >"$TMP/profile"
    sandbox --seccomp "$TMP/profile" "$TMP/tree" -- mkdir /tmp/x
    assert_output "No space left on device"
    echo '{"defaultAction":"SCMP_ACT_ALLOW","archMap":[],"syscalls":[]}' >"$TMP/profile"
    sandbox --seccomp "$TMP/profile" "$TMP/tree" -- true
    assert_status 125
    assert_output "this is a template of docker or podman"
    sandbox --seccomp "$TMP/nosuch" "$TMP/tree" -- true
    assert_status 125
    assert_output "--seccomp takes default, unconfined or a file"
}

@test "--no-new-privs" {
    tree
    sandbox --no-new-privs "$TMP/tree" -- grep NoNewPrivs /proc/self/status
    assert_output 1
}

@test "--net host shares the network, its names and no writable /sys" {
    needs_archives
    sandbox --net host "$image" -- sh -c 'readlink /proc/self/ns/net; cat /etc/resolv.conf; touch /sys/kernel/x 2>&1'
    assert_output "$(readlink /proc/self/ns/net)"
    assert_output "Read-only file system"
    [ ! -s /etc/resolv.conf ] || assert_output "$(head -n1 /etc/resolv.conf)"
    sandbox --net none "$image" -- readlink /proc/self/ns/net
    refute_output "$(readlink /proc/self/ns/net)"
    sandbox --net bridge "$image" -- true
    assert_status 125
    assert_output '--net: expected none, host, slirp, container:ID or ns:PATH, found "bridge"'
}

@test "names: hosts and hostname are written into an unpacked image, as files of its own" {
    needs_archives
    sandbox --name box "$image" -- sh -c 'cat /etc/hostname; grep -w box /etc/hosts; grep -c localhost /etc/hosts; rm /etc/hosts && echo removed'
    assert_status 0
    assert_equal "$output" $'box\n127.0.1.1 box\n2\nremoved'
}

@test "names: in a directory only files that are there are bound over, read-only" {
    tree
    echo old >"$TMP/tree/etc/hosts"
    sandbox --name box "$TMP/tree" -- sh -c 'grep -w box /etc/hosts; [ -e /etc/hostname ] || echo none; echo x >/etc/hosts'
    assert_output "127.0.1.1 box"
    assert_output none
    assert_output "Read-only file system"
    assert_equal "$(cat "$TMP/tree/etc/hosts")" old
}

@test "the time zone is the caller's, without files in the image" {
    tree
    TZ=CET-1 run --separate-stderr bryo sandbox "$TMP/tree" -- date +%z </dev/null
    assert_equal "$output" +0100
}

@test "--name: the id for state; taken names are refused early; bad ones too" {
    tree
    "$BRYO" --root "$BRYO_ROOT" sandbox --name box "$TMP/tree" -- sleep 30 </dev/null &
    local pid=$!
    wait_for 5 bash -c "'$BRYO' --root '$BRYO_ROOT' state box 2>/dev/null | grep -q running"
    sandbox --name box "$TMP/tree" -- true
    assert_status 125
    assert_output '--name "box": a container of this name exists already'
    assert_output "bryo delete --force box"
    bryo kill box KILL
    local code=0
    wait $pid || code=$?
    assert_equal $code 137
    sandbox --name a/b "$TMP/tree" -- true
    assert_status 125
    assert_output "--name"
}

@test "signals reach the command" {
    tree
    "$BRYO" --root "$BRYO_ROOT" sandbox --name box "$TMP/tree" -- sh -c 'trap "echo got it; exit 9" TERM; echo ready; while :; do sleep 0.1; done' </dev/null >"$TMP/out" &
    local pid=$! code=0
    wait_for 5 grep -q ready "$TMP/out"
    kill -TERM $pid
    wait $pid || code=$?
    assert_equal $code 9
    assert_equal "$(tail -n1 "$TMP/out")" "got it"
}

# A command that is pid 1 and knows nothing of it must still end on ctrl-c.
@test "a signal that the command does not handle ends it" {
    tree
    "$BRYO" --root "$BRYO_ROOT" sandbox --name box "$TMP/tree" -- sleep 30 </dev/null &
    local pid=$! code=0
    wait_for 5 bash -c "'$BRYO' --root '$BRYO_ROOT' state box 2>/dev/null | grep -q running"
    kill -TERM $pid
    wait $pid || code=$?
    assert_equal $code 143
}

@test "--keep keeps state and files until delete" {
    needs_archives
    sandbox --keep --name box "$image" -- sh -c 'echo made >/root/result; exit 4'
    assert_status 4
    local dir
    dir=$(echo "$XDG_CACHE_HOME"/bryo/sandbox/box-*)
    [ -d "$dir/rootfs" ]
    run bryo state box
    assert_output stopped
    # Another sandbox sweeps litter, not this.
    sandbox "$image" -- true
    [ -d "$dir/rootfs" ]
    bryo delete box
    [ ! -e "$dir" ]
}

@test "killed at any point: the next sandbox sweeps what is left" {
    needs_archives
    "$BRYO" --root "$BRYO_ROOT" sandbox --name box "$image" -- sleep 30 </dev/null &
    local pid=$!
    wait_for 5 bash -c "'$BRYO' --root '$BRYO_ROOT' state box 2>/dev/null | grep -q running"
    kill -KILL $pid
    wait $pid || true
    [ -n "$(ls -A "$XDG_CACHE_HOME/bryo/sandbox")" ]
    wait_for 5 bash -c "! '$BRYO' --root '$BRYO_ROOT' state box | grep -q running"
    bryo delete --force box
    [ -z "$(ls -A "$XDG_CACHE_HOME/bryo/sandbox")" ]
    # Killed while it unpacks there is no state yet.
    mkfifo "$TMP/slow"
    "$BRYO" --root "$BRYO_ROOT" sandbox --name slow "$TMP/slow" -- true </dev/null &
    pid=$!
    exec 7>"$TMP/slow"
    wait_for 5 bash -c "[ -n \"\$(ls -A '$XDG_CACHE_HOME/bryo/sandbox')\" ]"
    kill -KILL $pid
    wait $pid || true
    exec 7>&-
    sandbox "$image" -- true
    assert_status 0
}

@test "interrupted while unpacking: nothing stays" {
    needs_archives
    mkfifo "$TMP/slow"
    "$BRYO" --root "$BRYO_ROOT" sandbox --name slow "$TMP/slow" -- true </dev/null 2>"$TMP/err" &
    local pid=$! code=0
    exec 7>"$TMP/slow"
    wait_for 5 bash -c "[ -n \"\$(ls -A '$XDG_CACHE_HOME/bryo/sandbox')\" ]"
    sleep 0.2
    kill -TERM $pid
    wait $pid || code=$?
    exec 7>&-
    assert_equal $code 143
    [ -z "$(ls -A "$XDG_CACHE_HOME/bryo/sandbox")" ]
}

@test "files of every owner and mode are cleaned up" {
    needs_archives
    skip_without_subids
    sandbox "$image" -- sh -c 'mkdir -p /root/d/e; touch /root/d/e/f; chown -R 1000:1000 /root/d; chmod 000 /root/d/e /root/d'
    assert_status 0
    [ -z "$(ls -A "$XDG_CACHE_HOME/bryo/sandbox")" ]
}

@test "mistakes: wrong path, a registry's name, no archive" {
    sandbox "$TMP/missing.tar" -- true
    assert_status 125
    assert_output "image \"$TMP/missing.tar\": no such file or directory"
    sandbox debian:12 -- true
    assert_status 125
    assert_output "it is neither a file nor an image of the store"
    sandbox /dev/null -- true
    assert_status 125
    assert_output "neither a directory nor a file but a device"
    needs_archives
    echo hello >"$TMP/text"
    sandbox "$TMP/text" -- true
    assert_status 125
    assert_output "not an archive"
    : >"$TMP/empty"
    sandbox "$TMP/empty" -- true
    assert_status 125
    head -c 20000 "$image" >"$TMP/cut.tar.gz"
    sandbox "$TMP/cut.tar.gz" -- true
    assert_status 125
}

@test "mistakes: no such command is 127, one that cannot be executed 126" {
    tree
    sandbox_127 "$TMP/tree" -- no-such-command
    assert_status 127
    assert_output 'exec "no-such-command": executable file not found in $PATH'
    assert_output "looked for in $TMP/tree"
    sandbox_127 "$TMP/tree" -- /bin/nothing
    assert_status 127
    assert_output 'exec "/bin/nothing": no such file or directory'
    sandbox "$TMP/tree" -- /etc/passwd
    assert_status 126
    assert_output 'exec "/etc/passwd": permission denied'
    mkdir "$TMP/nothing"
    sandbox_127 "$TMP/nothing" -- ls
    assert_status 127
    assert_output "has no /bin and no /usr"
}

@test "mistakes: a cache that cannot be written, and an image above the limit" {
    needs_archives
    : >"$TMP/file"
    XDG_CACHE_HOME=$TMP/file run bryo sandbox "$image" -- true
    assert_status 125
    assert_output "set XDG_CACHE_HOME"
    sandbox --max-size 64k "$image" -- true
    assert_status 125
}

@test "mistakes behind config.json are told by the option" {
    tree
    sandbox --tmpfs /run:size=abc "$TMP/tree" -- true
    assert_status 125
    assert_output '--tmpfs "/run:size=abc": mounts['
    mkdir "$TMP/data"
    sandbox --tmpfs /run --bind "$TMP/data:/etc/motd" "$TMP/tree" -- true
    assert_status 125
    assert_output "--bind \"$TMP/data:/etc/motd\": mounts["
    is_root || {
        sandbox --user 4000000000 "$TMP/tree" -- true
        assert_status 125
        assert_output '--user "4000000000": process.user.uid'
    }
}

@test "mistakes: no helper program" {
    BRYO_HELPER_DIR=/nonexistent run bryo sandbox "$image" -- true
    assert_status 125
    assert_output 'find the helper program "/nonexistent/bryo-image"'
}

@test "no subordinate ids: one id, a warning, and it works" {
    skip_if_root
    ! has_subids || skip "$(id -un) has subordinate ids"
    needs_archives
    sandbox "$image" -- id -u
    assert_status 0
    assert_equal "$output" 0
    [ -n "$stderr" ]
}

@test "usage: no image, unknown option" {
    run bryo sandbox
    assert_status 125
    run bryo sandbox --no-such-option "$TMP" -- true
    assert_status 125
    assert_output 'unknown option "--no-such-option"'
}

@test "limits: what is wrong with one is told before anything is made" {
    tree
    local option value text
    while IFS='|' read -r option value text; do
        sandbox "--$option=$value" "$TMP/tree" -- true
        assert_status 125
        assert_output "$text"
        [ -z "$(ls -A "$BRYO_ROOT" 2>/dev/null)" ]
    done <<'END'
memory|much|sandbox: --memory: expected a size such as 512m, found "much"
memory|0|sandbox: --memory: expected a size such as 512m, found "0"
memory-swap|-2|sandbox: --memory-swap: expected a size such as 1g, or -1, found "-2"
memory-swap|1g|--memory-swap "1g": expected --memory beside it, since it counts memory and swap together
cpus|0|sandbox: --cpus: expected a number of CPUs from 0.01 on, such as 1.5, found "0"
cpus|1.2345|sandbox: --cpus: expected a number of CPUs from 0.01 on, such as 1.5, found "1.2345"
cpus|1.|sandbox: --cpus: expected
cpus|.5|sandbox: --cpus: expected
cpus|-1|sandbox: --cpus: expected
pids|0|sandbox: --pids: expected a number above 0, found "0"
io-weight|9|sandbox: --io-weight: expected 10 to 1000, found "9"
cpuset|0-a|--cpuset "0-a": config.json: linux.resources.cpu.cpus: expected a list of numbers
END
    sandbox --memory 512m --memory-swap 256m "$TMP/tree" -- true
    assert_status 125
    assert_output '--memory-swap "256m": expected at least --memory, "512m", since it counts memory and swap together'
}

@test "limits where there is no cgroup: an error that names the option, or a warning" {
    tree
    run --separate-stderr "$BRYO" --root "$BRYO_ROOT" --cgroup-manager disabled sandbox --pids 20 "$TMP/tree" -- true
    assert_status 125
    assert_output '--pids "20": linux.resources.pids.limit: the cgroup manager "disabled" sets no limits'
    run --separate-stderr "$BRYO" --root "$BRYO_ROOT" --cgroup-manager disabled --limits try sandbox --pids 20 -m 512m "$TMP/tree" -- echo ran
    assert_status 0
    assert_output "bryo: warning: without the limits linux.resources.memory.limit, linux.resources.pids.limit"
    assert_output ran
}
