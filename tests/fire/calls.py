"""What tests/fire/run knows of system calls: the errors that each can really return, and which failures bryo may pass over.
"""
import re

# Call: the errors that are tried, those first that tell the most. Not every error of the man page: one for each way in
# which a program could go wrong over it (a limit, a missing thing, a refused right, an interruption, a broken device).
ERRORS = {
    "accept4": "EMFILE EINTR ECONNABORTED",
    "access": "ENOENT EACCES EIO",
    "bpf": "EPERM ENOMEM EINVAL",
    "bind": "ENOSPC EADDRINUSE EROFS",
    "capset": "EPERM",
    "chdir": "EACCES ENOENT EIO",
    "chmod": "EPERM EROFS EIO",
    "chroot": "EPERM ENOENT",
    "clone": "EAGAIN ENOMEM",
    "clone3": "EAGAIN ENOMEM EPERM ENOSPC",
    "close": "EIO EINTR",
    "close_range": "ENOMEM",
    "connect": "ECONNREFUSED EAGAIN ENOENT",
    "dup": "EMFILE",
    "dup2": "EMFILE EBUSY",
    "dup3": "EMFILE EBUSY",
    "execve": "ENOENT EACCES ENOMEM E2BIG",
    "execveat": "ENOENT ENOMEM",
    "faccessat": "ENOENT EACCES EIO",
    "faccessat2": "ENOENT EACCES EIO",
    "fchdir": "EACCES ENOENT",
    "fchmod": "EPERM EROFS EIO",
    "fchown": "EPERM EROFS EIO",
    "fchownat": "EPERM EROFS EIO",
    "fsetxattr": "ENOSPC EPERM ENOTSUP",
    "ftruncate": "EIO EFBIG",
    "fcntl": "EMFILE EINTR ENOLCK",
    "flock": "EINTR ENOLCK",
    "fremovexattr": "ENOTSUP EIO",
    "fsconfig": "EINVAL ENOMEM EPERM",
    "fsmount": "EPERM EMFILE EBUSY",
    "fsopen": "ENODEV EPERM EMFILE",
    "fspick": "EPERM EMFILE",
    "fstat": "EIO ENOMEM",
    "fstatfs": "EIO EINTR",
    "getcwd": "ENOENT ENOMEM",
    "getdents64": "EIO ENOMEM",
    "getrandom": "EINTR ENOSYS",
    "getxattr": "ENODATA EIO",
    "ioctl": "EIO ENOTTY EPERM",
    "keyctl": "ENOSYS EPERM EDQUOT ENOMEM",
    "kill": "EPERM ESRCH",
    "lgetxattr": "ENODATA EIO",
    "linkat": "ENOSPC EEXIST",
    "listen": "EADDRINUSE",
    "lseek": "EINVAL",
    "madvise": "ENOMEM",
    "memfd_create": "EMFILE ENOMEM EACCES",
    "mkdir": "ENOSPC EROFS EACCES EEXIST",
    "mkdirat": "ENOSPC EROFS EACCES EEXIST",
    "mknodat": "ENOSPC EPERM EEXIST",
    "mmap": "ENOMEM",
    "mount": "EPERM EINVAL ENOMEM",
    "mount_setattr": "EPERM EINVAL ENOMEM",
    "move_mount": "EINVAL EPERM ENOENT",
    "mprotect": "ENOMEM",
    "nanosleep": "EINTR",
    "newfstatat": "ENOENT EACCES EIO",
    "open_tree": "ENOENT EPERM EMFILE",
    "openat": "ENOENT EMFILE EACCES EIO",
    "openat2": "ENOENT EMFILE EAGAIN ELOOP",
    "pidfd_open": "EMFILE ESRCH",
    "pidfd_send_signal": "EPERM ESRCH",
    "pipe2": "EMFILE ENFILE",
    "pivot_root": "EINVAL EBUSY",
    "poll": "EINTR ENOMEM",
    "ppoll": "EINTR ENOMEM",
    "prctl": "EPERM EINVAL",
    "pread64": "EIO EINTR",
    "pwrite64": "ENOSPC EIO EINTR",
    "prlimit64": "EPERM EINVAL",
    "process_vm_readv": "EPERM",
    "read": "EIO EINTR",
    "readlink": "ENOENT EIO",
    "readlinkat": "ENOENT EIO",
    "recvmsg": "ENOMEM EINTR",
    "renameat": "ENOSPC EROFS EIO",
    "renameat2": "ENOSPC EEXIST EIO",
    "rmdir": "EBUSY ENOTEMPTY EROFS",
    "rt_sigtimedwait": "EINTR",
    "sched_setaffinity": "EINVAL",
    "sched_setattr": "EPERM EINVAL",
    "ioprio_set": "EPERM EINVAL",
    "landlock_add_rule": "ENOMEM",
    "landlock_create_ruleset": "ENOMEM EMFILE EOPNOTSUPP",
    "landlock_restrict_self": "E2BIG",
    "seccomp": "ENOMEM EINVAL EACCES",
    "sendfile": "EIO ENOMEM EINTR",
    "sendmsg": "ENOBUFS ENOMEM EINTR",
    "setdomainname": "EPERM",
    "setgid": "EPERM EINVAL",
    "setgroups": "EPERM ENOMEM",
    "sethostname": "EPERM",
    "setns": "EPERM ENOMEM",
    "setpgid": "EPERM EACCES",
    "setresgid": "EPERM EINVAL",
    "setresuid": "EPERM EAGAIN EINVAL",
    "signalfd4": "EMFILE ENODEV",
    "socket": "EMFILE EAFNOSUPPORT ENOBUFS",
    "socketpair": "EMFILE ENOMEM",
    "statfs": "ENOENT EACCES EIO",
    "statx": "ENOENT EACCES EIO",
    "symlinkat": "ENOSPC EEXIST EACCES",
    "umount2": "EBUSY EINVAL",
    "unlink": "EIO EROFS EACCES",
    "unlinkat": "EIO EROFS EACCES EBUSY",
    "unshare": "ENOSPC EPERM ENOMEM",
    "utimensat": "EPERM",
    "wait4": "ECHILD EINTR",
    "write": "ENOSPC EIO EINTR EPIPE",
}

