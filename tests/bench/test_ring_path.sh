#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# What requests cost beside liburing, in instructions, which repeat. Ours are held to a number as
# well as to a share of liburing's, whose releases differ.
set -u
CDPATH='' cd -- "$(dirname -- "$0")/../.." || exit 99

missing=
command -v valgrind >/dev/null || missing=valgrind
[ -n "${LIBURING_SOURCE:-}" ] || pkg-config --exists liburing || missing=liburing
if [ -n "$missing" ]; then
    echo "SKIP ring_path: no $missing"
    echo 'RESULT ring_path: 0 passed, 0 failed, 1 skipped'
    exit 77
fi

sh tests/bench/ring/run.sh 1 | awk '
    # at_most WHAT INSTRUCTIONS SHARE
    function at_most(what, instructions, share) {
        limits++
        most[what] = instructions
        most_share[what] = share
    }
    BEGIN {
        at_most("NOP round trip, plain, 32 at once", 26.9, 0.60)
        at_most("NOP round trip, batches of 32", 23.9, 0.60)
        at_most("round trip of one", 72, 0.75)
        at_most("round trip of one, with a time limit", 142.5, 0.75)
        at_most("filling an SQE, multishot receive", 21, 0.70)
        at_most("filling an SQE, send", 21, 0.70)
    }
    { print }
    sub(/^instructions: /, "") {
        share = $NF
        kevy = $(NF - 2)
        sub(/  +[0-9].*/, "")
        if ($0 in most) {
            seen++
            if (kevy <= most[$0] && share <= most_share[$0])
                passed++
            else
                print "FAIL " $0 ": at most " most[$0] " and " most_share[$0]
        }
    }
    END {
        print "RESULT ring_path: " passed + 0 " passed, " limits - passed " failed, 0 skipped"
        exit passed != limits
    }'
