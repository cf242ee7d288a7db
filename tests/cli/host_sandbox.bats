#!/usr/bin/env bats
# bryo sandbox without IMAGE: the host's own root, with what is written kept apart; diff, discard.

load ../lib/common

setup() {
    bryo_setup
    export TMP BRYO XDG_CACHE_HOME=$TMP/cache XDG_STATE_HOME=$TMP/xdg-state HOME=$TMP/home
    mkdir -p "$HOME/work"
    cd "$HOME/work" || return
    # As root in a user namespace, and where the kernel has no overlayfs for users, there is nothing to test.
    run --separate-stderr host --ephemeral -- true
    [[ "$stderr" != *"needs overlayfs in a user namespace"* ]] || skip "no overlayfs in a user namespace here: $stderr"
}

# Whatever the box is called, it is to be gone, and the cache empty.
teardown() {
    local name left=0
    cd /
    for name in $("$BRYO" diff -f json 2>/dev/null | jq -r '.[].name'); do
        "$BRYO" discard "$name"
    done
    if [ -n "$(ls -A "$XDG_STATE_HOME/bryo/host" 2>/dev/null)" ]; then
        ls -lA "$XDG_STATE_HOME/bryo/host" >&2
        left=1
    fi
    bryo_teardown
    return $left
}

host() {
    bryo sandbox "$@" </dev/null
}

sandbox() {
    run --separate-stderr host "$@"
}

# The changes below the home of the test, by their paths in it.
changes() {
    bryo diff "$@" | grep -F " $HOME/" | sed "s|$HOME/||"
}

@test "the host's files are there, what is written stays apart, and the directory is the caller's" {
    echo one >file
    sandbox --name box -- sh -c 'pwd; cat file; echo two >file; cat file; id -u; echo $HOME'
    assert_status 0
    assert_equal "$output" "$HOME/work"$'\none\ntwo\n0\n'"$HOME"
    assert_equal "$(cat file)" one
    [[ "$stderr" == *"changes are kept as box: bryo diff box shows them"* ]]
    assert_equal "$(changes box)" "C work/file"
}

@test "diff tells added, changed and deleted, and nothing that is the same again" {
    mkdir -p d/sub gone/below opaque
    echo a >d/changed
    echo b >d/mode
    echo c >d/deleted
    echo same >d/same
    echo x >gone/below/file
    echo old >opaque/old
    ln -s a link
    echo f >becomes-dir
    mkdir becomes-file
    sandbox --name box -- sh -c '
        echo more >>d/changed; chmod 700 d/mode; rm d/deleted; echo same >d/same; touch d/same
        mkdir -p new/dir; echo n >new/dir/file; rm -r gone; rm -r opaque; mkdir opaque; echo new >opaque/new
        ln -sf b link; rm becomes-dir; mkdir becomes-dir; rmdir becomes-file; echo f >becomes-file
        mkfifo d/sub/fifo'
    assert_status 0
    assert_equal "$(changes box | sort -k2)" "$(sort -k2 <<'END'
C work/becomes-dir
C work/becomes-file
C work/d/changed
C work/d/mode
D work/d/deleted
A work/d/sub/fifo
D work/gone
C work/link
A work/new
A work/new/dir
A work/new/dir/file
C work/opaque
A work/opaque/new
D work/opaque/old
END
)"
    run bryo diff --format json box
    assert_status 0
    assert_equal "$(jq -r --arg p "$HOME/work/d/mode" '.[] | select(.path == $p) | "\(.kind) \(.type) \(.mode) \(.what[0])"' <<<"$output")" \
        "changed file 0700 mode"
    [ -f d/deleted ] && [ -f gone/below/file ] && [ ! -e new ]
}

@test "diff --patch is what patch takes" {
    skip_without patch
    skip_without diff
    printf 'one\ntwo\nthree\n' >text
    echo bye >dropped
    sandbox --name box -- sh -c "sed -i s/two/2/ text; echo new >added; rm dropped; ln -s x l"
    assert_status 0
    bryo diff --patch box >"$TMP/patch"
    grep -q '^-two$' "$TMP/patch"
    grep -qF "# A $HOME/work/l (link)" "$TMP/patch"
    patch -s -p1 -d / <"$TMP/patch"
    assert_equal "$(cat text)" $'one\n2\nthree'
    assert_equal "$(cat added)" new
    [ ! -e dropped ]
}

@test "names with every byte are shown without harm, and in JSON not lost" {
    sandbox --name box -- sh -c 'printf x >"$(printf "a\033b\nc\377")"'
    assert_status 0
    run bryo diff box
    assert_output "A $HOME/work/a\\x1bb\\nc\\xff"
    run bryo diff --format json box
    assert_equal "$(jq -r '.[-1].pathHex | .[-14:]' <<<"$output")" "2f611b620a63ff"
}

@test "nothing changed, nothing kept; --ephemeral keeps nothing whatever was changed; a failure keeps it" {
    sandbox --name box -- true
    assert_status 0
    [[ "$stderr" != *"are kept"* ]]
    sandbox --name box --ephemeral -- sh -c 'echo x >file'
    assert_status 0
    [[ "$stderr" != *"are kept"* ]]
    run bryo diff -f json
    assert_equal "$output" "[]"
    sandbox --name box -- sh -c 'echo x >file; exit 9'
    assert_status 9
    assert_equal "$(changes box)" "A work/file"
}

