#!/usr/bin/env bats
# The network of a sandbox: --net slirp, its addresses, names, what it reaches and what not.

load ../lib/common
load ../lib/network

setup() {
    bryo_setup
    export XDG_CACHE_HOME=$TMP/cache
}

@test "addresses, routes and names of the container" {
    skip_without_slirp
    network_tree
    on_a_machine <<'END'
bryo sandbox --net slirp --name box "$tree" -- sh -c '
    ip -4 addr show tap0 | grep inet; ip route; ip -6 route | grep default; cat /sys/class/net/lo/operstate >/dev/null
    ip addr show lo | grep -c 127.0.0.1; cat /sys/class/net/tap0/mtu; cat /etc/resolv.conf; cat /etc/hosts'
END
    assert_status 0
    assert_output "inet 10.0.2.100/24"
    assert_output "default via 10.0.2.2 dev tap0"
    assert_output "default via fd62:7279:6f00::2 dev tap0"
    assert_output $'\n1\n1500\n'
    assert_output "nameserver 10.0.2.3"
    assert_output "search test.example"
    refute_output "127.0.0.53"
    assert_output "127.0.1.1 box"
}

@test "its network can be another" {
    skip_without_slirp
    network_tree
    on_a_machine <<'END'
bryo sandbox --net slirp,cidr=172.20.0.0/16,mtu=9000,ipv6=no "$tree" -- sh -c '
    ip addr show tap0; ip route; cat /etc/resolv.conf'
END
    assert_status 0
    assert_output "inet 172.20.0.100/16"
    assert_output "mtu 9000"
    assert_output "default via 172.20.0.2"
    assert_output "nameserver 172.20.0.3"
    refute_output "fd62"
}

@test "the first instruction can connect: TCP, UDP, both protocol versions" {
    skip_without_slirp
    network_tree
    on_a_machine <<'END'
peer tcp 198.51.100.1 7000
peer udp 198.51.100.1 7000
peer tcp 2001:db8::1 7000 || echo no-ipv6
ask tcp >"$tree/tcp"
bryo sandbox --net slirp "$tree" -- sh -c 'nc 198.51.100.1 7000 </tcp'
inside -- python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b"udp", ("198.51.100.1", 7000))
s.settimeout(3)
print(s.recv(100).decode())'
bryo sandbox --net slirp "$tree" -- sh -c 'nc 2001:db8::1 7000 </tcp'
bryo --rootless=true sandbox --net slirp "$tree" -- sh -c 'nc 198.51.100.1 7000 </tcp'
END
    assert_status 0
    assert_output "198.51.100.1 TCP"
    assert_output "198.51.100.1 UDP"
    [[ $output == *no-ipv6* ]] || assert_output "2001:db8::1 TCP"
    assert_equal "$(grep -c 'TCP$' <<<"$output")" "$([[ $output == *no-ipv6* ]] && echo 2 || echo 3)"
}

@test "names: through a resolver on 127.0.0.53, by UDP and TCP; a name that is not there" {
    skip_without_slirp
    network_tree
    on_a_machine <<'END'
peer dns 127.0.0.53 53 host.test.example=198.51.100.1 alias.test.example=@host.test.example
bryo sandbox --net slirp "$tree" -- sh -c '
    nslookup -type=a host.test.example; nslookup -type=a alias.test.example; nslookup -type=a nothing.test.example; true'
# The same question by TCP: length, header, question.
printf '\0\041\1\1\1\0\0\1\0\0\0\0\0\0\4host\4test\7example\0\0\1\0\1' >"$tree/query"
bryo sandbox --net slirp "$tree" -- sh -c '(cat /query; sleep 0.5) | nc 10.0.2.3 53 | od -An -tx1 | tr -d " \n"'
END
    assert_status 0
    assert_output "Address: 198.51.100.1"
    assert_output "canonical name = host.test.example"
    assert_output "NXDOMAIN"
    assert_output "c6336401" # 198.51.100.1 at the end of the answer
}

