#!/usr/bin/python3
"""Archives that nobody makes in good faith (and some that people do), header by header.

    hostile.py CASE          writes the archive of that name to standard output
    hostile.py --list        the names
    hostile.py --with-busybox FILE CASE     the same behind an entry bb/busybox and links to its applets

Python's tarfile would correct or refuse much of this, so the headers are written here. The cases are used by
unpack.bats, which says what has to become of each.
"""
import hashlib
import struct
import sys

BLOCK = 512


def octal(value, size):
    """A number field: octal, or base 256 as GNU tar writes what does not fit (also negative numbers)."""
    text = b"%0*o" % (size - 1, value) if value >= 0 else b"x" * (size + 1)
    if len(text) < size:
        return text + b"\0"
    return bytes([0x80 if value >= 0 else 0xFF]) + (value % (1 << (8 * (size - 1)))).to_bytes(size - 1, "big")


def header(name, kind=b"0", size=0, mode=0o644, uid=0, gid=0, mtime=1000000000, link=b"", magic=b"ustar\00000", dev=(0, 0),
           prefix=b"", tail=None):
    """One header block. name and link are cut at 100 bytes."""
    block = name[:100].ljust(100, b"\0") + octal(mode, 8) + octal(uid, 8) + octal(gid, 8) + octal(size, 12)
    block += octal(mtime, 12) + b" " * 8 + kind + link[:100].ljust(100, b"\0") + magic.ljust(8, b"\0") + b"\0" * 64
    block += octal(dev[0], 8) + octal(dev[1], 8) + prefix.ljust(155, b"\0")
    block = block.ljust(BLOCK, b"\0")
    if tail is not None:
        block = (block[:345] + tail).ljust(BLOCK, b"\0")
    total = b"%06o\0 " % sum(block)
    return block[:148] + total + block[156:]


def padded(data):
    return data + b"\0" * (-len(data) % BLOCK)


def pax_record(key, value):
    body = b" " + key + b"=" + value + b"\n"
    length = len(body)
    while len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    return str(length).encode() + body


def pax(**records):
    """A pax header: names with "__" for "." and bytes as values."""
    data = b"".join(pax_record(k.replace("__", ".").encode(), v) for k, v in records.items())
    return header(b"pax", b"x", len(data)) + padded(data)


def pax_pairs(pairs):
    data = b"".join(pax_record(k, v) for k, v in pairs)
    return header(b"pax", b"x", len(data)) + padded(data)


def file(name, data=b"data\n", **kw):
    return header(name, b"0", len(data), **kw) + padded(data)


def folder(name, mode=0o755, **kw):
    return header(name, b"5", 0, mode, **kw)


def symlink(name, target, **kw):
    return header(name, b"2", 0, 0o777, link=target, **kw)


def hardlink(name, target, **kw):
    return header(name, b"1", link=target, **kw)


def gnu_long(name, kind=b"L"):
    return header(b"././@LongLink", kind, len(name) + 1, magic=b"ustar  \0") + padded(name + b"\0")


END = b"\0" * (2 * BLOCK)
CASES = {}


def case(f):
    CASES[f.__name__.replace("_", "-")] = f
    return f


# Names and links that lead out.


@case
def absolute():
    return folder(b"/") + file(b"/etc/absolute") + file(b"//twice//slashed") + END


@case
def dotdot():
    return file(b"good") + file(b"a/../../dotdot") + END


@case
def dotdot_end():
    return folder(b"a") + folder(b"a/..") + END


@case
def below_link_out():
    return (symlink(b"relative", b"../../../../outside") + file(b"relative/file") + symlink(b"abs", b"/outside") +
            file(b"abs/file2") + symlink(b"up", b"..") + file(b"up/file3") + END)


@case
def link_chain():
    return (folder(b"d") + symlink(b"d/one", b"../../..") + symlink(b"d/two", b"one/../..") + file(b"d/two/chain") +
            symlink(b"self", b"self") + END)


