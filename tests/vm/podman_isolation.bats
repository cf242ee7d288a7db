#!/usr/bin/env bats
# podman with bryo: what a container can reach. Networks, volumes, users, capabilities, seccomp, namespaces, masks.

load ../lib/common
load podman

status_field() { # NAME of a line in /proc/self/status
    awk -v name="$1:" '$1 == name { print $2 }' <<<"$output"
}

@test "network none: nothing but loopback, and that is up" {
    run pod run --rm --network none $IMAGE sh -c 'ls /sys/class/net; echo up | nc -l -p 7000 & sleep 0.5; nc 127.0.0.1 7000 </dev/null'
    assert_equal "${lines[*]}" "lo up"
}

@test "network host: the host's own namespace" {
    run pod run --rm --network host $IMAGE readlink /proc/self/ns/net
    assert_equal "$output" "$(readlink /proc/self/ns/net)"
}

@test "network slirp4netns: an address, a way out to the host, ports that come in" {
    python3 -m http.server --bind 127.0.0.1 --directory "$TMP" 8123 >/dev/null 2>&1 3>&- &
    server=$!
    echo "from the host" >"$TMP/file"
    mkdir -p "$TMP/inside" && echo "from the container" >"$TMP/inside/file"
    pod run -d --name "$C" --network slirp4netns:allow_host_loopback=true -p 127.0.0.1:8124:80 \
        -v "$TMP/inside:/srv:ro" $IMAGE httpd -f -p 80 -h /srv
    run pod exec "$C" ip addr show tap0
    assert_output "inet 10.0.2.100/24"
    assert_equal "$(pod exec "$C" wget -q -O - http://10.0.2.2:8123/file)" "from the host"
    fetch() {
        python3 -c 'import urllib.request; print(urllib.request.urlopen("http://127.0.0.1:8124/file").read().decode(), end="")'
    }
    wait_for 10 fetch
    assert_equal "$(fetch)" "from the container"
    kill $server
}

@test "volumes: writable, read-only, named, and a temporary file system" {
    mkdir "$TMP/rw" "$TMP/ro"
    echo old >"$TMP/ro/file"
    run pod run --rm -v "$TMP/rw:/rw" -v "$TMP/ro:/ro:ro" -v "$C:/named" --tmpfs /scratch:size=1m $IMAGE sh -c '
        echo new >/rw/file; cat /ro/file; echo no >/ro/file; echo kept >/named/file
        dd if=/dev/zero of=/scratch/big bs=1M count=2 2>/dev/null || echo full'
    assert_output old
    assert_output "Read-only file system"
    assert_output full
    assert_equal "$(cat "$TMP/rw/file") $(stat -c %u "$TMP/rw/file")" "new $(id -u)"
    assert_equal "$(cat "$TMP/ro/file")" old
    run pod run --rm -v "$C:/named" $IMAGE cat /named/file
    assert_equal "$output" kept
    podman volume rm "$C"
}

@test "volumes: owned by the user of the container with :U, with options of their own" {
    mkdir "$TMP/u"
    run pod run --rm --user 1000 -v "$TMP/u:/u:U,noexec,nosuid" $IMAGE sh -c '
        stat -c %u /u; cp /bin/busybox /u/echo; /u/echo hi; grep " /u " /proc/self/mountinfo'
    assert_equal "${lines[0]}" 1000
    assert_output "Permission denied"
    assert_output noexec
    assert_output nosuid
}

@test "volumes: a mount that the host makes later shows with rslave" {
    mkdir "$TMP/v"
    run podman unshare sh -c '
        mkdir -p "$1/sub" && mount --bind "$1" "$1" && mount --make-shared "$1"
        podman --runtime "$2" run -d --name "$3" -v "$1:/v:rslave" "$4" sleep 1000 >/dev/null &&
        mount -t tmpfs tmpfs "$1/sub" && touch "$1/sub/late" && podman --runtime "$2" exec "$3" ls /v/sub
        umount "$1/sub" "$1"' sh "$TMP/v" "$RUNTIME" "$C" $IMAGE 3>&-
    assert_output late
}

@test "--read-only: the root is, temporary places are not" {
    run pod run --rm --read-only $IMAGE sh -c 'touch /file || echo refused; touch /tmp/file /run/file /dev/shm/file && echo fine'
    assert_status 0
    assert_output refused
    assert_output "Read-only file system"
    assert_output fine
}

@test "--cap-drop all, --cap-add, and the default" {
    run pod run --rm --cap-drop all $IMAGE cat /proc/self/status
    for set in CapInh CapPrm CapEff CapBnd CapAmb; do
        assert_equal "$set $(status_field $set)" "$set 0000000000000000"
    done
    run pod run --rm --cap-drop all --cap-add net_raw $IMAGE cat /proc/self/status
    assert_equal "$(status_field CapEff) $(status_field CapBnd)" "0000000000002000 0000000000002000"
    run pod run --rm --cap-drop all $IMAGE chown 1:1 /tmp
    [ "$status" -ne 0 ]
    run pod run --rm $IMAGE chown 1:1 /tmp
    assert_status 0
    run pod run --rm $IMAGE mount -t tmpfs tmpfs /tmp
    [ "$status" -ne 0 ]
}

@test "seccomp: a profile is obeyed, the default is on, unconfined is off" {
    jq -n '{defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"],
        syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 95}]}' >"$TMP/profile.json"
    run pod run --rm --security-opt seccomp="$TMP/profile.json" $IMAGE mkdir /tmp/new
    [ "$status" -ne 0 ]
    assert_output "not supported" # errno 95
    run pod run --rm $IMAGE grep '^Seccomp:' /proc/self/status
    assert_equal "$(xargs <<<"$output")" "Seccomp: 2"
    run pod run --rm --security-opt seccomp=unconfined $IMAGE grep '^Seccomp:' /proc/self/status
    assert_equal "$(xargs <<<"$output")" "Seccomp: 0"
}

