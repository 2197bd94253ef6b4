#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# liburing_names.sh README HEADER...: each function of liburing has a counterpart. It is named in
# the table of README, or it is io_uring_prep_NAME and kevy_prep_NAME stands in one of the headers.
# And each function of ours that README names exists. liburing is found by pkg-config, or it is the
# source folder $LIBURING_SOURCE.
set -u
readme=$1
shift

header=${LIBURING_SOURCE:+$LIBURING_SOURCE/src/include/liburing.h}
if [ -z "$header" ] && pkg-config --exists liburing 2>/dev/null; then
    header=$(pkg-config --variable=includedir liburing)/liburing.h
fi

named() {
    grep -oE '\bkevy_[a-z0-9_]+\(\)' "$readme" | tr -d '()' | grep -v '^kevy_x_' | sort -u
}

failed=0
passed=0
skipped=0

note() {
    if [ -z "$1" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $2:"
        echo "$1"
    fi
}

unknown=$(for name in $(named); do
    grep -qE "\\b$name\\(" "$@" || echo "$name"
done)
note "$unknown" 'named in the table, but in no header'

if [ -n "$header" ] && [ -f "$header" ]; then
    missing=$(grep -oE '\bio_uring_[a-z0-9_]+\(' "$header" | tr -d '(' | sort -u |
        grep -v '^io_uring_smp_' | # its barriers
        while read -r name; do
            grep -qE "\`$name\`" "$readme" && continue
            grep -qE "\\bkevy_prep_${name#io_uring_prep_}\\(" "$@" && continue
            echo "$name"
        done)
    note "$missing" 'functions of liburing without a counterpart'
else
    skipped=1
    echo 'SKIP functions of liburing: no liburing'
fi

echo "RESULT liburing_names: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
