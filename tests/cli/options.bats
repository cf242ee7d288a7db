#!/usr/bin/env bats
# The command line: what is accepted, what is refused with which words, help, and where messages go.

# shellcheck disable=SC2016,SC2154
load ../lib/common

not() {
    ! "$@"
}

# refused ERROR HINT WORD…: exit 1, nothing on standard output, the two lines on standard error.
refused() {
    local error=$1 hint=$2
    shift 2
    run --separate-stderr "$BRYO" "$@"
    assert_status 1
    assert_equal "$output" ""
    if [ -n "$hint" ]; then
        assert_equal "$stderr" "bryo: $error"$'\n'"bryo: hint: $hint"
    else
        assert_equal "$stderr" "bryo: $error"
    fi
}

verbs() {
    "$BRYO" --dump-options | jq -r '.verbs[].name'
}

@test "the OCI verbs are there" {
    local verb
    for verb in create start state exec ps pause resume update events kill delete run list spec features help; do
        verbs | grep -qx "$verb"
    done
}

@test "verbs that this version lacks are unknown, with --help as well" {
    local verb
    for verb in checkpoint restore; do
        run "$BRYO" "$verb" --help
        assert_status 1
        assert_equal "$output" "bryo: unknown command \"$verb\": bryo neither checkpoints nor restores containers"
        run "$BRYO" help
        not grep -qE "^ +$verb " <<<"$output"
    done
}

@test "no verb: the overview and a failure" {
    run "$BRYO"
    assert_status 1
    assert_output "OCI runtime:"
}

@test "help, --help and -h print the overview" {
    local way
    for way in help --help -h; do
        run --separate-stderr "$BRYO" "$way"
        assert_status 0
        assert_output "Usage: bryo [GLOBAL OPTIONS] VERB"
        assert_output "Sandbox:"
        assert_equal "$stderr" ""
    done
}

@test "every verb has help, by three ways, within 80 columns" {
    local verb text
    for verb in $(verbs); do
        text=$("$BRYO" help "$verb")
        grep -q "^Usage: bryo $verb" <<<"$text"
        assert_equal "$("$BRYO" "$verb" --help)" "$text"
        assert_equal "$("$BRYO" "$verb" -h)" "$text"
        not env LC_ALL=C.UTF-8 grep -E '^.{81}' <<<"$text"
        not grep ' $' <<<"$text"
    done
}

@test "help names every option that is not hidden" {
    local verb option
    while read -r verb option; do
        "$BRYO" help "$verb" | grep -qE -- "--$option( |$)" || {
            echo "bryo help $verb lacks --$option" >&2
            false
        }
    done < <("$BRYO" --dump-options | jq -r '.verbs[] | .name as $v | .options[] | select(.hidden | not) | "\($v) \(.name)"')
}

@test "--version: the lines that callers read" {
    local way
    for way in --version -v -V; do
        run "$BRYO" "$way"
        assert_status 0
        [[ ${lines[0]} =~ ^bryo\ version\ [0-9]+\.[0-9]+\.[0-9]+ ]]
        [[ ${lines[1]} =~ ^commit:\ ([0-9a-f]{40}|unknown)$ ]]
        assert_equal "${lines[2]}" "spec: 1.3.0"
        assert_output "+SECCOMP"
    done
}

@test "mistakes: verbs" {
    refused 'unknown command "creat"' 'did you mean create?' creat
    refused 'unknown command "lsit"' 'did you mean list?' lsit
    refused 'unknown command "frobnicate"' '`bryo help` lists the commands' frobnicate
    refused 'unknown command ""' '`bryo help` lists the commands' ''
    refused 'unknown command "/etc"' 'to run a command in it: bryo sandbox /etc' /etc
    refused 'unknown command "frobnicate"' '`bryo help` lists the commands' help frobnicate
}

