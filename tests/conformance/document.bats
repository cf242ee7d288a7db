# config.md as a document: its version, properties that nobody knows, values that are none.

load lib

# property: ociVersion
@test "every version 1.x.y is taken, and no other" {
    local version
    for version in 1.0.0 1.1.0-rc.2 1.9.7+build; do
        ! other_runtime || continue
        inspect ".ociVersion = \"$version\""
    done
    refused 'del(.ociVersion)' 'ociVersion: expected a version 1.x.y of the runtime specification, found nothing'
    for version in 2.0.0 0.9.0 1 1.0 01.0.0 one ""; do
        refused ".ociVersion = \"$version\"" 'ociVersion: expected'
    done
    refused '.ociVersion = 1' 'ociVersion: expected a version 1.x.y of the runtime specification, found 1'
}

# property: annotations
@test "annotations are strings by name" {
    refused '.annotations = {"key": 1}' 'annotations.key: expected a string, found 1'
    refused '.annotations = ["key"]' 'annotations: expected an object'
    refused '.annotations = {"": "x"}' 'annotations[""]: expected a key that is not empty'
    inspect '.annotations = {"empty": "", "org.opencontainers.image.stopSignal": "SIGTERM", "com.example.unknown": "x"}'
}

@test "properties that the specification does not know are passed over, at every place" {
    inspect '.unknown = 1 | .process.unknown = {} | .process.user.unknown = [] | .root.unknown = "x" | .linux.unknown = null
        | .mounts[0].unknown = true | .linux.namespaces[0].unknown = 1'
}

# property: process.commandLine solaris windows vm zos freebsd
@test "what is for other platforms means nothing" {
    inspect '.process.commandLine = "cmd /c dir" | .windows = {layerFolders: ["C:\\x"]} | .solaris = {milestone: "x"}
        | .vm = {kernel: {path: "/none"}} | .zos = {} | .freebsd = {jail: {}}'
}

@test "null is the same as nothing" {
    inspect '.hooks = null | .annotations = null | .process.rlimits = null | .linux.resources = null | .linux.seccomp = null'
}

@test "a value of the wrong type is refused by the path of its property, for every property there is" {
    ! other_runtime || skip "this is about bryo's words"
    # One broken configuration for each row of the tables: an object where a list is wanted, else a list of a list.
    "$BRYO" --dump-schema | jq -r --slurpfile base "$BASE" '.[]
        | (.path | gsub("\\[\\]"; "[0]") | gsub("\\{\\}"; ".x")) as $path
        | ($path | gsub("\\[0\\]"; ".0") | split(".") | map(if . == "0" then 0 else . end)) as $steps
        | (if .kind | startswith("list") then {"x": 1} else [[]] end) as $value
        | "\($path)\t\($base[0] | setpath($steps; $value) | tojson)"' >"$TMP/cases"
    # The parser does not ask who calls: one kind of caller sees all of them, the others a sample.
    kind subids || { sed -n '1~10p' "$TMP/cases" >"$TMP/sample" && mv "$TMP/sample" "$TMP/cases"; }
    local path config message n=0 wrong=0
    while IFS=$'\t' read -r path config; do
        n=$((n + 1))
        printf '%s' "$config" >"$B/config.json"
        message=$("$BRYO" --root "$BRYO_ROOT" create -b "$B" "$ID" 2>&1) || [ $? -eq 1 ] || message+=" (status $?)"
        [[ $message == "bryo: config.json: $path: expected "* ]] || {
            echo "$path: $message" >&2
            wrong=$((wrong + 1))
        }
    done <"$TMP/cases"
    [ $n -gt 20 ]
    ! kind subids || [ $n -gt 200 ]
    [ $wrong -eq 0 ]
}

@test "a file that is no JSON, none at all, and one of another kind" {
    configure .
    echo '{"ociVersion": "1.0.0",' >"$B/config.json"
    run bryo create -b "$B" "$ID"
    [ "$status" -ne 0 ]
    echo '[]' >"$B/config.json"
    run bryo create -b "$B" "$ID"
    [ "$status" -ne 0 ]
    rm "$B/config.json"
    run bryo create -b "$B" "$ID"
    [ "$status" -ne 0 ]
    mkdir "$B/config.json"
    run bryo create -b "$B" "$ID"
    [ "$status" -ne 0 ]
    [ ! -e "$BRYO_ROOT/$ID" ]
}