@test "resolvers change while the container runs: the host's file is written to, or replaced" {
    skip_without_slirp
    network_tree
    on_a_machine <<'END'
for n in 53 54 55; do peer dns 127.0.0.$n 53 host.test.example=192.0.2.$n; done
# A directory of our own: the real file is replaced by rename(2) there.
umount "$(readlink -f /etc/resolv.conf)"
mkdir "$TMP/etc" && cp /etc/passwd /etc/group /etc/ld.so.cache "$TMP/etc" 2>/dev/null
cp "$TMP/resolv.conf" "$TMP/etc/resolv.conf"
mount --bind "$TMP/etc" /etc
bryo sandbox --net slirp "$tree" -- sh -c '
    touch /up
    until [ -e /end ]; do [ ! -e /ask ] || { nslookup -type=a host.test.example >/answer; rm /ask; }; sleep 0.05; done' &
until [ -e "$tree/up" ]; do sleep 0.05; done
answer() { touch "$tree/ask"; while [ -e "$tree/ask" ]; do sleep 0.05; done; grep '^Address: 192' "$tree/answer"; }
becomes() { for _ in $(seq 50); do [ "$(answer)" = "Address: $1" ] && break; sleep 0.1; done; answer; }
answer
echo 'nameserver 127.0.0.54' >/etc/resolv.conf
becomes 192.0.2.54
echo 'nameserver 127.0.0.55' >/etc/new && mv /etc/new /etc/resolv.conf
becomes 192.0.2.55
touch "$tree/end"
wait $!
END
    assert_status 0
    assert_equal "$(head -n 3 <<<"$output")" $'Address: 192.0.2.53\nAddress: 192.0.2.54\nAddress: 192.0.2.55'
}

@test "a resolver of the user's choice, no resolver, entries of /etc/hosts" {
    skip_without_slirp
    network_tree
    on_a_machine <<'END'
peer dns 127.0.0.77 53 host.test.example=192.0.2.77
bryo sandbox --net slirp --dns 127.0.0.77 --add-host a.example:192.0.2.1 --add-host b.example:2001:db8::2 "$tree" -- \
    sh -c 'nslookup -type=a host.test.example; cat /etc/hosts'
echo image >"$tree/etc/resolv.conf"
bryo sandbox --net slirp,dns=none "$tree" -- sh -c 'cat /etc/resolv.conf; nc -w 2 10.0.2.3 53 || echo refused'
bryo sandbox --net host --dns 192.0.2.9 "$tree" -- cat /etc/resolv.conf
END
    assert_status 0
    assert_output "Address: 192.0.2.77"
    assert_output "192.0.2.1 a.example"
    assert_output "2001:db8::2 b.example"
    assert_output $'image\nrefused'
    assert_output "nameserver 192.0.2.9"
}

@test "the loopback of the host is out of reach, unless it was asked for" {
    skip_without_slirp
    network_tree
    on_a_machine <<'END'
peer tcp 127.0.0.1 7000
peer tcp 0.0.0.0 7001
ask loopback >"$tree/line"
bryo sandbox --net slirp "$tree" -- sh -c '
    for to in 127.0.0.1 10.0.2.2 10.0.2.3 10.0.2.77 0.0.0.0; do nc -w 2 $to 7000 </line || echo "no $to"; done
    ip route add 127.0.0.2 via 10.0.2.2; ip addr del 127.0.0.1/8 dev lo; ip route add 127.0.0.0/8 via 10.0.2.2
    echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet
    nc -w 2 127.0.0.1 7000 </line || echo no route'
bryo sandbox --net slirp --host-loopback "$tree" -- sh -c 'nc -w 2 10.0.2.2 7000 </line'
END
    assert_status 0
    for to in 127.0.0.1 10.0.2.2 10.0.2.3 10.0.2.77 0.0.0.0; do
        assert_output "no $to"
    done
    assert_output "no route"
    assert_equal "$(grep -c LOOPBACK <<<"$output")" 1
}

@test "--allow: nothing but what the rules name, by the answers the container got" {
    skip_without_slirp
    network_tree
    on_a_machine <<'END'
export NETPEER_LOG=$XDG_RUNTIME_DIR/questions
peer dns 127.0.0.53 53 good.example=@cdn.example cdn.example=198.51.100.1 evil.example=198.51.100.2 \
    rebound.good.example=169.254.169.254 inside.good.example=127.0.0.1
ip addr add 198.51.100.2/32 dev lo
for port in 7000 7001; do peer tcp 198.51.100.1 $port; peer tcp 198.51.100.2 $port; done
peer tcp 169.254.169.254 7000
peer tcp 127.0.0.1 7000
ask hello >"$tree/line"
bryo sandbox --net slirp --allow good.example:7000 --allow '*.good.example' "$tree" -- sh -c '
    try() { nc -w 2 $1 $2 </line >/out && echo "reached $1 $2" || echo "refused $1 $2"; }
    try 198.51.100.1 7000                     # its name was not asked for yet
    nslookup -type=a good.example >/dev/null
    try 198.51.100.1 7000
    try 198.51.100.1 7001
    try 198.51.100.2 7000
    nslookup -type=a evil.example
    nslookup -type=a cdn.example | grep -c NXDOMAIN
    nslookup -type=a rebound.good.example | grep Address
    try 169.254.169.254 7000
    nslookup -type=a inside.good.example | grep Address
    try 127.0.0.1 7000
    try 10.0.2.3 53
    try 198.51.100.2 7000
    true'
cat "$NETPEER_LOG"
END
    assert_status 0
    local line first
    first=$(grep -n 'ed 198.51.100.1 7000' <<<"$output" | head -n 2)
    assert_equal "$(cut -d: -f2 <<<"$first")" $'refused 198.51.100.1 7000\nreached 198.51.100.1 7000'
    for line in "refused 198.51.100.1 7001" "refused 198.51.100.2 7000" "refused 169.254.169.254 7000" \
        "refused 127.0.0.1 7000" "refused 10.0.2.3 53" NXDOMAIN "Address: 169.254.169.254"; do
        assert_output "$line"
    done
    # What is not allowed is not even asked; each refusal is told once, and how often it came at the end.
    refute_output "evil.example 1"
    assert_output "warning: network: refused tcp 198.51.100.2:7000: not allowed"
    assert_output "warning: network: refused tcp 198.51.100.2:7000 2 times"
    assert_output "warning: network: refused name evil.example: not allowed"
    assert_output "warning: network: refused tcp 169.254.169.254:7000: link-local, or the metadata of a cloud"
    assert_equal "$(grep -c "198.51.100.2:7000: not" <<<"$stderr")" 1
}

