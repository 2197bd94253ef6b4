#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# An echo of 64 bytes on 64 connections: tcp_echo beside libuv, and beside bare epoll as a floor.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/../../.."

rounds=${1:-9}
messages=3000 # of a connection, where time is measured
servers='tcp_echo uv_echo epoll_echo'
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT INT TERM
. tests/bench/measure.sh

compile_load
compile_tcp_echo
# shellcheck disable=SC2046
compile uv_echo tests/bench/echo/uv_echo.c $(pkg-config --cflags --libs libuv)
compile epoll_echo tests/bench/echo/epoll_echo.c

# counted SERVER [OPTION]: one row
counted() {
    counts=$(calls_per_message "$1" "${2:-}")
    printf '%-12s %12.0f %12s %12s\n' "$1" "$(instructions_per_message "$1" "${2:-}")" \
        "${counts% *}" "${counts#* }"
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

# column AWK_PROGRAM: the numbers that it prints as "median (least to most)"
column() {
    awk -v uv=uv_echo "$1" "$build/rounds" | sort -n | awk '{ of[NR] = $1 } END {
        printf "%s (%s to %s)", of[int((NR + 1) / 2)], of[1], of[NR] }'
}

echo
echo "$rounds alternating rounds, median (least to most)"
printf '%-12s %28s %28s %30s\n' '' 'ns of server CPU' 'that against libuv' 'messages a second'
for server in $servers; do
    # shellcheck disable=SC2016
    printf '%-12s %28s %28s %30s\n' "$server" \
        "$(column '$2 == "'"$server"'" { printf "%.0f\n", $3 / $4 }')" \
        "$(column '{ ns[$1, $2] = $3 / $4; if ($1 > last) last = $1 }
            END { for (i = 0; i <= last; i++) printf "%.2f\n", ns[i, "'"$server"'"] / ns[i, uv] }')" \
        "$(column '$2 == "'"$server"'" { print $5 }')"
done
