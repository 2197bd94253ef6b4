#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Timers: ours beside libuv, libev and libevent (its heap, and its queue for one duration), with
# 10,000, 100,000 and 1,000,000 of them armed. library.h says what the operations are.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/../../.."

rounds=${1:-5}
operations=2000000
counted_timers=100000
counted_short=100000
counted_long=300000
libraries='kevy libuv libev libevent libevent-queue'
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
trap 'exit 1' INT TERM
. tests/bench/measure.sh

folder=tests/bench/timers
compile kevy -Iring/include -Ireactor/include -Ireactor/src $folder/main.c $folder/kevy.c \
    ring/src/*.c ring/src/*/*.c reactor/src/*.c reactor/src/*/*.c -pthread
# shellcheck disable=SC2046
compile libuv $folder/main.c $folder/uv.c $(pkg-config --cflags --libs libuv)
compile libev $folder/main.c $folder/ev.c -lev
# shellcheck disable=SC2046
compile libevent $folder/main.c $folder/event.c $(pkg-config --cflags --libs libevent_core)
# shellcheck disable=SC2046
compile libevent-queue -DCOMMON_TIMEOUT $folder/main.c $folder/event.c \
    $(pkg-config --cflags --libs libevent_core)

# counted PROGRAM OPERATION OPERATIONS: user-space instructions of the whole run
counted() {
    valgrind -q --tool=callgrind --callgrind-out-file="$build/callgrind.out" \
        "$build/$1" "$2" "$counted_timers" "$3" >/dev/null || return
    sed -n 's/^summary: //p' "$build/callgrind.out"
}

# per_operation PROGRAM OPERATION: the difference of two lengths leaves the arming out
per_operation() {
    of_short=$(counted "$1" "$2" "$counted_short") || return
    of_long=$(counted "$1" "$2" "$counted_long") || return
    echo "$of_short $of_long" | awk -v operations=$((counted_long - counted_short)) '{
        printf "%.0f", ($2 - $1) / operations }'
}

# Rows of instructions, or of a round's times; the columns are the libraries.
header() {
    printf '%-20s' "$1"
    # shellcheck disable=SC2086
    printf ' %15s' $libraries
    echo
}

echo "$compiler $flags, Linux $(uname -r)"
echo "activity: bytes came, the idle deadline starts anew; deadline: it is set anew by a call;"
echo "restart: a timer is stopped, and started with another delay"
echo
header "instructions"
for operation in activity deadline restart; do
    printf '%-20s' "$operation $counted_timers"
    for library in $libraries; do
        instructions=$(per_operation "$library" "$operation")
        printf ' %15s' "$instructions"
    done
    echo
done

round=0
while [ "$round" -lt "$rounds" ]; do
    for timers in 10000 100000 1000000; do
        for operation in activity deadline restart; do
            for library in $libraries; do
                ns=$("$build/$library" "$operation" "$timers" "$operations")
                echo "$operation $timers $library $ns"
            done
        done
    done
    round=$((round + 1))
done >"$build/rounds"

# Nanoseconds and, in brackets, ours as a part of it.
echo
header "ns, median of $rounds"
awk -v libraries="$libraries" '
    function median(row, library,    values, count, i, j, value) {
        count = split(of[row, library], values)
        for (i = 2; i <= count; i++) {
            value = values[i] + 0
            for (j = i - 1; j > 0 && values[j] + 0 > value; j--)
                values[j + 1] = values[j]
            values[j + 1] = value
        }
        return values[int((count + 1) / 2)]
    }
    {
        row = $1 " " $2
        if (!(row in seen))
            rows[++row_count] = row
        seen[row] = 1
        of[row, $3] = of[row, $3] " " $4
    }
    END {
        library_count = split(libraries, library)
        for (i = 1; i <= row_count; i++) {
            ours = median(rows[i], library[1])
            printf "%-20s %15.1f", rows[i], ours
            for (j = 2; j <= library_count; j++) {
                value = median(rows[i], library[j])
                printf " %15s", sprintf("%.1f (%.3f)", value, ours / value)
            }
            printf "\n"
        }
    }' "$build/rounds"