@case
def link_loop():
    return symlink(b"a", b"b") + symlink(b"b", b"a") + file(b"a/file") + END


@case
def magic_link():
    return symlink(b"m", b"/proc/self/root/tmp") + file(b"m/file") + symlink(b"fd", b"/proc/self/fd/4/..") + file(
        b"fd/file") + END


@case
def write_through_link():
    return symlink(b"f", b"../sentinel") + file(b"f", b"overwritten\n") + END


@case
def hardlink_out():
    return hardlink(b"passwd", b"/etc/passwd") + END


@case
def hardlink_dotdot():
    return hardlink(b"sentinel", b"../sentinel") + END


@case
def hardlink_through_link():
    return symlink(b"out", b"..") + hardlink(b"stolen", b"out/sentinel") + END


@case
def hardlink_folder():
    return folder(b"d") + hardlink(b"l", b"d") + END


@case
def hardlinks():
    return (file(b"one", b"same\n") + hardlink(b"two", b"one") + hardlink(b"./three", b"/two") + symlink(b"soft", b"nowhere") +
            hardlink(b"soft2", b"soft") + hardlink(b"one", b"one") + hardlink(b"two", b"one") + END)


@case
def usrmerge():
    return (symlink(b"bin", b"usr/bin") + symlink(b"var/run", b"/run") + file(b"bin/sh", b"sh\n") + folder(b"usr/bin", 0o755) +
            file(b"usr/bin/ls", b"ls\n") + file(b"var/run/pid", b"1\n") + END)


# The same name more than once.


@case
def duplicates():
    return (file(b"f", b"first\n") + file(b"f", b"second\n", mode=0o600) + file(b"file-dir") + folder(b"file-dir") +
            file(b"file-dir/x") + folder(b"dir-file") + file(b"dir-file", b"now a file\n") + symlink(b"link-dir", b"elsewhere") +
            folder(b"link-dir") + file(b"link-dir/x") + folder(b"dir-link") + symlink(b"dir-link", b"f") +
            folder(b"twice", 0o700) + folder(b"twice", 0o711) + END)


@case
def full_folder_replaced():
    return folder(b"d") + file(b"d/x") + file(b"d", b"no\n") + END


@case
def cached_folder_replaced():
    return (folder(b"a") + folder(b"b") + file(b"a/one") + hardlink(b"a/two", b"a/one") + folder(b"c") + folder(b"c") +
            symlink(b"c", b"b") + file(b"c/x") + END)


# Names.


@case
def long_names():
    component = b"n" * 255
    deep = b"/".join([b"d" * 200] * 30) + b"/file"
    return pax(path=component) + file(b"x") + pax(path=deep) + file(b"x", b"deep\n") + gnu_long(b"g" * 150) + file(
        b"g", magic=b"ustar  \0") + END


@case
def too_long_component():
    return pax(path=b"n" * 256) + file(b"x") + END


@case
def too_long_name():
    return pax(path=b"/".join([b"d"] * 20000)) + file(b"x") + END


@case
def odd_names():
    """Latin-1, decomposed and composed UTF-8, control bytes: in ustar, GNU and pax headers."""
    names = [b"latin-\xe4\xff", "nfd-a\u0308".encode(), "nfc-\u00e4".encode(), b"control-\x01\x1b[31m\n", b'quote-"\\',
             b"-rf", b" ", b"..."]
    out = b""
    for i, name in enumerate(names):
        out += file(b"u/" + name) + gnu_long(b"g/" + name) + file(b"g/x", magic=b"ustar  \0")
        out += pax(path=b"p/" + name) + file(b"p%d" % i)
        out += pax(linkpath=b"t/" + name) + symlink(b"l/%d" % i, b"x")
    return out + END


@case
def empty_name():
    return file(b"") + END


@case
def dots():
    return folder(b"./") + file(b"./a") + file(b"././b/./c") + file(b"d//e") + END


@case
def root_is_file():
    return file(b".") + END


