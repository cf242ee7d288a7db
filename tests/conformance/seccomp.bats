# config-linux.md#seccomp: what a filter lets through, denies, kills and reports.

load lib

# Most tests set noNewPrivileges, which lets a runtime load the filter last: without it some need system calls of their own
# behind it. sysinfo(2) is a call that no runtime needs and neither does the probe.

x86_64_only() {
    [ "$(uname -m)" = x86_64 ] || skip "numbers of an x86-64"
}

# property: linux.seccomp linux.seccomp.defaultAction linux.seccomp.syscalls linux.seccomp.syscalls[].names
# property: linux.seccomp.syscalls[].action
@test "calls that are named get their action, the others the default one" {
    inspect 'filter([
        {names: ["sysinfo", "chroot"], action: "SCMP_ACT_ERRNO"}, {names: ["fsopen"], action: "SCMP_ACT_KILL_PROCESS"}])' \
        call=sysinfo call=chroot call=fsopen call=getpid
    expect '.seccomp == "2"' '.seccompFilters == "1"'
    expect '.calls.sysinfo == "EPERM"' '.calls.chroot == "EPERM"' '.calls.fsopen == "SIGSYS"' '.calls.getpid == "ok"'
}

# property: linux.seccomp
@test "a filter needs no noNewPrivileges" {
    inspect 'filter([{names: ["sysinfo"], action: "SCMP_ACT_ERRNO"}]) | del(.process.noNewPrivileges)' call=sysinfo
    expect '.calls.sysinfo == "EPERM"' '.noNewPrivileges == false' '.seccomp == "2"'
}

# property: linux.seccomp
@test "without seccomp there is no filter" {
    inspect . call=sysinfo
    expect '.seccomp == "0"' '.calls.sysinfo == "ok"'
}

# property: linux.seccomp.defaultAction linux.seccomp.defaultErrnoRet
@test "a default that denies lets through what is named, and its errno is the one of config.json" {
    local allowed='["execve", "exit", "exit_group", "read", "write", "open", "openat", "close", "fstat", "newfstatat", "brk", "mmap",
        "munmap", "mprotect", "arch_prctl", "set_tid_address", "set_robust_list", "rseq", "prlimit64", "readlink", "readlinkat",
        "getrandom", "uname", "clone", "clone3", "fork", "wait4", "waitid", "rt_sigaction", "rt_sigprocmask", "access",
        "faccessat", "faccessat2", "futex", "nanosleep", "rt_sigreturn", "getpid", "fstatfs", "fcntl", "getdents64", "lseek"]'
    inspect ".process.noNewPrivileges = true | .linux.seccomp = {defaultAction: \"SCMP_ACT_ERRNO\", syscalls: [{names: $allowed, action: \"SCMP_ACT_ALLOW\"}]}" \
        brief call=sysinfo call=getpid
    expect '.calls == {sysinfo: "EPERM", getpid: "ok"}'
    inspect ".process.noNewPrivileges = true | .linux.seccomp = {defaultAction: \"SCMP_ACT_ERRNO\", defaultErrnoRet: 38, syscalls: [{names: $allowed,
        action: \"SCMP_ACT_ALLOW\"}]}" brief call=sysinfo call=chroot
    expect '.calls == {sysinfo: "ENOSYS", chroot: "ENOSYS"}'
    inspect ".process.noNewPrivileges = true
        | .linux.seccomp = {defaultAction: \"SCMP_ACT_KILL_PROCESS\", syscalls: [{names: $allowed, action: \"SCMP_ACT_ALLOW\"}]}" \
        brief call=sysinfo call=getpid
    expect '.calls == {sysinfo: "SIGSYS", getpid: "ok"}'
}

# property: linux.seccomp.syscalls[].action
@test "every action does what it says" {
    inspect 'filter([
        {names: ["sysinfo"], action: "SCMP_ACT_KILL"}, {names: ["chroot"], action: "SCMP_ACT_KILL_THREAD"},
        {names: ["fsopen"], action: "SCMP_ACT_KILL_PROCESS"}, {names: ["mkdirat"], action: "SCMP_ACT_TRAP"},
        {names: ["sethostname"], action: "SCMP_ACT_TRACE"}, {names: ["setuid"], action: "SCMP_ACT_LOG"},
        {names: ["unshare"], action: "SCMP_ACT_ALLOW"}])' \
        call=sysinfo call=chroot call=fsopen call=mkdir call=sethostname call=setuid call=getpid
    expect '.calls.sysinfo == "SIGSYS"' '.calls.chroot == "SIGSYS"' '.calls.fsopen == "SIGSYS"' '.calls.mkdir == "SIGSYS"'
    # Nobody traces: the kernel answers ENOSYS. Logged calls are made.
    expect '.calls.sethostname == "ENOSYS"' '.calls.setuid | IN("ok", "EPERM", "EINVAL")' '.calls.getpid == "ok"'
    refused '.linux.seccomp = {defaultAction: "SCMP_ACT_DREAM"}' 'linux.seccomp.defaultAction: expected'
    refused 'filter([{names: ["sysinfo"], action: "DENY"}])' \
        'linux.seccomp.syscalls[0].action: expected'
}

