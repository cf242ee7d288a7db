#!/usr/bin/env python3
"""What a container of ill will does to its network, in the tests: run inside, with /dev/net/tun's other end as tap0.

    netload.py frames COUNT SEED          frames as they are on a tap with a virtual network header, most of them broken
    netload.py connects COUNT ADDR PORT   connections one after the other, a line and its answer in each
    netload.py syns COUNT ADDR PORT       first segments without a third step, from as many ports
    netload.py datagrams COUNT ADDR       from and to as many ports, 200 sockets at a time
    netload.py strangers COUNT ADDR PORT  the same from addresses that answer to no ARP
    netload.py push COUNT ADDR PORT       connections that send until nothing is taken for half a second
    netload.py pour PORT                  a server that writes to each client for ever; says "ready"

Each prints what came of it.
"""
import os
import random
import select
import socket
import struct
import sys
import time

PACKET_VNET_HDR = 15
SOL_PACKET = 263
GUEST = socket.inet_aton("10.0.2.100")


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packet_socket():
    """Of tap0, with a header before each frame."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    s.bind(("tap0", 0))
    return s


def gateway_mac():
    """Asked of the kernel, which asks the gateway."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"", ("10.0.2.2", 9))
    time.sleep(0.2)
    with open("/proc/net/arp", encoding="ascii") as table:
        for line in table:
            if line.startswith("10.0.2.2 "):
                return bytes.fromhex(line.split()[3].replace(":", ""))
    return b"\x52\x55\x0a\0\2\2"


def ethernet(kind):
    with open("/sys/class/net/tap0/address", encoding="ascii") as f:
        own = bytes.fromhex(f.read().strip().replace(":", ""))
    return gateway_mac() + own + struct.pack("!H", kind)


def ipv4(proto, source, target, body, fragment=0, ident=1):
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), ident, fragment, 64, proto, 0) + source + target
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def tcp(source, target, sport, dport, flags, data=b""):
    head = struct.pack("!HHIIBBHHH", sport, dport, 1000, 0, 5 << 4, flags, 65535, 0, 0) + data
    total = checksum(source + target + struct.pack("!BBH", 0, 6, len(head)) + head)
    return ipv4(6, source, target, head[:16] + struct.pack("!H", total) + head[18:])


def udp(source, target, sport, dport, data):
    return ipv4(17, source, target, struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data)


def examples(remote):
    """Well-formed ones of each kind, to be broken."""
    name = b"\4host\7example\0\0\1\0\1"
    query = struct.pack("!HHHHHH", 7, 0x100, 1, 0, 0, 0) + name
    guest6, remote6 = (socket.inet_pton(socket.AF_INET6, a) for a in ("fd62:7279:6f00::64", "2001:db8::1"))
    v4, v6, arp = ethernet(0x800), ethernet(0x86dd), ethernet(0x806)
    return [
        v4 + tcp(GUEST, remote, 4000, 7000, 2),
        v4 + tcp(GUEST, remote, 4000, 7000, 0x18, b"x" * 3000),
        v4 + udp(GUEST, remote, 4001, 7000, b"hello"),
        v4 + udp(GUEST, socket.inet_aton("10.0.2.3"), 4002, 53, query),
        v4 + udp(GUEST, socket.inet_aton("255.255.255.255"), 68, 67, b"\1\1\6\0" + bytes(232) + b"\x63\x82\x53\x63\x35\1\1\xff"),
        v4 + ipv4(17, GUEST, remote, bytes(64), 0x2000 | random.randrange(100), random.randrange(65536)),
        v4 + ipv4(1, GUEST, remote, b"\x08\0\0\0\0\1\0\1abcdefgh"),
        v6 + struct.pack("!IHBB", 6 << 28, 20, 6, 64) + guest6 + remote6 + struct.pack("!HHIIBBHHH", 4, 7000, 1, 0, 80, 2, 9, 0, 0),
        v6 + struct.pack("!IHBB", 6 << 28, 24, 58, 255) + guest6 + remote6 + b"\x87" + bytes(23),
        arp + struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + bytes(20),
    ]


def frames(count, seed):
    random.seed(seed)
    s, made, sent, refused = packet_socket(), examples(socket.inet_aton("198.51.100.1")), 0, 0
    for i in range(count):
        frame = bytearray(random.choice(made))
        for _ in range(random.randrange(6)):
            frame[random.randrange(12, len(frame))] = random.choice((0, 1, 0x7f, 0x80, 0xff, random.randrange(256)))
        if i % 5 == 0:
            frame = frame[:random.randrange(14, len(frame))]
        head = bytes(10)
        if i % 3 == 0:  # segments and checksums that are still to be made, or claim to be
            head = struct.pack("=BBHHHH", 1, random.choice((0, 0, 1, 4)), 54, random.randrange(1, 2000),
                               random.choice((34, 54, 20, 0)), random.choice((16, 6, 0)))
        try:
            s.send(head + frame)
            sent += 1
        except OSError:  # the kernel takes some for what they are
            refused += 1
    print("frames: %d sent, %d not taken by the kernel" % (sent, refused))


def connects(count, address, port):
    for _ in range(count):
        with socket.create_connection((address, port), 10) as s:
            s.sendall(b"hi\n")
            if not s.recv(100).endswith(b"HI\n"):
                sys.exit("connects: no answer")
    print("connects: %d" % count)


def syns(count, address, port):
    s, head, to = packet_socket(), bytes(10) + ethernet(0x800), socket.inet_aton(address)
    for i in range(count):
        s.send(head + tcp(GUEST, to, 10000 + i % 50000, port, 2))
        if i % 64 == 0:
            time.sleep(0.001)
    print("syns: %d" % count)


def datagrams(count, address):
    for first in range(0, count, 200):
        some = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(min(200, count - first))]
        for i, s in enumerate(some):
            try:
                s.sendto(b"x" * 100, (address, 1 + (first + i) % 65535))
            except OSError:
                pass
        for s in some:
            s.close()
    print("datagrams: %d" % count)


def strangers(count, address, port):
    s, head, to = packet_socket(), bytes(10) + ethernet(0x800), socket.inet_aton(address)
    for i in range(count):
        source = socket.inet_aton("10.0.2.%d" % (101 + i % 100))
        s.send(head + udp(source, to, 5000 + i // 100, port, b"x" * 1000))
        if i % 64 == 0:
            time.sleep(0.001)
    print("strangers: %d" % count)


def push(count, address, port):
    some = [socket.create_connection((address, port), 10) for _ in range(count)]
    total, data = 0, b"x" * 65536
    for s in some:
        s.setblocking(False)
    while True:
        ready = select.select([], some, [], 0.5)[1]
        if not ready:
            break
        for s in ready:
            try:
                total += s.send(data)
            except OSError:
                pass
    print("push: %d bytes were taken" % total)


def pour(port):
    listener, some, data = socket.create_server(("0.0.0.0", port), backlog=500), [], b"x" * 65536
    listener.setblocking(False)
    print("ready", flush=True)
    while True:
        for s in select.select([listener], some, [])[0] or some:
            try:
                if s is listener:
                    some.append(s.accept()[0])
                    some[-1].setblocking(False)
                else:
                    s.send(data)
            except BlockingIOError:
                pass
            except OSError:
                some.remove(s)


def main():
    what = globals()[sys.argv[1]]
    what(*[int(word) if word.isdigit() else word for word in sys.argv[2:]])


if __name__ == "__main__":
    os.nice(5)
    main()
