#!/bin/bash
# An OCI bundle by hand: a directory with config.json and a root file system, and the verbs that drive it.
# Works in the current directory and takes away what it makes. Needs bryo in PATH, jq, and a static busybox.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
id=example-$$
trap 'bryo delete --force "$id"; rm -rf mybundle' EXIT

# 1. The bundle. `bryo spec --rootless` writes a whole config.json; jq changes what this container needs otherwise.
mkdir mybundle
"$here/make-rootfs" mybundle/rootfs
bryo spec --rootless --bundle mybundle
jq '.hostname = "mybundle"
    | .process.terminal = false
    | .process.args = ["/bin/sh", "-c", "echo running on $(hostname) as uid $(id -u); exec sleep 100"]' \
    mybundle/config.json >config.new
mv config.new mybundle/config.json

# 2. create makes namespaces, mounts and all; the process waits. start lets it go.
bryo create --bundle mybundle "$id"
bryo state "$id" | jq -r '"state: " + .status'
#> state: created
bryo start "$id"
bryo list
#> running

# 3. kill sends a signal; delete removes what is left once it stopped.
bryo kill "$id" KILL
until [ "$(bryo state "$id" | jq -r .status)" = stopped ]; do sleep 0.05; done
bryo delete "$id"
echo "deleted"
#> running on mybundle as uid 0
#> deleted
