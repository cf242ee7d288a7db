# config.md#process and #user: what the program finds of itself.

load lib

# Capability N of the machine, which a user namespace does not give.
has_host_capability() { # N
    is_real_root && ((16#$(awk '/^CapEff/ { print $2 }' /proc/self/status) >> $1 & 1))
}
CAP_SYS_NICE=23
CAP_SYS_RESOURCE=24

# property: process process.args
@test "args are handed on one by one, the first is the program" {
    inspect '.process.args += ["", "two words", "quote\"", "a=b", "üñ", "$HOME *"]'
    expect '.args == ["/probe", "", "two words", "quote\"", "a=b", "üñ", "$HOME *"]'
}

# property: process.args
@test "a program without a slash is looked for in the PATH of env" {
    inspect '.process.args = ["probe"] | .process.env = ["PATH=/none:/"]'
    expect '.args == ["probe"]'
}

# property: process.args
@test "a program that is not there or cannot be run is an error of create" {
    refused '.process.args = ["/no/such/program"]' 'no such file or directory' '/no/such/program'
    refused '.process.args = ["program"]' 'executable file not found in $PATH' 'program'
    refused '.process.args = ["/proc"]' 'permission denied'
    refused '.process.args = []' 'process.args: expected'
    refused 'del(.process.args)' 'process.args: expected'
}

# property: process.cwd
@test "cwd is the working directory" {
    mkdir -p "$B/rootfs/work/here"
    inspect '.process.cwd = "/work/here"'
    expect '.cwd == "/work/here"'
    refused '.process.cwd = "work"' 'process.cwd: expected an absolute path, found "work"'
    refused 'del(.process.cwd)' 'process.cwd: expected an absolute path, found nothing'
    refused '.process.cwd = "/probe"' 'process.cwd: enter "/probe": not a directory'
}

# property: process.env
@test "env is the whole environment, in its order, but for HOME" {
    LEAK=1 inspect '.process.env = ["B=2", "A=1", "EMPTY=", "EQ==x", "PATH=/bin"]'
    expect '.env - ["HOME=/"] == ["B=2", "A=1", "EMPTY=", "EQ==x", "PATH=/bin"]'
    inspect '.process.env = ["HOME=/home"]'
    expect '.env == ["HOME=/home"]'
    inspect 'del(.process.env)'
    expect '.env == ["HOME=/"]'
}

# property: process.env
@test "a variable is NAME=VALUE" {
    ! other_runtime || skip "the specification leaves it open"
    refused '.process.env = ["NAME"]' 'process.env[0]: expected NAME=VALUE, found "NAME"'
    refused '.process.env = ["A=1", "=x"]' 'process.env[1]: expected NAME=VALUE, found "=x"'
}

# property: process.user process.user.uid process.user.gid
# rootless: yes; another id than 0 takes subordinate ids
@test "the program has the uid and gid of the container, all of them" {
    inspect .
    expect '[.uid, .euid, .gid, .egid] == [0, 0, 0, 0]'
    if kind nosub; then
        # Nobody can drop groups where setgroups(2) is forbidden: they may be there to deny something.
        expect '.setgroups == "deny"'
        refused '.process.user = {uid: 1000, gid: 0}' 'process.user.uid: 1000 is not mapped in the user namespace'
        refused '.process.user = {uid: 0, gid: 1001}' 'process.user.gid: 1001 is not mapped in the user namespace'
        return
    fi
    expect '.groups == []'
    inspect '.process.user = {uid: 1000, gid: 1001}'
    expect '[.uid, .euid, .gid, .egid] == [1000, 1000, 1001, 1001]'
    expect '.groups == []'
}

# property: process.user.uid process.user.gid
@test "ids are numbers of 32 bits" {
    refused '.process.user.uid = -1' 'process.user.uid: expected an integer from 0 to 4294967294, found -1'
    refused '.process.user.uid = "0"' 'process.user.uid: expected an integer from 0 to 4294967294, found "0"'
    refused '.process.user.gid = 4294967295' 'process.user.gid: expected an integer from 0 to 4294967294, found 4294967295'
}

# property: process.user.additionalGids
# rootless: with subids: a user namespace of one id may not set groups
@test "additionalGids are the supplementary groups" {
    if kind nosub; then
        refused '.process.user.additionalGids = [10, 20]' 'process.user.additionalGids: the user namespace may not set groups'
        return
    fi
    inspect '.process.user.additionalGids = [10, 20]'
    expect '.groups | sort == [10, 20]'
    ! kind subids userns || refused '.process.user.additionalGids = [10, 4000000000]' \
        'process.user.additionalGids: 4000000000 is not mapped in the user namespace'
}

# property: process.user.umask
@test "the umask is that of config.json, 0022 without one" {
    inspect '.process.user.umask = 63'
    expect '.umask == 63'
    inspect '.process.user.umask = 0'
    expect '.umask == 0'
    umask 0077
    inspect .
    other_runtime || expect '.umask == 18'
    refused '.process.user.umask = 512' 'process.user.umask: expected an integer from 0 to 511, found 512'
}

# property: process.user.username
@test "username is for Windows, and means nothing here" {
    inspect '.process.user.username = "nobody"'
    expect '.uid == 0'
}

# property: process.capabilities
@test "without capabilities there are none" {
    inspect .
    expect '.capabilities | all(. == [])'
}

# property: process.capabilities.bounding process.capabilities.permitted process.capabilities.effective
# property: process.capabilities.inheritable process.capabilities.ambient
@test "each capability set is the one of config.json" {
    inspect '.process.capabilities = {
        bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_NET_RAW"],
        permitted: ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID"],
        effective: ["CAP_CHOWN", "CAP_KILL"],
        inheritable: ["CAP_CHOWN", "CAP_NET_RAW"],
        ambient: ["CAP_CHOWN"]}'
    expect '.capabilities.bounding == ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_NET_RAW"]'
    expect '.capabilities.inheritable == ["CAP_CHOWN", "CAP_NET_RAW"]'
    expect '.capabilities.ambient == ["CAP_CHOWN"]'
    # execve(2) computes these two anew: for uid 0 from the bounding set, capabilities(7).
    expect '.capabilities.permitted | contains(["CAP_CHOWN"])' '.capabilities.effective | contains(["CAP_CHOWN"])'
}

# property: process.capabilities.inheritable process.capabilities.ambient
@test "inheritable and ambient sets that are not asked for are empty" {
    inspect 'grant(["CAP_KILL", "CAP_CHOWN"])'
    expect '.capabilities.bounding == ["CAP_CHOWN", "CAP_KILL"]' '.capabilities.inheritable == []' '.capabilities.ambient == []'
}

# property: process.capabilities.permitted process.capabilities.effective process.capabilities.ambient
@test "a program that is not uid 0 keeps the ambient capabilities and no other" {
    if kind nosub; then
        refused '.process.user.uid = 7' 'process.user.uid: 7 is not mapped'
        return
    fi
    inspect '.process.user.uid = 7 | .process.capabilities = {bounding: ["CAP_CHOWN", "CAP_KILL"],
        permitted: ["CAP_CHOWN", "CAP_KILL"], effective: ["CAP_CHOWN", "CAP_KILL"], inheritable: ["CAP_KILL"],
        ambient: ["CAP_KILL"]}'
    expect '.capabilities.permitted == ["CAP_KILL"]' '.capabilities.effective == ["CAP_KILL"]'
    expect '.capabilities.ambient == ["CAP_KILL"]' '.capabilities.bounding == ["CAP_CHOWN", "CAP_KILL"]'
}

