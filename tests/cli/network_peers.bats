#!/usr/bin/env bats
# Programs that start slirp4netns, with bryo-net in its place.

load ../lib/common
load ../lib/network

@test "rootlesskit --net=slirp4netns, its ports by the JSON commands" {
    skip_without_slirp
    skip_without rootlesskit python3 ip
    skip_if_root
    has_subids || skip "rootlesskit needs subordinate ids"
    local helper=${BRYO%/*}/bryo-net port=$((20000 + RANDOM % 10000))
    [ -x "$helper" ] || helper=$(dirname "${BRYO%/*}")/libexec/bryo/bryo-net
    mkdir "$TMP/state"
    cat >"$TMP/inside" <<END
ip addr show tap0; ip route; cat /etc/resolv.conf
python3 -c '
import socket
s = socket.create_server(("0.0.0.0", 80))
c, who = s.accept(); c.sendall(b"from inside\n"); c.close()'
END
    timeout 60 rootlesskit --state-dir "$TMP/state/s" --net=slirp4netns --slirp4netns-binary="$helper" --disable-host-loopback \
        --port-driver=slirp4netns --copy-up=/etc -p "127.0.0.1:$port:80/tcp" sh "$TMP/inside" >"$TMP/out" 2>&1 3>&- &
    local kit=$!
    wait_for 20 python3 -c "
import socket, sys
c = socket.create_connection(('127.0.0.1', $port), 2)
sys.exit(c.recv(100) != b'from inside\n')"
    wait $kit
    run cat "$TMP/out"
    assert_output "inet 10.0.2.100/24"
    assert_output "default via 10.0.2.2"
    assert_output "nameserver 10.0.2.3"
}
