# config-linux.md#namespaces, #user-namespace-mappings, #offset-for-time-namespace, #network-devices, #sysctl; config.md
# #hostname and #domainname.

load lib

# The names below /proc/PID/ns.
NAMES=(mnt pid net uts ipc user cgroup time)

own() { # NAME
    readlink "/proc/self/ns/$1"
}

# A container that runs on, whose namespaces can be joined; $PID.
start_host() { # FILTER
    configure "$1" wait
    bryo run --detach -b "$B" "$ID" </dev/null >/dev/null
    PID=$(bryo state "$ID" | jq .pid)
    wait_for 5 test -s "$TMP/detached.out"
    ID=$ID-2
}

# property: linux linux.namespaces linux.namespaces[].type
@test "every type of namespace is made new" {
    local name
    inspect '.linux.namespaces = [("mount", "pid", "network", "uts", "ipc", "user", "cgroup", "time") | {type: .}]'"
        | $(kind nosub && one_id_maps || echo .) | $(kind root && echo '.linux.uidMappings = [{containerID: 0, hostID: 0, size: 4294967295}]
        | .linux.gidMappings = .linux.uidMappings' || echo .)"
    for name in "${NAMES[@]}"; do
        expect ".namespaces.$name | startswith(\"$name:\") and . != \"$(own "$name")\""
    done
    expect '.pid == 1'
}

# property: linux.namespaces
@test "one that is not named is the caller's" {
    inspect '.linux.namespaces |= map(select(.type | IN("mount", "pid", "user")))'
    local name
    for name in net uts ipc cgroup time; do
        expect ".namespaces.$name == \"$(own $name)\""
    done
}

# property: linux.namespaces
@test "without a user namespace root has none, and everybody else gets one all the same" {
    local filter='del(.linux.namespaces[] | select(.type == "user")) | del(.linux.uidMappings, .linux.gidMappings)'
    if kind nosub; then
        inspect_warned 'only the own uid and gid will be mapped' "$filter"
    else
        inspect "$filter"
    fi
    if kind root userns; then
        expect ".namespaces.user == \"$(own user)\""
    else
        expect ".namespaces.user != \"$(own user)\""
    fi
}

# property: linux.namespaces
@test "a type stands once, and is one of the specification's" {
    refused '.linux.namespaces += [{type: "uts"}]' 'linux.namespaces' 'expected each type once, found "uts"'
    refused '.linux.namespaces += [{type: "space"}]' 'expected' 'found "space"'
    refused '.linux.namespaces += [{}]' '.type: expected'
}

# property: linux.namespaces[].path
@test "the namespaces of another container are joined by path" {
    start_host '.hostname = "first"'
    local user=.
    kind root || user=".linux.namespaces |= map(if .type == \"user\" then .path = \"/proc/$PID/ns/user\" else . end)
        | del(.linux.uidMappings, .linux.gidMappings)"
    inspect "$user | .linux.namespaces |= map({network: \"net\", ipc: \"ipc\", uts: \"uts\", pid: \"pid\"}[.type] as \$name
        | if \$name then .path = \"/proc/$PID/ns/\\(\$name)\" else . end)"
    local name
    for name in net ipc uts pid; do
        expect ".namespaces.$name == \"$(readlink "/proc/$PID/ns/$name")\""
    done
    kind root || expect ".namespaces.user == \"$(readlink "/proc/$PID/ns/user")\""
    expect '.hostname == "first"' '.pid > 1'
}

# property: linux.namespaces[].path process.user.uid
@test "in a user namespace that is joined, ids that it does not map are refused" {
    ! kind root || skip "root joins none here"
    start_host .
    local join=".linux.namespaces |= map(if .type == \"user\" then .path = \"/proc/$PID/ns/user\" else . end)
        | del(.linux.uidMappings, .linux.gidMappings)"
    refused "$join | .process.user.uid = 4000000000" 'process.user.uid: 4000000000 is not mapped in the user namespace'
    refused "$join | .process.user.gid = 4000000000" 'process.user.gid: 4000000000 is not mapped in the user namespace'
}

# property: linux.namespaces[].path
@test "a path that is no namespace of that type" {
    refused '.linux.namespaces |= map(if .type == "uts" then .path = "/proc/self/ns/ipc" else . end)' \
        '/proc/self/ns/ipc' 'linux.namespaces[4]'
    refused '.linux.namespaces |= map(if .type == "uts" then .path = "/etc/passwd" else . end)' '/etc/passwd'
    refused '.linux.namespaces |= map(if .type == "uts" then .path = "/no/such/file" else . end)' 'no such file or directory'
    refused '.linux.namespaces |= map(if .type == "uts" then .path = "relative" else . end)' 'expected an absolute path, found "relative"'
}

# property: linux.uidMappings linux.uidMappings[].containerID linux.uidMappings[].hostID linux.uidMappings[].size
# property: linux.gidMappings linux.gidMappings[].containerID linux.gidMappings[].hostID linux.gidMappings[].size
# rootless: yes; more than the own id takes subordinate ids
@test "the maps of the user namespace are those of config.json" {
    local filter uid gid
    uid=$(id -u) gid=$(id -g)
    inspect ".linux.namespaces |= (map(select(.type != \"user\")) + [{type: \"user\"}])
        | .linux.uidMappings = [{containerID: 0, hostID: $uid, size: 1}] | .linux.gidMappings = [{containerID: 0, hostID: $gid, size: 1}]"
    expect "[.uidMap, .gidMap | [splits(\" +\")]] == [[\"\", \"0\", \"$uid\", \"1\"], [\"\", \"0\", \"$gid\", \"1\"]]"
    case $KIND in
        root) uid=300000 gid=400000 ;;
        userns) uid=5 gid=6 ;;
        *) uid=$(awk -F: -v u="$(id -un)" '$1 == u { print $2; exit }' /etc/subuid)
            gid=$(awk -F: -v u="$(id -un)" '$1 == u { print $2; exit }' /etc/subgid) ;;
    esac
    filter=".linux.namespaces |= (map(select(.type != \"user\")) + [{type: \"user\"}])
        | .linux.uidMappings = [{containerID: 0, hostID: $(id -u), size: 1}, {containerID: 10, hostID: ${uid:-100000}, size: 20}]
        | .linux.gidMappings = [{containerID: 0, hostID: $(id -g), size: 1}, {containerID: 30, hostID: ${gid:-100000}, size: 40}]"
    if kind nosub; then
        refused "$filter" 'linux.uidMappings[1]'
        return
    fi
    inspect "$filter | .process.user = {uid: 29, gid: 69, additionalGids: [30]}"
    expect ".uidMap | [splits(\"[ \\n]+\")] == [\"\", \"0\", \"$(id -u)\", \"1\", \"10\", \"$uid\", \"20\"]"
    expect ".gidMap | [splits(\"[ \\n]+\")] == [\"\", \"0\", \"$(id -g)\", \"1\", \"30\", \"$gid\", \"40\"]"
    expect '[.uid, .gid, .groups] == [29, 69, [30]]'
    refused "$filter | .process.user.uid = 30" 'process.user.uid: 30 is not mapped'
}

