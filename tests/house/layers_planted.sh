#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# layers_planted.sh RULES ARCHIVE: layers.sh sees a call upwards, a circle, and a file of no layer.
# Each is planted in objects of its own beside those of reactor/.
set -u
layers=$(dirname -- "$0")/layers.sh
rules=$1
archive=$2
passed=0
failed=0

work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT

# plant FILE FUNCTION CALLED: an object of that name whose function calls another
plant() {
    echo "void kevy_x_$2(void); void kevy_x_$3(void); void kevy_x_$2(void) { kevy_x_$3(); }" |
        ${CC:-cc} -x c -c -o "$work/src_$1.c.o" - || exit 99
}

# check NAME MESSAGE: layers.sh fails, and says so
check() {
    if sh "$layers" "$rules" "$archive" "$work"/*.o >"$work/said"; then
        echo "FAIL $1: nothing was seen"
        failed=$((failed + 1))
    elif ! grep -q "$2" "$work/said"; then
        echo "FAIL $1: not said was: $2"
        cat "$work/said"
        failed=$((failed + 1))
    else
        passed=$((passed + 1))
    fi
    rm -f "$work"/*.o
}

plant core_planted planted stream_terminate
check a_call_from_the_core_into_streams_is_seen \
    'FAIL core_planted (core) uses kevy_x_stream_terminate of stream_stream_state (stream)'
plant datagram_planted planted child_start
check a_call_between_two_kinds_is_seen 'FAIL datagram_planted (datagram) uses kevy_x_child_start'
plant core_one one other
plant core_other other one
check a_circle_of_two_files_is_seen 'FAIL core_one is in a circle of 2 files'
plant nowhere planted stream_terminate
check a_file_of_no_layer_is_seen 'FAIL no layer has nowhere'

echo "RESULT layers_planted: $passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
