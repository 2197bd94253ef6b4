#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# What a NOP and a filled SQE cost beside liburing, in instructions, which repeat.
set -u
CDPATH='' cd -- "$(dirname -- "$0")/../.." || exit 99

ratio_max=0.60

missing=
command -v valgrind >/dev/null || missing=valgrind
pkg-config --exists liburing || missing=liburing
if [ -n "$missing" ]; then
    echo "SKIP ring_path: no $missing"
    echo 'RESULT ring_path: 0 passed, 0 failed, 1 skipped'
    exit 77
fi

sh tests/bench/ring/run.sh 1 | awk -v max="$ratio_max" '
    { print }
    /^instructions/ { if ($NF <= max) passed++; else failed++ }
    END {
        print "RESULT ring_path: " passed + 0 " passed, " failed + 0 " failed, 0 skipped"
        exit passed != 3
    }'
