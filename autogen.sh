#!/bin/sh
# Makes ./configure from configure.ac; needs autoconf, automake and pkg-config.
set -eu
cd "$(dirname "$0")"
for tool in autoreconf automake pkg-config; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        echo "autogen.sh: $tool is missing (Debian: apt-get install autoconf automake pkg-config)" >&2
        exit 1
    fi
done
mkdir -p build-aux
exec autoreconf --force --install "$@"