# property: linux.uidMappings linux.gidMappings
@test "maps that cannot be" {
    refused '.linux.uidMappings = [{containerID: 0, hostID: 0, size: 1}] | del(.linux.gidMappings)
        | .linux.namespaces |= (map(select(.type != "user")) + [{type: "user"}])' 'linux.gidMappings: expected mappings'
    refused '.linux.uidMappings = [{containerID: 0, hostID: 0, size: 1}] | .linux.gidMappings = .linux.uidMappings
        | del(.linux.namespaces[] | select(.type == "user"))' 'linux.uidMappings: expected a user namespace in linux.namespaces'
    refused '.linux.uidMappings = [{containerID: 0, hostID: 0}]' 'linux.uidMappings[0].size: expected'
    refused '.linux.uidMappings = [{containerID: 0, hostID: 0, size: 0}]' 'linux.uidMappings[0].size: expected'
    kind root || refused '.linux.uidMappings = [{containerID: 0, hostID: 4294000000, size: 5}] | .linux.gidMappings = .linux.uidMappings' \
        'linux.uidMappings[0]'
}

# property: linux.timeOffsets linux.timeOffsets.boottime linux.timeOffsets.boottime.secs linux.timeOffsets.boottime.nanosecs
# property: linux.timeOffsets.monotonic linux.timeOffsets.monotonic.secs linux.timeOffsets.monotonic.nanosecs
@test "the clocks of a time namespace have their offsets" {
    [ -e /proc/self/ns/time ] || skip "this kernel has no time namespaces"
    inspect '.linux.namespaces += [{type: "time"}]
        | .linux.timeOffsets = {monotonic: {secs: 5000000, nanosecs: 7}, boottime: {secs: 9000000, nanosecs: 8}}'
    expect '.timeOffsets | [splits("[ \n]+")] == ["monotonic", "5000000", "7", "boottime", "9000000", "8"]'
    expect '.clocks | .monotonic > 5000000 and .boottime > 9000000'
    inspect '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {boottime: {secs: 1}}'
    expect '.timeOffsets | [splits("[ \n]+")] == ["monotonic", "0", "0", "boottime", "1", "0"]'
}