# The same for calls whose detail (inject.c: COMMAND:PATH, descriptors as <PATH>) tells more: the first that matches counts.
SPECIAL = [
    ("fcntl", "[123]:.*", ""),  # F_GETFD, F_SETFD, F_GETFL
    ("fcntl", "4:.*", "EPERM"),  # F_SETFL
    ("fcntl", "1030:.*", "EMFILE"),  # F_DUPFD_CLOEXEC
    ("fcntl", "1033:.*", "EBUSY"),  # F_ADD_SEALS
    ("fcntl", "1034:.*", "EINVAL"),  # F_GET_SEALS
    ("fcntl", "3[67]:.*", "ENOLCK EINTR"),  # F_OFD_GETLK, F_OFD_SETLK
    # For the calling process, with arguments that are constants: nothing but a filter can refuse these: PDEATHSIG, DUMPABLE,
    # NAME, CAPBSET_READ, CHILD_SUBREAPER, NO_NEW_PRIVS, CAP_AMBIENT.
    ("prctl", "(1|3|4|15|23|36|38|39|47):", ""),
    ("ioctl", "21505:.*", "ENOTTY EIO"),  # TCGETS
    ("openat", r"(\.state\.json|\.config\.json|\.pid|waiting).*", "ENOSPC EMFILE EACCES EIO"),
    ("read", r"<pipe:.*|<.*signalfd.*", "EINTR"),
    ("newfstatat", r"<(pipe|socket|\w+):.*", ""),
    ("newfstatat|faccessat2|statx", "<.*>", "EIO ENOMEM"),
    # What these tell with ENOENT or ESRCH is that something is gone, and with EACCES that it is another's: then it is.
    ("newfstatat|openat|openat2|faccessat2?", r"lock|fire\d+|state\.json|start\.sock", "EMFILE EIO ENOMEM"),
    ("openat", r".*/state", "EMFILE EACCES EIO"),
    ("openat", r"mounts\.json", "EMFILE EIO"),
    ("openat", r"(.*/)?(cgroup\.procs|tasks|freezer\.state)|\.|/sys/fs/cgroup/.*/fire\d+", "EMFILE EACCES"),
    ("openat|newfstatat", r"/proc/\d+/.*", "EMFILE EIO"),
    ("pidfd_open", ".*", "EMFILE ENOMEM"),
    ("pidfd_send_signal", ".*", "EPERM"),
]

# These have no failure that a program could meet: only a SIGKILL is tried.
NEVER_FAIL = set("""alarm capget setsid brk clock_gettime clock_nanosleep exit exit_group futex getegid geteuid getgid getgroups getpid getppid
    getpgid getpgrp gettid getuid munmap restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigreturn rseq set_robust_list
    set_tid_address sigaltstack sysinfo tgkill umask uname arch_prctl sched_getaffinity timer_settime pause setitimer sched_yield""".split())