# property: linux.seccomp.syscalls[].errnoRet
@test "errnoRet is the errno, for the actions that have one" {
    inspect 'filter([
        {names: ["sysinfo"], action: "SCMP_ACT_ERRNO", errnoRet: 13}, {names: ["chroot"], action: "SCMP_ACT_ERRNO", errnoRet: 38}])' \
        call=sysinfo call=chroot
    expect '.calls == {sysinfo: "EACCES", chroot: "ENOSYS"}'
    refused 'filter([{names: ["sysinfo"], action: "SCMP_ACT_KILL", errnoRet: 13}])' \
        'linux.seccomp.syscalls[0].errnoRet: expected nothing, since the action returns no errno, found 13'
    refused '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", defaultErrnoRet: 13}' \
        'linux.seccomp.defaultErrnoRet: expected nothing, since the action returns no errno, found 13'
}

# property: linux.seccomp.syscalls[].args linux.seccomp.syscalls[].args[].index linux.seccomp.syscalls[].args[].op
# property: linux.seccomp.syscalls[].args[].value linux.seccomp.syscalls[].args[].valueTwo
@test "arguments are compared by every operator, in all 64 bits" {
    x86_64_only
    # lseek (8) of a descriptor that is not open: EBADF unless the filter says otherwise; the offset is argument 1.
    local op below equal above
    while read -r op below equal above; do
        inspect ".linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [{names: [\"lseek\"], action: \"SCMP_ACT_ERRNO\",
            errnoRet: 13, args: [{index: 0, op: \"SCMP_CMP_EQ\", value: 900}, {index: 1, op: \"SCMP_CMP_$op\", value: 4294967300}]}]}" \
            brief call=8:900:4294967299 call=8:900:4294967300 call=8:900:4294967301 call=8:901:4294967300
        expect "[.calls[]] == [\"$below\", \"$equal\", \"$above\", \"EBADF\"]"
    done <<'TABLE'
NE EACCES EBADF EACCES
LT EACCES EBADF EBADF
LE EACCES EACCES EBADF
EQ EBADF EACCES EBADF
GE EBADF EACCES EACCES
GT EBADF EBADF EACCES
TABLE
    # The value is the mask, the second value what must be left of it.
    inspect 'filter([{names: ["lseek"], action: "SCMP_ACT_ERRNO", errnoRet: 13,
        args: [{index: 1, op: "SCMP_CMP_MASKED_EQ", value: 240, valueTwo: 160}]}])' brief call=8:900:0xa5 call=8:900:0x1a0 call=8:900:0xb0
    expect '[.calls[]] == ["EACCES", "EACCES", "EBADF"]'
    refused 'filter([{names: ["lseek"], action: "SCMP_ACT_ERRNO",
        args: [{index: 6, op: "SCMP_CMP_EQ", value: 1}]}])' 'linux.seccomp.syscalls[0].args[0].index: expected'
    refused 'filter([{names: ["lseek"], action: "SCMP_ACT_ERRNO",
        args: [{index: 0, op: "LIKE", value: 1}]}])' 'linux.seccomp.syscalls[0].args[0].op: expected'
}

# property: linux.seccomp.syscalls[].names
@test "a call that this kernel's headers do not know is passed over, a rule without names refused" {
    inspect 'filter([
        {names: ["call_of_the_future", "sysinfo"], action: "SCMP_ACT_ERRNO"}])' call=sysinfo
    expect '.calls.sysinfo == "EPERM"'
    refused 'filter([{names: [], action: "SCMP_ACT_ERRNO"}])' \
        'linux.seccomp.syscalls[0].names: expected'
    refused 'filter([{action: "SCMP_ACT_ERRNO"}])' \
        'linux.seccomp.syscalls[0].names: expected'
}

# property: linux.seccomp.architectures
@test "the rules hold for every architecture that is named, and no other gets through" {
    x86_64_only
    local profile='filter([{names: ["getpid"], action: "SCMP_ACT_ERRNO", errnoRet: 13}])'
    inspect . call=32:20
    local has_32=false
    [ "$(jq -r '.calls["32:20"]' "$REPORT")" != ok ] || has_32=true
    inspect "$profile | .linux.seccomp.architectures = [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\"]" call=getpid call=32:20
    expect '.calls.getpid == "EACCES"'
    ! $has_32 || expect '.calls["32:20"] == "EACCES"'
    # An architecture that the filter does not know: libseccomp's "bad arch" action, which is to kill.
    inspect "$profile | .linux.seccomp.architectures = [\"SCMP_ARCH_X86_64\"]" call=getpid call=32:20 call=x32:39
    expect '.calls.getpid == "EACCES"' '.calls["32:20"] != "ok"' '.calls["x32:39"] != "ok"'
    refused "$profile | .linux.seccomp.architectures = [\"SCMP_ARCH_Z80\"]" 'linux.seccomp.architectures[0]: expected'
}

