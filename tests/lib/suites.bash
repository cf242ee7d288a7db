# shellcheck shell=bash
# The suites of tests/run: for NAME a function suite_NAME that prints TAP, and a line of SUITE_TABLE. They start in the
# order of the table, the long ones early, and run side by side; the ones that need a binary build it first, once.

SUITE_TABLE='gcc         a build by gcc with warnings as errors
vm          a virtual machine with systemd, cgroup v2 and podman: tests as a user with a session and as root
lint        include floors, rules for sources, formatting, shellcheck, man pages
clang       a build by clang with warnings as errors
asan        a build with AddressSanitizer and UndefinedBehaviorSanitizer: unit, command and archive tests
unit        unit tests as an ordinary user
unit_root   unit tests as root
cli         command tests as an ordinary user with subordinate ids
cli_nosub   the same as a user without subordinate ids: one id mapped
cli_userns  the same as uid 0 inside a user namespace (the way of podman)
rootful     command tests as root of the machine
conformance the runtime specification, property by property, as an ordinary user with subordinate ids
conformance_nosub   the same as a user without subordinate ids
conformance_userns  the same as uid 0 inside a user namespace
conformance_root    the same as root of the machine
image       the archive helper, hostile archives
fuzz        each target of tests/fuzz for some seconds, under the sanitizers
fire        failure injection: each system call of each verb fails once, or is its last (a sample)
docs        examples of README.md and docs/, scripts of examples/
quickstart  examples/quickstart as a user and as root
distcheck   make distcheck: the tarball is complete, builds out of tree, installs and uninstalls
leaks       no process, mount, cgroup, interface, file or user is left of all this'
mapfile -t SUITES < <(awk '{ print $1 }' <<<"$SUITE_TABLE")
# shellcheck disable=SC2034
QUICK_SUITES=(gcc lint unit cli conformance image docs leaks)

SUITE_SECONDS=1800 # a suite that takes longer is killed

is_suite() {
    printf '%s\n' "${SUITES[@]}" | grep -qxF -- "$1"
}

list_suites() {
    echo "$SUITE_TABLE"
}

# Runs CMD as NAME below the reaper, with the environment that the tests of BUILD need.
# shellcheck disable=SC2034
run_as() { # BUILD NAME CMD…
    local build=$1 name=$2 BELOW=("$WORK/reaper" "$SUITE_SECONDS")
    local EXTRA_ENV=(BRYO="$WORK/$build/bryo" BATS_TEST_TIMEOUT=120 UNIT_TIMEOUT=300)
    shift 2
    if [ "$build" = build-asan ]; then
        # Leaks are looked for by default; the confined bryo-image turns that off for itself, since it can't see /proc.
        EXTRA_ENV+=(ASAN_OPTIONS="exitcode=99:log_path=$WORK/asan/report"
            UBSAN_OPTIONS=print_stacktrace=1)
    fi
    if [ "$name" = root ]; then
        as_root "$@"
    else
        as_user "$name" "$@"
    fi
}

# One build step as one TAP line; its output goes to the log as it comes.
step() { # NAME CMD…
    local name=$1
    shift
    if "$@"; then
        echo "ok - $name"
    else
        echo "not ok - $name"
        return 1
    fi
}

# autogen, configure and make in $WORK/BUILD, once; other suites that need it wait. Tells its failure as a TAP line.
ensure_build() { # BUILD CONFIGURE-ARG…
    local result
    exec 8>"$WORK/$1.lock"
    flock 8
    if [ -e "$WORK/$1/.done" ]; then
        result=0
    elif [ -e "$WORK/$1/.failed" ]; then
        echo "not ok - $1: its build failed before"
        result=1
    elif make_build "$@"; then
        touch "$WORK/$1/.done"
        result=0
    else
        touch "$WORK/$1/.failed"
        result=1
    fi
    exec 8>&-
    return $result
}