# Sizes.


@case
def many():
    return b"".join(file(b"many/%06d" % i, b"") for i in range(20000)) + END


@case
def sparse():
    """GNU's old format: 4 bytes at 1 MiB of a file of 8 MiB."""
    tail = b"\0" * 41 + octal(1 << 20, 12) + octal(4, 12) + octal(8 << 20, 12) + octal(0, 12) + b"\0" * 48 + b"\0" + octal(8 << 20, 12)
    return header(b"sparse", b"S", 4, magic=b"ustar  \0", tail=tail) + padded(b"data") + END


@case
def sparse_bomb():
    size = 1 << 61
    tail = b"\0" * 41 + octal(0, 12) + octal(4, 12) + octal(size, 12) + octal(0, 12) + b"\0" * 48 + b"\0" + octal(size, 12)
    return header(b"bomb", b"S", 4, magic=b"ustar  \0", tail=tail) + padded(b"data") + END


@case
def sparse_far():
    """Data at an offset beyond the size that the header tells."""
    tail = b"\0" * 41 + octal(1 << 50, 12) + octal(4, 12) + b"\0" * 72 + b"\0" + octal(8, 12)
    return header(b"far", b"S", 4, magic=b"ustar  \0", tail=tail) + padded(b"data") + END


@case
def zeros():
    """32 MiB of zeros, which compress to nearly nothing."""
    return file(b"before") + header(b"zeros", size=32 << 20) + b"\0" * (32 << 20) + END


@case
def huge_size():
    return header(b"huge", size=(1 << 62)) + b"x" * BLOCK


@case
def negative_size():
    return header(b"negative", size=-512) + b"x" * BLOCK + END


# Other types.


@case
def devices():
    return (header(b"null", b"3", mode=0o666, dev=(1, 3)) + header(b"disk", b"4", mode=0o660, dev=(8, 0)) +
            header(b"fifo", b"6", mode=0o620) + file(b"after") + END)


@case
def unknown_type():
    return header(b"unknown", b"Z") + file(b"after") + END


# Owners and modes.


@case
def owners():
    return (file(b"mine", mode=0o4755) + file(b"other", uid=7, gid=8, mode=0o6755) + file(b"far", uid=2000000000, gid=0, mode=0o6755) +
            file(b"farther", uid=-2, gid=1 << 40, mode=0o2755) + symlink(b"link", b"x", uid=7, gid=8) +
            folder(b"dir", 0o2755, uid=7, gid=8) + END)


@case
def modes():
    return (folder(b"closed", 0o000) + file(b"closed/file", mode=0o000) + folder(b"readonly", 0o555) +
            file(b"readonly/a") + folder(b"readonly/sub", 0o555) + file(b"readonly/sub/b", mode=0o444) +
            folder(b"tmp", 0o1777) + file(b"program", mode=0o4711) + END)


@case
def times():
    return (pax(mtime=b"1234567890.123456789") + file(b"file") + folder(b"dir", mtime=1000000001) + file(b"dir/inside") +
            symlink(b"link", b"x", mtime=1000000002) + pax(mtime=b"99999999999999999999") + file(b"far") +
            pax(mtime=b"-1000.5") + file(b"old") + END)


@case
def xattrs():
    caps = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)
    caps3 = struct.pack("<IIIIII", 0x03000001, 1 << 13, 0, 0, 0, 100000)
    def entry(name, pairs):
        return pax_pairs([(b"SCHILY.xattr." + k, v) for k, v in pairs]) + file(name)
    return (entry(b"user", [(b"user.a", b"value\0with nul"), (b"user.empty", b"")]) +
            entry(b"caps", [(b"security.capability", caps)]) + entry(b"caps3", [(b"security.capability", caps3)]) +
            entry(b"trusted", [(b"trusted.x", b"1"), (b"security.selinux", b"label"), (b"user.kept", b"yes")]) +
            entry(b"big", [(b"user.big", b"x" * 70000)]) + END)