@test "--allow by address, network and port; the gateway and metadata by their own address only" {
    skip_without_slirp
    network_tree
    on_a_machine <<'END'
for at in 198.51.100.1 169.254.169.254 127.0.0.1; do peer tcp $at 7000; done
ask hello >"$tree/line"
for rule in 198.51.100.0/24 198.51.100.1:7000 198.51.100.1:7001 0.0.0.0/0 169.254.0.0/16 169.254.169.254 10.0.2.2:7000 10.0.0.0/8; do
    bryo sandbox --net slirp --allow $rule "$tree" -- sh -c "
        echo; echo $rule:"' 
        for at in 198.51.100.1 169.254.169.254 10.0.2.2; do nc -w 2 $at 7000 </line >/out && echo -n " $at"; done' 2>/dev/null
done
bryo sandbox --net slirp "$tree" -- sh -c 'nc -w 2 169.254.169.254 7000 </line || echo; echo no metadata'
END
    assert_equal "$(sed 's/ *$//' <<<"$output")" $'\n198.51.100.0/24:\n 198.51.100.1\n198.51.100.1:7000:\n 198.51.100.1\n198.51.100.1:7001:\n\n0.0.0.0/0:\n 198.51.100.1\n169.254.0.0/16:\n\n169.254.169.254:\n 169.254.169.254\n10.0.2.2:7000:\n 10.0.2.2\n10.0.0.0/8:\n\nno metadata'
}

@test "datagrams in fragments arrive whole" {
    skip_without_slirp
    network_tree
    on_a_machine <<'END'
peer udp 198.51.100.1 7000
inside -- python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(3)
for n in 1473, 5000, 60000:
    s.sendto(bytes(97 + i % 26 for i in range(n)), ("198.51.100.1", 7000))
    back = s.recv(65535)
    print(n, back == b"198.51.100.1 " + bytes(65 + i % 26 for i in range(n)))'
END
    assert_status 0
    assert_equal "$output" $'1473 True\n5000 True\n60000 True'
}

@test "the address that it sends from" {
    skip_without_slirp
    network_tree
    on_a_machine <<'END'
ip addr add 198.51.100.7/32 dev lo
peer tcp 198.51.100.1 7000
ask hello >"$tree/line"
bryo sandbox --net slirp,outbound=198.51.100.7 "$tree" -- sh -c 'nc -w 3 198.51.100.1 7000 </line'
bryo sandbox --net slirp,outbound=203.0.113.9 "$tree" -- true
bryo sandbox --net slirp,outbound=eth0 "$tree" -- true
helper=$(dirname "$BRYO")/bryo-net
"$helper" --outbound-addr nothing0 1; "$helper" --outbound-addr ::1 1; "$helper" --outbound-addr6 127.0.0.1 1
END
    assert_output "198.51.100.7 HELLO"
    assert_output 'network: --outbound-addr: send from "203.0.113.9": cannot assign requested address (EADDRNOTAVAIL)'
    assert_output '--net: option outbound: expected an address of this machine, found "eth0"'
    assert_output '--outbound-addr: expected an IPv4 address, or an interface that has one, found "nothing0"'
    assert_output '--outbound-addr: expected an IPv4 address, or an interface that has one, found "::1"'
    assert_output '--outbound-addr6: expected an IPv6 address, or an interface that has one, found "127.0.0.1"'
}

