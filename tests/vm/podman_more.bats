#!/usr/bin/env bats
# podman with bryo: pods, health checks, an init of its own, containers that run systemd, builds.

load ../lib/common
load podman

@test "a pod: its containers share network and ipc, not pid and mounts" {
    pod pod create --name "$C" --infra-name "$C-infra" --share net,ipc,uts
    pod run -d --pod "$C" --name "$C-a" $IMAGE sleep 994
    pod run -d --pod "$C" --name "$C-b" $IMAGE sleep 993
    for kind in net ipc uts; do
        assert_equal "$(pod exec "$C-a" readlink /proc/self/ns/$kind)" "$(pod exec "$C-b" readlink /proc/self/ns/$kind)"
    done
    for kind in pid mnt; do
        [ "$(pod exec "$C-a" readlink /proc/self/ns/$kind)" != "$(pod exec "$C-b" readlink /proc/self/ns/$kind)" ]
    done
    pod exec -d "$C-a" sh -c 'echo over loopback | nc -l -p 7000'
    wait_for 10 sh -c "podman exec $C-b nc -w 2 127.0.0.1 7000 </dev/null | grep -qx 'over loopback'"
    pod pod stop --time 0 "$C"
    assert_equal "$(value "$C-a" '{{.State.Status}}')" exited
    pod pod start "$C"
    assert_equal "$(value "$C-b" '{{.State.Status}}')" running
    pod pod rm --force --time 0 "$C"
    run pod pod exists "$C"
    assert_status 1
    run pod container exists "$C-a"
    assert_status 1
}

@test "a pod with one pid namespace" {
    pod pod create --name "$C" --infra-name "$C-infra" --share pid,net
    pod run -d --pod "$C" --name "$C-a" $IMAGE sleep 992
    run pod run --rm --pod "$C" $IMAGE ps
    pod pod rm --force --time 0 "$C"
    assert_output "sleep 992"
}

@test "a pod with a limit: it holds for all in it" {
    pod pod create --name "$C" --infra-name "$C-infra" --cpus 0.5
    pod run -d --pod "$C" --name "$C-a" $IMAGE sleep 991
    found=$(cgroup_file "$C-a" cpu.max) || true
    pod pod rm --force --time 0 "$C"
    assert_equal "$found" "50000 100000"
}

@test "health checks: by hand, and by systemd's timer" {
    pod run -d --name "$C" --health-cmd 'test -e /tmp/well' --health-interval 1s --health-retries 1 $IMAGE sleep 1000
    run pod healthcheck run "$C"
    [ "$status" -ne 0 ]
    pod exec "$C" touch /tmp/well
    run pod healthcheck run "$C"
    assert_status 0
    pod exec "$C" rm /tmp/well
    wait_for 20 sh -c "podman inspect --format '{{.State.Health.Status}}' $C | grep -qx unhealthy"
    pod exec "$C" touch /tmp/well
    wait_for 20 sh -c "podman inspect --format '{{.State.Health.Status}}' $C | grep -qx healthy"
}

@test "--init: pid 1 is an init that reaps and passes signals on" {
    pod run -d --init --name "$C" $IMAGE sh -c '
        trap "echo caught; exit 3" TERM; sh -c "sleep 0.1 & exit"; echo ready; while :; do sleep 0.1; done'
    wait_for 10 sh -c "podman logs $C | grep -q ready"
    assert_output_of "init" pod exec "$C" cat /proc/1/comm
    sleep 0.5
    run pod exec "$C" ps -o stat,args
    refute_output "Z"
    pod stop --time 20 "$C"
    assert_equal "$(value "$C" '{{.State.ExitCode}}')" 3
}

assert_output_of() { # TEXT CMD…
    local text=$1
    shift
    run "$@"
    assert_output "$text"
}

@test "--systemd always: writable cgroup of its own, tmpfs where systemd wants it, its stop signal" {
    pod run -d --systemd always --name "$C" --memory 128m $IMAGE sh -c '
        trap "exit 7" 37; echo $container; while :; do sleep 0.1; done'
    run pod exec "$C" sh -c '
        mkdir /sys/fs/cgroup/below && echo made; echo 1 >/sys/fs/cgroup/below/cgroup.procs && cat /sys/fs/cgroup/below/cgroup.procs
        cut -d" " -f5 /proc/self/mountinfo | grep -xE "/run|/tmp|/run/lock|/var/log/journal" | sort -u | wc -l'
    assert_equal "${lines[0]}" made
    assert_equal "${lines[1]}" 1
    assert_equal "${lines[2]}" 4
    assert_equal "$(pod exec "$C" sh -c 'echo +memory >/sys/fs/cgroup/cgroup.subtree_control; echo $?' 2>/dev/null | tail -n 1)" 1
    assert_equal "$(cgroup_file "$C" memory.max)" 134217728
    pod stop --time 20 "$C" # by SIGRTMIN+3, which is 37
    assert_equal "$(value "$C" '{{.State.ExitCode}}')" 7
}