# property: process.capabilities
@test "a capability that the kernel does not know, or that nobody can grant, is a warning" {
    inspect_warned 'this kernel does not know CAP_OF_THE_FUTURE' \
        '.process.capabilities = {bounding: ["CAP_OF_THE_FUTURE", "CAP_KILL"]}'
    expect '.capabilities.bounding == ["CAP_KILL"]'
    if is_real_root && ! has_host_capability $CAP_SYS_RESOURCE; then
        inspect_warned 'CAP_SYS_RESOURCE cannot be granted' \
            '.process.capabilities = {bounding: ["CAP_SYS_RESOURCE", "CAP_KILL"]}'
        expect '.capabilities.bounding == ["CAP_KILL"]'
    fi
}

# property: process.capabilities.ambient process.capabilities.effective
@test "a capability that the kernel does not grant with the other sets as they are is left out with a warning" {
    inspect_warned 'process.capabilities.ambient: CAP_KILL cannot be granted: not in process.capabilities.inheritable' \
        '.process.capabilities = {bounding: ["CAP_KILL"], permitted: ["CAP_KILL"], ambient: ["CAP_KILL"]}'
    expect '.capabilities.ambient == []' '.capabilities.bounding == ["CAP_KILL"]'
    inspect_warned 'process.capabilities.effective: CAP_KILL cannot be granted' \
        '.process.capabilities = {bounding: ["CAP_KILL"], permitted: [], effective: ["CAP_KILL"]}'
}

