# linux.netDevices. Each bundle is run in a network namespace made for it, so that the machine's own is not touched.

load ../lib/common

setup() {
    skip_unless_root
    skip_without ip unshare
    unshare -n ip link add probe0 type veth peer name probe1 2>/dev/null || skip "the kernel makes no veth interfaces"
    bryo_setup
    B=$TMP/bundle
    make_bundle "$B"
    ID=$(new_id)
}

teardown() {
    [ -z "${TMP:-}" ] || bryo_teardown
}

# The commands of standard input, in a network namespace with the pair host0 and peer0, as the machine's would be.
on_a_machine() {
    cat >"$TMP/script" <<END
set -eu
mount -t sysfs sysfs /sys
ip link set lo up
ip link add host0 type veth peer name peer0
bryo() { "$BRYO" --root "$BRYO_ROOT" "\$@"; }
END
    cat >>"$TMP/script"
    run unshare --net --mount bash "$TMP/script"
}

@test "an interface moves with its permanent addresses of global scope and its attributes, and is up" {
    edit_config "$B" '.linux.netDevices = {host0: {name: "eth0"}}'
    set_args "$B" /bin/sh -c 'ip link show eth0; ip addr show eth0'
    on_a_machine <<END
ip link set host0 mtu 1400 address 02:00:00:00:00:42
ip addr add 192.0.2.7/24 brd 192.0.2.255 dev host0
ip addr add 198.51.100.9/32 dev host0 valid_lft 1000 preferred_lft 900
ip addr add 203.0.113.1/24 scope link dev host0
ip addr add 2001:db8::7/64 nodad dev host0 2>/dev/null || echo no-ipv6
ip link set host0 up
bryo run -b "$B" "$ID" </dev/null
echo here: \$(ip -o link | grep -c host0 || true)
END
    assert_status 0
    assert_output "mtu 1400"
    assert_output "02:00:00:00:00:42"
    assert_output ",UP"
    assert_output "inet 192.0.2.7/24 brd 192.0.2.255 scope global eth0"
    refute_output 198.51.100.9
    refute_output 203.0.113.1
    [[ $output == *no-ipv6* ]] || assert_output "inet6 2001:db8::7/64"
    assert_output "here: 0"
}

@test "without a name it keeps the host's; templates and swapped names" {
    edit_config "$B" '.linux.netDevices = {host0: {}, peer0: {name: "net%d"}}'
    set_args "$B" ls /sys/class/net
    on_a_machine <<END
bryo run -b "$B" "$ID" </dev/null
END
    assert_status 0
    assert_output host0
    assert_output net0
    refute_output bryo
    edit_config "$B" '.linux.netDevices = {host0: {name: "peer0"}, peer0: {name: "host0"}}'
    set_args "$B" /bin/sh -c 'cat /sys/class/net/host0/address /sys/class/net/peer0/address'
    on_a_machine <<END
ip link set host0 address 02:00:00:00:00:01
ip link set peer0 address 02:00:00:00:00:02
bryo run -b "$B" "$ID" </dev/null
END
    assert_status 0
    assert_equal "$output" "02:00:00:00:00:02
02:00:00:00:00:01"
}

@test "an interface that is not there, one whose name is taken, one that may not move: nothing has moved" {
    edit_config "$B" '.linux.netDevices = {host0: {}, ghost9: {}}'
    on_a_machine <<END
bryo create -b "$B" "$ID" </dev/null && echo created
ip -o link show host0
END
    assert_status 0
    refute_output created
    assert_output "linux.netDevices.ghost9: find the interface: no such device (ENODEV)"
    assert_output host0
    edit_config "$B" '.linux.netDevices = {host0: {}, peer0: {name: "lo"}}'
    on_a_machine <<END
bryo create -b "$B" "$ID" </dev/null && echo created
ip -o link show host0
END
    assert_status 0
    refute_output created
    assert_output 'linux.netDevices.peer0: the container'"'"'s network namespace has an interface "lo" already'
    # The first has moved by the time the second fails, and comes back as it was.
    edit_config "$B" '.linux.netDevices = {host0: {name: "eth0"}, lo: {name: "x"}}'
    on_a_machine <<END
ip addr add 192.0.2.7/24 dev host0
ip link set host0 up
bryo create -b "$B" "$ID" </dev/null && echo created
ip addr show host0
END
    assert_status 0
    refute_output created
    assert_output "linux.netDevices.lo: move the interface: invalid argument (EINVAL)"
    assert_output ",UP"
    assert_output "inet 192.0.2.7/24"
}

@test "into a user namespace, and into a network namespace that is joined" {
    bryo spec --rootless -b "$TMP" >/dev/null
    jq '.process.terminal = false | .process.args = ["ls", "/sys/class/net"] | .root.path = "bundle/rootfs"
        | .linux.netDevices = {host0: {name: "eth0"}}' "$TMP/config.json" >"$TMP/new.json"
    mv "$TMP/new.json" "$TMP/config.json"
    on_a_machine <<END
bryo --rootless=true run -b "$TMP" "$ID" </dev/null
END
    assert_status 0
    assert_output eth0
    edit_config "$B" '(.linux.namespaces[] | select(.type == "network")).path = "'"$TMP"'/other" | .linux.netDevices = {host0: {}}'
    on_a_machine <<END
touch "$TMP/other"
unshare --net="$TMP/other" true
bryo run -b "$B" "$ID" </dev/null
nsenter --net="$TMP/other" ip -o link show host0
umount "$TMP/other"
END
    assert_status 0
    assert_output host0
    edit_config "$B" '(.linux.namespaces[] | select(.type == "network")).path = "/proc/self/ns/net"'
    on_a_machine <<END
bryo create -b "$B" "$ID" </dev/null && echo created
ip -o link show host0
END
    assert_status 0
    refute_output created
    assert_output "expected a network namespace other than the host's, found the same"
}
