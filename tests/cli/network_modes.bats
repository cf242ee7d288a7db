#!/usr/bin/env bats
# Networks that are not of the container's own making: of another container, in a namespace with a path.

load ../lib/common
load ../lib/network

setup() {
    bryo_setup
    export XDG_CACHE_HOME=$TMP/cache
    network_tree
}

@test "container:ID: one network for two, loopback, resolver and all" {
    skip_without_slirp
    on_a_machine <<'END'
peer dns 127.0.0.53 53 host.test.example=198.51.100.1
inside --name first --net slirp,cidr=10.7.0.0/24 -- sh -c 'touch /up; exec python3 -m http.server 8080 --bind 127.0.0.1 --directory /etc' &
until [ -e "$tree/up" ]; do sleep 0.05; done
bryo sandbox --net container:first "$tree" -- sh -c '
    until wget -q -O - http://127.0.0.1:8080/ >/dev/null 2>&1; do sleep 0.1; done; echo shared
    ip addr show tap0 | grep -w inet; cat /etc/resolv.conf; nslookup -type=a host.test.example | grep 198; ls /sys/class/net'
pgrep -c -x bryo-net
bryo kill first KILL
wait
END
    assert_status 0
    assert_output shared
    assert_output "inet 10.7.0.100/24"
    assert_output "nameserver 10.7.0.3"
    assert_output "Address: 198.51.100.1"
    assert_output tap0
    assert_equal "${lines[-1]}" 1
}

@test "container:ID with run: the user namespace comes along, and exec, delete as ever" {
    make_bundle "$TMP/first"
    make_bundle "$TMP/second"
    local first second
    first=$(new_id)
    second=$(new_id)2
    set_args "$TMP/first" sleep 100
    set_args "$TMP/second" sh -c 'cat /proc/self/uid_map; readlink /proc/self/ns/net; sleep 100'
    bryo run -d -b "$TMP/first" "$first"
    bryo run -d --net "container:$first" -b "$TMP/second" "$second"
    wait_for 5 grep -q net: "$TMP/detached.out"
    local ns
    ns=$(bryo exec "$first" readlink /proc/self/ns/net)
    assert_equal "$(bryo exec "$second" readlink /proc/self/ns/net)" "$ns"
    assert_equal "$(bryo exec "$second" readlink /proc/self/ns/user)" "$(bryo exec "$first" readlink /proc/self/ns/user)"
    bryo delete --force "$second"
    bryo exec "$first" true
    bryo delete --force "$first"
    # The annotation says the same; that container is gone now.
    edit_config "$TMP/second" ".annotations = {\"run.bryo.net\": \"container:$first\"}"
    run bryo run -b "$TMP/second" "$second"
    assert_status 1
    assert_output "annotations[\"run.bryo.net\"]: container \"$first\" does not exist"
}

@test "container:ID: mistakes" {
    make_bundle "$TMP/first"
    make_bundle "$TMP/second"
    local first second
    first=$(new_id)
    second=$(new_id)2
    run bryo sandbox --net container: "$TMP/tree" -- true
    assert_status 125
    assert_output "--net: container: the id of a container is missing"
    run bryo sandbox --net container:nobody "$TMP/tree" -- true
    assert_status 125
    assert_output '--net: container "nobody" does not exist'
    run bryo sandbox --net container:../x "$TMP/tree" -- true
    assert_status 125
    assert_output '--net: invalid container id "../x"'
    set_args "$TMP/first" true
    bryo create -b "$TMP/first" "$first"
    bryo start "$first"
    wait_for 5 sh -c "'$BRYO' --root '$BRYO_ROOT' state '$first' | grep -q stopped"
    run bryo run --net "container:$first" -b "$TMP/second" "$second"
    assert_status 1
    assert_output "--net: container \"$first\" has stopped: it has no network to share"
    bryo delete "$first"
    set_args "$TMP/first" sleep 100
    bryo run -d --net host -b "$TMP/first" "$first"
    run bryo run --net "container:$first" -b "$TMP/second" "$second"
    assert_status 1
    assert_output "the network of \"$first\" is the caller's own"
    assert_output "hint: use --net host"
    bryo delete --force "$first"
    bryo run -d -b "$TMP/first" "$first"
    if ! is_real_root; then
        edit_config "$TMP/second" '.linux.uidMappings = [{containerID: 7, hostID: 1000, size: 1}]
            | .linux.gidMappings = [{containerID: 7, hostID: 1000, size: 1}]'
        run bryo run --net "container:$first" -b "$TMP/second" "$second"
        assert_status 1
        assert_output "linux.uidMappings differs from that of container \"$first\", whose network is shared"
    fi
    edit_config "$TMP/second" '(.linux.namespaces[] | select(.type == "network")).path = "/proc/self/ns/net"'
    run bryo run --net "container:$first" -b "$TMP/second" "$second"
    assert_status 1
    assert_output '--net: linux.namespaces joins another network, "/proc/self/ns/net"'
    bryo delete --force "$first"
    run bryo list -q
    assert_equal "$output" ""
}

@test "ns:PATH: a namespace that the caller has rights over" {
    on_a_machine <<'END'
unshare --user --map-root-user --net sh -c 'ip link set lo up; ip addr add 192.0.2.1/32 dev lo; exec sleep 100' &
other=$!
until nsenter -U -n --preserve-credentials -t $other ip addr show lo 2>/dev/null | grep -q 192.0.2.1; do sleep 0.05; done
bryo sandbox --net ns:/proc/$other/ns/net "$tree" -- sh -c 'ip addr show lo; readlink /proc/self/ns/user; cat /sys/class/net/lo/operstate'
echo "status $?"
readlink /proc/$other/ns/user
kill $other
bryo sandbox --net ns:/proc/self/ns/net "$tree" -- true
bryo sandbox --net ns:/nowhere "$tree" -- true
bryo sandbox --net ns:/proc/self/ns/pid "$tree" -- true
bryo sandbox --net ns: "$tree" -- true
bryo list -q
END
    assert_output "inet 192.0.2.1/32"
    assert_output "status 0"
    assert_equal "$(grep -c '^user:' <<<"$output")" 2
    assert_equal "$(grep '^user:' <<<"$output" | sort -u | wc -l)" 1
    assert_output "the network of \"/proc/self/ns/net\" is the caller's own"
    assert_output '"/nowhere": no such file or directory (ENOENT)'
    assert_output 'is a pid namespace, expected a network namespace'
    assert_output '--net: ns: the path of a network namespace is missing'
}