@test "a program can be installed into the directories of root, and root's files be replaced" {
    [ ! -e /usr/local/bin/bryo-test-tool ]
    sandbox --name box -- sh -c 'echo "echo works" >/usr/local/bin/bryo-test-tool
        chmod 755 /usr/local/bin/bryo-test-tool; bryo-test-tool
        mkdir /opt/bryo-test; echo x >/etc/bryo-test.conf
        cp /etc/passwd /etc/passwd.new && mv /etc/passwd.new /etc/passwd'
    assert_status 0
    assert_equal "$output" works
    [ ! -e /usr/local/bin/bryo-test-tool ] && [ ! -e /opt/bryo-test ]
    run bryo diff box
    assert_output "A /usr/local/bin/bryo-test-tool"
    assert_output "A /opt/bryo-test"
    assert_output "A /etc/bryo-test.conf"
    refute_output "/etc/passwd"
}

@test "secrets are hidden, and --share opens them" {
    mkdir -p "$HOME/.ssh" "$HOME/.aws" "$HOME/.config/gh" "$HOME/.mozilla/firefox"
    echo key >"$HOME/.ssh/id"
    echo known >"$HOME/.ssh/known_hosts"
    echo cred >"$HOME/.aws/credentials"
    echo token >"$HOME/.netrc"
    echo token >"$HOME/.config/gh/hosts.yml"
    echo mine >"$HOME/own"
    sandbox --ephemeral --mask "$HOME/own" -- sh -c 'ls -A ~/.ssh ~/.aws ~/.config/gh ~/.mozilla; cat ~/.netrc ~/own
        cat ~/.ssh/id 2>/dev/null || echo hidden; touch ~/.ssh/new 2>/dev/null || echo read-only'
    assert_status 0
    assert_equal "$output" "$HOME/.aws:

$HOME/.config/gh:

$HOME/.mozilla:

$HOME/.ssh:
hidden
read-only"
    sandbox --ephemeral --share "$HOME/.netrc" --share "$HOME/.aws" -- sh -c 'cat ~/.netrc ~/.aws/credentials; ls -A ~/.ssh'
    assert_status 0
    assert_equal "$output" $'token\ncred'
    # A part of what is hidden as a whole.
    sandbox --ephemeral --share "$HOME/.ssh/known_hosts" -- sh -c 'ls -A ~/.ssh; cat ~/.ssh/known_hosts'
    assert_status 0
    assert_equal "$output" $'known_hosts\nknown'
    run bryo sandbox --show-masks --share "$HOME/.netrc" --
    assert_status 0
    assert_output "$HOME/.ssh"
    refute_output ".netrc"
    assert_equal "${lines[0]}" /run
}

@test "the state of sandboxes is hidden, and so are /run and what is in the environment" {
    export BRYO_TEST_TOKEN=secret
    sandbox --name box -- sh -c "ls -A '$XDG_STATE_HOME/bryo/host'; ls -A /run; echo \"[\$BRYO_TEST_TOKEN]\" \$PATH"
    assert_status 0
    [[ "$output" == *"[] $PATH" ]]
    [[ "$output" != *.sock* ]]
    sandbox --ephemeral -e BRYO_TEST_TOKEN -- sh -c 'echo $BRYO_TEST_TOKEN'
    assert_equal "$output" secret
}

@test "a socket of the host is not reached through the overlay, and is where it is shared" {
    skip_without python3
    python3 -c 'import socket, sys, os
s = socket.socket(socket.AF_UNIX); s.bind("sock"); s.listen()
os.chmod("sock", 0o777)
open("ready", "w").close()
s.settimeout(60)
c, _ = s.accept(); c.send(b"hello")' 3>&- &
    local pid=$!
    wait_for 20 test -e ready
    local try='import socket
s = socket.socket(socket.AF_UNIX)
try: s.connect("sock"); print(s.recv(9).decode())
except OSError as e: print(e.strerror)'
    sandbox --ephemeral -- python3 -c "$try"
    assert_equal "$output" "Connection refused"
    sandbox --ephemeral --bind "$PWD/sock:$PWD/sock" -- python3 -c "$try"
    assert_equal "$output" hello
    wait $pid
}

@test "a link in place of a directory leads nowhere: what it points to on the host stays" {
    mkdir -p tree/dir "$TMP/outside"
    echo keep >"$TMP/outside/file"
    echo x >tree/dir/file
    sandbox --name box -- sh -c "rm -r tree/dir; ln -s '$TMP/outside' tree/dir; ln -s /etc/passwd tree/p; echo y >tree/dir/file"
    assert_status 0
    assert_equal "$(cat "$TMP/outside/file")" keep
    run changes box
    assert_output "C work/tree/dir"
    assert_output "A work/tree/p"
    # The host's side may turn into a link meanwhile.
    mv tree tree.old
    ln -s "$TMP/outside" tree
    run bryo diff box
    assert_status 0
    assert_output "C $HOME/work/tree"
}

