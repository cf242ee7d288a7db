"""The calls of bryo that tests/fire/run puts under fire: what stands before each, and what has to be true when it succeeds.

A scenario runs in a Worker (worker.py), which has a state directory, a bundle for it and a place for pid files and sockets.
"""
import json
import os


class Scenario:
    """config: edits the configuration. before: prepares. command: the words behind `bryo --root ROOT`.
    attach: the waiting init is looked at, too. done: raises Wrong unless the call has had its effect."""

    def __init__(self, name, command, done, config=None, before=None, attach=False, code=0, uses_pid_file=False, terminal=False):
        self.name = name
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
    Scenario("kill", ("kill", "ID", "KILL"), is_dead, before=running, config=sleeps),
    Scenario("kill-all", ("kill", "--all", "ID", "KILL"), is_dead, before=running, config=sleeps),
    Scenario("state", ("state", "ID"), tells_created, before=create),
    Scenario("list", ("list", "--quiet"), tells_id, before=running, config=sleeps),
    Scenario("ps", ("ps", "--format", "json", "ID"), tells_pids, before=running, config=sleeps),
    Scenario("delete", ("delete", "ID"), is_deleted, before=stopped, config=sleeps),
    Scenario("delete-force", ("delete", "--force", "ID"), is_deleted, before=running,
             config=both(sleeps, hooks("poststop"))),
]


def by_name(name):
    for s in SCENARIOS:
        if s.name == name:
            return s
    raise SystemExit("fire: no scenario is called " + name)


def write_config(w, scenario):
    with open(w.template) as f:
        config = json.load(f)
    scenario.config(w, config)
    with open(w.bundle + "/config.json", "w") as f:
        json.dump(config, f)
