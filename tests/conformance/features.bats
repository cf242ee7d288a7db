# features.md and features-linux.md: what `features` says is what the tables of config.json say, and what containers do.

load lib

features() {
    [ -s "$REPORT" ] || "$BRYO" features >"$REPORT"
}

# The names that the tables of the parser take for a property.
values_of() { # PROPERTY
    "$BRYO" --dump-schema | jq -c --arg path "$1" '.[] | select(.path == $path) | .values'
}

carried_out() { # PROPERTY
    "$BRYO" --dump-schema | jq --arg path "$1" 'any(.[]; .path == $path and (has("later") | not))'
}

skip_other() {
    ! other_runtime || skip "this compares bryo with its own tables"
}

@test "every member that engines read is there, with its type" {
    features
    expect '[.ociVersionMin, .ociVersionMax] | all(test("^1\\.[0-9]+\\.[0-9]+"))' '.hooks | type == "array"' \
        '.mountOptions | length > 50 and all(type == "string")' '.annotations | type == "object" and all(type == "string")'
    expect '.linux.namespaces, .linux.capabilities | all(type == "string")'
    expect '.linux.cgroup | [.v1, .v2, .systemd, .systemdUser] | all(type == "boolean")'
    expect '.linux.seccomp | (.enabled | type == "boolean") and ([.actions, .operators, .archs] | all(type == "array"))'
    expect '.linux.apparmor.enabled, .linux.selinux.enabled | type == "boolean"'
    other_runtime || expect '.linux.cgroup.rdma | type == "boolean"' \
        '.linux.seccomp | [.knownFlags, .supportedFlags] | all(type == "array")' \
        '.linux.mountExtensions.idmap.enabled, .linux.netDevices.enabled | type == "boolean"' \
        '.linux.intelRdt | [.enabled, .schemata, .monitoring] | all(type == "boolean")' \
        '.linux.memoryPolicy | [.modes, .flags] | all(type == "array")' \
        '.potentiallyUnsafeConfigAnnotations | all(type == "string")'
}

@test "nothing else is there than what the schema of features has" {
    skip_other
    features
    expect 'keys - ["annotations", "hooks", "linux", "mountOptions", "ociVersionMax", "ociVersionMin", "potentiallyUnsafeConfigAnnotations"] == []'
    expect '.linux | keys - ["apparmor", "capabilities", "cgroup", "intelRdt", "memoryPolicy", "mountExtensions", "namespaces",
        "netDevices", "seccomp", "selinux"] == []'
    expect '.linux.seccomp.supportedFlags - .linux.seccomp.knownFlags == []'
    # containerd reads values of annotations up to the end.
    expect '.annotations | all(contains("\n") | not)'
}

@test "names are those that the parser takes" {
    skip_other
    features
    expect ".hooks == $("$BRYO" --dump-schema | jq -c '[.[].path | select(test("^hooks\\.[A-Za-z]+$")) | ltrimstr("hooks.")]')"
    expect ".linux.namespaces == $(values_of 'linux.namespaces[].type')"
    expect ".linux.capabilities - $(values_of process.capabilities.bounding) == []" '.linux.capabilities | length > 37'
    expect ".linux.seccomp.actions == $(values_of linux.seccomp.defaultAction)"
    expect ".linux.seccomp.operators == $(values_of 'linux.seccomp.syscalls[].args[].op')"
    expect ".linux.seccomp.archs == $(values_of linux.seccomp.architectures)"
    expect ".linux.seccomp.knownFlags == $(values_of linux.seccomp.flags)"
    expect ".linux.memoryPolicy.modes == $(values_of linux.memoryPolicy.mode)"
    expect ".linux.memoryPolicy.flags == $(values_of linux.memoryPolicy.flags)"
}

@test "what is on is what the parser does not refuse" {
    skip_other
    features
    expect ".linux.seccomp.enabled == $(carried_out linux.seccomp)"
    expect ".linux.apparmor.enabled == $(carried_out process.apparmorProfile)"
    expect ".linux.selinux.enabled == $(carried_out process.selinuxLabel)"
    expect ".linux.intelRdt.enabled == $(carried_out linux.intelRdt)"
    expect ".linux.netDevices.enabled == $(carried_out linux.netDevices)"
    expect ".linux.mountExtensions.idmap.enabled == $(carried_out 'mounts[].uidMappings')"
    expect ".linux.cgroup.rdma == $(carried_out linux.resources.rdma)"
}

@test "every mount option of the specification is in the list, and mount takes each that is" {
    local wanted
    features
    wanted=$(awk '!/^#/ && NF && $2 ~ /MUST/ { print $1 }' "$BRYO_TOP/tests/conformance/mount-options" | jq -R . | jq -s -c .)
    expect "$wanted - .mountOptions == []"
    other_runtime || expect "$(awk '!/^#/ && NF { print $1 }' "$BRYO_TOP/tests/conformance/mount-options" | jq -R . | jq -s -c .) - .mountOptions == []"
}

@test "the annotation that changes what a process may is called unsafe" {
    skip_other
    features
    expect '.potentiallyUnsafeConfigAnnotations | any("run.oci.keep_original_groups" | startswith(.))'
}

@test "what features says of seccomp flags is what the kernel takes" {
    features
    local flag
    for flag in $(jq -r '.linux.seccomp.supportedFlags // [] | .[]' "$REPORT"); do
        [ "$flag" != SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV ] || continue
        configure "filter([]) | .linux.seccomp.flags = [\"$flag\"]" brief
        bryo run -b "$B" "$ID" </dev/null >/dev/null
    done
}
