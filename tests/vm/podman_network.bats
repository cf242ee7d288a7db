#!/usr/bin/env bats
# podman --network slirp4netns, with bryo-net as the program that podman takes for slirp4netns (network_cmd_path).

load ../lib/common
load podman

DROPIN=$HOME/.config/containers/containers.conf.d/network.conf

setup_file() {
    make_image >&2
    local helper=/usr/local/libexec/bryo/bryo-net
    [ -x "$helper" ] || skip "bryo-net is not installed"
    mkdir -p "${DROPIN%/*}"
    printf '[engine]\nnetwork_cmd_path = "%s"\n' "$helper" >"$DROPIN"
}

teardown_file() {
    rm -f "$DROPIN"
}

# A line for whoever connects to the port of the host's loopback; ends by itself.
say_on() { # PORT
    timeout 100 python3 -c '
import socket, sys
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
for _ in range(2):
    c, _a = s.accept(); c.sendall(b"the host speaks\n"); c.close()' "$1" 3>&- &
}

@test "addresses, routes and names are those of slirp4netns; the program is ours, and ends with the container" {
    pod run -d --network slirp4netns --name "$C" $IMAGE sleep 1000
    run pod exec "$C" sh -c 'ip addr show tap0; ip route; cat /etc/resolv.conf'
    assert_status 0
    assert_output "inet 10.0.2.100/24"
    assert_output "mtu 65520"
    assert_output "default via 10.0.2.2 dev tap0"
    assert_output "nameserver 10.0.2.3"
    pgrep -x bryo-net
    run ! pgrep -x slirp4netns
    pod rm --force --time 0 "$C"
    wait_for 10 sh -c '! pgrep -x bryo-net'
}

@test "the loopback of the host: closed by default, open with allow_host_loopback" {
    say_on 7071
    local listener=$!
    local closed open
    closed=$(pod run --rm --network slirp4netns $IMAGE sh -c 'nc -w 3 10.0.2.2 7071 </dev/null || echo closed') || true
    open=$(pod run --rm --network slirp4netns:allow_host_loopback=true $IMAGE nc -w 3 10.0.2.2 7071 </dev/null) || true
    kill $listener || true
    wait $listener || true
    assert_equal "$closed" closed
    assert_equal "$open" "the host speaks"
}

@test "a port by the JSON commands (port_handler=slirp4netns), and by podman's own forwarder" {
    local handler
    for handler in slirp4netns rootlesskit; do
        pod run -d --network slirp4netns:port_handler=$handler -p 127.0.0.1:7072:80 --name "$C" $IMAGE \
            sh -c 'while true; do echo inside | nc -l -p 80; done'
        wait_for 20 sh -c "python3 -c 'import socket; print(socket.create_connection((\"127.0.0.1\", 7072), 3).recv(99))' | grep -q inside"
        pod rm --force --time 0 "$C"
    done
}

@test "another network, with IPv6" {
    run pod run --rm --network slirp4netns:cidr=10.9.0.0/24,enable_ipv6=true,mtu=1500 $IMAGE ip addr show tap0
    assert_status 0
    assert_output "inet 10.9.0.100/24"
    assert_output "inet6 fd00::"
    assert_output "mtu 1500"
}
