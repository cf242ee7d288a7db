"""The calls of bryo that tests/fire/run puts under fire: what stands before each, and what has to be true when it succeeds.

A scenario runs in a Worker (worker.py), which has a state directory, a bundle for it and a place for pid files and sockets.
"""
import json
import os


class Scenario:
    """config: edits the configuration. before: prepares. command: the words behind `bryo --root ROOT`.
    attach: the waiting init is looked at, too. done: raises Wrong unless the call has had its effect; undone: unless a call
    that failed has had none. others: the container has processes that init's end does not end. says: what it says on standard
    error although all is well. kind: of the cgroups that it needs, "" for none. sampled: it is in a run that asks for none by name, too."""

    def __init__(self, name, command, done, config=None, before=None, attach=False, code=0, uses_pid_file=False, terminal=False,
                 undone=None, others=False, says="", kind="", sampled=True):
        self.name = kind + "-" + name if kind else name
        self.plain_name = name
        self.kind = kind
        self.sampled = sampled
        self.undone = undone or (lambda w: None)
        self.others = others
        self.says = says
        self.command = command
        self.done = done
        self.config = config or (lambda w, c: None)
        self.before = before or (lambda w: None)
        self.attach = attach
        self.code = code
        self.uses_pid_file = uses_pid_file
        self.terminal = terminal


class Wrong(Exception):
    """What is not as it should be."""


def need(fact, text):
    if not fact:
        raise Wrong(text)


def sleeps(w, c):
    c["process"]["args"] = ["/bin/sleep", "1000"]


def hooks(*kinds):
    """Each a program that reads its input and says nothing."""
    def edit(w, c):
        c["hooks"] = {kind: [{"path": "/bin/busybox" if kind == "startContainer" else w.busybox, "args": ["cat"],
                              "timeout": 10}] for kind in kinds}
    return edit


