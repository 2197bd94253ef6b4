#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# What an echoed message costs, in numbers that repeat: user-space instructions and enters.
# Compiles its own optimised server, whatever build type or sanitizer the tests run with.
set -u
CDPATH='' cd -- "$(dirname -- "$0")/../.." || exit 99

instructions_max=200
enters_max=0.10
# shellcheck source=tests/support/checks.sh
. tests/support/checks.sh

build=$(mktemp -d) || exit 99
trap 'rm -rf "$build"' EXIT
trap 'exit 1' INT TERM

# per_message WHAT: of tcp_echo, all clients sending before it runs
per_message() {
    python3 -B tests/bench/driver/count.py "$build" "$1"
}

# at_most NAME LIMIT COMMAND...: what the command prints. A busy machine cuts batches in two, which
# only ever adds: one run below the limit shows what the code takes.
at_most() {
    name=$1
    limit=$2
    shift 2
    for try in 1 2 3 4 5; do
        value=$("$@") || break # what measures has said why
        echo "$name: $value, at most $limit (run $try)"
        if [ "$(echo "$value $limit" | awk '{ print ($1 <= $2) }')" -eq 1 ]; then
            passed=$((passed + 1))
            return
        fi
    done
    echo "FAIL $name"
    failed=$((failed + 1))
}

if ! command -v valgrind >/dev/null; then
    skip 'instructions per message' 'valgrind is not installed'
else
    at_most 'instructions per message' "$instructions_max" per_message instructions
fi
if ! command -v strace >/dev/null; then
    skip 'enters per message' 'strace is not installed'
else
    at_most 'enters per message' "$enters_max" per_message enters
fi

checks_end hot_path
