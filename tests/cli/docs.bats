#!/usr/bin/env bats
# Man pages and completions say what the tables of options say, no less and no more.

load ../lib/common

pages() {
    ls "$BRYO_TOP"/man/*.[1-8]
}

# "VERB OPTION" for every option of the tables; "." stands for the global ones.
table_options() {
    "$BRYO" --dump-options | jq -r '
        ([{name: ".", options: (.global.options + [{name: "help", letter: "h"}])}] + .verbs)[]
        | .name as $verb | .options[] | ("--" + .name), (.letter // empty | "-" + .)
        | "\($verb) \(.)"' | sort -u
}

# The same from the man pages: `.It Fl b , -bundle Ar DIR` below `.Ss VERB`, or below `.Sh GLOBAL OPTIONS`. The comment
# `.\" includes: VERB` takes over the options of another verb.
# shellcheck disable=SC2046
man_options() {
    awk '
        /^\.Sh / { verb = $0 == ".Sh GLOBAL OPTIONS" ? "." : "" }
        /^\.Ss / { verb = $2 }
        /^\.\\" includes: / { from[verb] = $3 }
        verb != "" && /^\.It Fl / {
            for (i = 3; i <= NF && $i !~ /^(Ar|Cm|Ns|Op)$/; i++)
                if ($i != ",") { print verb, "-" $i; has[verb, ++n[verb]] = "-" $i }
        }
        END { for (v in from) for (i = 1; i <= n[from[v]]; i++) print v, has[from[v], i] }
    ' $(pages) | sort -u
}

@test "every option is in a man page, and every option of a man page exists" {
    table_options >"$TMP/tables"
    man_options >"$TMP/pages"
    [ -s "$TMP/tables" ]
    diff "$TMP/tables" "$TMP/pages" # <: missing in man/, >: not in the tables
}

@test "every verb has its place in a man page" {
    local verb
    for verb in $("$BRYO" --dump-options | jq -r '.verbs[].name'); do
        grep -qxr "\.Ss $verb" "$BRYO_TOP/man" || {
            echo "no .Ss $verb in man/" >&2
            false
        }
    done
}

@test "the man pages are free of warnings" {
    skip_without mandoc
    local page
    for page in $(pages); do
        mandoc -Tlint -Wwarning "$page"
    done
}

@test "the completions are what completions/generate makes" {
    skip_without python3
    mkdir "$TMP/made"
    "$BRYO" --dump-options | "$BRYO_TOP/completions/generate" "$TMP/made"
    local name
    for name in bryo.bash _bryo bryo.fish; do
        diff -u "$BRYO_TOP/completions/$name" "$TMP/made/$name" || {
            echo "run: bryo --dump-options | completions/generate" >&2
            false
        }
    done
}

@test "the table of properties is what docs/generate makes" {
    skip_without python3
    "$BRYO" --dump-schema | "$BRYO_TOP/docs/generate" "$TMP/made"
    diff -u "$BRYO_TOP/docs/config-properties.md" "$TMP/made" || {
        echo "run: bryo --dump-schema | docs/generate" >&2
        false
    }
}

@test "docs/generate finds what nobody tests, and tests of what there is not" {
    skip_without python3
    mkdir -p "$TMP/tree/tests/unit"
    cp -R "$BRYO_TOP/docs" "$TMP/tree"
    cp -R "$BRYO_TOP/tests/conformance" "$TMP/tree/tests"
    cp "$BRYO_TOP/tests/unit/oci_properties.h" "$TMP/tree/tests/unit"
    local file=$TMP/tree/tests/conformance/process.bats
    made() {
        run bash -c '"$BRYO" --dump-schema | "$TMP/tree/docs/generate" "$TMP/made"'
    }
    made
    assert_status 0
    sed -i 's/^# property: process.noNewPrivileges$//' "$file"
    made
    assert_status 1
    assert_output "no test in tests/conformance names process.noNewPrivileges"
    sed -i 's/^# property: process.user.umask$/# property: process.user.mask process.noNewPrivileges/' "$file"
    made
    assert_status 1
    assert_output "the specification has no process.user.mask"
    sed -i 's/process.user.mask/process.user.umask/; s/^@test "noNewPrivileges/# property: process.noNewPrivileges\n# rootless: no\n&/' "$file"
    made
    assert_status 1
    assert_output "must be refused, and the test shows no refusal"
    sed -i '/"linux.maskedPaths",/d' "$TMP/tree/tests/unit/oci_properties.h"
    sed -i '/^# rootless: no$/d' "$file"
    sed -i 's/^# property: linux.maskedPaths$//' "$TMP/tree/tests/conformance/rootfs.bats"
    made
    assert_status 1
    assert_output "the tables have linux.maskedPaths, the specification has not"
}

# complete WORD…: the words that bash offers for the last one, sorted.
complete_words() {
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    COMPREPLY=()
    _bryo
    printf '%s\n' "${COMPREPLY[@]}" | sort -u | xargs
}

@test "bash completes verbs, options and their arguments" {
    # shellcheck source=/dev/null
    source "$BRYO_TOP/completions/bryo.bash"
    compopt() { :; }
    cd "$TMP"
    mkdir directory
    touch file
    assert_equal "$(complete_words bryo cre)" "create"
    assert_equal "$(complete_words bryo --log-f)" "--log-format"
    assert_equal "$(complete_words bryo --log-format '')" "json text"
    assert_equal "$(complete_words bryo --log-format = j)" "json"
    assert_equal "$(complete_words bryo --log-format json li)" "list"
    assert_equal "$(complete_words bryo list --format '')" "json table"
    assert_equal "$(complete_words bryo list --)" "--format --help --quiet"
    assert_equal "$(complete_words bryo create -b '')" "directory"
    assert_equal "$(complete_words bryo run --config '')" "directory file"
    assert_equal "$(complete_words bryo kill id K)" "KILL"
    assert_equal "$(complete_words bryo kill id -)" ""
    assert_equal "$(complete_words bryo help feat)" "features"
    assert_equal "$(complete_words bryo bogus '')" ""
}

@test "bash completes ids, from the state directory that is named" {
    # shellcheck source=/dev/null
    source "$BRYO_TOP/completions/bryo.bash"
    # shellcheck disable=SC2317
    bryo() { [ "$*" = "--root=/states list -q" ] && printf 'one\ntwo\n'; }
    assert_equal "$(complete_words bryo --root = /states state '')" "one two"
    assert_equal "$(complete_words bryo --root=/states state t)" "two"
    assert_equal "$(complete_words bryo --root=/states create '')" ""
}

@test "zsh and fish can read their completions" {
    local tried=
    if command -v zsh >/dev/null; then
        zsh -n "$BRYO_TOP/completions/_bryo"
        tried=yes
    fi
    if command -v fish >/dev/null; then
        fish --no-execute "$BRYO_TOP/completions/bryo.fish"
        tried=yes
    fi
    [ -n "$tried" ] || skip "neither zsh nor fish is installed"
}