@test "kill -9: what was changed is still there, and discard removes it" {
    "$BRYO" --root "$BRYO_ROOT" sandbox --name box -- sh -c "echo x >file; echo started; sleep 1000" </dev/null >"$TMP/out" 2>&1 3>&- &
    local pid=$!
    wait_for 20 grep -q started "$TMP/out"
    run bryo diff box
    assert_status 1
    assert_output 'sandbox "box" is in use'
    assert_output "bryo kill box"
    run bryo discard box
    assert_status 1
    run bryo diff
    assert_output "running"
    kill -KILL $pid
    wait $pid || true
    wait_for 20 bryo diff box
    assert_equal "$(changes box)" "A work/file"
    bryo discard box
    [ ! -e "$XDG_STATE_HOME/bryo/host/box" ]
    bryo delete --force box
    "$BRYO" --root "$BRYO_ROOT" sandbox --ephemeral -- true </dev/null # sweeps the cache
}

@test "mistakes" {
    sandbox --keep -- true
    assert_status 125
    [[ "$stderr" == *"--keep: it is for sandboxes of an image"* ]]
    sandbox --cap-add all -- true
    assert_status 125
    [[ "$stderr" == *'--cap-add "all": with CAP_SYS_ADMIN a command could take away'* ]]
    sandbox --share x -- true
    assert_status 125
    [[ "$stderr" == *'--share "x": expected an absolute path'* ]]
    sandbox --share /nothing/here -- true
    assert_status 125
    [[ "$stderr" == *'--share "/nothing/here": no such file or directory (ENOENT)'* ]]
    make_rootfs "$TMP/tree"
    sandbox --ephemeral "$TMP/tree" true
    assert_status 125
    [[ "$stderr" == *"--ephemeral: it is for sandboxes of the host's root"* ]]
    sandbox --show-masks "$TMP/tree" true
    assert_status 125
    [[ "$stderr" == *"--show-masks: it is for sandboxes of the host's root"* ]]
    sandbox
    assert_status 125
    [[ "$stderr" == *"IMAGE is missing"* ]]
    run -127 --separate-stderr host -- /nothing
    run bryo diff nobody
    assert_status 1
    assert_output 'there is no kept sandbox "nobody"'
    run bryo diff ../host
    assert_output 'there is no kept sandbox "../host"'
    run bryo discard .
    assert_status 1
    sandbox --name box -- sh -c 'echo x >file'
    sandbox --name box -- true
    assert_status 125
    [[ "$stderr" == *"a sandbox of this name has changes that are kept"* ]]
    [[ "$stderr" == *"bryo discard box"* ]]
    run bryo diff --patch --format json box
    assert_output "--patch and --format exclude each other"
    export XDG_STATE_HOME="$TMP/with:colon"
    sandbox -- true
    assert_status 125
    [[ "$stderr" == *"holds a character that overlayfs cannot take"* ]]
    export XDG_STATE_HOME=$TMP/xdg-state
}

@test "a state directory that can't be an upper layer is refused with what mends it" {
    ! is_real_root || skip "root of the machine would mount in its own namespace"
    run unshare --user --map-root-user --mount sh -c '
        cd "$TMP" && mkdir l u w m && mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w,userxattr m &&
            XDG_STATE_HOME="$TMP/m" "$BRYO" --root "$TMP/root" sandbox -- true </dev/null'
    [[ "$output" != *"mount:"* && "$output" != *"unshare:"* ]] || skip "no overlay can be mounted"
    assert_status 125
    assert_output "is on overlayfs, where overlayfs can't write what the sandbox changes"
    assert_output "set XDG_STATE_HOME to a directory of your own"
}

@test "--read-only: nothing can be written; --bind and --tmpfs lie on top" {
    echo one >file
    mkdir data
    sandbox --name box --read-only --tmpfs "$PWD/data" -- sh -c 'echo two >file || echo no; echo x >/etc/y || echo no; echo z >data/z && ls data'
    assert_status 0
    assert_equal "$output" $'no\nno\nz'
    assert_equal "$(cat file)" one
    sandbox --name box --bind "$PWD/data:$PWD/data" -- sh -c 'echo w >data/w'
    assert_status 0
    assert_equal "$(cat data/w)" w
}

@test "the man page lists every secret and every type of file system of the tables" {
    local word
    for word in $(sed -n 's/^    "\([^" ]*\)",$/\1/p' "$BRYO_TOP/src/sandbox/host_secrets.c"); do
        grep -qF -- "$word" "$BRYO_TOP/man/bryo-diff.1" || { echo "not in man/bryo-diff.1: $word" >&2; false; }
    done
    for word in $(grep -o '{"[a-z0-9_.-]*", HOST_' "$BRYO_TOP/src/sandbox/host_rules.c" | cut -d'"' -f2); do
        grep -q "[ ,]$word\([, ]\|$\)" "$BRYO_TOP/man/bryo-diff.1" || { echo "not in man/bryo-diff.1: $word" >&2; false; }
    done
}
