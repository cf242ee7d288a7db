#!/usr/bin/env bats
# bryo build: images from Gunfiles, what is cached, what is written, and what is refused.

load ../lib/common

setup_file() {
    export IMAGES=$BATS_FILE_TMPDIR
    "$BRYO_TOP/examples/make-rootfs" "$IMAGES/rootfs.tar.gz"
}

setup() {
    bryo_setup
    export XDG_CACHE_HOME=$TMP/cache
    unset SOURCE_DATE_EPOCH
    mkdir "$TMP/ctx"
    cd "$TMP/ctx"
    ln "$IMAGES/rootfs.tar.gz" . 2>/dev/null || cp "$IMAGES/rootfs.tar.gz" .
    run "$BRYO" unpack /dev/null "$TMP/probe"
    [[ "$output" != *"find the helper program"* ]] || skip "bryo-image was not built (libarchive)"
}

teardown() {
    local left=0
    if [ -d "$XDG_DATA_HOME/bryo/build/tmp" ] && [ -n "$(ls -A "$XDG_DATA_HOME/bryo/build/tmp")" ]; then
        echo "left in the cache: $(ls -A "$XDG_DATA_HOME/bryo/build/tmp")" >&2
        left=1
    fi
    cd /
    bryo_teardown
    return $left
}

# The Gunfile on standard input, with a base that needs no network.
gunfile() {
    { echo 'Using "rootfs.tar.gz"' && echo 'Net none' && cat; } >Gunfile
}

build() {
    run --separate-stderr bryo build "$@" </dev/null
}

# The files of a tarball as $output alone: refute_output looks into the last $stderr as well.
list() {
    stderr=
    run tar "$@"
    assert_status 0
}

# file NAME of the tarball that was built
in_tar() {
    tar -xOf "$TMP/out.tar" "$1"
}

@test "a step after the other: what each leaves is there for the next, and in the image" {
    gunfile <<'END'
Exec "echo one > /one"
Exec "cat /one > /two; rm /etc/motd"
END
    build -o "$TMP/out.tar"
    assert_status 0
    assert_equal "$(in_tar two)" one
    list -tf "$TMP/out.tar"
    refute_output etc/motd
    refute_output .wh.
}

@test "guntainer's examples: a lone Using and Exec, resolv.conf is what the command made of it" {
    cat >Gunfile <<'END'
Using "rootfs.tar.gz"

Exec "echo 'nameserver 8.8.8.8' > /etc/resolv.conf"

Exec "cat /etc/motd"
END
    build -o "$TMP/out.tar"
    assert_status 0
    [[ "$stderr" == *"a root file system made of busybox"* ]]
    assert_equal "$(in_tar etc/resolv.conf)" "nameserver 8.8.8.8"
}

@test "files that bryo lends a command are in no image" {
    gunfile <<'END'
Exec "grep build /etc/hosts && cat /etc/hostname && test -d /proc/self"
END
    build -o "$TMP/out.tar"
    assert_status 0
    list -tf "$TMP/out.tar"
    refute_output etc/hosts
    refute_output etc/hostname
}

@test "a second build runs nothing, and leaves the output alone" {
    gunfile <<<'Exec "echo ran; date > /date"'
    build -o "$TMP/out.tar"
    assert_status 0
    [[ "$stderr" == *ran* ]]
    local before
    before=$(stat -c '%i %y' "$TMP/out.tar")
    build -o "$TMP/out.tar"
    assert_status 0
    [[ "$stderr" == *'Exec "echo ran; date > /date": cached'* ]]
    [[ "$stderr" == *"out.tar is up to date"* ]]
    assert_equal "$(stat -c '%i %y' "$TMP/out.tar")" "$before"
    touch "$TMP/out.tar"
    build -o "$TMP/out.tar"
    [[ "$stderr" == *"wrote "* ]]
}

