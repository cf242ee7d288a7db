# shellcheck shell=bash
# What the tests of the network share:  load ../lib/network
#
#   skip_without_slirp         bryo-net was not built, or /dev/net/tun is closed to this user
#   on_a_machine               runs the commands of standard input, with `run`, as root of a network that has nothing
#                              to do with the real one: its loopback holds the addresses 198.51.100.1 and
#                              2001:db8::1 ("the internet"), its resolver is 127.0.0.53. Everything that was
#                              started in there ends with it. Its bryo has a tree in $TMP/tree
#   peer KIND ADDRESS PORT …   there: tests/lib/netpeer.py
#   inside OPTION… -- CMD…     there: a sandbox that sees the host's programs, python3 for instance

skip_without_slirp() {
    local helper=${BRYO%/*}/bryo-net
    [ -x "$helper" ] || helper=$(dirname "${BRYO%/*}")/libexec/bryo/bryo-net
    [ -x "$helper" ] || skip "bryo-net was not built (libslirp)"
    { exec 8<>/dev/net/tun; } 2>/dev/null || skip "/dev/net/tun is not open to $(id -un)"
    exec 8>&-
}

# A root file system with the files that a network wants to fill in.
network_tree() {
    make_rootfs "$TMP/tree"
    touch "$TMP/tree/etc/hosts" "$TMP/tree/etc/resolv.conf"
}

on_a_machine() {
    local outer=(unshare --net --mount --pid --fork --mount-proc)
    is_real_root || outer+=(--user --map-root-user)
    skip_without python3 ip unshare
    cat >"$TMP/prelude" <<END
set -u
ip link set lo up
ip addr add 198.51.100.1/32 dev lo
ip addr add 169.254.169.254/32 dev lo
ip -6 addr add 2001:db8::1/128 dev lo 2>/dev/null
printf 'nameserver 127.0.0.53\nsearch test.example\n' >"$TMP/resolv.conf"
mount --bind "$TMP/resolv.conf" "\$(readlink -f /etc/resolv.conf)"
export XDG_RUNTIME_DIR=$TMP/run XDG_CACHE_HOME=$TMP/cache XDG_DATA_HOME=$TMP/data
mkdir -p "\$XDG_RUNTIME_DIR"
bryo() { "$BRYO" --root "$TMP/inner" "\$@" </dev/null; }
peer() { "$BRYO_TOP/tests/lib/netpeer.py" "\$@"; }
tree=$TMP/tree
# A command with the programs of this machine inside.
inside() { # SANDBOX-OPTION… -- CMD…
    local options=() dir
    while [ "\$1" != -- ]; do options+=("\$1"); shift; done
    for dir in /usr /lib /lib64; do [ ! -e \$dir ] || options+=(--bind \$dir:\$dir:ro); done
    bryo sandbox --net slirp "\${options[@]}" "\$tree" "\$@"
}
ask() { printf '%s\n' "\$1"; sleep 0.3; } # a line for nc, which ends with its input
END
    cat "$TMP/prelude" - >"$TMP/script"
    run --separate-stderr "${outer[@]}" bash "$TMP/script"
}