@case
def acls():
    return (pax(SCHILY__acl__access=b"user::rw-,user::r--:1,user:someone:r--:1,group::r--,mask::r--,other::---") + file(b"file") +
            pax(SCHILY__acl__access=b"user::rwx,user:x:rwx:7,group::r-x,group:y:r--:8,mask::rwx,other::---",
                SCHILY__acl__default=b"user::rwx,user:x:r-x:7,group::r-x,mask::r-x,other::---") + folder(b"dir", 0o750) +
            file(b"dir/inside", mode=0o666) + END)


@case
def overlay_marks():
    """What overlayfs would read as its own, in a lower layer."""
    return (pax_pairs([(b"SCHILY.xattr.user.overlay.opaque", b"y")]) + folder(b"opaque") + file(b"opaque/file") +
            pax_pairs([(b"SCHILY.xattr.user.overlay.redirect", b"/bb")]) + folder(b"redirect") + file(b"redirect/file") +
            header(b"whiteout", b"3", dev=(0, 0)) + END)


@case
def etc_files():
    return (folder(b"etc", 0o755) + file(b"etc/passwd", b"root:x:0:0::/home/of-root:/bin/sh\nsomeone:x:5:5::/:/bin/sh\n") +
            file(b"etc/group", b"root:x:0:\nhelpers:x:6:\n") + file(b"etc/hosts", b"1.2.3.4 mine\n") + END)


@case
def etc_link():
    """/etc is a link, and passwd in it is one more."""
    return (symlink(b"etc", b"real/etc") + file(b"other/users", b"root:x:0:0::/home/of-root:/bin/sh\n") +
            symlink(b"real/etc/passwd", b"/other/users") + file(b"real/etc/hosts") + file(b"real/etc/hostname", b"old\n") + END)


# Ends.


@case
def no_end():
    return file(b"a") + file(b"b")


@case
def trailing():
    return file(b"a") + END + b"something behind the end".ljust(BLOCK, b"\0")


@case
def empty():
    return END


@case
def bad_checksum():
    return file(b"a") + b"\x01" + file(b"b")[1:] + END


# Images in transport formats.


def identity(data):
    return hashlib.sha256(data).hexdigest().encode()


@case
def docker_save():
    layer = identity(b"layer")
    return (folder(layer + b"/") + file(layer + b"/VERSION") + file(layer + b"/json", b"{}") + file(layer + b"/layer.tar", END) +
            file(identity(b"config") + b".json", b"{}") + file(b"manifest.json", b"[]") + file(b"repositories", b"{}") + END)


@case
def oci_archive():
    return (folder(b"blobs/") + folder(b"blobs/sha256/") + file(b"blobs/sha256/" + identity(b"x")) + file(b"index.json", b"{}") +
            file(b"oci-layout", b"{}") + END)


@case
def manifest_in_root():
    """A root file system that happens to hold such names."""
    return folder(b"usr") + file(b"manifest.json", b"[]") + folder(b"blobs") + file(b"oci-layout") + file(b"index.json") + END


def busybox(path):
    """Something that can be run, in a place that no case uses."""
    with open(path, "rb") as f:
        data = f.read()
    out = folder(b"bb") + file(b"bb/busybox", data, mode=0o755)
    for name in b"sh find sort stat md5sum readlink cat echo ls mv rm cp mkdir touch chown chmod dd head tail wc sleep id true".split():
        out += symlink(b"bb/" + name, b"busybox")
    return out


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(CASES))
        return 0
    args = sys.argv[1:]
    if len(args) == 3 and args[0] == "--with-busybox":
        sys.stdout.buffer.write(busybox(args[1]))
        args = args[2:]
    if len(args) != 1 or args[0] not in CASES:
        print(__doc__, file=sys.stderr)
        return 2
    sys.stdout.buffer.write(CASES[args[0]]())
    return 0


if __name__ == "__main__":
    sys.exit(main())