make_build() { # BUILD CONFIGURE-ARG…
    local dir=$WORK/$1 build=$1
    shift
    as_user "$TEST_USER" sh -c 'cd "$1" && shift && ../src/configure --enable-werror "$@"' sh "$dir" "$@" 8>&- || {
        echo "not ok - configure ($build)"
        return 1
    }
    as_user "$TEST_USER" sh -c 'make -C "$1" "$2" --no-print-directory && make -C "$1" "$2" --no-print-directory check TESTS=' \
        sh "$dir" "-j$(nproc)" 8>&- || {
        echo "not ok - make ($build)"
        return 1
    }
}

gcc_build() {
    ensure_build build-gcc CC=gcc CFLAGS='-O2 -g' >"$WORK/log/build-gcc.log" 2>&1 || {
        cat "$WORK/log/build-gcc.log"
        return 1
    }
}

unit_programs() { # BUILD
    find "$WORK/$1/tests/unit" -maxdepth 1 -type f -name 'test_*' -perm -u+x | sort
}

unit_as() { # BUILD NAME
    local programs
    mapfile -t programs < <(unit_programs "$1")
    run_as "$1" "$2" "$WORK/src/tests/lib/unit-tap" "${programs[@]}"
}

# The bats files of the directories; WRAPPER, if set, is a program that starts bats.
WRAPPER=()
bats_as() { # BUILD NAME DIR…
    local build=$1 name=$2
    shift 2
    local files=() dir
    for dir in "$@"; do
        compgen -G "$WORK/src/tests/$dir/*.bats" >/dev/null && files+=("$WORK/src/tests/$dir"/*.bats)
    done
    run_as "$build" "$name" "${WRAPPER[@]}" bats --tap "${files[@]}"
}

suite_lint() {
    local program status=0
    for program in floors source format shell man; do
        (cd "$WORK/src" && "tests/lint/$program") || status=$?
    done
    return $status
}

suite_gcc() {
    gcc_build && echo "ok - built by $(gcc --version | head -n1)"
}

suite_clang() {
    ensure_build build-clang CC=clang CFLAGS='-O2 -g' && echo "ok - built by $(clang --version | head -n1)"
}

suite_unit() {
    gcc_build && unit_as build-gcc "$TEST_USER"
}

suite_unit_root() {
    gcc_build && unit_as build-gcc root
}

suite_cli() {
    gcc_build && bats_as build-gcc "$TEST_USER" cli
}

suite_cli_nosub() {
    gcc_build && bats_as build-gcc "$NOSUB_USER" cli
}

# Uid 0 in a user namespace of its own, with all ids that the user may map.
in_userns() { # DIR
    grep -q "^$TEST_USER:" /etc/subuid || {
        echo "ok - all # skip $TEST_USER has no subordinate ids here"
        return
    }
    local WRAPPER=(unshare --user --map-root-user --map-auto --mount)
    gcc_build && bats_as build-gcc "$TEST_USER" "$1"
}

suite_cli_userns() {
    in_userns cli
}

suite_rootful() {
    gcc_build && bats_as build-gcc root cli rootful
}

suite_conformance() {
    gcc_build && bats_as build-gcc "$TEST_USER" conformance
}

suite_conformance_nosub() {
    gcc_build && bats_as build-gcc "$NOSUB_USER" conformance
}

suite_conformance_userns() {
    in_userns conformance
}

suite_conformance_root() {
    gcc_build && bats_as build-gcc root conformance
}

suite_image() {
    gcc_build && bats_as build-gcc "$TEST_USER" image
}

suite_fuzz() {
    gcc_build || return 1
    install -d -m 755 -o "$(id -u "$TEST_USER")" -g "$(id -g "$TEST_USER")" "$WORK/build-fuzz"
    local EXTRA_ENV=()
    as_user "$TEST_USER" env BRYO="$WORK/build-gcc/bryo" FUZZ_BUILD="$WORK/build-fuzz" "$WORK/src/tests/fuzz/run" --seconds 6
}

# A sample, always the same one (FIRE_SEED draws another), of the scenarios of which every case has been through: chance
# is no judge of a change. Those with cgroups, mounts, sandboxes and process files are run by tests/fire/run, by name or
# with --all.
suite_fire() {
    local seed=${FIRE_SEED:-1} status=0
    local only='^(create|create-all|create-join|run|run-all|run-detach|exec|exec-all|start|start-all|delete|delete-force|kill|kill-all|state|ps|list)$'
    gcc_build || return 1
    run_as build-gcc "$TEST_USER" "$WORK/src/tests/fire/run" --seconds 40 --seed "$seed" --only "$only" || status=$?
    run_as build-gcc root "$WORK/src/tests/fire/run" --seconds 40 --seed "$seed" --only "$only" || status=$?
    return $status
}

suite_docs() {
    gcc_build && run_as build-gcc "$TEST_USER" "$WORK/src/tests/docs/run"
}

suite_quickstart() {
    # In a copy of its own, as a clone would be: first by the user, then by root, who finds it built.
    copy_sources "$WORK/quickstart" && chown -R "$TEST_USER:" "$WORK/quickstart" || return 1
    step "quickstart as a user" run_as build-gcc "$TEST_USER" "$WORK/src/tests/docs/quickstart" "$WORK/quickstart"
    step "quickstart as a user without subordinate ids, over the finished build" \
        run_as build-gcc "$NOSUB_USER" "$WORK/src/tests/docs/quickstart" "$WORK/quickstart"
    step "quickstart as root, over the finished build" \
        run_as build-gcc root "$WORK/src/tests/docs/quickstart" "$WORK/quickstart"
}

suite_asan() {
    local status=0
    ensure_build build-asan CC=gcc CFLAGS='-O1 -g' --enable-sanitizers || return 1
    install -d -m 1777 "$WORK/asan"
    unit_as build-asan "$TEST_USER" || status=$?
    bats_as build-asan "$TEST_USER" cli || status=$?
    bats_as build-asan "$TEST_USER" image || status=$?
    # The leak checker also writes when it can't look into a process that a test kills or traces at that moment:
    # lines of its own, without any finding.
    local idle='(==[0-9]+==(Unable to get registers from thread .*|LeakSanitizer has encountered a fatal error\.|HINT: .*))?' reports
    mapfile -t reports < <(grep -lvxE "$idle" "$WORK"/asan/* 2>/dev/null)
    if [ ${#reports[@]} -gt 0 ]; then
        echo "not ok - no report of a sanitizer"
        head -n 60 "${reports[@]}" | sed 's/^/# /'
    else
        echo "ok - no report of a sanitizer"
    fi
    return $status
}

suite_distcheck() {
    gcc_build || return 1
    step "make distcheck" run_as build-gcc "$TEST_USER" make -C "$WORK/build-gcc" -j"$(nproc)" --no-print-directory \
        distcheck DISTCHECK_CONFIGURE_FLAGS=--enable-werror
}

# The disk is kept between runs in a cache (tests/vm/run --help); what is in it depends on no run.
suite_vm() {
    local status
    gcc_build && run_as build-gcc root env CI="${CI:-}" "$WORK/src/tests/vm/run" --build "$WORK/build-gcc" \
        --logs "$WORK/log/vm"
    status=$?
    # 77: no virtual machine is possible here, which it has told as a skip (in CI as a failure).
    return $((status == 77 ? 0 : status))
}

suite_leaks() {
    local kind new
    snapshot >"$WORK/after"
    new=$(comm -13 "$WORK/before" "$WORK/after")
    for kind in process mount cgroup interface file user; do
        if grep -q "^$kind " <<<"$new"; then
            echo "not ok - left behind: $kind"
            grep "^$kind " <<<"$new" | sed 's/^/# /'
        else
            echo "ok - no $kind is left behind"
        fi
    done
}
