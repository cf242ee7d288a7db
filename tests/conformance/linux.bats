# config-linux.md: what has no file of its own here.

load lib

# property: linux.personality linux.personality.domain
@test "the personality is the one of config.json" {
    inspect '.linux.personality = {domain: "LINUX32"}'
    expect '.personality == 8' '.machine | IN("i686", "armv8l", "armv7l", "x86") or (. != "x86_64" and . != "aarch64")'
    inspect '.linux.personality = {domain: "LINUX"}'
    expect '.personality == 0'
    refused '.linux.personality = {domain: "BSD"}' 'linux.personality.domain: expected'
}

# property: linux.personality.flags
@test "the specification defines no flag of a personality, and each is refused" {
    inspect '.linux.personality = {domain: "LINUX", flags: []}'
    ! other_runtime || return 0
    refused '.linux.personality = {domain: "LINUX", flags: ["ADDR_NO_RANDOMIZE"]}' 'linux.personality.flags: not supported by this version of bryo'
}

# property: linux.memoryPolicy linux.memoryPolicy.mode linux.memoryPolicy.nodes linux.memoryPolicy.flags
@test "the memory policy has mode, nodes and flags" {
    [ -e /proc/self/numa_maps ] || skip "the kernel has no NUMA policies"
    local node
    node=$(awk '/^Mems_allowed_list/ { print $2 }' /proc/self/status)
    node=${node##*[,-]}
    inspect ".linux.memoryPolicy = {mode: \"MPOL_BIND\", nodes: \"$node\", flags: [\"MPOL_F_STATIC_NODES\"]}"
    expect ".memoryPolicy == {mode: 2, flags: 32768, nodes: [$node]}"
    inspect ".linux.memoryPolicy = {mode: \"MPOL_PREFERRED\", nodes: \"$node\", flags: [\"MPOL_F_RELATIVE_NODES\"]}"
    expect ".memoryPolicy | [.mode, .flags] == [1, 16384]"
    inspect ".linux.memoryPolicy = {mode: \"MPOL_INTERLEAVE\", nodes: \"$node\"}"
    expect ".memoryPolicy == {mode: 3, flags: 0, nodes: [$node]}"
    inspect '.linux.memoryPolicy = {mode: "MPOL_LOCAL"}'
    expect '.memoryPolicy.mode == 4'
    inspect '.linux.memoryPolicy = {mode: "MPOL_DEFAULT"}'
    expect '.memoryPolicy == {mode: 0, flags: 0, nodes: []}'
}

# property: linux.memoryPolicy.mode linux.memoryPolicy.nodes linux.memoryPolicy.flags
@test "a memory policy that cannot be" {
    refused '.linux.memoryPolicy = {mode: "MPOL_INTERLEAVE"}' 'linux.memoryPolicy.nodes: expected at least one with MPOL_INTERLEAVE, found none'
    refused '.linux.memoryPolicy = {nodes: "0"}' 'linux.memoryPolicy.mode: expected'
    refused '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "zero"}' 'linux.memoryPolicy.nodes: expected'
    refused '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_MAYBE"]}' 'linux.memoryPolicy.flags[0]: expected'
    [ ! -e /proc/self/numa_maps ] || refused '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "8191"}' \
        'linux.memoryPolicy: set MPOL_BIND for the nodes "8191": invalid argument (EINVAL)'
}

# property: linux.intelRdt linux.intelRdt.closID linux.intelRdt.schemata linux.intelRdt.l3CacheSchema linux.intelRdt.memBwSchema
# property: linux.intelRdt.enableMonitoring
# rootless: no: the resctrl file system belongs to root
# note: with a resctrl file system, of which `tests/unit/test_resctrl.c` has an imitation
@test "intelRdt without a resctrl file system is an error, also when it asks for a class named after the container" {
    ! other_runtime || skip "the words are bryo's"
    ! grep -q ' - resctrl ' /proc/self/mountinfo || skip "this machine has resctrl mounted"
    local filter
    for filter in '{}' '{closID: "box"}' '{schemata: ["L3:0=f"]}' '{l3CacheSchema: "L3:0=f"}' '{memBwSchema: "MB:0=50"}' '{enableMonitoring: true}'; do
        refused ".linux.intelRdt = $filter" 'linux.intelRdt: no resctrl file system is mounted' 'mount -t resctrl resctrl /sys/fs/resctrl'
    done
    refused '.linux.intelRdt = {memBwSchema: "L3:0=f"}' 'linux.intelRdt.memBwSchema: expected a line that starts with "MB:"'
}
