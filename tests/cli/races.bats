# Under fire: two calls on one id at once, signals in a storm, and a machine that is short of everything. Each call of such
# a test either works or says why not, `state` tells the truth, and nothing is left. What a single failing system call does
# is tests/fire.

load ../lib/common

setup() {
    bryo_setup
    B=$TMP/bundle
    make_bundle "$B" '.process.args = ["/bin/sleep", "1000"]'
    ID=$(new_id)
}

status_of() {
    bryo state "$1" | jq -r .status
}

is_status() {
    [ "$(status_of "$1" 2>/dev/null)" = "$2" ]
}

# Two calls at once: FIRST -- SECOND. Their exit codes are in $first and $second, what they said in $TMP/first and $TMP/second.
at_once() {
    local a=() one two
    while [ "$1" != -- ]; do
        a+=("$1")
        shift
    done
    shift
    first=0 second=0
    "$BRYO" --root "$BRYO_ROOT" "${a[@]}" </dev/null >"$TMP/first" 2>&1 3>&- &
    one=$!
    "$BRYO" --root "$BRYO_ROOT" "$@" </dev/null >"$TMP/second" 2>&1 3>&- &
    two=$!
    wait $one || first=$?
    wait $two || second=$?
}

# One of the two won; the other's message is (as a regular expression) WORDS.
exactly_one_won() { # WORDS
    local loser=first
    [ $((first == 0)) -ne $((second == 0)) ] || {
        echo "exit statuses $first and $second" >&2
        cat "$TMP/first" "$TMP/second" >&2
        return 1
    }
    [ $second -eq 0 ] || loser=second
    grep -qE "$1" "$TMP/$loser" || {
        echo "expected of the loser: $1" >&2
        cat "$TMP/$loser" >&2
        return 1
    }
}

# A failed call said why, in a line that does not begin with a warning.
has_message() { # FILE
    grep -qE '^bryo: ' <(grep -v '^bryo: warning: ' "$1") || {
        echo "no message:" >&2
        cat "$1" >&2
        return 1
    }
}

nothing_is_there() {
    [ ! -e "$BRYO_ROOT" ] || [ -z "$(ls -A "$BRYO_ROOT")" ] || {
        echo "left: $(ls -A "$BRYO_ROOT"/*)" >&2
        return 1
    }
}

@test "two creates: one wins, and its container is whole" {
    for _ in $(seq 15); do
        at_once create -b "$B" "$ID" -- create -b "$B" "$ID"
        exactly_one_won "container with id \"$ID\" already exists"
        assert_equal "$(status_of "$ID")" created
        bryo delete --force "$ID"
    done
}

@test "create and delete --force: a container or none, never half of one" {
    for _ in $(seq 30); do
        at_once create -b "$B" "$ID" -- delete --force "$ID"
        assert_equal $second 0
        if [ $first -ne 0 ]; then
            has_message "$TMP/first"
            nothing_is_there
        elif bryo state "$ID" >"$TMP/told" 2>&1; then
            assert_equal "$(jq -r .status "$TMP/told")" created
        else
            grep -q "does not exist" "$TMP/told"
            nothing_is_there
        fi
        bryo delete --force "$ID"
        nothing_is_there
    done
}

@test "two starts: one wins, the other hears that it runs" {
    for _ in $(seq 15); do
        bryo create -b "$B" "$ID"
        at_once start "$ID" -- start "$ID"
        exactly_one_won "cannot start container \"$ID\": it is already running"
        assert_equal "$(status_of "$ID")" running
        bryo delete --force "$ID"
    done
}

@test "the state is running as soon as start has returned" {
    for _ in $(seq 20); do
        bryo create -b "$B" "$ID"
        bryo start "$ID"
        assert_equal "$(status_of "$ID")" running
        bryo delete --force "$ID"
    done
}

@test "start and kill: the kill works, and start was in time or says that it was not" {
    for _ in $(seq 20); do
        bryo create -b "$B" "$ID"
        at_once start "$ID" -- kill "$ID" KILL
        assert_equal $second 0
        [ $first -eq 0 ] || has_message "$TMP/first"
        wait_for 5 is_status "$ID" stopped
        bryo delete "$ID"
    done
}

@test "start and delete --force: no process is left, and start succeeds only in what it began" {
    for _ in $(seq 20); do
        bryo create -b "$B" "$ID"
        at_once start "$ID" -- delete --force "$ID"
        assert_equal $second 0
        [ $first -eq 0 ] || grep -qE "does not exist|ended before" "$TMP/first"
        nothing_is_there
    done
}

