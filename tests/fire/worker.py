"""A place where one container at a time is put under fire, and the eyes that look whether all is well afterwards."""
import array
import ctypes
import glob
import json
import os
import shutil
import signal
import socket
import tarfile
import time

from scenarios import Wrong, need

PR_SET_CHILD_SUBREAPER = 36
CALL_SECONDS = 60
SLOW_SECONDS = 9  # a call that takes longer hangs: bryo waits 10 s where it waits at all


def of_root(entry):
    entry.uid = entry.gid = 0
    return entry


def find_busybox():
    for path in ("/bin/busybox", "/usr/bin/busybox"):
        if os.path.exists(path):
            return path
    raise SystemExit("fire: no busybox (Debian: apt-get install busybox-static)")


class Outcome:
    """Of one call: its exit status, what it said, how long it took."""

    def __init__(self, code, errors, seconds):
        self.code = code
        self.errors = errors
        self.seconds = seconds


class Worker:
    """tree: where its containers have cgroups (cgroups.py); None: they have none."""

    def __init__(self, directory, bryo, inject, number, tree):
        self.bryo, self.inject, self.tree = bryo, inject, tree
        self.id = "fire%d" % number
        self.dir = directory
        self.root = directory + "/state"
        self.state_dir = self.root + "/" + self.id
        self.bundle = directory + "/bundle"
        self.side = directory + "/side"  # where the caller's pid files and sockets are
        self.template = directory + "/config.json"
        self.report = directory + "/report"
        self.busybox = find_busybox()
        self.sockets = {}
        self.holder_pid = None
        self.environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": directory + "/home",
                            "XDG_DATA_HOME": directory + "/home/.local/share", "XDG_RUNTIME_DIR": directory + "/run",
                            "TMPDIR": directory + "/tmp",
                            # The leak checker of a sanitized build can't work below a tracer.
                            "ASAN_OPTIONS": "detect_leaks=0:" + os.environ.get("ASAN_OPTIONS", "")}
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        for name in ("home", "run", "tmp", "side", "state", "bundle"):
            os.makedirs(directory + "/" + name, 0o700)
        self.make_rootfs()
        self.make_template()

    def make_rootfs(self):
        rootfs = self.bundle + "/rootfs"
        for name in ("bin", "dev", "etc", "proc", "sys", "tmp"):
            os.makedirs(rootfs + "/" + name)
        shutil.copy(self.busybox, rootfs + "/bin/busybox")
        for name in ("sh", "sleep", "cat"):
            os.link(rootfs + "/bin/busybox", rootfs + "/bin/" + name)
        with open(rootfs + "/etc/passwd", "w") as f:
            f.write("root:x:0:0:root:/:/bin/sh\n")
        for path in (self.dir, self.bundle, rootfs):
            os.chmod(path, 0o755)

    def make_template(self):
        rootless = () if os.geteuid() == 0 and self.owns_the_machine() else ("--rootless",)
        self.must("spec", "-b", self.bundle, *rootless)
        os.rename(self.bundle + "/config.json", self.template)
        with open(self.template) as f:
            config = json.load(f)
        config["process"].update(terminal=False, args=["/bin/sh", "-c", "echo ran; exit 7"])
        if rootless and not self.has_subids():
            for key, number in (("uidMappings", os.getuid()), ("gidMappings", os.getgid())):
                config["linux"][key] = [{"containerID": 0, "hostID": number, "size": 1}]
        with open(self.template, "w") as f:
            json.dump(config, f)

    @staticmethod
    def owns_the_machine():
        with open("/proc/self/uid_map") as f:
            return f.read().split() == ["0", "0", "4294967295"]

    @staticmethod
    def has_subids():
        import pwd
        names = {str(os.getuid()), pwd.getpwuid(os.getuid()).pw_name}
        try:
            with open("/etc/subuid") as f:
                return os.geteuid() == 0 or any(line.split(":")[0] in names for line in f)
        except OSError:
            return False

    # Calls.

    def call(self, argv):
        """Runs argv with its output in files: a container that goes on keeps them open."""
        out, err = self.dir + "/out", self.dir + "/err"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, out, flags, 0o600),
                   (os.POSIX_SPAWN_OPEN, 2, err, flags, 0o600)]
        for path in (out, err):
            if os.path.exists(path):
                os.unlink(path)  # an older container may still write to its own
        start = time.monotonic()
        pid = os.posix_spawn(argv[0], argv, self.environment, file_actions=actions, setpgroup=0)
        signal.alarm(CALL_SECONDS)
        try:
            # Whoever adopts processes has to reap them, or the pid namespace that they were in does not end.
            ended = None
            while ended != pid:
                ended, status = os.waitpid(-1, 0)
        except TimeoutError:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise Wrong("%s did not end within %d s" % (" ".join(argv), CALL_SECONDS)) from None
        finally:
            signal.alarm(0)
        seconds = time.monotonic() - start
        with open(err, errors="replace") as f:
            return Outcome(os.waitstatus_to_exitcode(status), f.read(), seconds)

    def argv(self, *words, root=None):
        # Without cgroups: where none is asked for, each failure to make one is tolerated.
        manager = "cgroupfs" if self.tree and not root else "disabled"
        return [self.bryo, "--root", root or self.root, "--cgroup-manager", manager, *words]

    def must(self, *words, root=None):
        o = self.call(self.argv(*words, root=root))
        need(o.code == 0, "bryo %s: exit status %d: %s" % (" ".join(words), o.code, o.errors.strip()))

    def output(self):
        with open(self.dir + "/out", errors="replace") as f:
            return f.read()

    def holder(self):
        """The pid of a container whose namespaces others join; it lives as long as this worker."""
        if not self.holder_pid:
            bundle, root = self.dir + "/holder", self.dir + "/holders"
            os.makedirs(bundle)
            with open(self.template) as f:
                config = json.load(f)
            config["process"]["args"] = ["/bin/sleep", "100000"]
            config["root"]["path"] = self.bundle + "/rootfs"
            with open(bundle + "/config.json", "w") as f:
                json.dump(config, f)
            self.must("run", "--detach", "-b", bundle, self.id, root=root)
            self.must("state", self.id, root=root)
            self.holder_pid = json.loads(self.output())["pid"]
        return self.holder_pid

    # Sockets and files of the caller.

    def open_sockets(self):
        for name in ("console", "pidfd"):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            s.bind(self.side + "/" + name)
            s.listen(8)
            s.setblocking(False)
            self.sockets[name] = s

    def received(self, name):
        """Did a descriptor come? Takes all that came."""
        got = False
        while True:
            try:
                connection, _ = self.sockets[name].accept()
            except BlockingIOError:
                return got
            with connection:
                connection.settimeout(1)
                try:
                    _, control, _, _ = connection.recvmsg(100, socket.CMSG_SPACE(4))
                except OSError:
                    continue
                for _, _, data in control:
                    fds = array.array("i")
                    fds.frombytes(data[:4])
                    got = True
                    for fd in fds:
                        os.close(fd)

    def close_sockets(self):
        for name, s in self.sockets.items():
            self.received(name)
            s.close()
            os.unlink(self.side + "/" + name)
        self.sockets = {}

    def pid_file_text(self):
        with open(self.side + "/pid") as f:
            return f.read()

    # What is true.

    def state(self):
        """The state that bryo tells; None: it says that there is no such container."""
        o = self.call(self.argv("state", self.id))
        if o.code == 1 and ("does not exist" in o.errors or "was never completely created" in o.errors):
            return None
        need(o.code == 0, "bryo state: exit status %d: %s" % (o.code, o.errors.strip()))
        return json.loads(self.output())

    def status(self):
        s = self.state()
        return s and s["status"]

    def children(self):
        """Living processes of the container; takes leave of those that ended."""
        living = {}
        while True:
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
            except ChildProcessError:
                break
        with open("/proc/self/task/%d/children" % os.getpid()) as f:
            pids = [int(p) for p in f.read().split()]
        for pid in pids:
            if pid == self.holder_pid:
                continue
            try:
                with open("/proc/%d/cmdline" % pid) as f:
                    living[pid] = f.read().replace("\0", " ")
            except OSError:
                pass
        return living

    def wait_for(self, fact, text, seconds=10.0):
        end = time.monotonic() + seconds
        while not fact():
            if time.monotonic() > end:
                raise Wrong(text() if callable(text) else text)
            time.sleep(0.002)

    def check_state(self, others_may_live):
        """Is what `bryo state` tells the truth?"""
        def matches():
            s, living = self.state(), self.children()
            if not s or s["status"] == "stopped":
                return others_may_live or not living
            if s["pid"] not in living:
                return False
            if len(living) > 1 and not others_may_live:
                return False
            waits = living[s["pid"]].startswith(self.bryo)
            frozen = self.tree and self.tree.is_frozen(self.id)
            return s["status"] == ("paused" if frozen else "created" if waits else "running")
        self.wait_for(matches, lambda: "the state lies: it is %s, and these processes live: %s" % (self.state(), self.children()))

    def mounts(self):
        """Mounts of the host by id. What others mount meanwhile is none of ours; a mount of ours has our directory in it."""
        with open("/proc/self/mountinfo") as f:
            return {line.split()[0]: line for line in f}

    def fingerprint(self):
        """The bundle and the mounts of the host."""
        seen = []
        for directory, _, files in os.walk(self.bundle):
            for name in [""] + files:
                path = directory + "/" + name
                st = os.lstat(path)
                seen.append((path, st.st_ino, st.st_mode, st.st_uid, st.st_size, st.st_mtime_ns))
        return seen, self.mounts()

    def check_clean(self, before, pid_file_may_stay):
        """Behind `delete --force` nothing is left."""
        self.wait_for(lambda: not self.children(), lambda: "left running: %s" % self.children())
        need(os.listdir(self.root) == [], "left in the state directory: %s" % os.listdir(self.root))
        now = self.fingerprint()
        need(now[0] == before[0], "the bundle has changed: %s" % sorted(set(now[0]) ^ set(before[0]))[:4])
        for number in set(now[1]) | set(before[1]):
            a, b = before[1].get(number, ""), now[1].get(number, "")
            need(a == b or not (a and b or self.dir in a + b), "mounts of the host have changed: %r, before %r" % (b, a))
        for name in ("run", "tmp"):
            need(os.listdir(self.dir + "/" + name) == [], "left in %s: %s" % (name, os.listdir(self.dir + "/" + name)))
        self.empty_store()
        need(not self.cached(), "left in the cache: %s" % self.cached())
        shutil.rmtree(self.dir + "/home/.cache", ignore_errors=True)  # the next call is to begin as this one did
        if self.tree:
            need(not self.tree.left(self.id), "left as cgroups: %s" % self.tree.left(self.id))
        left = set(os.listdir(self.side))
        if not pid_file_may_stay:
            need(not left, "left beside the pid file: %s" % left)
        for name in left:
            os.unlink(self.side + "/" + name)

    def cached(self):
        """What is in the home directory, but for the cache's own directories, which stay, and the store of images."""
        stay = {self.dir + "/home/" + path for path in (".cache", ".cache/bryo", ".cache/bryo/sandbox")}
        found = [d + "/" + name for d, directories, files in os.walk(self.dir + "/home") for name in directories + files]
        return [path for path in found if path not in stay and not path.startswith(self.dir + "/home/.local")]

    def empty_store(self):
        """What is in the store of images is whole, and goes away when it is asked to."""
        place = self.dir + "/home/.local"
        if not os.path.exists(place):
            return
        for words in (("images", "check"), ("images", "prune", "--all")):
            self.must(*words)
        left = [path for kind in ("images", "layers", "tmp") for path in glob.glob("%s/share/bryo/*/%s/*" % (place, kind))]
        need(not left, "left in the store: %s" % left)
        shutil.rmtree(place)

    def need_image(self):
        """A tarball of the root file system, once."""
        path = self.dir + "/image.tar"
        if not os.path.exists(path):
            with tarfile.open(path, "w") as tar:
                tar.add(self.bundle + "/rootfs", arcname=".", filter=of_root)
            os.utime(path, (1e9, 1e9))  # a file that has just changed is read once more

    def force_away(self):
        """After a case that went wrong: the next one is to begin with nothing."""
        for pid in self.children():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        if self.tree:
            self.tree.remove_left(self.id)
        time.sleep(0.05)
        self.children()
        shutil.rmtree(self.root, ignore_errors=True)
        os.makedirs(self.root, 0o700, exist_ok=True)
        for name in ("home", "run", "tmp", "side"):
            shutil.rmtree(self.dir + "/" + name, ignore_errors=True)
            os.makedirs(self.dir + "/" + name, 0o700, exist_ok=True)

    def end(self):
        if self.holder_pid:
            self.call(self.argv("delete", "--force", self.id, root=self.dir + "/holders"))
            self.holder_pid = None
            self.children()