@test "mistakes: options" {
    refused 'unknown option "--rot"' 'did you mean --root?' --rot x list
    refused 'create: unknown option "--bundel"' 'did you mean --bundle?' create --bundel x id
    refused 'list: unknown option "-z"' 'bryo list --help lists the options' list -z
    refused 'list: unknown option "--root"' \
        '--root is a global option, it goes before the verb: bryo --root … list' list --root x
    refused 'create: flag needs an argument: --bundle DIR' '' create id --bundle
    refused 'create: --bundle: the argument is empty' '' create id --bundle=
    refused 'run: --preserve-fds: expected a decimal number, found "many"' '' run --preserve-fds many id
    refused 'run: --preserve-fds: expected a decimal number, found "-1"' '' run --preserve-fds=-1 id
    refused 'run: --detach: expected true or false, found "perhaps"' '' run --detach=perhaps id
    refused 'list: --format: expected table or json, found "xml"' '' list -f xml
    refused '--log-format: expected text or json, found "xml"' '' --log-format xml list
    refused '--log-level: expected error, warning, info or debug, found "loud"' '' --log-level=loud list
    refused '--rootless: expected true, false or auto, found "maybe"' '' --rootless=maybe list
}

@test "mistakes: arguments" {
    refused 'state: ID is missing' 'usage: bryo state ID' state
    refused 'state: unexpected argument "b"' 'usage: bryo state ID' state a b
    refused 'list: unexpected argument "a"' 'usage: bryo list [OPTIONS]' list a
    refused 'kill: unexpected argument "-a"' 'options go before the arguments: bryo kill [OPTIONS] ID [SIGNAL]' \
        kill a KILL -a
    refused 'kill: unknown signal "FOO"' 'a signal is a number or a name: 9, KILL, SIGKILL, RTMIN+3' kill a FOO
}

@test "control characters in a mistake do not reach the terminal" {
    refused 'unknown command "a\x1b[2Jb"' '`bryo help` lists the commands' $'a\e[2Jb'
    refused 'list: unknown option "--x\x07"' 'bryo list --help lists the options' list $'--x\a'
}

@test "cgroup managers and limits: the words that are known" {
    refused '--cgroup-manager: expected systemd, cgroupfs, disabled or auto, found "lxc"' '' --cgroup-manager lxc list
    refused '--limits: expected require, try or off, found "some"' '' --limits some list
    bryo --cgroup-manager=systemd --limits=try list
    bryo --cgroup-manager cgroupfs --systemd-cgroup --limits off list
    bryo --cgroup-manager=disabled list
    bryo --cgroup-manager auto --systemd-cgroup=false list
}

@test "an id that is none" {
    local id
    for id in . .. .a a/b '' 'a b' 'ä' ../x; do
        run --separate-stderr bryo state -- "$id"
        assert_status 1
        [ -n "$stderr" ]
        run bryo create -b "$TMP" -- "$id"
        assert_status 1
        run bryo delete --force -- "$id"
        assert_status 1
    done
    [ ! -e "$TMP/x" ]
}

@test "a container that is not there" {
    local verb
    for verb in start state kill delete; do
        run bryo "$verb" nobody
        assert_status 1
        assert_output "does not exist"
    done
    bryo delete --force nobody
}

@test "list without a state directory is empty" {
    run bryo list
    assert_status 0
    assert_equal "${#lines[@]}" 1
    [[ $output =~ ^ID\ +PID\ +STATUS\ +BUNDLE\ +CREATED\ +OWNER$ ]]
    assert_equal "$(bryo list -q)" ""
    assert_equal "$(bryo list -f json)" "[]"
    [ ! -e "$BRYO_ROOT" ]
}

@test "regular expressions: a bad one, and one that matches nothing" {
    run bryo kill --regex '('
    assert_status 1
    assert_output '--regex "(": '
    run bryo kill --regex '^none$'
    assert_status 1
    assert_output '--regex "^none$": no container matches'
    bryo delete --force --regex '^none$'
}