@test "DHCP gives the container an address of the network" {
    skip_without_slirp
    network_tree
    on_a_machine <<'END'
bryo sandbox --net slirp "$tree" -- udhcpc -i tap0 -n -q -t 2 -T 1 -s /bin/true
END
    assert_status 0
    assert_output "lease of 10.0.2.15 obtained from 10.0.2.2"
}

@test "ping: the gateway always, others as the host allows it" {
    skip_without_slirp
    network_tree
    on_a_machine <<'END'
bryo sandbox --net slirp "$tree" -- ping -c 1 -W 2 10.0.2.2
bryo sandbox --net slirp "$tree" -- ping -c 1 -W 1 198.51.100.1 || echo no
echo "0 0" >/proc/sys/net/ipv4/ping_group_range
bryo sandbox --net slirp "$tree" -- ping -c 1 -W 2 198.51.100.1
bryo sandbox --net slirp "$tree" -- sh -c 'cat /proc/sys/net/ipv4/ping_group_range'
END
    assert_output "64 bytes from 10.0.2.2"
    assert_output "64 bytes from 198.51.100.1"
    assert_output $'0\t'
    assert_output $'100% packet loss\n'
    assert_output no
}

@test "the helper holds nothing of the host, and ends with the container" {
    skip_without_slirp
    network_tree
    on_a_machine <<'END'
bryo sandbox --net slirp "$tree" -- sleep 100 &
until pgrep -x sleep >/dev/null; do sleep 0.05; done # it runs: the network is up
pid=$(pgrep -x bryo-net | head -n 1)
grep -E '^(Cap(Inh|Prm|Eff|Amb)|NoNewPrivs|Seccomp):' /proc/$pid/status
ls /proc/$pid/root 2>/dev/null | wc -l
ls -l /proc/$pid/fd 2>/dev/null | grep -vE 'socket|anon_inode|pipe|/dev/(null|net/tun)|^total' | wc -l
kill -KILL $(pgrep -x sleep)
wait
until ! pgrep -x bryo-net; do sleep 0.02; done
END
    assert_status 0
    assert_output "NoNewPrivs:	1"
    # A build with sanitizers has no filter: they make system calls of their own.
    grep -qa __asan_init "${BRYO%/*}/bryo-net" || assert_output "Seccomp:	2"
    assert_equal "$(grep -cE '^Cap...:.0000000000000(0|4)00$' <<<"$output")" 4
}

@test "a killed helper leaves the container alive, and whoever waits hears of it" {
    skip_without_slirp
    network_tree
    on_a_machine <<'END'
bryo sandbox --net slirp "$tree" -- sh -c 'sleep 3; echo lives' &
until pgrep -x sleep >/dev/null; do sleep 0.05; done # it runs: the network is up
pid=$(pgrep -x bryo-net | head -n 1)
kill -KILL $pid
wait
END
    assert_status 0
    assert_output lives
    assert_output "warning: the network of the container is gone: bryo-net ended (killed by SIGKILL)"
}

@test "an interface that is taken away ends the network, not the container" {
    skip_without_slirp
    network_tree
    on_a_machine <<'END'
bryo sandbox --net slirp --cap-add NET_ADMIN "$tree" -- sh -c 'ip link del tap0; sleep 0.5; echo lives'
END
    assert_status 0
    assert_output lives
    assert_output 'the interface "tap0" was removed'
}

@test "run and create: the option, the annotation, resolv.conf over the image's file" {
    skip_without_slirp
    local bundle=$TMP/bundle
    make_bundle "$bundle"
    echo image >"$bundle/rootfs/etc/resolv.conf"
    set_args "$bundle" sh -c 'ip addr show tap0; cat /etc/resolv.conf'
    run bryo run --net slirp -b "$bundle" "$(new_id)"
    assert_status 0
    assert_output "inet 10.0.2.100/24"
    assert_output "nameserver 10.0.2.3"
    assert_equal "$(cat "$bundle/rootfs/etc/resolv.conf")" image
    edit_config "$bundle" '.annotations = {"run.bryo.net": "slirp,cidr=10.3.0.0/24"}'
    run bryo run -b "$bundle" "$(new_id)"
    assert_status 0
    assert_output "inet 10.3.0.100/24"
    # The option comes first; config.json need not name a network namespace.
    edit_config "$bundle" 'del(.linux.namespaces[] | select(.type == "network"))'
    run bryo run --net none -b "$bundle" "$(new_id)"
    assert_output "can't find device 'tap0'"
    set_args "$bundle" sleep 100
    local id
    id=$(new_id)
    bryo create --net slirp -b "$bundle" "$id"
    bryo start "$id"
    assert_equal "$(bryo exec "$id" cat /sys/class/net/tap0/mtu)" 1500
    [ -e "$BRYO_ROOT/$id/net.log" ]
    bryo delete --force "$id"
}

