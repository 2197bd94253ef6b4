#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# An echo of 64 bytes on 64 connections: tcp_echo beside libuv, and beside bare epoll as a floor.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/../../.."

rounds=${1:-9}
messages=3000 # of a connection, where time is measured
servers='tcp_echo uv_echo epoll_echo'
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
trap 'exit 1' INT TERM
. tests/bench/measure.sh

compile_load
compile_tcp_echo
compile_uv_echo
compile epoll_echo tests/bench/echo/epoll_echo.c

# counted SERVER [OPTION]: one row
counted() {
    instructions=$(instructions_per_message "$1" "${2:-}")
    counts=$(calls_per_message "$1" "${2:-}")
    printf '%-12s %12.0f %12s %12s\n' "$1" "$instructions" "${counts% *}" "${counts#* }"
}

echo "64 connections x 64 bytes, $compiler $flags, Linux $(uname -r), per message:"
echo
echo "every client sends again as soon as it is answered"
printf '%-12s %12s %12s %12s\n' '' instructions syscalls enters
for server in $servers; do
    counted "$server"
done
echo
echo "in step: all clients send, then the server runs"
printf '%-12s %12s %12s %12s\n' '' instructions syscalls enters
for server in $servers; do
    counted "$server" -b
done

round=0
while [ "$round" -lt "$rounds" ]; do
    for server in $servers; do
        load -n "$messages" -w 100 -- "$build/$server" 0
        note "$round" "$server" messages
    done
    round=$((round + 1))
done

echo
# shellcheck disable=SC2086 # a list of words
compare "$rounds" "messages a second" $servers
