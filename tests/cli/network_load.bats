#!/usr/bin/env bats
# The network of a sandbox under load and ill will: memory and descriptors of bryo-net are bounded and come back, and the
# container next door notices nothing. tests/lib/netload.py does the ill inside.

load ../lib/common
load ../lib/network

setup() {
    bryo_setup
    export XDG_CACHE_HOME=$TMP/cache
    skip_without_slirp
    network_tree
    cp "$BRYO_TOP/tests/lib/netload.py" "$TMP/tree/load.py"
    # Shadow memory and quarantine of a sanitizer say nothing about ours.
    SANITIZED=
    ! grep -qa __asan_init "${BRYO%/*}/bryo-net" || SANITIZED=yes
    echo "connects=$([ -z "$SANITIZED" ] && echo 10000 || echo 2500)" >"$TMP/load"
    cat >>"$TMP/load" <<'END'
# The network of a container "box" that waits for orders; `order CMD…` gives one, and waits for its end.
begin() { # SANDBOX-OPTION…
    inside --name box --cap-add NET_RAW "$@" -- sh -c '
        touch /up
        while true; do if [ -e /order ]; then sh -c "$(cat /order)"; rm /order; else sleep 0.05; fi; done' &
    until [ -e "$tree/up" ]; do sleep 0.05; done
    net=$(pgrep -n -x bryo-net)
    fds=$(fds)
}
order() {
    echo "$*" >"$tree/order.new"; mv "$tree/order.new" "$tree/order"
    while [ -e "$tree/order" ] && kill -0 $net; do sleep 0.05; done
}
finish() { bryo kill box KILL; wait; }
fds() { ls "/proc/$net/fd" | wc -l; }
rss() { awk '$1 == "VmHWM:" { print int($2 / 1024) }' "/proc/$net/status"; }
number() { bryo port list box --format json | python3 -c 'import json, sys; print(json.load(sys.stdin)["network"][sys.argv[1]])' "$1"; }
# An order until a limit is reached: a tap drops frames that come faster than they are taken.
flood() { for _ in 1 2 3 4 5 6; do order "$@"; [ "$(number limited)" = 0 ] || break; done; }
# Does somebody else's network work?
neighbour() {
    bryo sandbox --net slirp "$tree" -- sh -c 'timeout 5 nc 198.51.100.1 7000 </line' | sed 's/^/next door: /'
}
ask hello >"$tree/line"
peer tcp 198.51.100.1 7000
# Where packets end: the other side of this interface has nobody.
ip link add hole0 type veth peer name hole1 && ip link set hole1 up && ip link set hole0 up arp off &&
    ip route add 203.0.113.0/24 dev hole0
END
}

on_a_loaded_machine() {
    cat "$TMP/load" - >"$TMP/whole"
    on_a_machine <"$TMP/whole"
    assert_status 0
}

assert_at_most() { # LIMIT NAME
    local found
    found=$(sed -n "s/^$2 //p" <<<"$output")
    [ -n "$SANITIZED" ] && [ "$2" = rss ] && return
    [ -n "$found" ] && [ "$found" -le "$1" ] || {
        echo "expected at most $1: $2 ${found:-unknown}" >&2
        _show_run
        return 1
    }
}

@test "twenty thousand frames, most of them broken" {
    on_a_loaded_machine <<'END'
begin
order python3 /load.py frames 20000 $RANDOM
order 'timeout 5 nc 198.51.100.1 7000 </line'
echo "rss $(rss)"
echo "malformed $(number malformed)"
finish
END
    assert_output "frames: "
    assert_output "198.51.100.1 HELLO"
    assert_at_most 48 rss
    [ "$(sed -n 's/^malformed //p' <<<"$output")" -gt 1000 ]
}

@test "ten thousand short connections leave nothing" {
    on_a_loaded_machine <<'END'
begin
order python3 /load.py connects $connects 198.51.100.1 7000
echo "rss $(rss)"
echo "more $(($(fds) - fds))"
echo "open $(number open_tcp)"
finish
END
    assert_output "connects: $([ -z "$SANITIZED" ] && echo 10000 || echo 2500)"
    assert_at_most 12 rss
    assert_at_most 8 more
    assert_at_most 8 open
}