@test "what changes is run again, with all behind it and nothing before" {
    gunfile <<'END'
Exec "echo a >> /runs"
Copy "file" "/file"
Exec "echo b >> /runs"
END
    echo 1 >file
    build -o "$TMP/out.tar"
    assert_status 0
    echo 2 >file
    build -o "$TMP/out.tar"
    assert_status 0
    [[ "$stderr" == *'Exec "echo a >> /runs": cached'* ]]
    [[ "$stderr" != *'Exec "echo b >> /runs": cached'* ]]
    assert_equal "$(in_tar file)" 2
    assert_equal "$(in_tar runs)" $'a\nb'
    touch file # other times, the same bytes
    build -o "$TMP/out.tar"
    [[ "$stderr" == *'Exec "echo b >> /runs": cached'* ]]
    build --no-cache -o "$TMP/out.tar"
    assert_status 0
    [[ "$stderr" == *'Using "rootfs.tar.gz": cached'* ]]
    [[ "$stderr" != *'Exec "echo a >> /runs": cached'* ]]
}

@test "environment, directory and user of a command are a part of what it is" {
    local line
    for line in 'Env X "1"' 'Env X "2"' 'Workdir "/tmp"' 'User "1000:1000"' 'Arg X "3"'; do
        gunfile < <(echo "$line" && echo 'Exec "echo X=$X in $(pwd) as $(id -u)"')
        ! { [[ $line == User* ]] && ! has_subids; } || continue # one id is mapped
        build
        assert_status 0
        [[ "$stderr" != *'as $(id -u)": cached'* ]]
        case $line in
            Env*) [[ "$stderr" == *"X=${line:7:1} in / as 0"* ]] ;;
            Workdir*) [[ "$stderr" == *"X= in /tmp as 0"* ]] ;;
            User*) [[ "$stderr" == *"X= in / as 1000"* ]] ;;
            Arg*) [[ "$stderr" == *"X=3 in / as 0"* ]] ;;
        esac
    done
}

@test "Arg: a default, --arg, and a place in other strings" {
    cat >Gunfile <<'END'
Arg IMAGE "rootfs"
Using "${IMAGE}.tar.gz"
Net none
Arg VERSION "1.0"
Arg NAME
Label version "${VERSION}"
Env PATH "/opt/bin:${PATH}"
Exec "echo $NAME-$VERSION $PATH > /${VERSION}"
END
    build --arg NAME=x --arg VERSION=2.0 -o "$TMP/out.tar"
    assert_status 0
    build --arg NAME=x -o "$TMP/out.tar"
    assert_status 0
    list -tf "$TMP/out.tar"
    assert_output 1.0 # by the shell, which has it as a variable
    build
    assert_status 1
    assert_equal "${stderr_lines[0]}" 'bryo: Gunfile:5:5: Arg: "NAME" has no value'
    build --arg NAME=x --arg VERSON=1
    assert_status 1
    [[ "$stderr" == *"--arg VERSON: Gunfile declares no such Arg"* ]]
}

@test "a sandbox heeds what the image says: Entry, Cmd, Env, Workdir, User" {
    gunfile <<'END'
Exec "mkdir -p /srv/app"
Env GREETING "hello there"
Workdir "/srv/app"
Entry "/bin/sh" "-c"
Cmd "echo $GREETING; pwd"
END
    local name
    for name in out.tar out.tar.gz out.tar.zst; do
        build -o "$TMP/$name"
        assert_status 0
        run --separate-stderr bryo sandbox "$TMP/$name" </dev/null
        assert_status 0
        assert_equal "$output" $'hello there\n/srv/app'
    done
    run --separate-stderr bryo sandbox "$TMP/out.tar" -- 'echo $GREETING again' </dev/null
    assert_equal "$output" "hello there again"
    # One that runs without being unpacked is no exception, the first time and the next.
    if [ -w /dev/fuse ] && ! is_real_root; then
        for name in out.tar out.tar.gz out.tar.gz; do
            run --separate-stderr bryo sandbox --lazy always "$TMP/$name" </dev/null
            [[ "$stderr" != *"bryo-image-mount is not installed"* ]] || break
            assert_status 0
            assert_equal "$output" $'hello there\n/srv/app'
        done
    fi
    # A build on it takes them over.
    mv "$TMP/out.tar" base.tar
    printf 'Using "base.tar"\nNet none\nEnv MORE "m"\nCmd "echo $GREETING $MORE"\nExec "test $(pwd) = /srv/app"\n' >Gunfile
    build -o "$TMP/out.tar"
    assert_status 0
    run --separate-stderr bryo sandbox "$TMP/out.tar" </dev/null
    assert_equal "$output" "hello there m"
}