# property: process.noNewPrivileges
@test "noNewPrivileges sets no_new_privs" {
    inspect '.process.noNewPrivileges = true'
    expect '.noNewPrivileges == true'
    inspect '.process.noNewPrivileges = false'
    expect '.noNewPrivileges == false'
}

# property: process.rlimits process.rlimits[].type process.rlimits[].soft process.rlimits[].hard
@test "every limit has the soft and the hard value of config.json" {
    local limits='[["AS", 1000000000, 2000000000], ["CORE", 0, 0], ["CPU", 100, 200], ["DATA", 500000000, 1000000000],
        ["FSIZE", 1000000, 2000000], ["LOCKS", 10, 20], ["MEMLOCK", 4096, 8192], ["MSGQUEUE", 1000, 2000], ["NICE", 0, 0],
        ["NOFILE", 100, 200], ["NPROC", 300, 400], ["RSS", 1000000, 2000000], ["RTPRIO", 0, 0], ["RTTIME", 100000, 200000],
        ["SIGPENDING", 10, 20], ["STACK", 1000000, 2000000]]'
    inspect "$limits as \$limits | .process.rlimits = [\$limits[] | {type: (\"RLIMIT_\" + .[0]), soft: .[1], hard: .[2]}]"
    expect '.rlimits | length == 16' \
        ".rlimits == ([$limits[] | {key: (\"RLIMIT_\" + .[0]), value: {soft: .[1], hard: .[2]}}] | from_entries)"
}

# property: process.rlimits[].hard
# rootless: yes, but above the caller's hard limit takes CAP_SYS_RESOURCE of the host
@test "a hard limit is raised only by who may" {
    local hard filter
    hard=$(ulimit -H -n)
    [ "$hard" -lt "$(cat /proc/sys/fs/nr_open)" ] || ulimit -H -n $((hard -= 10))
    filter=".process.rlimits = [{type: \"RLIMIT_NOFILE\", soft: 100, hard: $((hard + 1))}]"
    if has_host_capability $CAP_SYS_RESOURCE; then
        inspect "$filter"
        expect ".rlimits.RLIMIT_NOFILE.hard == $((hard + 1))"
        return
    fi
    refused "$filter" \
        "process.rlimits[0].hard: cannot raise RLIMIT_NOFILE to $((hard + 1)), the caller's hard limit is $hard" \
        'CAP_SYS_RESOURCE'
}

# property: process.rlimits process.rlimits[].type process.rlimits[].soft
@test "a limit that the kernel does not have, one that stands twice, one above its hard limit" {
    refused '.process.rlimits = [{type: "RLIMIT_LOVE", soft: 1, hard: 1}]' 'process.rlimits[0].type: expected'
    refused '.process.rlimits = [range(2) | {type: "RLIMIT_NOFILE", soft: 10, hard: 20}]' \
        'process.rlimits[1].type: expected each limit once, found "RLIMIT_NOFILE" in [0] too'
    refused '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 20, hard: 10}]' \
        'process.rlimits[0].soft: expected at most the hard limit 10, found 20'
}

# property: process.oomScoreAdj
@test "oomScoreAdj is set, and without it nothing changes" {
    local now
    now=$(cat /proc/self/oom_score_adj)
    inspect .
    expect ".oomScoreAdj == \"$now\""
    inspect '.process.oomScoreAdj = 900'
    expect '.oomScoreAdj == "900"'
    refused '.process.oomScoreAdj = 1001' 'process.oomScoreAdj: expected an integer from -1000 to 1000, found 1001'
}

# property: process.oomScoreAdj
# rootless: yes, but lower than the caller's takes CAP_SYS_RESOURCE of the host
@test "oomScoreAdj is lowered only by who may" {
    local now
    now=$(cat /proc/self/oom_score_adj)
    [ "$now" -gt -1000 ] || skip "the caller's is the lowest already"
    if has_host_capability $CAP_SYS_RESOURCE; then
        inspect ".process.oomScoreAdj = $((now - 1))"
        expect ".oomScoreAdj == \"$((now - 1))\""
        return
    fi
    refused ".process.oomScoreAdj = $((now - 1))" "process.oomScoreAdj: cannot lower it from $now to $((now - 1))" \
        'CAP_SYS_RESOURCE'
}

# property: process.scheduler process.scheduler.policy process.scheduler.nice process.scheduler.flags
@test "the scheduler has the policy, the nice value and the flags" {
    inspect '.process.scheduler = {policy: "SCHED_BATCH", nice: 7}'
    expect '.scheduler | [.policy, .nice, .flags] == ["SCHED_BATCH", 7, 0]'
    inspect '.process.scheduler = {policy: "SCHED_OTHER", nice: 3, flags: ["SCHED_FLAG_RESET_ON_FORK"]}'
    expect '.scheduler | [.policy, .nice, .flags] == ["SCHED_OTHER", 3, 1]'
    inspect '.process.scheduler = {policy: "SCHED_IDLE"}'
    expect '.scheduler.policy == "SCHED_IDLE"'
}