@test "two deletes: one wins, the other finds nothing; with --force both are content" {
    for _ in $(seq 15); do
        bryo create -b "$B" "$ID"
        bryo kill "$ID" KILL
        wait_for 5 is_status "$ID" stopped
        at_once delete "$ID" -- delete "$ID"
        exactly_one_won "container \"$ID\" does not exist"
        nothing_is_there
        bryo create -b "$B" "$ID"
        at_once delete --force "$ID" -- delete --force "$ID"
        assert_equal "$first $second" "0 0"
        nothing_is_there
    done
}

@test "exec and delete --force: the process is killed with the container, or never begins" {
    for _ in $(seq 20); do
        bryo run -d -b "$B" "$ID"
        at_once exec "$ID" sleep 1000 -- delete --force "$ID"
        assert_equal $second 0
        [ $first -eq 137 ] || { [ $first -eq 255 ] && has_message "$TMP/first"; }
        nothing_is_there
    done
}

@test "two kills, and a kill of what ends" {
    for _ in $(seq 10); do
        bryo run -d -b "$B" "$ID"
        at_once kill "$ID" KILL -- kill "$ID" KILL
        [ $first -eq 0 ] || grep -q "container not running" "$TMP/first"
        [ $second -eq 0 ] || grep -q "container not running" "$TMP/second"
        assert_equal $((first * second)) 0
        wait_for 5 is_status "$ID" stopped
        bryo delete "$ID"
    done
}

@test "list among containers that come and go" {
    local i pid
    (for i in $(seq 30); do
        "$BRYO" --root "$BRYO_ROOT" run -d -b "$B" "$ID-$((i % 3))" </dev/null >/dev/null 2>&1
        "$BRYO" --root "$BRYO_ROOT" delete --force "$ID-$((i % 3))" >/dev/null 2>&1
    done) 3>&- &
    pid=$!
    while kill -0 $pid 2>/dev/null; do
        run bryo list --format json
        assert_status 0
        jq -e 'type == "array"' <<<"$output" >/dev/null
    done
    wait $pid
}

# SIGCHLD, SIGWINCH, SIGURG and stop and go, as fast as they can be sent, at a process.
storm() { # PID
    while kill -0 "$1" 2>/dev/null; do
        for signal in CHLD WINCH URG STOP CONT; do
            kill -$signal "$1" 2>/dev/null || return 0
        done
    done
}

@test "a storm of signals changes nothing" {
    local i pid storm code
    for i in $(seq 5); do
        for verb in "create -b $B $ID" "start $ID" "exec $ID /bin/true" "delete --force $ID"; do
            # shellcheck disable=SC2086
            "$BRYO" --root "$BRYO_ROOT" $verb </dev/null >"$TMP/out" 2>&1 3>&- &
            pid=$!
            storm $pid 3>&- &
            storm=$!
            code=0
            wait $pid || code=$?
            wait $storm || true
            [ $code -eq 0 ] || {
                echo "$verb: exit status $code" >&2
                cat "$TMP/out" >&2
                return 1
            }
        done
    done
    nothing_is_there
}

@test "run passes a storm of signals on, and its exit code" {
    set_args "$B" /bin/sh -c 'trap : ALRM USR1 USR2 HUP; echo up; i=0; while [ $i -lt 20 ]; do sleep 0.02; i=$((i + 1)); done; echo down; sleep 0.3; exit 33'
    mkfifo "$TMP/fifo"
    "$BRYO" --root "$BRYO_ROOT" run -b "$B" "$ID" <"$TMP/fifo" >"$TMP/out" 2>&1 3>&- &
    local pid=$! code=0
    exec 8>"$TMP/fifo"
    wait_for 5 grep -q up "$TMP/out"
    # Not to its very end: once the container is gone, a signal is for bryo itself.
    until grep -q down "$TMP/out" || ! kill -0 $pid 2>/dev/null; do
        for signal in ALRM USR1 USR2 HUP CHLD WINCH; do
            kill -$signal $pid 2>/dev/null || break 2
        done
        sleep 0.001
    done
    exec 8>&-
    wait $pid || code=$?
    assert_equal $code 33
    nothing_is_there
}