@test "podman build: RUN with a user, a mount, and its failure" {
    mkdir "$TMP/context"
    cat >"$TMP/context/Containerfile" <<FILE
FROM $IMAGE
RUN echo built by \$(id -u) >/made && mkdir /data
COPY Containerfile /data/
USER 1000
WORKDIR /data
RUN id -u >/tmp/who
CMD ["cat", "/made", "/tmp/who"]
FILE
    pod build --quiet --no-cache --tag "localhost/$C" "$TMP/context"
    run pod run --rm "localhost/$C"
    pod rmi --force "localhost/$C"
    assert_equal "$output" $'built by 0\n1000'
    printf 'FROM %s\nRUN exit 23\n' $IMAGE >"$TMP/context/Containerfile"
    run pod build --quiet --no-cache "$TMP/context"
    [ "$status" -ne 0 ]
    assert_output 23
}

# With a store of its own, and a configuration of its own: from one that names no places, such as that of this machine,
# buildah 1.28 does not start, whatever its options say.
own_buildah() { # VERB ARGS…
    printf '[storage]\ndriver = "vfs"\nrunroot = "%s"\ngraphroot = "%s"\n' "$TMP/runroot" "$TMP/storage" >"$TMP/storage.conf"
    CONTAINERS_STORAGE_CONF=$TMP/storage.conf timeout --foreground 100 buildah --root "$TMP/storage" --runroot "$TMP/runroot" --storage-driver vfs "$@" 3>&-
}

@test "buildah bud and buildah run: each step is a container, with its user and its failure" {
    local oci=(--isolation oci --runtime "$(type -P "$RUNTIME")" --network none)
    mkdir "$TMP/context"
    "$BRYO_TOP/examples/make-rootfs" "$TMP/context/rootfs.tar"
    cat >"$TMP/context/Containerfile" <<'FILE'
FROM scratch
ADD rootfs.tar /
RUN echo built by $(id -u) >/made && mkdir /data && chown 1000:1000 /data
USER 1000
WORKDIR /data
RUN id -u >who; grep -E '^(CapEff|Seccomp):' /proc/self/status | xargs >rights; touch /made || echo no >>who
CMD ["cat", "/made", "/data/who", "/data/rights"]
FILE
    own_buildah bud --quiet "${oci[@]}" --tag "localhost/$C" "$TMP/context"
    container=$(own_buildah from "localhost/$C")
    run --separate-stderr own_buildah run "${oci[@]}" "$container" cat /made who rights
    assert_status 0
    assert_equal "$output" $'built by 0\n1000\nno\nCapEff: 0000000000000000 Seccomp: 2'
    run --separate-stderr own_buildah run "${oci[@]}" --user 0 "$container" sh -c 'id -u; exit 7'
    assert_status 7
    assert_equal "$output" 0
    printf 'FROM localhost/%s\nRUN exit 23\n' "$C" >"$TMP/context/Containerfile"
    run own_buildah bud --quiet "${oci[@]}" "$TMP/context"
    [ "$status" -ne 0 ]
    assert_output 23
    own_buildah rm --all
}

@test "kube play: a pod from YAML, and down again" {
    cat >"$TMP/pod.yaml" <<YAML
apiVersion: v1
kind: Pod
metadata:
  name: $C
spec:
  restartPolicy: Never
  containers:
    - name: work
      image: $IMAGE
      imagePullPolicy: Never
      command: ["/bin/sleep", "990"] # kube play sets no PATH, and crun has none of its own
      resources:
        limits:
          memory: 64Mi
      securityContext:
        readOnlyRootFilesystem: true
        capabilities:
          drop: ["ALL"]
YAML
    pod kube play --network none "$TMP/pod.yaml"
    found=$(cgroup_file "$C-work" memory.max) || true
    capabilities=$(pod exec "$C-work" /bin/grep CapEff /proc/self/status) || true
    pod kube down "$TMP/pod.yaml"
    assert_equal "$found" 67108864
    assert_equal "$(awk '{ print $2 }' <<<"$capabilities")" 0000000000000000
}