@test "no-new-privileges" {
    run pod run --rm --security-opt no-new-privileges $IMAGE grep '^NoNewPrivs:' /proc/self/status
    assert_equal "$(xargs <<<"$output")" "NoNewPrivs: 1"
}

@test "userns: the default, keep-id, auto, nomap and given maps" {
    run pod run --rm $IMAGE sh -c 'id -u; cat /proc/self/uid_map'
    assert_equal "$(xargs <<<"$output")" "0 0 $(id -u) 1 1 100000 65536"
    mkdir "$TMP/home"
    run pod run --rm --userns keep-id -v "$TMP/home:/mine" $IMAGE sh -c 'id -u; touch /mine/file; stat -c %u /mine/file'
    assert_equal "${lines[*]}" "$(id -u) $(id -u)"
    assert_equal "$(stat -c %u "$TMP/home/file")" "$(id -u)"
    run pod run --rm --userns auto:size=4000 $IMAGE cat /proc/self/uid_map
    assert_equal "$(awk '{ print $1, $3 }' <<<"$output")" "0 4000"
    run pod run --rm --userns nomap $IMAGE sh -c 'cat /proc/self/uid_map; id -u'
    assert_equal "$(awk 'NF == 3 && $2 == '"$(id -u)" <<<"$output")" ""
    assert_equal "${lines[-1]}" 0
    run pod run --rm --uidmap 0:1:1000 --gidmap 0:1:1000 $IMAGE cat /proc/self/uid_map
    assert_equal "$(awk '{ print $1, $3 }' <<<"$output")" "0 1000"
}

@test "namespaces of the host: pid, ipc, uts" {
    run pod run --rm --pid host --ipc host --uts host $IMAGE sh -c '
        for n in pid ipc uts; do readlink /proc/self/ns/$n; done; hostname; test -d /proc/'$$' && echo seen'
    assert_equal "${lines[0]}" "$(readlink /proc/self/ns/pid)"
    assert_equal "${lines[1]}" "$(readlink /proc/self/ns/ipc)"
    assert_equal "${lines[2]}" "$(readlink /proc/self/ns/uts)"
    assert_equal "${lines[3]}" "$(hostname)"
    assert_output seen
    run pod run --rm $IMAGE sh -c 'readlink /proc/self/ns/pid; ls -d /proc/[0-9]* | wc -l'
    [ "${lines[0]}" != "$(readlink /proc/self/ns/pid)" ]
    [ "${lines[1]}" -le 4 ]
}

@test "pid host: stop and rm end all processes of the container" {
    pod run -d --name "$C" --pid host $IMAGE sh -c 'sleep 996 & sleep 996 & wait'
    wait_for 10 sh -c '[ "$(pgrep -fx "sleep 996" | wc -l)" = 2 ]'
    pod rm --force --time 0 "$C"
    wait_for 5 sh -c '! pgrep -fx "sleep 996"'
}

@test "namespaces of another container: pid, net, ipc" {
    pod run -d --name "$C" $IMAGE sleep 995
    for kind in pid net ipc; do
        flag=$kind
        [ $kind != net ] || flag=network
        run pod run --rm --$flag "container:$C" $IMAGE readlink /proc/self/ns/$kind
        assert_equal "$output" "$(podman unshare readlink "/proc/$(pid_of "$C")/ns/$kind")"
    done
    run pod run --rm --pid "container:$C" $IMAGE ps
    assert_output "sleep 995"
}

@test "masks: /proc and /sys are kept from the container, unmasked only where asked" {
    run pod run --rm $IMAGE sh -c '
        wc -c </proc/kcore; ls /sys/firmware | wc -l; echo 1 >/proc/sys/kernel/panic; echo b >/proc/sysrq-trigger
        touch /sys/file; grep -c " /proc/" /proc/self/mountinfo'
    assert_equal "${lines[0]}" 0
    assert_equal "${lines[1]}" 0
    assert_equal "$(grep -ciE 'read-only|denied|nonexistent|permitted' <<<"$output")" 3
    [ "${lines[-1]}" -ge 5 ]
    run pod run --rm --security-opt unmask=ALL $IMAGE grep -c ' /proc/' /proc/self/mountinfo
    assert_equal "$output" 0
}

@test "devices: the usual ones, one more, and not those of the host" {
    run pod run --rm --device /dev/fuse $IMAGE sh -c '
        for d in null zero full random urandom tty fuse; do test -c /dev/$d && echo -n "$d "; done; test -e /dev/vda || echo no disk
        echo x >/dev/null; head -c 2 /dev/zero | wc -c; echo x >/dev/full'
    assert_equal "${lines[0]}" "null zero full random urandom tty fuse no disk"
    assert_equal "${lines[1]}" 2
    assert_output "No space left"
}

@test "--privileged: all capabilities of the user namespace, no seccomp, no masks" {
    run pod run --rm --privileged $IMAGE sh -c '
        grep -E "^(CapEff|Seccomp):" /proc/self/status; mount -t tmpfs tmpfs /tmp && echo mounted; test -c /dev/fuse && echo device'
    assert_equal "$(status_field CapEff)" 000001ffffffffff
    assert_equal "$(status_field Seccomp)" 0
    assert_output mounted
    assert_output device
}

@test "--group-add keep-groups: the caller's own groups" {
    run pod run --rm --group-add keep-groups $IMAGE grep '^Groups:' /proc/self/status
    assert_status 0
    run pod run --rm $IMAGE grep '^Groups:' /proc/self/status
    assert_status 0
}
