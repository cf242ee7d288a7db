#!/usr/bin/env python3
"""What containers talk to in the tests of the network: servers that go to the background once they listen.

    netpeer.py tcp ADDRESS PORT       answers each line with the client's address, a blank and the line in capitals
    netpeer.py udp ADDRESS PORT       the same for each datagram
    netpeer.py dns ADDRESS PORT NAME=ADDRESS…   a resolver by UDP and TCP; other names do not exist; with
                                      NAME=@OTHER the name is an alias; a log of all questions goes to
                                      $NETPEER_LOG if it is set
    netpeer.py sink ADDRESS PORT      accepts and never reads
    netpeer.py storm ADDRESS PORT     answers each datagram with ten large ones
    netpeer.py http ADDRESS PORT      "GET /" in one connection each
"""
import os
import socket
import socketserver
import struct
import sys
import threading
import time


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class TcpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1000


class TcpEcho(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(self.client_address[0].encode() + b" " + line.upper())


class Http(socketserver.StreamRequestHandler):
    def handle(self):
        self.rfile.readline()
        self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n")


class Sink(socketserver.BaseRequestHandler):
    def handle(self):
        time.sleep(3600)


class UdpServer(socketserver.ThreadingUDPServer):
    daemon_threads = True
    max_packet_size = 65507


class UdpEcho(socketserver.BaseRequestHandler):
    def handle(self):
        data, sock = self.request
        sock.sendto(self.client_address[0].encode() + b" " + data.upper(), self.client_address)


class UdpStorm(socketserver.BaseRequestHandler):
    def handle(self):
        for _ in range(10):
            self.request[1].sendto(b"x" * 60000, self.client_address)


def encode(name):
    return b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0"


class Names:
    """Answers to the names of the table."""

    def __init__(self, table):
        self.table = {}
        for entry in table:
            name, value = entry.split("=")
            self.table.setdefault(name, []).append(value)

    def answer(self, query):
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        name = ".".join(labels).lower()
        kind = struct.unpack(">H", query[at + 1:at + 3])[0]
        if os.environ.get("NETPEER_LOG"):
            with open(os.environ["NETPEER_LOG"], "a", encoding="ascii") as log:
                log.write("%s %d\n" % (name, kind))
        records, count, code = b"", 0, 0 if name in self.table else 3
        while name in self.table and self.table[name][0].startswith("@"):
            target = encode(self.table[name][0][1:])
            records += encode(name) + struct.pack(">HHIH", 5, 1, 60, len(target)) + target
            name, count = self.table[name][0][1:], count + 1
        for value in self.table.get(name, []):
            if family(value) == (socket.AF_INET if kind == 1 else socket.AF_INET6 if kind == 28 else None):
                data = socket.inet_pton(family(value), value)
                records += encode(name) + struct.pack(">HHIH", kind, 1, 60, len(data)) + data
                count += 1
        return query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, count, 0, 0) + query[12:at + 5] + records


def dns(address, port, table):
    names = Names(table)

    class Udp(socketserver.BaseRequestHandler):
        def handle(self):
            self.request[1].sendto(names.answer(self.request[0]), self.client_address)

    class Tcp(socketserver.StreamRequestHandler):
        def handle(self):
            size = struct.unpack(">H", self.rfile.read(2))[0]
            reply = names.answer(self.rfile.read(size))
            self.wfile.write(struct.pack(">H", len(reply)) + reply)

    return [(UdpServer, Udp), (TcpServer, Tcp)]


def main():
    kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    classes = {"tcp": [(TcpServer, TcpEcho)], "udp": [(UdpServer, UdpEcho)], "sink": [(TcpServer, Sink)],
               "storm": [(UdpServer, UdpStorm)], "http": [(TcpServer, Http)]}
    wanted = dns(address, port, sys.argv[4:]) if kind == "dns" else classes[kind]
    servers = []
    for server, handler in wanted:
        made = type("Server", (server,), {"address_family": family(address)})
        servers.append(made((address, port), handler))
    if os.fork():
        os._exit(0)
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()


main()