@test "what cannot be is said before anything is made" {
    skip_without_slirp
    network_tree
    local row
    for row in "--net bridge|--net: expected none, host, slirp, container:ID or ns:PATH, found \"bridge\"" \
        "--net slirp,mtu=9|--net: option mtu: expected a number from 576 to 65520" \
        "--net none --host-loopback|--host-loopback: it needs --net slirp" \
        "--dns 1.1.1.1|--dns: it needs --net slirp or --net host" \
        "--net slirp --dns example.com|--dns \"example.com\": expected the address of a resolver" \
        "--net none --allow 192.0.2.1|--allow: it needs --net slirp" \
        "--net slirp --allow a..b|--allow: expected HOST[:PORT], ADDRESS[:PORT] or NETWORK[:PORT], found \"a..b\"" \
        "--net slirp,allow=10.0.0.1/8|--net: option allow: expected HOST[:PORT]" \
        "--add-host nonsense|--add-host: expected NAME:ADDRESS, found \"nonsense\"" \
        "--add-host a;b:1.1.1.1|--add-host: expected NAME:ADDRESS"; do
        # shellcheck disable=SC2086
        run bryo sandbox ${row%%|*} "$TMP/tree" -- true
        assert_status 125
        assert_output "${row#*|}"
    done
    BRYO_HELPER_DIR=$TMP run bryo sandbox --net slirp "$TMP/tree" -- true
    assert_status 125
    assert_output "find the helper program \"$TMP/bryo-net\""
    assert_output "hint: install bryo with libslirp"
    make_bundle "$TMP/bundle" '(.linux.namespaces[] | select(.type == "network")).path = "/proc/self/ns/net"'
    run bryo run --net slirp -b "$TMP/bundle" "$(new_id)"
    assert_status 1
    assert_output 'but linux.namespaces joins "/proc/self/ns/net"'
    make_bundle "$TMP/other" '.annotations = {"run.bryo.net": "lots"}'
    run bryo run -b "$TMP/other" "$(new_id)"
    assert_status 1
    assert_output 'annotations["run.bryo.net"]: expected none, host, slirp, container:ID or ns:PATH, found "lots"'
}

@test "without /dev/net/tun the error says what opens it" {
    skip_without_slirp
    network_tree
    on_a_machine <<'END'
mount -t tmpfs none /dev/net
bryo sandbox --net slirp "$tree" -- true
echo "status $?"
touch /dev/net/tun
mount --bind /dev/null /dev/net/tun
bryo sandbox --net slirp "$tree" -- true
echo "status $?"
bryo list -q
END
    assert_equal "$output" $'status 125\nstatus 125'
    assert_output 'network: open "/dev/net/tun": no such file or directory (ENOENT)'
    assert_output "hint: sudo modprobe tun"
}

@test "without any option nothing of it is started" {
    network_tree
    mkdir "$TMP/helpers"
    printf '#!/bin/sh\ntouch %s/started\n' "$TMP" >"$TMP/helpers/bryo-net"
    chmod +x "$TMP/helpers/bryo-net"
    BRYO_HELPER_DIR=$TMP/helpers run bryo sandbox "$TMP/tree" -- ls /sys/class/net
    assert_status 0
    assert_output lo
    [ ! -e "$TMP/started" ]
    BRYO_HELPER_DIR=$TMP/helpers run bryo sandbox --net slirp "$TMP/tree" -- true
    assert_status 125
    assert_output "network: bryo-net ended without saying why: exit status 0"
    [ -e "$TMP/started" ]
}


@test "published ports: TCP by address, with the client's own address; UDP; ranges" {
    skip_without_slirp
    network_tree
    on_a_machine <<'END'
cat >"$tree/serve.py" <<'PY'
import socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("0.0.0.0", int(sys.argv[1]))); s.listen(100)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("0.0.0.0", 53))
open("/ready", "w").close()
for _ in range(int(sys.argv[2])):
    c, who = s.accept()
    c.sendall(("%s %s\n" % (who[0], c.recv(100).decode().strip())).encode())
    c.close()