# property: process.scheduler.priority
# rootless: no: real-time policies take CAP_SYS_NICE of the host, or RLIMIT_RTPRIO
@test "a real-time policy has its priority" {
    if ! has_host_capability $CAP_SYS_NICE; then
        refused '.process.scheduler = {policy: "SCHED_FIFO", priority: 12}' \
            'process.scheduler: run with SCHED_FIFO: operation not permitted (EPERM)' 'RLIMIT_RTPRIO of at least 12'
        return
    fi
    # A cgroup of version 1 has time for such programs only if linux.resources gives it some.
    other_runtime || local GLOBAL=(--cgroup-manager disabled)
    inspect '.process.scheduler = {policy: "SCHED_FIFO", priority: 12}'
    expect '.scheduler | [.policy, .priority] == ["SCHED_FIFO", 12]'
    inspect '.process.scheduler = {policy: "SCHED_RR", priority: 99}'
    expect '.scheduler | [.policy, .priority] == ["SCHED_RR", 99]'
}

# property: process.scheduler.nice
# rootless: yes, but below the caller's takes CAP_SYS_NICE of the host, or RLIMIT_NICE
@test "a nice value below the caller's is for who may" {
    if ! has_host_capability $CAP_SYS_NICE; then
        refused '.process.scheduler = {policy: "SCHED_OTHER", nice: -5}' \
            'process.scheduler: run with SCHED_OTHER: operation not permitted (EPERM)' 'RLIMIT_NICE of at least 25'
        return
    fi
    inspect '.process.scheduler = {policy: "SCHED_OTHER", nice: -5}'
    expect '.scheduler.nice == -5'
}

# property: process.scheduler.runtime process.scheduler.deadline process.scheduler.period
# rootless: no: SCHED_DEADLINE takes CAP_SYS_NICE of the host
@test "SCHED_DEADLINE has its three times" {
    local filter='.process.scheduler = {policy: "SCHED_DEADLINE", runtime: 2000000, deadline: 10000000, period: 20000000}'
    if ! has_host_capability $CAP_SYS_NICE; then
        refused "$filter" 'process.scheduler: run with SCHED_DEADLINE: operation not permitted (EPERM)' CAP_SYS_NICE
        return
    fi
    inspect "$filter"
    expect '.scheduler | [.policy, .runtime, .deadline, .period] == ["SCHED_DEADLINE", 2000000, 10000000, 20000000]'
}

# property: process.scheduler process.scheduler.priority process.scheduler.runtime process.scheduler.flags
@test "a scheduler that contradicts itself, or that the kernel does not have" {
    refused '.process.scheduler = {policy: "SCHED_FIFO"}' 'process.scheduler.priority: expected 1 to 99 with SCHED_FIFO, found 0'
    refused '.process.scheduler = {policy: "SCHED_LIFO"}' 'process.scheduler.policy: expected'
    refused '.process.scheduler = {nice: 1}' 'process.scheduler.policy: expected'
    ! other_runtime || return 0
    refused '.process.scheduler = {policy: "SCHED_OTHER", runtime: 5}' 'process.scheduler.runtime: expected none with SCHED_OTHER'
    refused '.process.scheduler = {policy: "SCHED_ISO"}' 'process.scheduler: run with SCHED_ISO: invalid argument' \
        'the kernel reserves the name'
    refused '.process.scheduler = {policy: "SCHED_OTHER", flags: ["SCHED_FLAG_UTIL_CLAMP_MIN"]}' \
        'process.scheduler.flags: not supported by this version of bryo: SCHED_FLAG_UTIL_CLAMP_MIN'
}

# property: process.ioPriority process.ioPriority.class process.ioPriority.priority
@test "ioPriority sets class and priority" {
    inspect '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 6}'
    expect '.ioPriority == {class: "IOPRIO_CLASS_BE", priority: 6}'
    inspect '.process.ioPriority = {class: "IOPRIO_CLASS_IDLE", priority: 0}'
    expect '.ioPriority.class == "IOPRIO_CLASS_IDLE"'
    refused '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 8}' 'process.ioPriority.priority: expected an integer from 0 to 7, found 8'
    refused '.process.ioPriority = {class: "BEST"}' 'process.ioPriority.class: expected'
}