@test "two thousand short connections to a published port leave nothing" {
    on_a_loaded_machine <<'END'
begin -p 8080:80
order 'python3 -c "
import socketserver
class H(socketserver.StreamRequestHandler):
    def handle(self): self.wfile.write(self.rfile.readline().upper())
class S(socketserver.TCPServer): request_queue_size = 1000
S((\"0.0.0.0\", 80), H).serve_forever()" & sleep 0.5'
python3 "$tree/load.py" connects 2000 127.0.0.1 8080
sleep 0.5
echo "rss $(rss)"
echo "more $(($(fds) - fds))"
finish
END
    assert_output "connects: 2000"
    assert_at_most 12 rss
    assert_at_most 16 more
}

@test "five thousand connections that nobody completes: no more than 2048, and none for the neighbour" {
    on_a_loaded_machine <<'END'
begin
flood python3 /load.py syns 5000 203.0.113.9 80
neighbour
echo "open $(number open_tcp)"
echo "rss $(rss)"
echo "fds $(fds)"
echo "limited $(number limited)"
order 'nslookup -type=a nothing.example >/dev/null; echo alive'
finish
END
    assert_output "next door: 198.51.100.1 HELLO"
    assert_output alive
    assert_at_most 2048 open
    assert_at_most 64 rss
    assert_at_most 2100 fds
    refute_output $'\nlimited 0\n'
}

@test "ten thousand flows of UDP: no more than 2048" {
    on_a_loaded_machine <<'END'
peer udp 198.51.100.1 7000
begin
flood python3 /load.py datagrams 10000 198.51.100.1
neighbour
echo "open $(number open_udp)"
echo "rss $(rss)"
echo "fds $(fds)"
echo "limited $(number limited)"
finish
END
    assert_output "next door: 198.51.100.1 HELLO"
    assert_at_most 2048 open
    assert_at_most 64 rss
    assert_at_most 2100 fds
    refute_output $'\nlimited 0\n'
}

@test "peers that never read: what was sent to them is bounded, and the rest waits" {
    on_a_loaded_machine <<'END'
peer sink 198.51.100.1 7001
begin
order python3 /load.py push 64 198.51.100.1 7001
order 'timeout 5 nc 198.51.100.1 7000 </line'
neighbour
echo "rss $(rss)"
echo "more $(($(fds) - fds))"
finish
END
    assert_output "push: "
    assert_output $'\n198.51.100.1 HELLO'
    assert_output "next door: 198.51.100.1 HELLO"
    assert_at_most 48 rss
    assert_at_most 80 more
}

@test "clients of a published port that never read" {
    on_a_loaded_machine <<'END'
begin -p 8080:80
order 'python3 /load.py pour 80 >/poured & until [ -s /poured ]; do sleep 0.1; done'
python3 -c '
import socket, time
some = [socket.create_connection(("127.0.0.1", 8080), 5) for _ in range(64)]
time.sleep(2)
print("clients: 64")'
order 'timeout 5 nc 198.51.100.1 7000 </line'
neighbour
sleep 0.5
echo "rss $(rss)"
echo "more $(($(fds) - fds))"
finish
END
    assert_output "clients: 64"
    assert_output $'\n198.51.100.1 HELLO'
    assert_output "next door: 198.51.100.1 HELLO"
    assert_at_most 48 rss
    assert_at_most 16 more
}

@test "senders that answer to no ARP, with large answers on their way: libslirp keeps none of it" {
    on_a_loaded_machine <<'END'
peer storm 198.51.100.1 7002
begin
order python3 /load.py strangers 2000 198.51.100.1 7002
sleep 2
order 'timeout 5 nc 198.51.100.1 7000 </line'
echo "rss $(rss)"
echo "limited $(number limited)"
finish
END
    assert_output "strangers: 2000"
    assert_output "198.51.100.1 HELLO"
    assert_at_most 48 rss
    refute_output $'\nlimited 0\n'
}