d, who = u.recvfrom(100)
u.sendto(who[0].encode() + b" " + d, who)
PY
inside --name web -p 8080:80 -p 127.0.0.1:5353:53/udp -p 9000-9002:80-82 -- python3 /serve.py 80 4 &
until [ -e "$tree/ready" ]; do sleep 0.05; done
cat >"$tree/client.py" <<'PY'
import socket, sys
for local, to in ("127.0.0.1", 8080), ("198.51.100.1", 8080), ("198.51.100.1", 9000), ("198.51.100.1", 8080):
    s = socket.create_connection((local, to), 5, (local, 0))
    s.sendall(b"tcp%d\n" % to)
    print(s.recv(100).decode().strip())
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.settimeout(5)
u.sendto(b"udp", ("127.0.0.1", 5353))
print(u.recv(100).decode())
PY
bryo port list web
bryo port list web --format json
bryo events --stats web
python3 "$tree/client.py"
wait
END
    assert_status 0
    assert_output "10.0.2.2 tcp8080"     # from the host's loopback: the gateway
    assert_output "198.51.100.1 tcp8080" # else the client itself
    assert_output "198.51.100.1 tcp9000"
    assert_output "10.0.2.2 udp"
    assert_output "tcp    0.0.0.0:8080                     80         source"
    assert_output "udp    127.0.0.1:5353                   53         source"
    assert_output "tcp    0.0.0.0:9002                     82         source"
    assert_output '"open_tcp":0'
    assert_output '"network_interfaces":[{"Name":"tap0"'
}

@test "fast ports: both protocol versions, half-closed, added later; what the program sees" {
    skip_without_slirp
    network_tree
    on_a_machine <<'END'
cat >"$tree/serve.py" <<'PY'
import socket, threading
def serve(family, port, host):
    s = socket.socket(family); s.bind((host, port)); s.listen(100)
    open("/ready%d" % port, "w").close()
    while True:
        c, who = s.accept()
        n = 0
        while True:
            d = c.recv(1 << 16)
            if not d: break
            n += len(d)
        c.sendall(b"%s %d " % (who[0].encode(), n) + b"z" * 5000000); c.close()
threading.Thread(target=serve, args=(socket.AF_INET6, 81, "::")).start()
threading.Thread(target=serve, args=(socket.AF_INET, 82, "127.0.0.1")).start()
serve(socket.AF_INET, 80, "0.0.0.0")
PY
inside --name web -p 8080:80/fast -p '[::1]:8081:81/tcp/fast' -p 8082:82/fast -p 8083:83/fast -- python3 /serve.py &
box=$!
until [ -e "$tree/ready80" ] && [ -e "$tree/ready81" ] && [ -e "$tree/ready82" ]; do sleep 0.05; done
cat >"$tree/client.py" <<'PY'
import socket, sys
try:
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
    s.settimeout(10)
    s.sendall(b"q" * 3000000); s.shutdown(socket.SHUT_WR)
    d = b""
    while True:
        more = s.recv(1 << 20)
        if not more: break
        d += more
    print(sys.argv[2], d[:40].split(b"z")[0].decode().strip(), d.count(b"z"))
except OSError as e:
    print(sys.argv[2], "refused" if isinstance(e, ConnectionRefusedError) else "reset")
PY
try() { python3 "$tree/client.py" "$@"; }
try 127.0.0.1 8080
try 198.51.100.1 8080
try ::1 8081
try 127.0.0.1 8082
try 127.0.0.1 8083
bryo port add web 9090:80/fast 9091:80/source
try 127.0.0.1 9090
bryo port list web
bryo port list web --format json
bryo port remove web 9090:80
try 127.0.0.1 9090
bryo port add web 9092:80/udp/fast || echo "status $?"
bryo port add web 127.0.0.1:8080:80/fast || echo "status $?"
net=$(pgrep -x bryo-net-socks)
grep -E '^(Cap(Prm|Eff)|NoNewPrivs|Seccomp):' "/proc/$net/status"
ls /proc/$net/fd | wc -l
bryo kill web KILL
wait $box
until ! pgrep '^bryo-net'; do sleep 0.05; done
END
    local line
    for line in "8080 10.0.2.100 3000000 5000000" "8081 fd62:7279:6f00::64 3000000 5000000" "8082 reset" \
        "8083 reset" "9090 10.0.2.100 3000000 5000000" "9090 refused" \
        "tcp    0.0.0.0:8080                     80         fast" "tcp    [::1]:8081                       81         fast" \
        "tcp    0.0.0.0:9091                     80         source" '"mode":"fast"' \
        "publish tcp 127.0.0.1:8080: the port is taken" \
        'expected [ADDRESS:]HOST:CONTAINER[/udp|/fast], found "9092:80/udp/fast"'; do
        assert_output "$line"
    done
    assert_equal "$(grep -c '^8080 10.0.2.100' <<<"$output")" 2
    # The process that makes the sockets has nothing but the one it speaks on.
    assert_output $'CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nNoNewPrivs:\t1'
    grep -qa __asan_init "${BRYO%/*}/bryo-net" || assert_output $'Seccomp:\t2\n1'
}