def errors_of(call, detail):
    """The errors to try; None: the tables have to be completed."""
    if call in NEVER_FAIL:
        return []
    for name, pattern, errors in SPECIAL:
        if re.fullmatch(name, call) and re.fullmatch(pattern, detail):
            return errors.split()
    names = ERRORS.get(call)
    return names.split() if names else None


class Tolerated:
    """A failure after which the call may succeed as if nothing had happened, and why."""

    def __init__(self, call, why, detail=".*", role=".*", errors=None, scenario=".*"):
        self.call = call
        self.why = why
        self.detail = re.compile(detail)
        self.role = re.compile(role)
        self.errors = errors.split() if errors else None
        self.scenario = re.compile(scenario)

    def holds(self, scenario, role, call, detail, error):
        """detail is None where the injector could not read it: the process is not dumpable, and only root may look into it."""
        return (re.fullmatch(self.call, call) and (self.errors is None or error in self.errors) and self.role.fullmatch(role)
                and (detail is None or self.detail.fullmatch(detail)) and self.scenario.fullmatch(scenario))


# error is a name of errno, or KILL.
TOLERATED = [
    Tolerated(".*", "tried again", errors="EINTR"),
    Tolerated("close", "the descriptor is gone all the same, and nothing that close could report is waited for"),
    Tolerated("getrandom", "malloc has another source for its own needs"),
    # Looking for something that need not be there, or in several places.
    Tolerated("fcntl", "F_GET_SEALS: a file that is no memfd", detail="1034:.*"),
    Tolerated("faccessat2", "counts as writable: runs from a sealed copy", detail="<.*/bryo>"),
    Tolerated("newfstatat", "not in this directory of PATH: the next one is looked at", detail=r".*/new[ug]idmap"),
    Tolerated("statfs", "cannot tell whether it is nosuid: then newuidmap tells by failing", detail=r".*/new[ug]idmap"),
    Tolerated("openat|read", "without a readable nsswitch.conf the files count, as for libsubid", detail=r"<?/etc/nsswitch.conf>?"),
    Tolerated("openat", "no ranges: then the one id, or the whole map of an inner root", detail=r"/etc/sub[ug]id", errors="ENOENT"),
    Tolerated("openat|read", "getpwuid(3) is asked for the name then", detail=r"<?/etc/passwd>?", role="runtime"),
    Tolerated("openat|read|newfstatat", "HOME is / then", detail=r"<?/etc/passwd>?", role="init"),
    Tolerated("openat|read", "then setgroups(2) itself tells", detail=r"<?/proc/\S+/setgroups>?"),
    Tolerated("newfstatat", "only a first guess of the size of a file that is read", detail=r"<.*>", role="runtime|runtime/child."),
    Tolerated("newfstatat", "the same", detail=r"</proc/.*>", role="init"),
    Tolerated("readlink|access", "the helpers are looked for where they are installed", detail=r"/proc/self/exe|.*/bryo-(image|net)"),
    Tolerated("openat|read", "taken for the initial user namespace: then mknod tells", detail=r"<?/proc/\w+/uid_map>?"),
    Tolerated("mkdirat", "this hierarchy is mounted already", detail=r"\w+(,\w+)*", role="init", errors="EEXIST"),
    Tolerated("newfstatat", "the device is looked for by its number", detail="</>", role="init"),
    Tolerated("open_tree", "the same", detail="/dev/.*", role="init", errors="ENOENT"),
    Tolerated("mknodat", "the host's node is bound", role="init", errors="EPERM"),
    Tolerated("newfstatat", "/proc/self/ns: joined although it is the own one, or taken for the initial one",
              detail="/proc/self/ns/.*", errors="ENOENT EACCES EIO"),
    Tolerated("statfs", "taken for a hierarchy that is not cgroup2 alone", detail="/sys/fs/cgroup"),
    Tolerated("openat|newfstatat|pread64|statfs", "looks into the program only for a better message, execve decides",
              detail=r"<?(/usr)?/bin/\w+>?", role="init"),
    Tolerated("newfstatat", "not the file in this directory of PATH", detail=r".*/(sh|sleep)", role="init", errors="ENOENT EACCES EIO"),
    Tolerated("ioctl", "no terminal", detail="21505:.*"),
    Tolerated("mmap", "the loader looks without its cache, the allocator elsewhere", errors="ENOMEM", role="runtime"),
    Tolerated("newfstatat", "its owner stays", detail=r"<(/dev/null|/.*/(out|err))>", role="init"),
    Tolerated("kill|wait4", "the child of mounts ends by itself", detail="9:|0:", role="runtime", scenario="mounts-.*"),
    Tolerated("openat2", "the destination is made if it is missing", errors="ENOENT", role="runtime/child1", scenario="mounts-add.*"),
    Tolerated(".*", "whatever becomes of the child then, the runtime sees that the mount is there", errors="ENOBUFS ENOMEM KILL",
              role="runtime/child1", scenario="mounts-add.*"),
    Tolerated("fsopen|fsconfig|fsmount", "the procfs that is there is used then", errors="EPERM ENODEV EMFILE EBUSY", role="runtime/child1",
              scenario="mounts-.*"),
    # Cgroups.
    Tolerated("openat", "then nobody is told of the last strike of the OOM killer", detail="oom"),
    Tolerated("openat|read", "taken for one that is not frozen", detail=r"<?.*(self_freezing|cgroup\.freeze)>?"),
    Tolerated("openat", "the same", detail=r"/sys/fs/cgroup/.*/fire\d+"),
    Tolerated("faccessat2", "a kernel without it", detail=r"hugetlb\.\w+\.rsvd\.max"),
    Tolerated("bpf", "an ordinary user has none: the user namespace forbids devices", errors="EPERM"),
    Tolerated("openat|read|statx|fstat|newfstatat|faccessat2|pread64", "a number that the kernel does not give is 0, or left out",
              scenario="events"),
    Tolerated("openat|read|write|rmdir|getdents64|unlinkat|faccessat2", "there is another round, and the end is seen",
              detail=r"<?(\.|\S*cgroup\S*|freezer\.state|tasks|fire\d+|)>?", scenario="delete.*|kill-all|run"),
    Tolerated("pidfd_send_signal|pidfd_open", "there is another round, and the end is seen", scenario="delete.*|run"),
    Tolerated("openat|read|write|renameat|fchmod|unlinkat|close", "what the OOM killer did is told if it can be",
              detail=r"<?(.*/)?(oom|\.oom\.\d+\.tmp|memory\.oom_control|memory\.events(\.local)?)>?", scenario="delete.*|run.*"),
    Tolerated("faccessat2", "has no type, has no kill: taken for the root, or an older kernel", detail=r"cgroup\.(type|kill)"),
    Tolerated("faccessat2|openat|read", "then the kernel says at the next call whether it may be",
              detail=r"<?/sys/fs/cgroup/bryo-fire-\d+(/fire\d+)?(/cgroup\.\w+)?>?|cgroup\.(subtree_control|controllers|procs)",
              scenario="create.*|exec.*|ps|run|delete.*"),
    Tolerated("mkdir", "an empty one of the name is taken", detail="/sys/fs/cgroup/.*", errors="EEXIST"),
    Tolerated("openat|read", "nothing to go back to, should a later file fail", detail="<?/sys/fs/cgroup/.*>?|[a-z]+[.].*",
              scenario="update"),
    Tolerated("openat|mkdir", "no sandboxes to sweep", detail=r".*/\.cache.*", scenario="delete.*"),
    Tolerated("faccessat2", "no OCI layout", detail="oci-layout", errors="ENOENT", scenario="sandbox.*"),
    Tolerated("mkdir", "the directory is there", errors="EEXIST", scenario="sandbox.*"),
    Tolerated("flock", "nobody sweeps where locks are not possible", errors="ENOLCK", scenario="sandbox.*"),
    Tolerated("openat2", "the image has none", detail="/etc(/(passwd|group|hosts|hostname|resolv.conf))?", errors="ENOENT ELOOP",
              scenario="sandbox.*"),
    Tolerated("openat|read|fstat|newfstatat", "the time is UTC then", detail=r"<?(/etc/localtime|/usr/share/zoneinfo/.*)>?",
              scenario="sandbox.*"),
    Tolerated("mmap", "malloc has another source", scenario="sandbox.*", role="runtime"),
    # A sandbox is removed by its container, and then by itself, as the caller and in a user namespace. What is left is seen.
    Tolerated("openat|read", "the removal that needs them is tried once more, without", detail=r"<?/etc/sub[ug]id>?",
              scenario="sandbox.*"),
    Tolerated("openat2?|faccessat2|fchmod|fcntl|unlinkat|getdents64", "it is removed the second time",
              detail=r".*/home/.*|(1030:)?<.*/home/.*>|fire\d+\S*|rootfs|\.|config\.json|[a-z]+", scenario="sandbox.*",
              role="runtime(/child.)?"),
    Tolerated("openat2", "what is missing is made, what changed meanwhile is looked up again", errors="ENOENT ELOOP",
              role=".*/bryo-image"),
    Tolerated("exit_group", "its work is done", role=".*/bryo-image", errors="KILL"),
    Tolerated(".*", "the store is made whole again, or swept, by `bryo images`, which is looked at", scenario="sandbox.*",
              role="runtime(/child.)?", detail=r".*/\.local/.*|locks/.*|\.\S+\.tmp|tmp|images|layers|files|names"),
    Tolerated("write", "progress that nobody wants to hear", detail="<pipe:.*>", errors="EPIPE", role=".*/bryo-image"),
    Tolerated("linkat", "what is there is replaced", role=".*/bryo-image", errors="EEXIST"),
    Tolerated(".*", "names are taken as they are then", detail=".*/gconv/.*", role=".*/bryo-image"),
    Tolerated("poll", "the answer is read all the same", scenario="sandbox.*", errors="ENOMEM"),
    Tolerated("access", "no state of that name", detail=r".*/state/fire\d+", scenario="sandbox.*", errors="ENOENT"),
    Tolerated("openat|read|newfstatat|fstat", "the loader knows the usual places", detail="<?(/etc/ld.so.cache|.*/libseccomp[.]so[.]2)>?"),
    Tolerated("access", "the claim of the name tells; where a helper is missing the next place is looked at",
              detail=r".*/(state/fire\d+|bryo-\S+)", scenario="sandbox.*"),
    Tolerated("clone", "what can wait is done another time", errors="EAGAIN ENOMEM", role="runtime", scenario="sandbox.*"),
    Tolerated("unlinkat", "O_EXCL decides whether an old temporary file is there", detail=r"\.(hosts|hostname|resolv\.conf)\.\d+\.tmp"),
    Tolerated("openat", "an /etc that its root may not write wants it so", detail=r"\.(hosts|hostname|resolv\.conf)\.\d+\.tmp",
              errors="EACCES"),
    Tolerated("write", "a warning that nobody can read", detail="<.*/err>"),
    # There is a second way, or a second time.
    Tolerated("accept4", "the next one is waited for", errors="ECONNABORTED EMFILE"),
    Tolerated("openat2", "a race was lost: tried again", errors="EAGAIN"),
    Tolerated("openat2", "what is missing is made, or has not to be masked", errors="ENOENT", role="init"),
    Tolerated("openat2|mkdirat|openat|mknodat", "the walk from the root tries once more", detail=r"/?(dev/?|pts|shm|mqueue|console)",
              role="init"),
    Tolerated("symlinkat", "the image has this link already", errors="EEXIST"),
    Tolerated("chdir", "tried again, after making it if it was missing", detail="/", role="init"),
    Tolerated("unlinkat", "O_EXCL decides whether an old temporary file is there", detail=r"\.(state\.json|config\.json|mounts\.json|pid)\.\d+\.tmp"),
    Tolerated("unlinkat", "remove_tree_at tries once more, with more means", detail=r"waiting|config\.json|fire\d+"),
    Tolerated("unlinkat", "nobody waits behind this socket any more: it is removed with the rest", detail=r"start\.sock"),
    Tolerated("keyctl", "no keys here (a kernel without them, an outer filter, the limit of an ordinary user)", errors="ENOSYS EPERM EDQUOT"),
    Tolerated("fsopen|fsconfig|fsmount", "the procfs that is there is used then", role="init", scenario="create-join", errors="EPERM"),
    Tolerated("getdents64|lseek", "rmdir decides whether a directory is empty"),
    Tolerated("wait4", "nobody ended", detail="1:", errors="ECHILD"),
    Tolerated("exit_group", "its work is done", role="runtime/child.", errors="KILL"),
    Tolerated("madvise", "memory that is not given back costs nothing but memory", role="init", errors="ENOMEM EIO EAGAIN EINVAL"),
    Tolerated("prctl|close|accept4|recvmsg|madvise", "created, and then killed: the state tells", role="init", errors="KILL",
              scenario="create.*"),
]


def tolerated(scenario, role, call, detail, error):
    return any(t.holds(scenario, role, call, detail, error) for t in TOLERATED)
