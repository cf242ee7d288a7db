"""Trees of cgroups for tests/fire/run: which there are to try, and in each a place for the containers of one run.

v1 is what the machine has, if that is cgroup v1. v2 is cgroup2 alone, mounted in a mount namespace of the run's own; an
ordinary user gets a cgroup in it that root has handed over, as systemd does.
"""
import ctypes
import glob
import os
import pwd
import signal
import subprocess
import time

ROOT = "/sys/fs/cgroup"
CLONE_NEWNS = 0x20000
PR_SET_DUMPABLE = 4
WANTED = ("hugetlb", "memory", "pids", "cpu")  # controllers of v2; those that are there are used
MIB = 1 << 20

# Limits: the member of linux.resources, its value at create, the one that update sets; the file, and what it has to say.
# Of v1 and v2 those whose controller is there.
LIMITS = {
    "v1": [
        ("memory", {"limit": 64 * MIB}, {"limit": 80 * MIB}, "memory.limit_in_bytes", str(64 * MIB), str(80 * MIB)),
        ("pids", {"limit": 50}, {"limit": 30}, "pids.max", "50", "30"),
        ("cpu", {"shares": 512, "cpus": "0"}, {"shares": 256}, "cpu.shares", "512", "256"),
    ],
    "v2": [
        ("unified", {"cgroup.max.depth": "3"}, {"cgroup.max.depth": "5", "cgroup.max.descendants": "9"}, "cgroup.max.depth", "3",
         "5"),
        ("hugepageLimits", [{"pageSize": "2MB", "limit": 4 * MIB}], [{"pageSize": "2MB", "limit": 2 * MIB}], "hugetlb.2MB.max",
         str(4 * MIB), str(2 * MIB)),
        ("memory", {"limit": 64 * MIB}, {"limit": 80 * MIB}, "memory.max", str(64 * MIB), str(80 * MIB)),
        ("pids", {"limit": 50}, {"limit": 30}, "pids.max", "50", "30"),
    ],
}


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


def read(path):
    with open(path) as f:
        return f.read().strip()


class Tree:
    """The place /NAME in all hierarchies of a kind; container ID is in /NAME/ID."""

    def __init__(self, kind):
        self.kind = kind
        self.name = "bryo-fire-%d" % os.getpid()
        self.enabled = []
        mounts = [ROOT] if kind == "v2" else [d for d in glob.glob(ROOT + "/*") if os.path.exists(d + "/cgroup.procs")]
        self.directories = [d + "/" + self.name for d in mounts]

    def path_of(self, name):
        return "/%s/%s" % (self.name, name)

    def file(self, name, container):
        """The path of a file of the container's cgroup."""
        controller = "" if self.kind == "v2" else "/" + name.split(".")[0]
        return "%s%s%s/%s" % (ROOT, controller, self.path_of(container), name)

    def limits(self):
        for row in LIMITS[self.kind]:
            controller = row[3].split(".")[0]
            where = self.directories[0] + "/" + row[3] if self.kind == "v2" else ROOT + "/" + controller
            if os.path.exists(where):
                yield row

    def is_frozen(self, container):
        try:
            return read(self.file("cgroup.freeze" if self.kind == "v2" else "freezer.self_freezing", container)) == "1"
        except OSError:
            return False

    def left(self, container="*"):
        return [d for place in self.directories for d in glob.glob(place + "/" + container + "/") if not d.endswith("/caller/")]

    def remove_left(self, container="*"):
        for path in sorted((d for place in self.left(container) for d, _, _ in os.walk(place)), reverse=True):
            for name, text in (("cgroup.freeze", "0"), ("freezer.state", "THAWED"), ("cgroup.kill", "1")):
                try:
                    write(path + "/" + name, text)
                except OSError:
                    pass
        time.sleep(0.05)
        for path in sorted((d for place in self.left(container) for d, _, _ in os.walk(place)), reverse=True):
            try:
                os.rmdir(path)
            except OSError:
                pass

    def make(self):
        place = self.directories[0]
        if self.kind == "v1":
            return  # bryo makes the way
        have = read(ROOT + "/cgroup.controllers").split()
        self.enabled = [c for c in WANTED if c in have and c not in read(ROOT + "/cgroup.subtree_control").split()]
        os.makedirs(place + "/caller")
        for directory in (ROOT, place):
            for c in [c for c in WANTED if c in have]:
                write(directory + "/cgroup.subtree_control", "+" + c)

    def hand_over(self, uid, gid):
        for path in ("", "/cgroup.procs", "/cgroup.subtree_control", "/cgroup.threads", "/caller", "/caller/cgroup.procs"):
            os.chown(self.directories[0] + path, uid, gid)

    def enter(self):
        if self.kind == "v2":
            write(self.directories[0] + "/caller/cgroup.procs", "0")

    def remove(self):
        self.remove_left()
        for place in self.directories:
            for path in (place + "/caller", place):
                if os.path.isdir(path):
                    os.rmdir(path)
        for c in self.enabled:
            write(ROOT + "/cgroup.subtree_control", "-" + c)


def has_v1():
    return os.path.exists(ROOT + "/freezer/cgroup.procs")


def mount_v2():
    """cgroup2 alone, in a mount namespace of our own. Returns why not, or None."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) < 0:
        return "no mount namespace: " + os.strerror(ctypes.get_errno())
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["umount", "-R", ROOT], check=False, stderr=subprocess.DEVNULL)
    mounted = subprocess.run(["mount", "-t", "cgroup2", "cgroup2", ROOT], check=False, stderr=subprocess.PIPE, text=True)
    return mounted.stderr.strip() if mounted.returncode else None


def become(user):
    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


def within(kind, user, action):
    """Calls action(tree) in a child that has that tree, as that user (None: as it is). Returns its result, an exit status; or
    a text that tells why there is no such tree here."""
    def in_place(tree):
        tree.enter()
        if user:
            become(user)
        return action(tree)

    def in_namespace():
        tree = Tree(kind)
        tree.make()
        try:
            if user:
                entry = pwd.getpwnam(user)
                tree.hand_over(entry.pw_uid, entry.pw_gid)
            return in_child(lambda: in_place(tree))
        finally:
            tree.remove()

    if kind == "v1":
        return in_namespace() if has_v1() else "this machine has no cgroup v1"
    why = in_child(lambda: 1 if mount_v2() else 0)
    if why:
        return "cgroup2 cannot be mounted here"
    return in_child(lambda: 125 if mount_v2() else in_namespace())


def in_child(action):
    """The exit status of a child that returns from the action with it."""
    pid = os.fork()
    if pid == 0:
        status = 125
        try:
            status = action()
        except KeyboardInterrupt:
            pass
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            import sys
            sys.stdout.flush()
            os._exit(status)
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except KeyboardInterrupt:
        os.kill(pid, signal.SIGINT)
        os.waitpid(pid, 0)
        raise
