#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# header_examples.sh INCLUDE... -- HEADER...: compiles the example in the opening comment of each
# header: everything from the line "Example" to the end of the comment. Each must be a translation
# unit of its own, without a warning, as C11. A header that is part of another one need not have an
# example; its opening comment says "Part of <kevy/...>".
set -u
includes=
while [ "$1" != -- ]; do
    includes="$includes -I $1"
    shift
done
shift

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=0

example_of() {
    awk '/^ \*\/$/ { exit }
        found { sub(/^ \* ?(    )?/, ""); print }
        /^ \* Example/ { found = 1 }' "$1"
}

opening_of() {
    awk '/^\/\*$/ { inside = 1 } inside { print } /^ \*\/$/ { exit }' "$1"
}

for header; do
    name=$(basename "$header")
    example_of "$header" >"$scratch/$name.c"
    if ! [ -s "$scratch/$name.c" ]; then
        if opening_of "$header" | grep -q 'Part of <kevy/'; then
            continue
        fi
        echo "FAIL kevy/$name: no example"
        failed=$((failed + 1))
        continue
    fi
    for compiler in gcc clang; do
        command -v "$compiler" >/dev/null || continue
        # Functions of an example are static, and nobody calls them here.
        # shellcheck disable=SC2086 # the includes are several words
        if "$compiler" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wno-unused-function -Werror \
            -fsyntax-only $includes "$scratch/$name.c"; then
            passed=$((passed + 1))
        else
            echo "FAIL kevy/$name with $compiler"
            failed=$((failed + 1))
        fi
    done
done

echo "RESULT header_examples: $passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
