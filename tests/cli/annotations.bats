# Annotations run.oci.*: those that engines set for crun work, are refused or are warned about, each by its name.

load ../lib/common

setup() {
    bryo_setup
    B=$TMP/bundle
    make_bundle "$B" '.root.readonly = false'
    ID=$(new_id)
}

# annotate NAME VALUE: run.oci.NAME
annotate() {
    jq --arg n "run.oci.$1" --arg v "$2" '.annotations[$n] = $v' "$B/config.json" >"$B/c" && mv "$B/c" "$B/config.json"
}

# hook NAME SCRIPT
hook() {
    jq --arg n "$1" --arg s "$2" '.hooks[$n] += [{"path": "/bin/sh", "args": ["sh", "-c", $s], "env": ["PATH=/usr/bin:/bin"]}]' \
        "$B/config.json" >"$B/c" && mv "$B/c" "$B/config.json"
}

refused_with() {
    run bryo create -b "$B" "$ID"
    assert_status 1
    assert_output "$1"
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "what hooks print is appended to the files, wherever the hook runs" {
    local n
    echo first >"$TMP/out"
    annotate hooks.stdout "$TMP/out"
    annotate hooks.stderr err # in the bundle
    for n in prestart createRuntime createContainer startContainer poststart poststop; do
        hook $n "echo $n; echo $n >&2"
    done
    bryo create -b "$B" "$ID"
    cd /
    bryo start "$ID"
    bryo delete --force "$ID"
    assert_equal "$(tr '\n' ' ' <"$TMP/out")" "first prestart createRuntime createContainer startContainer poststart poststop "
    assert_equal "$(tr '\n' ' ' <"$B/err")" "prestart createRuntime createContainer startContainer poststart poststop "
}

@test "a hook whose output went to a file: the error tells so" {
    annotate hooks.stdout "$TMP/out"
    annotate hooks.stderr "$TMP/err"
    hook createRuntime 'echo the disk is full >&2; exit 3'
    refused_with 'createRuntime hook 0 ("/bin/sh") exited with status 3'
    assert_output 'hint: what it printed is in the files of the annotations run.oci.hooks.*'
    assert_equal "$(cat "$TMP/err")" "the disk is full"
}

@test "a file for the output of hooks that cannot be opened" {
    annotate hooks.stdout "$TMP/no/such/file"
    refused_with "annotations[\"run.oci.hooks.*\"]: open \"$TMP/no/such/file\": no such file or directory"
    mkfifo "$TMP/fifo"
    annotate hooks.stdout "$TMP/fifo"
    refused_with "open \"$TMP/fifo\": no such device or address"
    # It went away meanwhile: poststop hooks run even so.
    mkdir "$TMP/dir"
    annotate hooks.stdout "$TMP/dir/file"
    hook poststop "echo ran >$TMP/ran"
    bryo create -b "$B" "$ID"
    rm -r "$TMP/dir"
    run bryo delete --force "$ID"
    assert_status 0
    assert_output "warning: annotations[\"run.oci.hooks.*\"]: open \"$TMP/dir/file\""
    [ -e "$TMP/ran" ]
}

@test "mount_context_type names the option that linux.mountLabel becomes" {
    [ ! -e /sys/fs/selinux/enforce ] || skip "this machine has SELinux"
    annotate mount_context_type "rootcontext
"
    bryo run -b "$B" "$ID"
    annotate mount_context_type context=
    refused_with 'annotations["run.oci.mount_context_type"]: expected one of "context", "fscontext", "defcontext", "rootcontext", found "context="'
}

@test "pidfd_receiver is the socket that gets a pidfd" {
    skip_without python3
    annotate pidfd_receiver "$TMP/socket"
    python3 - "$TMP/socket" >"$TMP/got" 3>&- <<'EOF' &
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
c, _ = s.accept()
_, data, _, _ = c.recvmsg(64, socket.CMSG_SPACE(4))
print(os.readlink("/proc/self/fd/%d" % array.array("i", data[0][2])[0]))
EOF
    wait_for 5 test -S "$TMP/socket"
    bryo create -b "$B" "$ID"
    wait $!
    assert_equal "$(cat "$TMP/got")" "anon_inode:[pidfd]"
}

@test "seccomp_fail_unknown_syscall makes an unknown name an error" {
    edit_config "$B" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["no_such_call"], action: "SCMP_ACT_ERRNO"}]}'
    bryo run -b "$B" "$ID"
    annotate seccomp_fail_unknown_syscall 1
    refused_with 'linux.seccomp: unknown system call "no_such_call"'
    assert_output 'hint: the annotation run.oci.seccomp_fail_unknown_syscall makes it an error'
}

@test "what is not carried out is refused by its name, with the way to have it" {
    local name
    for name in handler seccomp.plugins seccomp.receiver seccomp_bpf_data systemd.force_cgroup_v1 timens_offset; do
        annotate $name /value
        refused_with "annotations[\"run.oci.$name\"]: \"/value\" is not supported"
        assert_output "hint: "
        annotate $name ""
    done
    bryo run -b "$B" "$ID"
}

@test "what has no effect is warned about; other annotations are the caller's own" {
    annotate systemd.subgroup x
    annotate delegate-cgroup x
    annotate no_such y
    edit_config "$B" '.annotations["org.opencontainers.image.title"] = "moss"'
    bryo --cgroup-manager disabled create -b "$B" "$ID" 2>"$TMP/said"
    run cat "$TMP/said"
    assert_output 'annotations["run.oci.systemd.subgroup"] has no effect with the cgroup manager "disabled"'
    assert_output 'annotations["run.oci.delegate-cgroup"] has no effect with the cgroup manager "disabled"'
    assert_output 'annotations["run.oci.no_such"] is unknown and has no effect'
    refute_output image.title
    assert_equal "$(bryo state "$ID" | jq -r '.annotations["org.opencontainers.image.title"]')" moss
}
