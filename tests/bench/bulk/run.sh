#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# An echo of many mebibytes: tcp_echo beside libuv, which reads 64 KiB at a time.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/../../.."

rounds=${1:-9}
servers='tcp_echo uv_echo'
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
trap 'exit 1' INT TERM
. tests/bench/measure.sh

compile bulk -Itests/bench/load tests/bench/bulk/bulk.c tests/bench/load/server_process.c
compile_tcp_echo
compile_uv_echo

# transfer CONNECTIONS MEBIBYTES BYTES: of each connection, in writes of so many bytes
transfer() {
    rm -f "$build/rounds"
    round=0
    while [ "$round" -lt "$rounds" ]; do
        for server in $servers; do
            "$build/bulk" -c "$1" -m "$2" -s "$3" -- "$build/$server" 0 >"$build/load.txt"
            note "$round" "$server" mebibytes
        done
        round=$((round + 1))
    done
    echo
    echo "$1 connections, $2 MiB each in writes of $3 bytes, per MiB"
    # shellcheck disable=SC2086 # a list of words
    compare "$rounds" "MiB a second" $servers
}

echo "$compiler $flags, Linux $(uname -r)"
transfer 1 512 65536
transfer 16 32 16384
transfer 64 8 4096