@test "compression by the name of the output, or by --compress" {
    gunfile </dev/null
    build -o "$TMP/a.tar.gz" && assert_status 0
    build -o "$TMP/a.tar.zst" && assert_status 0
    build -o "$TMP/a" --compress gzip && assert_status 0
    gzip -t "$TMP/a.tar.gz" "$TMP/a" 2>/dev/null || gzip -t <"$TMP/a"
    [ "$(head -c 4 "$TMP/a.tar.zst" | od -An -tx1 | tr -d ' ')" = 28b52ffd ]
    build -o "$TMP/b" --compress bzip2
    assert_status 1
    [[ "$stderr" == *'expected none, gzip or zstd, found "bzip2"'* ]]
}

@test "an OCI layout: digests hold, whiteouts are those of images" {
    skip_without jq sha256sum
    gunfile <<'END'
Exec "rm /etc/motd; echo new > /new"
Entry "/bin/true"
Expose 80 443/udp
Label org.example.title "a title"
END
    build -o "oci:$TMP/layout" -t v1
    assert_status 0
    cd "$TMP/layout"
    local digest blob
    for blob in blobs/sha256/*; do
        assert_equal "$(sha256sum <"$blob" | cut -d' ' -f1)" "${blob##*/}"
    done
    assert_equal "$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' index.json)" v1
    digest=$(jq -r '.manifests[0].digest' index.json)
    local manifest=blobs/sha256/${digest#sha256:}
    assert_equal "$(jq '.layers | length' "$manifest")" 2
    digest=$(jq -r .config.digest "$manifest")
    local config=blobs/sha256/${digest#sha256:}
    assert_equal "$(jq -c .config.Entrypoint "$config")" '["/bin/true"]'
    assert_equal "$(jq -c .config.ExposedPorts "$config")" '{"80/tcp":{},"443/udp":{}}'
    assert_equal "$(jq -r '.config.Labels["org.example.title"]' "$config")" "a title"
    digest=$(jq -r '.layers[1].digest' "$manifest")
    list -tzf "blobs/sha256/${digest#sha256:}"
    assert_output etc/.wh.motd
    assert_output new
    assert_equal "$(gzip -dc "blobs/sha256/${digest#sha256:}" | sha256sum | cut -d' ' -f1)" \
        "$(jq -r '.rootfs.diff_ids[1]' "$config" | cut -d: -f2)"
    # The layout is replaced as a whole, another directory is not.
    cd "$TMP/ctx"
    echo 'Exec "true"' >>Gunfile
    build -o "oci:$TMP/layout"
    assert_status 0
    assert_equal "$(ls -A "$TMP" | grep -c layout)" 1
    mkdir "$TMP/mine" && touch "$TMP/mine/file"
    build -o "oci:$TMP/mine"
    assert_status 1
    [[ "$stderr" == *"is neither empty nor an OCI layout"* ]]
}

@test "archives of an OCI layout and for docker" {
    skip_without jq
    gunfile <<<'Exec "echo x > /x"'
    build -o "oci-archive:$TMP/o.tar" -t v1
    assert_status 0
    assert_equal "$(tar -xOf "$TMP/o.tar" oci-layout)" '{"imageLayoutVersion":"1.0.0"}'
    build -o "docker-archive:$TMP/d.tar" -t some/name
    assert_status 0
    tar -xOf "$TMP/d.tar" manifest.json >"$TMP/manifest"
    assert_equal "$(jq -c '.[0].RepoTags' "$TMP/manifest")" '["some/name:latest"]'
    assert_equal "$(tar -xOf "$TMP/d.tar" "$(jq -r '.[0].Layers[1]' "$TMP/manifest")" | tar -xOf - x)" x
    tar -xOf "$TMP/d.tar" "$(jq -r '.[0].Config' "$TMP/manifest")" | jq -e '.rootfs.diff_ids | length == 2'
}

@test "podman takes what is written" {
    skip_without podman
    is_real_root || skip "podman's own store is not for this user"
    gunfile <<'END'
Exec "echo x > /x; rm /etc/motd"
Cmd "/bin/cat" "/x"
END
    build -o "docker-archive:$TMP/d.tar" -t bryo-build-test
    assert_status 0
    # podman takes no more than 50 characters for its runroot.
    local short store
    short=$(mktemp -d /tmp/bryo-podman.XXXXXX)
    store=("--root=$TMP/podman" "--runroot=$short" --storage-driver=vfs)
    run podman "${store[@]}" load -i "$TMP/d.tar"
    [ "$status" = 0 ] || rm -rf "$short"
    assert_status 0
    run podman "${store[@]}" image inspect --format '{{.Config.Cmd}} {{len .RootFS.Layers}}' localhost/bryo-build-test
    assert_status 0
    assert_equal "$output" "[/bin/cat /x] 2"
    podman "${store[@]}" rmi -a -f >/dev/null
    rm -rf "$TMP/podman" "$short"
}

@test "SOURCE_DATE_EPOCH: the same bytes, whenever and however often it is built" {
    gunfile <<'END'
Exec "mkdir /d; for i in 9 3 5 1; do echo $i > /d/$i; done; ln /d/1 /d/0; touch -d '2001-01-01 00:00:00' /d/3"
Copy "file" "/file"
END
    echo x >file
    export SOURCE_DATE_EPOCH=1600000000
    local form
    for form in '' oci-archive: docker-archive:; do
        build -o "${form}$TMP/a.tar"
        assert_status 0
        sleep 1.1
        touch file
        build --no-cache -o "${form}$TMP/b.tar"
        assert_status 0
        cmp "$TMP/a.tar" "$TMP/b.tar"
        rm "$TMP/a.tar" "$TMP/b.tar"
    done
    build -o "$TMP/a.tar"
    assert_equal "$(tar --full-time --utc -tvf "$TMP/a.tar" d/1 d/3 | awk '{print $4, $5}')" \
        $'2020-09-13 12:26:40\n2001-01-01 00:00:00'
    SOURCE_DATE_EPOCH=now build -o "$TMP/a.tar"
    assert_status 1
    [[ "$stderr" == *'SOURCE_DATE_EPOCH="now": expected seconds since 1970'* ]]
}

@test "several stages: files and whole stages of others, those not needed are not built" {
    cat >Gunfile <<'END'
Using "rootfs.tar.gz" As tools
Net none
Exec "mkdir -p /out/sub; echo tool > /out/tool; echo s > /out/sub/s; chmod 4755 /out/tool; ln -s tool /out/link"
Env FROM_TOOLS "yes"

Using "rootfs.tar.gz" As unused
Exec "echo must not run > /dev/stderr; exit 1"

Using "tools" As more
Net none
Exec "echo $FROM_TOOLS > /more"

Using "scratch"
Copy From tools "/out" "/opt"
Copy From more "/more" "/opt/sub/"
END
    build -o "$TMP/out.tar"
    assert_status 0
    [[ "$stderr" != *"must not run"* ]]
    assert_equal "$(in_tar opt/sub/more)" yes
    assert_equal "$(in_tar opt/sub/s)" s
    list -tvf "$TMP/out.tar"
    assert_output "-rwsr-xr-x"
    assert_output "opt/link -> tool"
    refute_output bin/
    build -o "$TMP/out.tar"
    [[ "$stderr" == *"is up to date"* ]]
}

@test "stages that do not need each other are worked on at the same time" {
    [ "$(nproc)" -gt 1 ] || skip "one CPU: one stage at a time"
    mkdir "$TMP/meet"
    cat >Gunfile <<'END'
Using "rootfs.tar.gz" As a
Net none
Cache "/meet"
Exec "touch /meet/a; for i in $(seq 100); do test -e /meet/b && exit 0; sleep 0.1; done; exit 1"
Using "rootfs.tar.gz" As b
Net none
Cache "/meet"
Exec "touch /meet/b; for i in $(seq 100); do test -e /meet/a && exit 0; sleep 0.1; done; exit 1"
Using "scratch"
Copy From a "/etc/passwd" "/a"
Copy From b "/etc/passwd" "/b"
END
    build -o "$TMP/out.tar"
    assert_status 0
}

@test "Copy: files, directories, names, and no more than was asked for" {
    mkdir -p d/e
    echo f >f && echo g >g && echo deep >d/e/deep && ln -s e/deep d/link && chmod 750 d/e && chmod 4755 f
    gunfile <<'END'
Copy "f" "/as/named"
Copy "f" "g" "/many"
Copy "d" "/dir"
Copy "f" "/etc"
Workdir "/work"
Copy "g" "here"
Copy "d/link" "/through"
END
    build -o "$TMP/out.tar"
    assert_status 0
    list --numeric-owner -tvf "$TMP/out.tar"
    local line
    for line in "-rwxr-xr-x 0/0 "*"as/named" "-rw-"*" 0/0 "*"many/g" "drwxr-x--- 0/0 "*"dir/e/" "lrwxrwxrwx 0/0 "*"dir/link -> e/deep" \
        "-rwxr-xr-x 0/0 "*" etc/f" "-rw-"*" work/here" "-rw-"*" through"; do
        [[ "$output" == *$line* ]] || { echo "no $line in $output" >&2 && false; }
    done
    refute_output rwsr
}

@test "Copy stays in its context" {
    mkdir -p sub in
    echo secret >"$TMP/secret"
    echo ok >in/file
    ln -s "$TMP/secret" absolute
    ln -s ../../secret relative
    ln -s ../.. up
    ln -s in inside
    mkfifo fifo
    local word text
    while IFS='|' read -r word text; do
        gunfile <<<"Copy \"$word\" \"/x\""
        build -o "$TMP/out.tar"
        assert_status 1
        [[ "${stderr_lines[0]}" == "bryo: Gunfile:3:1: Copy: $text"* ]] || { echo "$stderr" >&2 && false; }
        [ ! -e "$TMP/out.tar" ]
    done <<END
../secret|"../secret" leads out of the context
sub/../../secret|"sub/../../secret" leads out of the context
/../../etc/passwd|"/../../etc/passwd" leads out of the context
absolute|"absolute": a link leads out of the context
relative|"relative": a link leads out of the context
up/secret|"up/secret": a link leads out of the context
fifo|"fifo" is a fifo: only files, directories and links are copied
nothing|"nothing": no such file or directory (ENOENT)
END
    mkdir odd && mkfifo odd/pipe
    gunfile <<<'Copy "odd" "/x"'
    build
    assert_status 1
    [[ "$stderr" == *'"odd/pipe" is a fifo'* ]]
    # A link that stays inside is followed; one in a directory is copied as the link it is, wherever it leads.
    rm fifo odd/pipe && ln -s /etc/passwd odd/link
    gunfile <<<$'Copy "inside/file" "/x"\nCopy "odd" "/odd"'
    build -o "$TMP/out.tar"
    assert_status 0
    assert_equal "$(in_tar x)" ok
    list -tvf "$TMP/out.tar"
    assert_output "odd/link -> /etc/passwd"
}

@test "Copy follows links of the image inside of it only" {
    echo x >file
    gunfile <<'END'
Exec "ln -s /tmp /abs; ln -s ../../../../tmp /up; mkdir /place; ln -s place /rel"
Copy "file" "/abs/one"
Copy "file" "/up/two"
Copy "file" "/rel/"
END
    build -o "$TMP/out.tar"
    assert_status 0
    assert_equal "$(in_tar tmp/one)$(in_tar tmp/two)$(in_tar place/file)" xxx
    [ ! -e /tmp/one ] && [ ! -e /tmp/two ]
}

@test "the output is not copied into itself" {
    gunfile <<<'Copy "." "/all"'
    build -o out.tar
    assert_status 0
    build -o out.tar
    [[ "$stderr" == *"is up to date"* ]]
    list -tf out.tar
    refute_output all/out.tar
    assert_output all/Gunfile
}

@test "Secret: a file for one command, in no layer" {
    echo token-1234 >"$TMP/token"
    gunfile <<'END'
Secret token
Exec "cat /run/secrets/token; wc -c < /run/secrets/token > /size"
Exec "test ! -e /run/secrets/token"
END
    build
    assert_status 1
    [[ "$stderr" == *'the secret "token" was not given'* ]]
    [[ "$stderr" == *"--secret id=token,src=FILE"* ]]
    build --secret "id=token,src=$TMP/token" -o "$TMP/out.tar"
    assert_status 0
    [[ "$stderr" == *token-1234* ]]
    list -tf "$TMP/out.tar"
    refute_output run/secrets
    ! grep -rq token-1234 "$XDG_DATA_HOME" "$TMP/out.tar"
    build --secret token
    assert_status 1
    [[ "$stderr" == *'--secret "token": expected id=NAME,src=FILE'* ]]
    gunfile <<<'Secret token'
    build --secret "id=token,src=$TMP/token"
    assert_status 1
    [[ "$stderr" == *"Gunfile:3:1: Secret: no Exec follows in this stage that could use it"* ]]
}

@test "Cache: a directory that stays from build to build, in no layer" {
    gunfile <<'END'
Cache "/var/cache/things"
Exec "echo x >> /var/cache/things/count; cp /var/cache/things/count /copy"
END
    build -o "$TMP/out.tar"
    assert_status 0
    build --no-cache -o "$TMP/out.tar"
    assert_status 0
    assert_equal "$(in_tar copy)" $'x\nx'
    list -tf "$TMP/out.tar"
    refute_output var/cache/things
}

@test "Net none: nothing but loopback" {
    gunfile <<<'Exec "ls /sys/class/net > /nets"'
    build -o "$TMP/out.tar"
    assert_status 0
    assert_equal "$(in_tar nets)" lo
}

@test "Net slirp: an interface of its own" {
    [ -r /dev/net/tun ] && [ -w /dev/net/tun ] || skip "/dev/net/tun cannot be opened"
    printf 'Using "rootfs.tar.gz"\nNet slirp\nExec "ls /sys/class/net > /nets; cat /etc/resolv.conf > /resolv"\n' >Gunfile
    build -o "$TMP/out.tar"
    [[ "$stderr" != *"find the helper program"* ]] || skip "bryo-net was not built (libslirp)"
    assert_status 0
    [[ "$(in_tar nets)" == *tap0* ]]
    [[ "$(in_tar resolv)" == *nameserver* ]]
    list -tf "$TMP/out.tar"
    refute_output etc/resolv.conf
}

@test "a command that fails: where, with which status, and nothing is left" {
    gunfile <<<$'Exec "true"\nExec "echo trying; exit 7"'
    build -o "$TMP/out.tar"
    assert_status 1
    [[ "$stderr" == *"bryo: Gunfile:4:1: Exec: the command ended with exit status 7"* ]]
    [[ "$stderr" == *"--shell-on-failure gives a shell in what it left"* ]]
    [ ! -e "$TMP/out.tar" ]
    gunfile <<<$'Exec "/no/such/program" "x"'
    build
    assert_status 1
    [[ "$stderr" == *"Gunfile:3:1: Exec: exec \"/no/such/program\": no such file or directory"* ]]
    gunfile <<<$'Exec "sh -c \'kill -9 $$\'; exit $?"'
    build
    assert_status 1
    [[ "$stderr" == *"the command was ended by signal 9"* ]]
}

@test "a shell where a command failed" {
    skip_without script
    gunfile <<<$'Exec "echo half > /half; exit 1"'
    run script -qec "'$BRYO' --root '$BRYO_ROOT' build --shell-on-failure" /dev/null <<<$'cat /half\nexit\n'
    assert_output "a shell where the command failed"
    assert_output half
    assert_output "the command ended with exit status 1"
}

@test "an interrupt ends the command and takes back what was begun" {
    gunfile <<<'Exec "touch /started; echo started; sleep 100"'
    "$BRYO" --root "$BRYO_ROOT" build -o "$TMP/out.tar" >"$TMP/log" 2>&1 3>&- &
    local pid=$! status=0
    wait_for 10 grep -q ^started "$TMP/log"
    kill -TERM $pid
    wait $pid || status=$?
    assert_equal "$status" 143
    [ ! -e "$TMP/out.tar" ]
    run bryo list -q
    assert_equal "$output" ""
    gunfile <<<'Exec "true"'
    build
    assert_status 0
}

@test "killed at any time: the next build cleans up and goes on" {
    gunfile <<<'Exec "echo started; sleep 100"'
    "$BRYO" --root "$BRYO_ROOT" build >"$TMP/log" 2>&1 3>&- &
    local pid=$!
    wait_for 10 grep -q ^started "$TMP/log"
    kill -KILL $pid
    wait $pid || true
    gone() { ! pgrep -f "$BRYO_ROOT" >/dev/null; }
    wait_for 10 gone
    gunfile <<<'Exec "true"'
    build
    assert_status 0
    assert_equal "$(ls -A "$XDG_DATA_HOME/bryo/build/tmp")" ""
    local id
    for id in $(bryo list -q); do
        bryo delete --force "$id"
    done
}

@test "two builds of the same at the same time" {
    gunfile <<<'Exec "sleep 0.3; echo x > /x"'
    "$BRYO" --root "$BRYO_ROOT" build -o "$TMP/a.tar" >"$TMP/a.log" 2>&1 3>&- &
    local pid=$!
    build -o "$TMP/out.tar"
    assert_status 0
    wait $pid
    assert_equal "$(in_tar x)" x
}

@test "--progress json: one object a line" {
    skip_without jq
    gunfile <<<'Exec "echo to out; echo to err >&2"'
    build --progress json -o "$TMP/out.tar"
    assert_status 0
    assert_equal "$(jq -r .event <<<"$output" | grep -v warning | sort | uniq -c | xargs)" "2 done 2 output 2 step 1 writing 1 written"
    assert_equal "$(jq -r 'select(.event == "output").text' <<<"$output" | sort)" $'to err\nto out'
    build --progress json -o "$TMP/out.tar"
    assert_equal "$(jq -r .event <<<"$output" | xargs)" "cached cached current"
    # However long it goes on, and without a newline at the end.
    gunfile <<<'Exec "for i in 1 2 3; do echo line $i; sleep 0.2; done; seq 20000; printf end"'
    build --progress json
    assert_status 0
    assert_equal "$(jq -r 'select(.event == "output").text' <<<"$output" | wc -l)" 20004
    assert_equal "$(jq -r 'select(.event == "output").text' <<<"$output" | tail -n 1)" end
    build --progress loud
    assert_status 1
}

@test "where overlayfs can't be mounted, steps copy, and say so" {
    is_real_root || skip "makes a file system of its own"
    # An overlay cannot be the upper directory of another.
    mkdir "$TMP/l" "$TMP/u" "$TMP/w" "$TMP/m"
    mount -t overlay overlay -o "lowerdir=$TMP/l,upperdir=$TMP/u,workdir=$TMP/w" "$TMP/m" || skip "no overlayfs"
    gunfile <<<$'Exec "echo a > /a; rm /etc/motd"\nExec "cat /a > /b"'
    XDG_DATA_HOME=$TMP/m build -o "$TMP/out.tar"
    umount "$TMP/m"
    assert_status 0
    [[ "$stderr" == *"each step copies all that is below it"* ]]
    assert_equal "$(in_tar b)" a
    list -tf "$TMP/out.tar"
    refute_output etc/motd
}

@test "errors of a Gunfile: place, what is wrong, the line, and a caret" {
    printf '\xef\xbb\xbfUsing "rootfs.tar.gz"\r\nExce "true"\r\n' >Gunfile
    build
    assert_status 1
    assert_equal "$stderr" "bryo: Gunfile:2:1: unknown instruction \"Exce\"
bryo: hint: did you mean Exec?
    2 | Exce \"true\"
      | ^"
    printf 'Using "rootfs.tar.gz"\n\tExec apt update\n' >Gunfile
    build
    assert_equal "${stderr_lines[0]}" 'bryo: Gunfile:2:7: Exec: expected a command in quotes, found the word apt'
    printf 'FROM alpine\nRUN x\n' >Gunfile
    build
    assert_status 1
    [[ "$stderr" == *"this is a Dockerfile"*"buildah build --runtime bryo"* ]]
}

@test "no Gunfile, a Dockerfile, a wrong context, a wrong base, a wrong output" {
    build
    assert_status 1
    [[ "$stderr" == *'the Gunfile "Gunfile": no such file or directory (ENOENT)'* ]]
    touch Dockerfile
    build
    [[ "$stderr" == *"buildah build --runtime bryo"* ]]
    build -f nothing
    assert_status 1
    gunfile </dev/null
    build Gunfile
    assert_status 1
    [[ "$stderr" == *"the argument is the directory that Copy takes files from"* ]]
    echo 'Using "nothing.tar"' >Gunfile
    build
    assert_status 1
    [[ "$stderr" == *'Gunfile:1:1: Using: image "'*'nothing.tar": no such file'* ]]
    [[ "$stderr" == *"the context"* ]]
    echo 'Using "https://example.org/x.tar"' >Gunfile
    build
    assert_status 1
    [[ "$stderr" == *"a build fetches no image"* ]]
    mkdir dir && echo 'Using "dir"' >Gunfile
    build
    assert_status 1
    [[ "$stderr" == *"it is a directory"* ]]
    echo text >text && echo 'Using "text"' >Gunfile
    build
    assert_status 1
    [[ "$stderr" == *"Gunfile:1:1: Using: text: not an archive bryo can read"* ]]
    gunfile </dev/null
    build -o /nonexistent/dir/x.tar
    assert_status 1
    [[ "$stderr" == *'--output: write in the directory "/nonexistent/dir/": no such file'* ]]
    build -o docker:x
    assert_status 1
    [[ "$stderr" == *"is no form that bryo writes"* ]]
}

@test "--prune empties the cache" {
    gunfile <<<'Exec "true"'
    build
    assert_status 0
    build --prune
    assert_status 0
    build
    [[ "$stderr" != *cached* ]]
}

@test "a layer that a crash of the machine may have damaged is not trusted" {
    gunfile <<<'Exec "true"'
    build
    local record
    for record in "$XDG_DATA_HOME"/bryo/build/layers/*/record.json; do
        sed -i 's/"boot": *"[^"]*"/"boot": "another"/' "$record"
    done
    build
    assert_status 0
    [[ "$stderr" != *cached* ]]
    build
    [[ "$stderr" == *cached* ]]
}

@test "the example of the documentation" {
    cp "$BRYO_TOP/examples/Gunfile" .
    build -o "$TMP/out.tar"
    assert_status 0
    run --separate-stderr bryo sandbox "$TMP/out.tar" </dev/null
    assert_status 0
    assert_equal "$output" "hello from a Gunfile"
}
