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
# shellcheck disable=SC2046
compile uv_echo tests/bench/echo/uv_echo.c $(pkg-config --cflags --libs libuv)
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

# value NAME: of the last line of the load
value() {
    sed -n "s/.*$1=\\([0-9.]*\\).*/\\1/p" "$build/load.txt"
}

round=0
while [ "$round" -lt "$rounds" ]; do
    for server in $servers; do
        load -n "$messages" -w 100 -- "$build/$server" 0
        echo "$round $server $(value server_ns) $(value messages) $(value rate)"
    done
    round=$((round + 1))
done >"$build/rounds"

echo
echo "$rounds alternating rounds, median (least to most)"
awk -v servers="$servers" '
    # Sorts values[1..count] and describes them.
    function spread(values, count, format,    i, j, value) {
        for (i = 2; i <= count; i++) {
            value = values[i]
            for (j = i - 1; j > 0 && values[j] > value; j--)
                values[j + 1] = values[j]
            values[j + 1] = value
        }
        i = int((count + 1) / 2)
        return sprintf(format " (" format " to " format ")", values[i], values[1], values[count])
    }
    { round = $1 + 1; ns[$2, round] = $3 / $4; rate[$2, round] = $5 }
    END {
        row = "%-12s %24s %24s %28s\n"
        printf row, "", "ns of server CPU", "that against libuv", "messages a second"
        count = split(servers, server)
        for (i = 1; i <= count; i++) {
            for (j = 1; j <= round; j++) {
                a[j] = ns[server[i], j]
                b[j] = ns[server[i], j] / ns["uv_echo", j]
                c[j] = rate[server[i], j]
            }
            printf row, server[i], spread(a, round, "%.0f"), spread(b, round, "%.2f"), \
                spread(c, round, "%d")
        }
    }' "$build/rounds"