@test "spec writes a config.json once" {
    cd "$TMP"
    "$BRYO" spec
    jq -e '.ociVersion and .process.args' config.json
    cp config.json before
    run --separate-stderr "$BRYO" spec --rootless
    assert_status 1
    assert_output '"config.json" exists'
    cmp config.json before
    mkdir sub
    "$BRYO" spec --rootless --bundle sub
    jq -e '[.linux.namespaces[].type] | index("user")' sub/config.json
    run "$BRYO" spec -b nowhere
    assert_status 1
    assert_output 'create "nowhere/config.json": no such file or directory (ENOENT)'
}

@test "features is JSON" {
    "$BRYO" features | jq -e '.ociVersionMax == "1.3.0" and .linux.mountExtensions.idmap.enabled'
}

@test "--log-format json without --log: one object on standard error" {
    run --separate-stderr bryo --log-format json state nobody
    assert_status 1
    assert_equal "${#stderr_lines[@]}" 1
    jq -e '.level == "error" and (.msg | contains("does not exist")) and (.time | test("^[0-9-]+T[0-9:.]+Z$"))' <<<"$stderr"
}

@test "--log FILE gets the message, standard error does not" {
    run --separate-stderr bryo --log "$TMP/log" --log-format=json state nobody
    assert_status 1
    assert_equal "$stderr" ""
    jq -e '.level == "error"' "$TMP/log"
    run bryo --log "$TMP/log" --log-format=json list --bogus
    assert_status 1
    assert_equal "$(tail -n 1 "$TMP/log" | jq -r .msg)" \
        'list: unknown option "--bogus"; hint: bryo list --help lists the options'
    run bryo --log "$TMP/no/log" list
    assert_status 1
    assert_output "open log file \"$TMP/no/log\": no such file or directory (ENOENT)"
}

@test "a mistake among the global options is told the way that was asked for before it" {
    run --separate-stderr "$BRYO" --log-format json --bogus list
    assert_status 1
    assert_equal "$(jq -r .level <<<"$stderr")" error
}

@test "with --log FILE a terminal sees the error too, once" {
    skip_without script
    run script -qec "'$BRYO' --root '$BRYO_ROOT' --log '$TMP/log' state nobody" /dev/null
    assert_status 1
    assert_output "does not exist"
    grep -q "does not exist" "$TMP/log"
    run script -qec "'$BRYO' --root '$BRYO_ROOT' --log /dev/stderr state nobody" /dev/null
    assert_equal "$(grep -c "does not exist" <<<"$output")" 1
}

@test "a reader that went away ends it quietly" {
    # shellcheck disable=SC2016
    run bash -c '{ "$BRYO" --dump-options; echo "$?" >"$TMP/code"; } 2>"$TMP/err" | true'
    assert_equal "$(cat "$TMP/err")" ""
    # The pipe may still have been open: then all is well.
    [[ $(cat "$TMP/code") =~ ^[01]$ ]]
    mkfifo "$TMP/fifo"
    # shellcheck disable=SC2094
    exec 7<>"$TMP/fifo" 8>"$TMP/fifo" 7<&-
    run --separate-stderr bash -c '"$BRYO" --help >&8'
    exec 8>&-
    assert_status 1
    assert_equal "$stderr" ""
}

@test "a full disk is an error" {
    [ -w /dev/full ] || skip "no /dev/full"
    run --separate-stderr bash -c '"$BRYO" --help >/dev/full'
    assert_status 1
    assert_equal "$stderr" "bryo: write to standard output: no space left on device (ENOSPC)"
}

@test "closed standard descriptors do no harm" {
    run bash -c '"$BRYO" --root "$BRYO_ROOT" --log "$TMP/log" state nobody <&- >&- 2>&-'
    assert_status 1
    grep -q "does not exist" "$TMP/log"
    "$BRYO" --root "$BRYO_ROOT" list <&- >&- 2>&-
}

@test "both dialects of options" {
    cd "$TMP"
    mkdir a b c d e
    "$BRYO" spec -b a
    "$BRYO" spec -bb
    "$BRYO" spec -b=c
    "$BRYO" spec -bundle d
    "$BRYO" spec -bundle=e -rootless=false
    assert_equal "$(echo ?/config.json)" "a/config.json b/config.json c/config.json d/config.json e/config.json"
    bryo -log-level debug list
}