@test "ports come and go while the container runs" {
    skip_without_slirp
    network_tree
    on_a_machine <<'END'
inside --name web -- python3 -m http.server 80 --directory /etc &
try() { python3 -c 'import urllib.request,sys; print(len(urllib.request.urlopen(sys.argv[1], timeout=3).read()) > 0)' "$1" 2>&1 | tail -n 1; }
until [ -S "$XDG_RUNTIME_DIR/../inner/web/net.sock" ]; do sleep 0.05; done
bryo port add web 8080:80 127.0.0.1:8081:80
until try http://127.0.0.1:8080/ | grep -q True; do sleep 0.1; done
try http://127.0.0.1:8081/
bryo port add web 8080:80 || echo "status $?"
bryo port remove web 8080:80
try http://127.0.0.1:8080/
try http://127.0.0.1:8081/
bryo port remove web 8080:80 || echo "status $?"
bryo port list web
bryo kill web KILL
wait
bryo port list web || echo "status $?"
END
    assert_output $'True\nstatus 1'
    assert_output "Connection refused"
    assert_output "publish tcp 0.0.0.0:8080: the port is taken (EADDRINUSE)"
    assert_output "hint: \`ss -lnp -t\` tells by whom"
    assert_output 'tcp port 8080 is not published at that address'
    assert_output 'container "web" does not exist'
}

@test "ports that cannot be had end the start, with the reason" {
    skip_without_slirp
    network_tree
    on_a_machine <<'END'
peer tcp 198.51.100.1 7000
bryo sandbox --net slirp -p 198.51.100.1:7000:80 "$tree" -- true; echo "status $?"
bryo sandbox --net slirp -p 203.0.113.1:7000:80 "$tree" -- true; echo "status $?"
bryo list -q
END
    assert_equal "$output" $'status 125\nstatus 125'
    assert_output "network: publish tcp 198.51.100.1:7000: the port is taken (EADDRINUSE)"
    assert_output "publish tcp 203.0.113.1:7000: cannot assign requested address (EADDRNOTAVAIL)"
    assert_output "hint: the address is none of this machine's"
    if ! is_root; then
        run bryo sandbox --net slirp -p 80:80 "$TMP/tree" -- true
        [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -le 80 ] ||
            assert_output "sudo sysctl -w net.ipv4.ip_unprivileged_port_start=80"
    fi
    run bryo sandbox --net slirp -p 80 "$TMP/tree" -- true
    assert_status 125
    assert_output '--publish: expected [ADDRESS:]HOST:CONTAINER[/udp|/fast], found "80"'
    run bryo sandbox -p 80:80 "$TMP/tree" -- true
    assert_output "--publish: it needs --net slirp"
}

@test "publish-all: the ports that the image names, by the annotation of its bundle" {
    skip_without_slirp
    network_tree
    make_bundle "$TMP/bundle" '.annotations = {"org.opencontainers.image.exposedPorts": "8080/tcp,5353/udp,9000"}
        | .process.args = ["sleep", "100"] | del(.linux.uidMappings, .linux.gidMappings)'
    on_a_machine <<END
bryo run -d --net slirp,publish-all -b "$TMP/bundle" box >/dev/null
bryo port list box
bryo delete --force box
END
    assert_status 0
    assert_output "tcp    0.0.0.0:8080                     8080"
    assert_output "udp    0.0.0.0:5353                     5353"
    assert_output "tcp    0.0.0.0:9000                     9000"
    edit_config "$TMP/bundle" '.annotations["org.opencontainers.image.exposedPorts"] = "8080/sctp"'
    run bryo run --net slirp,publish-all -b "$TMP/bundle" "$(new_id)"
    assert_status 1
    assert_output 'annotations["org.opencontainers.image.exposedPorts"]: expected ports such as 8080/tcp,53/udp, found "8080/sctp"'
    # An image without a configuration.
    run bryo sandbox --net slirp -P "$TMP/tree" -- true
    assert_status 125
    assert_output 'publish-all: the image names no ports (annotations["org.opencontainers.image.exposedPorts"] is not there)'
    assert_output "hint: name them: publish=HOST:CONTAINER, or --publish of bryo sandbox"
    run bryo sandbox -P "$TMP/tree" -- true
    assert_output "--publish-all: it needs --net slirp"
    run bryo list -q
    assert_equal "$output" ""
}

@test "port: mistakes" {
    network_tree
    make_bundle "$TMP/bundle"
    set_args "$TMP/bundle" sleep 100
    local id
    id=$(new_id)
    bryo run -d -b "$TMP/bundle" "$id"
    run bryo port list "$id"
    assert_status 1
    assert_output "container \"$id\" has no network of bryo's"
    assert_output "hint: it was not made with --net slirp"
    run bryo port add "$id" 80
    assert_output 'expected [ADDRESS:]HOST:CONTAINER[/udp|/fast], found "80"'
    run bryo port add "$id"
    assert_output "port add: which port?"
    run bryo port move "$id" 1:1
    assert_output 'port: expected add, remove or list, found "move"'
    run bryo port add "$id" 1:1 --format json
    assert_output "port add: it takes no --format"
    bryo delete --force "$id"
}