def seccomp(w, c):
    c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW",
                             "syscalls": [{"names": ["reboot", "swapon"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}


def terminal(w, c):
    c["process"]["terminal"] = True


def limited(w, c):
    """Limits of every kind that the cgroups here take. Nothing else of the template asks for a cgroup."""
    c["linux"]["resources"] = dict(c["linux"].get("resources", {}), **{row[0]: row[1] for row in w.tree.limits()})


def wants_memory(w, c):
    c["linux"]["resources"] = {"memory": {"limit": 1 << 26}}


def delegates(w, c):
    """To a cgroup below its own, which is the container's to divide."""
    c.setdefault("annotations", {})["run.oci.delegate-cgroup"] = "inside"
    for m in c["mounts"]:
        if m["type"] == "cgroup":
            m["options"] = [o for o in m["options"] if o != "ro"]


def without_pid_namespace(w, c):
    c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "pid"]


def joins(w, c):
    """Into the namespaces of a container that runs."""
    pid = w.holder()
    have = {n["type"] for n in c["linux"]["namespaces"]}
    names = {"network": "net", "ipc": "ipc", "uts": "uts", "pid": "pid", "user": "user"}
    c["linux"]["namespaces"] = [{"type": t} if t not in names else {"type": t, "path": "/proc/%d/ns/%s" % (pid, names[t])}
                                for t in sorted(have)]
    for key in ("uidMappings", "gidMappings"):
        c["linux"].pop(key, None)
    c.pop("hostname", None)


def both(*edits):
    def edit(w, c):
        for e in edits:
            e(w, c)
    return edit


def create(w, *options):
    w.must("create", "-b", w.bundle, *options, w.id)


def running(w):
    create(w)
    w.must("start", w.id)


def is_created(w):
    need(w.status() == "created", "create succeeded, but the state is " + repr(w.status()))


def is_running(w):
    need(w.status() == "running", "it succeeded, but the state is " + repr(w.status()))


def has_run(w):
    need(w.output() == "ran\n", "the program printed %r" % w.output())
    need(not os.path.exists(w.state_dir), "run left its state behind")


def has_full(w):
    is_created(w)
    need(w.pid_file_text() == str(w.state()["pid"]), "the pid file does not hold the pid")
    need(w.received("console"), "no terminal came to the console socket")
    need(w.received("pidfd"), "no pidfd came to its socket")


def exec_has_run(w):
    need(w.output() == "inside\n", "the program printed %r" % w.output())
    is_running(w)


def exec_runs(w):
    need(w.pid_file_text().isdigit() and os.path.exists("/proc/" + w.pid_file_text()), "the pid file names no process")
    need(w.received("console"), "no terminal came to the console socket")
    is_running(w)


def ends(w):
    """All processes, also those that are not init's."""
    is_dead(w)
    w.wait_for(lambda: not w.children(), "processes were not killed")


def is_dead(w):
    w.wait_for(lambda: w.status() == "stopped", "the process was not killed")


def is_deleted(w):
    need(w.status() is None and not os.path.exists(w.state_dir), "delete left the state")


def stopped(w):
    running(w)
    w.must("kill", w.id, "KILL")
    is_dead(w)


def tells_created(w):
    need(json.loads(w.output())["status"] == "created", "it tells " + w.output())


def tells_id(w):
    need(w.output() == w.id + "\n", "it tells %r" % w.output())


def tells_pids(w):
    told = w.output()
    need(json.loads(told) == [w.state()["pid"]], "it tells " + told)


# Sandboxes.

def with_image(w):
    w.need_image()


def with_stored_image(w):
    w.need_image()
    w.must("images", "import", w.dir + "/image.tar")


def sandbox_has_run(w):
    need(w.output() == "ran\n", "the program printed %r" % w.output())
    sandbox_is_gone(w)


def sandbox_is_gone(w):
    need(not os.path.exists(w.state_dir), "sandbox left its state behind")
    need(not w.cached(), "sandbox left in the cache: %s" % w.cached())


# Mounts of a container that runs.

def mounted(w):
    with open("/proc/%d/mountinfo" % w.state()["pid"]) as f:
        return "/tmp" in (line.split()[4] for line in f)


def is_mounted(w):
    need(mounted(w), "mounts add succeeded, but nothing is mounted")


def is_not_mounted(w):
    need(not mounted(w), "something is mounted at /tmp")


def with_mount(w):
    running(w)
    w.must("mounts", "add", "--type", "tmpfs", "--destination", "/tmp", w.id)


# Processes as engines describe them.

def with_process_file(w):
    running(w)
    with open(w.bundle + "/config.json") as f:
        process = json.load(f)["process"]
    process.update(args=["/bin/sh", "-c", "echo inside; exit 7"], cwd="/tmp", oomScoreAdj=500, noNewPrivileges=True,
                   ioPriority={"class": "IOPRIO_CLASS_BE", "priority": 5}, scheduler={"policy": "SCHED_BATCH", "nice": 5},
                   rlimits=[{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 64}])
    process["env"].append("FIRE=1")
    with open(w.dir + "/process.json", "w") as f:
        json.dump(process, f)


# Containers with cgroups.

def in_cgroup(w):
    pid = w.state()["pid"]
    with open("/proc/%d/cgroup" % pid) as f:
        paths = [line.rstrip("\n").split(":", 2)[2] for line in f]
    need(w.tree.path_of(w.id) in paths, "the container's process is in %s" % paths)


def has_limits(w, column):
    for row in w.tree.limits():
        with open(w.tree.file(row[3], w.id)) as f:
            value = f.read().strip()
        need(value == row[column], "%s holds %s, and not %s" % (row[3], value, row[column]))


def is_created_in_cgroup(w):
    is_created(w)
    in_cgroup(w)
    has_limits(w, 4)


def is_running_in_cgroup(w):
    is_running(w)
    in_cgroup(w)
    has_limits(w, 4)


def is_divided(w):
    is_created(w)
    need(os.path.isdir(w.tree.file("inside", w.id)), "the cgroup below is not there")


def is_updated(w):
    is_running(w)
    has_limits(w, 5)


def with_new_limits(w):
    running(w)
    with open(w.dir + "/resources.json", "w") as f:
        json.dump({row[0]: row[2] for row in w.tree.limits()}, f)


def is_paused(w):
    need(w.status() == "paused", "pause succeeded, but the state is " + repr(w.status()))
    need(w.tree.is_frozen(w.id), "the cgroup is not frozen")


def paused(w):
    running(w)
    w.must("pause", w.id)


def busy(w):
    """With one more process, which sleeps."""
    running(w)
    w.must("exec", "--detach", w.id, "/bin/sleep", "1000")


def tells_numbers(w):
    told = json.loads(w.output())
    need(told["type"] == "stats" and "cpu" in told["data"], "it tells %r" % told)


ALL_SOCKETS = ("--console-socket", "SIDE/console", "--pidfd-socket", "SIDE/pidfd", "--pid-file", "SIDE/pid")

SCENARIOS = [
    Scenario("create", ("create", "-b", "BUNDLE", "ID"), is_created),
    Scenario("create-all", ("create", "-b", "BUNDLE", *ALL_SOCKETS, "ID"), has_full, terminal=True, uses_pid_file=True,
             config=both(terminal, hooks("prestart", "createRuntime", "createContainer", "poststop"))),
    Scenario("create-join", ("create", "-b", "BUNDLE", "ID"), is_created, config=joins),
    Scenario("start", ("start", "ID"), is_running, config=sleeps, before=create, attach=True),
    Scenario("start-all", ("start", "ID"), is_running, before=create, attach=True,
             config=both(sleeps, seccomp, hooks("startContainer", "poststart", "poststop"))),
    Scenario("run", ("run", "-b", "BUNDLE", "ID"), has_run, code=7),
    Scenario("run-all", ("run", "-b", "BUNDLE", "ID"), has_run, code=7, config=both(
        seccomp, hooks("createRuntime", "createContainer", "startContainer", "poststart", "poststop"))),
    Scenario("run-detach", ("run", "--detach", "-b", "BUNDLE", "--pid-file", "SIDE/pid", "ID"), is_running, config=sleeps,
             uses_pid_file=True),
    Scenario("exec", ("exec", "ID", "/bin/sh", "-c", "echo inside; exit 7"), exec_has_run, before=running, config=sleeps, code=7),
    Scenario("exec-all", ("exec", "--detach", "--tty", "--console-socket", "SIDE/console", "--pid-file", "SIDE/pid", "ID", "sleep",
                          "1000"), exec_runs, before=running, config=both(sleeps, seccomp), uses_pid_file=True, terminal=True),
    Scenario("exec-process", ("exec", "--process", "DIR/process.json", "ID"), exec_has_run, before=with_process_file, config=sleeps,
             code=7),
    Scenario("kill", ("kill", "ID", "KILL"), is_dead, before=running, config=sleeps),
    Scenario("kill-all", ("kill", "--all", "ID", "KILL"), is_dead, before=running, config=sleeps),
    Scenario("kill-all-signal", ("kill", "--all", "ID", "USR1"), is_running, before=running, config=sleeps),
    Scenario("state", ("state", "ID"), tells_created, before=create),
    Scenario("list", ("list", "--quiet"), tells_id, before=running, config=sleeps),
    Scenario("ps", ("ps", "--format", "json", "ID"), tells_pids, before=running, config=sleeps),
    Scenario("delete", ("delete", "ID"), is_deleted, before=stopped, config=sleeps),
    Scenario("delete-force", ("delete", "--force", "ID"), is_deleted, before=running,
             config=both(sleeps, hooks("poststop"))),
    Scenario("mounts-add", ("mounts", "add", "--source", "BUNDLE/rootfs/etc", "--destination", "/tmp", "--options", "ro", "ID"),
             is_mounted, undone=is_not_mounted, before=running, config=sleeps),
    Scenario("mounts-add-tmpfs", ("mounts", "add", "--type", "tmpfs", "--destination", "/tmp", "--options", "size=1m", "ID"),
             is_mounted, undone=is_not_mounted, before=running, config=sleeps),
    Scenario("mounts-remove", ("mounts", "remove", "--destination", "/tmp", "ID"), is_not_mounted, before=with_mount, config=sleeps),
    Scenario("sandbox", ("sandbox", "--name", "ID", "DIR/image.tar", "--", "/bin/sh", "-c", "echo ran; exit 7"), sandbox_has_run,
             undone=sandbox_is_gone, before=with_image, code=7, sampled=False),
    Scenario("sandbox-stored", ("sandbox", "--name", "ID", "DIR/image.tar", "--", "/bin/sh", "-c", "echo ran; exit 7"),
             sandbox_has_run, undone=sandbox_is_gone, before=with_stored_image, code=7, sampled=False),
    Scenario("sandbox-directory", ("sandbox", "--name", "ID", "--tmpfs", "/tmp", "BUNDLE/rootfs", "--", "/bin/sh", "-c",
                                   "echo ran; exit 7"), sandbox_has_run, undone=sandbox_is_gone, code=7),
    # Where no cgroup is possible, limits are dropped with a warning.
    Scenario("create-limits-try", ("--limits", "try", "create", "-b", "BUNDLE", "ID"), is_created,
             config=wants_memory, says="warning: without the limit|hint: leave --cgroup-manager out"),
]

# For each kind of cgroups.
for KIND in ("v1", "v2"):
    SCENARIOS += [
        Scenario("create", ("create", "-b", "BUNDLE", "ID"), is_created_in_cgroup, config=limited, kind=KIND),
        Scenario("start", ("start", "ID"), is_running_in_cgroup, config=both(sleeps, limited), before=create, attach=True, kind=KIND),
        Scenario("run", ("run", "-b", "BUNDLE", "ID"), has_run, config=limited, code=7, kind=KIND),
        Scenario("exec", ("exec", "ID", "/bin/sh", "-c", "echo inside; exit 7"), exec_has_run, before=running,
                 config=both(sleeps, limited), code=7, kind=KIND),
        Scenario("exec-below", ("exec", "--cgroup", "below", "ID", "/bin/sh", "-c", "echo inside; exit 7"), exec_has_run,
                 before=running, config=both(sleeps, limited if KIND == "v1" else lambda w, c: None), code=7, kind=KIND),
        Scenario("update", ("update", "--resources", "DIR/resources.json", "ID"), is_updated, undone=is_running_in_cgroup,
                 before=with_new_limits, config=both(sleeps, limited), kind=KIND),
        Scenario("pause", ("pause", "ID"), is_paused, undone=is_running, before=busy, config=both(sleeps, limited),
                 others=True, kind=KIND),
        Scenario("resume", ("resume", "ID"), is_running, before=paused, config=both(sleeps, limited), kind=KIND),
        Scenario("events", ("events", "--stats", "ID"), tells_numbers, before=running, config=both(sleeps, limited), kind=KIND),
        Scenario("ps", ("ps", "--format", "json", "ID"), tells_pids, before=running, config=both(sleeps, limited), kind=KIND),
        Scenario("kill-paused", ("kill", "ID", "KILL"), is_dead, before=paused, config=both(sleeps, limited), kind=KIND),
        Scenario("kill-all", ("kill", "--all", "ID", "KILL"), ends, before=busy, others=True,
                 config=both(sleeps, limited, without_pid_namespace), kind=KIND),
        Scenario("delete", ("delete", "ID"), is_deleted, before=stopped, config=both(sleeps, limited), kind=KIND),
        Scenario("delete-paused", ("delete", "--force", "ID"), is_deleted, before=paused, config=both(sleeps, limited), kind=KIND),
        Scenario("delete-busy", ("delete", "--force", "ID"), is_deleted, before=busy, others=True,
                 config=both(sleeps, limited, without_pid_namespace), kind=KIND),
    ]
SCENARIOS.append(Scenario("create-divided", ("create", "-b", "BUNDLE", "ID"), is_divided, config=both(limited, delegates), kind="v2"))


def by_name(name):
    for s in SCENARIOS:
        if s.name == name:
            return s
    raise SystemExit("fire: no scenario is called " + name)


def write_config(w, scenario):
    with open(w.template) as f:
        config = json.load(f)
    if w.tree:
        config["linux"]["cgroupsPath"] = w.tree.path_of(w.id)
    scenario.config(w, config)
    with open(w.bundle + "/config.json", "w") as f:
        json.dump(config, f)