# property: process.ioPriority.class
# rootless: yes, but IOPRIO_CLASS_RT takes CAP_SYS_NICE of the host
@test "the real-time class of I/O is for who may" {
    local filter='.process.ioPriority = {class: "IOPRIO_CLASS_RT", priority: 4}'
    if ! has_host_capability $CAP_SYS_NICE; then
        refused "$filter" 'process.ioPriority: set IOPRIO_CLASS_RT, priority 4: operation not permitted (EPERM)' CAP_SYS_NICE
        return
    fi
    inspect "$filter"
    expect '.ioPriority == {class: "IOPRIO_CLASS_RT", priority: 4}'
}

# property: process.execCPUAffinity process.execCPUAffinity.initial process.execCPUAffinity.final
@test "execCPUAffinity is for exec, and not for the container's own process" {
    local cpus
    cpus=$(awk '/^Cpus_allowed_list/ { print $2 }' /proc/self/status)
    configure ".process.execCPUAffinity = {initial: \"${cpus##*[,-]}\"}" wait
    bryo run --detach -b "$B" "$ID" </dev/null
    wait_for 5 test -s "$TMP/detached.out"
    expect_of "$TMP/detached.out" ".cpus | length == $(nproc)"
    bryo exec "$ID" /probe >"$REPORT"
    expect ".cpus == [${cpus##*[,-]}]"
    jq '.process | .args = ["/probe"] | .execCPUAffinity = {final: "0-8191"}' "$B/config.json" >"$TMP/process.json"
    bryo exec --process "$TMP/process.json" "$ID" >"$REPORT"
    expect ".cpus | length == $(nproc)"
    jq '.process | .args = ["/probe"] | .execCPUAffinity = {final: "8191"}' "$B/config.json" >"$TMP/process.json"
    run bryo exec --process "$TMP/process.json" "$ID"
    [ "$status" -ne 0 ]
    other_runtime || assert_output 'process.execCPUAffinity.final: run on the CPUs "8191": invalid argument (EINVAL)'
}

# property: process.terminal
@test "a terminal is the controlling one, on all three descriptors, and at /dev/console" {
    configure '.process.terminal = true' path=/dev/console
    "$PROBE" console="$TMP/console" >"$TMP/said" 3>&- &
    wait_for 5 test -S "$TMP/console"
    bryo create --console-socket "$TMP/console" -b "$B" "$ID"
    bryo start "$ID"
    wait $!
    read -r payload <"$TMP/said"
    [ -n "$payload" ]
    sed 1d "$TMP/said" >"$REPORT"
    expect '.terminal.descriptors == [0, 1, 2]' '.terminal.controlling == true' '.sid == .pid'
    expect '.paths["/dev/console"].type == "c"' '.paths["/dev/console"].writable == true'
    expect '.terminal.name | test("^/dev/(pts/0|console)$")'
}

# property: process.terminal
@test "without a terminal there is none" {
    inspect . path=/dev/console
    expect '.terminal.descriptors == []' '.terminal.controlling == false' '.paths["/dev/console"].missing == "ENOENT"'
}

# property: process.consoleSize process.consoleSize.height process.consoleSize.width
@test "consoleSize is the size of the terminal, and means nothing without one" {
    configure '.process.terminal = true | .process.consoleSize = {height: 33, width: 99}'
    "$PROBE" console="$TMP/console" >"$TMP/said" 3>&- &
    wait_for 5 test -S "$TMP/console"
    bryo create --console-socket "$TMP/console" -b "$B" "$ID"
    bryo start "$ID"
    wait $!
    sed 1d "$TMP/said" >"$REPORT"
    expect '.terminal | [.height, .width] == [33, 99]'
    bryo delete "$ID"
    inspect '.process.consoleSize = {height: 33, width: 99}'
    expect '.terminal.descriptors == []'
    refused '.process.consoleSize = {height: 33}' 'process.consoleSize.width: expected'
}

# property: process.apparmorProfile process.selinuxLabel
# rootless: yes, where the machine has the module and its policy allows the change
@test "labels of a security module that is not enabled are refused by its name" {
    [ ! -e /sys/module/apparmor/parameters/enabled ] && [ ! -e /sys/fs/selinux/enforce ] || skip "this machine has a security module"
    refused '.process.apparmorProfile = "box"' \
        'process.apparmorProfile: "box" cannot be had: AppArmor is not enabled on this machine'
    refused '.process.selinuxLabel = "a:b:c:s0"' \
        'process.selinuxLabel: "a:b:c:s0" cannot be had: SELinux is not enabled on this machine'
}