@test "a hook that leaves a process in the background is not waited for" {
    edit_config "$B" ".hooks.createRuntime = [{\"path\": \"/bin/sh\", \"env\": [\"PATH=/usr/bin:/bin\"],
        \"args\": [\"sh\", \"-c\", \"sleep 1000 & echo \$! >'$TMP/pid'; echo said\"]}]"
    local start=$SECONDS
    bryo create -b "$B" "$ID"
    [ $((SECONDS - start)) -lt 5 ]
    kill -KILL "$(cat "$TMP/pid")"
    assert_equal "$(status_of "$ID")" created
}

@test "a hook that daemonises, prints without end, closes everything or dies of a signal" {
    local script
    for script in 'setsid sleep 0.1 >/dev/null 2>&1 & exit 0' 'exec head -c 3000000 /dev/zero' 'exec 0<&- 1>&- 2>&-; exit 0'; do
        edit_config "$B" ".hooks.prestart = [{\"path\": \"/bin/sh\", \"env\": [\"PATH=/usr/bin:/bin\"], \"timeout\": 20,
            \"args\": $(json_words sh -c "$script")}]"
        bryo create -b "$B" "$ID"
        bryo delete --force "$ID"
    done
    edit_config "$B" ".hooks.prestart[0].args = $(json_words sh -c 'echo oh; kill -SEGV $$')"
    run bryo create -b "$B" "$ID"
    assert_status 1
    assert_output 'prestart hook 0 ("/bin/sh") was killed by SIGSEGV: oh'
    nothing_is_there
}

# bryo below a limit of the shell; where it can't even be loaded, that is a failure with a message, too.
limited() { # OPTION N ARG…
    status=0
    output=$(exec 2>&1 && ulimit "$1" "$2" && shift 2 && exec "$BRYO" --root "$BRYO_ROOT" "$@" </dev/null) || status=$?
}

