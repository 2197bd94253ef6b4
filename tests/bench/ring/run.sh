#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# kevy-ring beside liburing: user-space instructions by callgrind and time by alternating rounds.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/../../.."

rounds=${1:-15}
cc=${CC:-cc}
flags=${CFLAGS:--O2}
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT INT TERM

# shellcheck disable=SC2086
{
    $cc -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 $flags -Iring/include -o "$build/kevy" \
        tests/bench/ring/bench.c ring/src/*.c ring/src/*/*.c
    $cc -std=gnu11 -D_GNU_SOURCE $flags -DUSE_LIBURING -o "$build/liburing" \
        tests/bench/ring/bench.c -luring
}

# instructions PROGRAM BENCH COUNT: of the whole process
instructions() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$build/$1" "$2" "$3" 2>&1 >/dev/null |
        awk '/Collected/ { print $NF }'
}

# per_operation PROGRAM BENCH OPERATIONS: the slope between two lengths leaves start-up out
per_operation() {
    short=$(instructions "$1" "$2" 1024)
    long=$(instructions "$1" "$2" 3072)
    echo "$short $long $3" | awk '{ printf "%.2f", ($2 - $1) / 2048 / $3 }'
}

# fastest BENCH COUNT: the least time of each program over alternating rounds
fastest() {
    round=0
    while [ "$round" -lt "$rounds" ]; do
        echo "$("$build/kevy" "$1" "$2") $("$build/liburing" "$1" "$2")"
        round=$((round + 1))
    done | awk 'NR == 1 { k = $1; l = $2 } { if ($1 < k) k = $1; if ($2 < l) l = $2 }
        END { printf "%.2f %.2f", k, l }'
}

report() {
    echo "$2 $3" | awk -v what="$1" '{ printf "%-52s %8.2f %8.2f   %.2f\n", what, $1, $2, $1 / $2 }'
}

printf '%-52s %8s %8s   %s\n' "$("$cc" --version | head -n 1), $flags" kevy liburing ratio
if command -v valgrind >/dev/null; then
    report 'instructions per NOP round trip, batches of 32' \
        "$(per_operation kevy nop 32)" "$(per_operation liburing nop 32)"
    for bench in recv send; do
        report "instructions to fill an SQE: $bench" \
            "$(per_operation kevy $bench 64)" "$(per_operation liburing $bench 64)"
    done
else
    echo 'SKIP instructions: valgrind is not installed'
fi
for bench in recv send; do
    # shellcheck disable=SC2046
    report "ns to fill an SQE: $bench" $(fastest $bench 300000)
done
# shellcheck disable=SC2046
{
    report 'ns per NOP round trip, batches of 32' $(fastest nop 20000)
    report 'ns per round trip of one, ours with a time limit' $(fastest wait 300000)
}