# property: linux.timeOffsets linux.timeOffsets.monotonic.nanosecs
@test "time offsets need a new time namespace, and nanoseconds below a second" {
    refused '.linux.timeOffsets = {boottime: {secs: 1}}' 'linux.timeOffsets: expected a new time namespace in linux.namespaces'
    refused '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {monotonic: {nanosecs: 1000000000}}' \
        'linux.timeOffsets.monotonic.nanosecs: expected'
}

# property: hostname domainname
@test "the host name and the domain name" {
    inspect '.hostname = "moss" | .domainname = "forest.example"'
    expect '.hostname == "moss"'
    expect '.domainname == "forest.example"'
    refused '.hostname = ("x" * 65)' 'hostname: expected a name of at most 64 bytes'
    refused '.hostname = "moss" | del(.linux.namespaces[] | select(.type == "uts"))' 'hostname: expected a uts namespace in linux.namespaces'
    refused '.domainname = "x" | del(.linux.namespaces[] | select(.type == "uts"))' 'domainname: expected a uts namespace in linux.namespaces'
}

# property: linux.namespaces[].type
@test "a new network namespace has its loopback up and nothing else" {
    inspect .
    expect '.interfaces | keys - ["lo", "tunl0", "sit0", "ip6tnl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "ip6gre0"] == []'
    expect '.interfaces.lo | .up and (.addresses | contains(["127.0.0.1"]))'
}

# property: linux.netDevices linux.netDevices{}.name
# rootless: no: the interfaces of the host are root's; those of an own network namespace can be moved
@test "an interface moves into the container, under its name or another" {
    if ! kind root; then
        refused '.linux.netDevices = {lo: {name: "eth0"}}' 'linux.netDevices.lo'
        return
    fi
    skip_without ip
    unshare --net ip link add conf0 type veth peer name conf1 || skip "this kernel makes no veth interfaces"
    configure '.linux.netDevices = {"conf0": {}, "conf1": {name: "eth0"}}'
    unshare --net sh -c 'ip link add conf0 type veth peer name conf1 && ip addr add 192.0.2.7/24 dev conf0 &&
        exec "$0" --root "$1" run -b "$2" "$3"' "$BRYO" "$BRYO_ROOT" "$B" "$ID" </dev/null >"$REPORT"
    expect '.interfaces | has("conf0") and has("eth0") and (has("conf1") | not)'
    expect '.interfaces.conf0 | .up and (.addresses | contains(["192.0.2.7"]))'
}

# property: linux.netDevices
@test "an interface that is not there, and one that needs a network namespace" {
    refused '.linux.netDevices = {"no-such": {}}' 'linux.netDevices.no-such'
    refused '.linux.netDevices = {lo: {}} | del(.linux.namespaces[] | select(.type == "network"))' \
        'linux.netDevices: expected a network namespace in linux.namespaces'
}

# property: linux.sysctl
@test "sysctls of the container's own namespaces are set" {
    inspect '.linux.sysctl = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "4096", "net/core/somaxconn": "77"}' \
        path=/proc/sys/net/ipv4/ip_forward path=/proc/sys/kernel/msgmax path=/proc/sys/net/core/somaxconn
    expect '[.paths[].content] == ["1\n", "4096\n", "77\n"]'
}

# property: linux.sysctl
@test "a sysctl of the whole machine, of a namespace that is not there, of nothing" {
    refused '.linux.sysctl = {"kernel.panic": "1"}' \
        'linux.sysctl["kernel.panic"]: not a sysctl of a namespace, it would change the whole host'
    refused '.linux.sysctl = {"net.ipv4.ip_forward": "1"} | del(.linux.namespaces[] | select(.type == "network"))' \
        "linux.sysctl[\"net.ipv4.ip_forward\"]: needs a network namespace of the container's own"
    refused '.linux.sysctl = {"net.no.such": "1"}' 'linux.sysctl["net.no.such"]: open "/proc/sys/net/no/such": no such file or directory'
    refused '.linux.sysctl = {"net.ipv4.ip_forward": "many"}' 'linux.sysctl["net.ipv4.ip_forward"]: write "many"'
    refused '.linux.sysctl = {"net.ipv4.ip_forward": 1}' 'linux.sysctl["net.ipv4.ip_forward"]: expected a string, found 1'
}