@test "too few descriptors: each call works or says so, and state never lies" {
    local n
    set_args "$B" /bin/true
    for n in $(seq 8 26); do
        limited -Sn "$n" run -b "$B" "$ID"
        [ "$status" -eq 0 ] || assert_output "bryo: " || assert_output "oo many open files"
        nothing_is_there
    done
    assert_status 0
    set_args "$B" /bin/sleep 1000
    bryo run -d -b "$B" "$ID"
    bryo create -b "$B" "$ID-created"
    for n in $(seq 8 20); do
        limited -Sn "$n" state "$ID"
        [ "$status" -eq 0 ] && assert_output '"running"' || assert_output EMFILE
        limited -Sn "$n" state "$ID-created"
        [ "$status" -eq 0 ] && assert_output '"created"' || assert_output EMFILE
        limited -Sn "$n" ps --format json "$ID"
        [ "$status" -eq 0 ] && [ "$(jq length <<<"$output")" -eq 1 ] || assert_output EMFILE
        limited -Sn "$n" list -q
        [ "$status" -eq 0 ] && assert_output "$ID-created" && assert_output "$ID" || assert_output EMFILE
        limited -Sn "$n" exec "$ID" /bin/true
        [ "$status" -eq 0 ] || { assert_status 255 && assert_output "bryo: "; }
        assert_equal "$(status_of "$ID")" running
    done
    for n in $(seq 8 20); do
        limited -Sn "$n" delete --force "$ID"
        # Not "there is no such container": it is there.
        [ "$status" -eq 0 ] || { assert_output EMFILE && [ -e "$BRYO_ROOT/$ID" ]; }
    done
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "a full table of processes" {
    skip_if_root # whom no limit of processes holds
    local n have worked=0 refused=0 sweep
    # The leak checker of a sanitized build needs a process of its own.
    export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
    set_args "$B" /bin/true
    # Other processes of the user come and go meanwhile: upwards until it has room, and again if it was never refused.
    for sweep in 1 2 3 4 5; do
        have=$(ps -o nlwp= -U "$(id -u)" | awk '{ n += $1 } END { print n }')
        for n in $(seq $((have > 10 ? have - 10 : 1)) $((have + 60))); do
            limited -u "$n" run -b "$B" "$ID"
            if [ "$status" -eq 0 ]; then
                worked=$((worked + 1))
            else
                worked=0
                assert_output "esource temporarily unavailable" # without bryo, the shell says it
                [[ $output != "bryo: "* ]] || refused=$((refused + 1))
            fi
            nothing_is_there
            [ $worked -lt 3 ] || break
        done
        [ $refused -eq 0 ] || break
    done
    [ $refused -gt 0 ]
    [ $worked -eq 3 ]
}

# In a mount namespace of its own, where it may mount. A user is root there, with one id.
in_mount_namespace() { # SCRIPT ARG…
    local how=(unshare --mount)
    if ! is_root; then
        how=(unshare --user --map-root-user --mount)
        edit_config "$B" '.linux.uidMappings = [{containerID: 0, hostID: 0, size: 1}] | .linux.gidMappings = .linux.uidMappings'
    fi
    run "${how[@]}" bash -c "$@"
}

@test "a full disk for the states: create says so and leaves nothing, until there is room" {
    set_args "$B" /bin/true
    edit_config "$B" ".annotations = {\"filler\": \"$(head -c 20000 /dev/zero | tr '\0' x)\"}"
    mkdir "$TMP/small"
    in_mount_namespace '
        set -u
        mount -t tmpfs -o size=4k,nr_inodes=2 none "$3/small" || exit 99
        worked=0
        for size in 4 8 16 24 32 40 48 64 80 96 128; do
            for inodes in 3 4 5 6 7 8 9 12; do
                mount -o "remount,size=${size}k,nr_inodes=$inodes" none "$3/small" || exit 99
                if "$1" --root "$3/small/state" run -b "$2" "$4" >"$3/out" 2>&1; then
                    worked=$((worked + 1))
                else
                    grep -q "^bryo: .*no space left on device (ENOSPC)" "$3/out" || { cat "$3/out"; exit 1; }
                fi
                [ ! -e "$3/small/state" ] || [ -z "$(ls -A "$3/small/state")" ] || { ls -lR "$3/small"; exit 2; }
            done
        done
        echo "worked $worked times"' sh "$BRYO" "$B" "$TMP" "$ID"
    assert_status 0
    [[ $output =~ worked\ [1-9] ]]
    refute_output "worked 88 times"
}

@test "a full disk below the root file system and the pid file" {
    set_args "$B" /bin/true
    edit_config "$B" '.mounts += [{"destination": "/new/place", "type": "tmpfs", "source": "tmpfs"}]'
    mkdir "$TMP/small"
    in_mount_namespace '
        set -eu
        mount -t tmpfs -o size=4m,nr_inodes=10000 none "$3/small" || exit 99
        cp -a "$2" "$3/small/bundle"
        cd "$3/small"
        rm -rf bundle/rootfs/bin/[!bst]*
        dd if=/dev/zero of=filler bs=4k 2>/dev/null || true
        used=$(df --output=iused . | tail -n 1)
        mount -o "remount,size=4m,nr_inodes=$((used))" none "$PWD" || exit 99
        ! "$1" --root "$3/state" create --pid-file "$PWD/pid" -b bundle "$4" >"$3/out" 2>&1
        grep "^bryo: .*no space left on device (ENOSPC)" "$3/out" || { cat "$3/out"; exit 1; }
        [ ! -e pid ] && [ -z "$(ls -A "$3/state")" ]
        mount -o remount,size=4m,nr_inodes=10000 none "$PWD"
        mkdir -p bundle/rootfs/new/place
        ! "$1" --root "$3/state" create --pid-file "$PWD/pid" -b bundle "$4" >"$3/out" 2>&1
        grep -e "--pid-file \"$PWD/pid\": .*no space left on device (ENOSPC)" "$3/out" || { cat "$3/out"; exit 1; }
        ls -A
        [ "$(ls -A | tr "\n" " ")" = "bundle filler " ] && [ -z "$(ls -A "$3/state")" ]' sh "$BRYO" "$B" "$TMP" "$ID"
    assert_status 0
}

@test "a read-only state directory: looking works, changing is refused" {
    in_mount_namespace '
        set -eu
        export LC_ALL=C
        bryo() { "$binary" --root "$root" "$@"; }
        binary=$1 root=$3/state
        mkdir "$root" "$3/again"
        bryo create -b "$2" "$4" </dev/null >/dev/null 2>&1
        mount --bind "$root" "$3/again"
        mount -o remount,ro,bind "$3/again"
        root=$3/again
        bryo state "$4" | grep -q "\"created\""
        bryo list -q | grep -qx "$4"
        for verb in "create -b $2 other" "start $4" "delete --force $4"; do
            ! bryo $verb >"$3/out" 2>&1 </dev/null
            grep "^bryo: .*read-only file system (EROFS)" "$3/out" || { cat "$3/out"; exit 1; }
        done
        bryo state "$4" | grep -q "\"created\""
        umount "$root"
        root=$3/state
        bryo delete --force "$4"' sh "$BRYO" "$B" "$TMP" "$ID"
    assert_status 0
}