@test "as slirp4netns: options, descriptors, the JSON commands" {
    skip_without_slirp
    network_tree
    on_a_machine <<'END'
peer tcp 198.51.100.1 7000
peer tcp 127.0.0.1 7000
helper=$(dirname "$BRYO")/bryo-net
unshare --user --map-root-user --net sleep 100 &
pid=$!
until [ "$(readlink /proc/$pid/ns/net)" != "$(readlink /proc/self/ns/net)" ] && [ "$(cat /proc/$pid/comm)" = sleep ]; do sleep 0.05; done
mkfifo "$XDG_RUNTIME_DIR/exit" "$XDG_RUNTIME_DIR/ready"
sleep 100 >"$XDG_RUNTIME_DIR/exit" &
keeper=$!
"$helper" --disable-host-loopback --mtu=65520 --enable-sandbox --enable-seccomp --enable-ipv6 -c -e 3 -r 4 \
    -a "$XDG_RUNTIME_DIR/api" --netns-type=path --userns-path=/proc/$pid/ns/user /proc/$pid/ns/net tap0 \
    3<"$XDG_RUNTIME_DIR/exit" 4>"$XDG_RUNTIME_DIR/ready" &
net=$!
echo "ready $(cat "$XDG_RUNTIME_DIR/ready")"
cat >"$tree/api.py" <<'PY'
import json, socket, sys
def ask(text):
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
    s.sendall(text.encode()); s.shutdown(socket.SHUT_WR)
    print(s.recv(4096).decode().strip())
ask('{"execute": "add_hostfwd", "arguments": {"proto": "tcp", "host_addr": "0.0.0.0", "host_port": 8080, "guest_addr": "10.0.2.100", "guest_port": 80}}')
ask('{"execute": "add_hostfwd", "arguments": {"proto": "udp", "host_port": 8080, "guest_port": 80}}')
ask('{"execute": "list_hostfwd"}')
ask('{"execute": "remove_hostfwd", "arguments": {"id": 1}}')
ask('{"execute": "remove_hostfwd", "arguments": {"id": 1}}')
ask('{"execute": "add_hostfwd", "arguments": {"proto": "sctp"}}')
ask('{"execute": "add_hostfwd", "arguments": {"proto": "tcp", "host_port": 0, "guest_port": 1}}')
ask('{"execute": "format_disk"}')
ask('{}')
ask('no json')
ask('x' * 5000)
PY
python3 "$tree/api.py" "$XDG_RUNTIME_DIR/api"
nsenter --preserve-credentials -U -n -t $pid ip addr show tap0
nsenter --preserve-credentials -U -n -t $pid python3 -c '
import socket
s = socket.create_connection(("198.51.100.1", 7000), 3); s.sendall(b"hi\n"); print(s.recv(100).decode())
try: socket.create_connection(("10.0.2.2", 7000), 3)
except OSError as e: print(e)'
kill $keeper
wait $net
echo "ended $?"
for _ in $(seq 50); do [ -e "$XDG_RUNTIME_DIR/api" ] || break; sleep 0.05; done
[ -e "$XDG_RUNTIME_DIR/api" ] || echo "socket removed"
for _ in $(seq 100); do pgrep -r D,R,S bryo-net >/dev/null || break; sleep 0.05; done # who removed it ends right behind
pgrep -r D,R,S bryo-net
kill $pid
END
    assert_output "ready 1"
    assert_output '{"return":{"id":1}}'
    assert_output '{"return":{"id":2}}'
    assert_output '"entries":[{"id":1,"proto":"tcp","host_addr":"0.0.0.0","host_port":8080,"guest_addr":"10.0.2.100","guest_port":80,"mode":"source"},{"id":2,"proto":"udp"'
    assert_output '{"return":{}}'
    assert_output '{"error":{"desc":"no port with the id 1 is published"}}'
    assert_output '"bad request: bad arguments.proto"'
    assert_output '"bad request: bad arguments.host_port"'
    assert_output '"bad request: unknown execute"'
    assert_output '"bad request: no execute found"'
    assert_output '"bad request: cannot parse JSON"'
    assert_output '"bad request: too large message"'
    assert_output "mtu 65520"
    assert_output "inet 10.0.2.100/24"
    assert_output "inet6 fd00::64/64"
    assert_output "198.51.100.1 HI"
    assert_output "Connection refused"
    assert_output "ended 0"
    assert_output "socket removed"
    assert_equal "${lines[-1]}" "socket removed" # and no process is left
}
