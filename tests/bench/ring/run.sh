#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# kevy-ring beside liburing: user-space instructions by callgrind and time by alternating rounds.
#
#     run.sh [ROUNDS]                                beside the installed liburing
#     LIBURING_SOURCE=FOLDER run.sh [ROUNDS]         beside one built there by configure and make
#
# Plain style stands beside plain style, batches beside batches, and both rings have registered
# their descriptor.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/../../.."

rounds=${1:-15}
cc=${CC:-cc}
flags=${CFLAGS:--O2}
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT INT TERM

if [ -n "${LIBURING_SOURCE:-}" ]; then
    liburing="-I$LIBURING_SOURCE/src/include $LIBURING_SOURCE/src/liburing.a"
    version=$(sed -n 's/^Version: *//p' "$LIBURING_SOURCE/liburing.spec")
    origin="$version, built from source"
else
    liburing=$(pkg-config --cflags --libs liburing)
    origin="$(pkg-config --modversion liburing), as installed"
fi
# shellcheck disable=SC2086
{
    $cc -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 $flags -Iring/include -o "$build/kevy" \
        tests/bench/ring/bench.c ring/src/*.c ring/src/*/*.c
    $cc -std=gnu11 -D_GNU_SOURCE $flags -DUSE_LIBURING -o "$build/liburing" \
        tests/bench/ring/bench.c $liburing
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

# each COMMAND: COMMAND NAME OPERATIONS COUNT WHAT for every bench
each() {
    "$1" nop 32 20000 'NOP round trip, plain, 32 at once'
    "$1" batch 32 20000 'NOP round trip, batches of 32'
    "$1" one 1 300000 'round trip of one'
    "$1" limit 1 300000 'round trip of one, with a time limit'
    "$1" recv 64 100000 'filling an SQE, multishot receive'
    "$1" send 64 100000 'filling an SQE, send'
}

report_instructions() {
    report "instructions: $4" "$(per_operation kevy "$1" "$2")" \
        "$(per_operation liburing "$1" "$2")"
}

report_time() {
    # shellcheck disable=SC2046
    report "ns: $4" $(fastest "$1" "$3")
}

echo "liburing $origin; $("$cc" --version | head -n 1), $flags"
printf '%-52s %8s %8s   %s\n' '' kevy liburing ratio
if command -v valgrind >/dev/null; then
    each report_instructions
else
    echo 'SKIP instructions: valgrind is not installed'
fi
each report_time