# property: linux.seccomp.flags
@test "every flag that the kernel knows is taken" {
    local flag
    for flag in $("$BRYO" features | jq -r '.linux.seccomp.supportedFlags[]'); do
        # The kernel takes this one with a listener only.
        [ "$flag" != SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV ] || continue
        inspect ".linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", flags: [\"$flag\"], syscalls: [{names: [\"sysinfo\"],
            action: \"SCMP_ACT_ERRNO\"}]}" call=sysinfo
        expect '.calls.sysinfo == "EPERM"'
    done
    refused '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", flags: ["SECCOMP_FILTER_FLAG_UP"]}' 'linux.seccomp.flags[0]: expected'
}

# Takes the container process state and the listener of one container, answers each call with an errno.
agent() { # SOCKET STATE-FILE
    python3 - "$1" "$2" <<'PY'
import array, errno, fcntl, os, socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(1)
c, _ = s.accept()
data, fds = b"", array.array("i")
while True:
    part, anc, _, _ = c.recvmsg(65536, socket.CMSG_SPACE(16))
    for _, kind, payload in anc:
        fds.frombytes(payload[:4])
    if not part:
        break
    data += part
with open(sys.argv[2], "wb") as f:
    f.write(data)
RECV, SEND = 0xc0502100, 0xc0182101
buffer = bytearray(80)
try:
    while True:
        fcntl.ioctl(fds[0], RECV, buffer)
        id_, = struct.unpack_from("=Q", buffer)
        fcntl.ioctl(fds[0], SEND, struct.pack("=Qqii", id_, 0, -errno.EXDEV, 0))
        buffer = bytearray(80)
except OSError:
    pass
PY
}

# property: linux.seccomp.listenerPath linux.seccomp.listenerMetadata
@test "a listener gets the state of the container and the descriptor, and answers the calls" {
    skip_without python3
    configure ".process.noNewPrivileges = true | .linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", listenerPath: \"$TMP/agent\", listenerMetadata: \"words\",
        flags: [\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"], syscalls: [{names: [\"sysinfo\"], action: \"SCMP_ACT_NOTIFY\"}]}" \
        brief call=sysinfo call=getpid
    jq -e '[.linux.seccomp.flags[]] - $supported == []' --argjson supported "$("$BRYO" features | jq .linux.seccomp.supportedFlags)" \
        "$B/config.json" >/dev/null || edit_config "$B" 'del(.linux.seccomp.flags)'
    agent "$TMP/agent" "$TMP/state.json" 3>&- &
    local agent=$!
    wait_for 5 test -S "$TMP/agent"
    bryo run -b "$B" "$ID" </dev/null >"$REPORT"
    expect '.calls == {sysinfo: "EXDEV", getpid: "ok"}'
    # The listener ends with the last process that has the filter.
    kill $agent 2>/dev/null || true
    wait $agent 2>/dev/null || true
    expect_of "$TMP/state.json" '.fds == ["seccompFd"]' '.metadata == "words"' ".state.id == \"$ID\"" '.state.bundle != null' \
        '.pid > 0' '.ociVersion | startswith("1.")' '.state.status | IN("creating", "created", "running")'
}

# property: linux.seccomp.listenerPath linux.seccomp.listenerMetadata
@test "notification needs a listener, and metadata too" {
    refused 'filter([{names: ["sysinfo"], action: "SCMP_ACT_NOTIFY"}])' \
        "linux.seccomp.listenerPath: expected a socket's path, since SCMP_ACT_NOTIFY is used"
    refused '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerMetadata: "words"}' \
        'linux.seccomp.listenerMetadata: expected nothing without listenerPath'
    refused '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: "/no/such/socket",
        syscalls: [{names: ["sysinfo"], action: "SCMP_ACT_NOTIFY"}]}' 'linux.seccomp.listenerPath' '/no/such/socket'
    # Without the action the path means nothing.
    inspect '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: "/no/such/socket"}'
}

# property: linux.seccomp
@test "a filter holds for exec too" {
    configure 'filter([{names: ["sysinfo"], action: "SCMP_ACT_ERRNO"}])' wait
    bryo run --detach -b "$B" "$ID" </dev/null >/dev/null
    bryo exec "$ID" /probe call=sysinfo >"$REPORT"
    expect '.calls.sysinfo == "EPERM"' '.seccomp == "2"'
}
