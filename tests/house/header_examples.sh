#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# header_examples.sh LIBRARIES HEADER...: compiles the example of each public header: the code from
# the first line "Example: ..." to the next one, or to the end of the opening comment. Each is a
# translation unit of its own; further examples may be parts. One with int main(void) is a whole
# program that ends by itself: it also runs, without input, and has to end with status 0. LIBRARIES
# are one word, in the order in which they are linked; where that is empty nothing runs. A header of
# constants or parts, which says "Part of <kevy/...>", needs no example.
set -u
libraries=$1
shift
includes=$(for header; do echo "-I${header%/kevy/*}"; done | sort -u)

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM HUP
passed=0
failed=0
skipped=0

example() {
    awk '/^ \*\// { exit }
        /^ \* Example: / { begun++; next }
        begun == 1 { sub(/^ \* ?(    )?/, ""); print }' "$1"
}

opening() {
    awk '/^\/\*/ && !/SPDX/ { inside = 1 }
        inside { print }
        inside && /\*\// { exit }' "$1"
}

note() {
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $2"
    fi
}

# compile COMPILER SOURCE OPTION...
compile() {
    compiler=$1
    source=$2
    shift 2
    # Functions of an example are static, and nobody need call them.
    # shellcheck disable=SC2086 # several folders
    "$compiler" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wno-unused-function -Werror \
        $includes "$source" "$@"
}

# run SOURCE NAME
run() {
    # shellcheck disable=SC2086 # several libraries
    compile "${CC:-cc}" "$1" $libraries -pthread -o "$scratch/program" &&
        "$scratch/program" </dev/null >"$scratch/output" 2>&1
    note $? "$2: runs"
}

cat >"$scratch/ring_is_there.c" <<'END'
#include <kevy/reactor.h>

int main(void)
{
    struct kevy_reactor *reactor = NULL;
    int error = kevy_reactor_create(&reactor, NULL);

    kevy_reactor_destroy(reactor);
    return error != 0;
}
END
runs=0
if [ -n "$libraries" ]; then
    run "$scratch/ring_is_there.c" 'a reactor' >/dev/null
    runs=$passed
    passed=0
    failed=0
fi

for header; do
    name=kevy/$(basename "$header")
    source=$scratch/$(basename "$header" .h).c
    example "$header" >"$source"
    if ! [ -s "$source" ]; then
        opening "$header" | grep -q 'Part of <kevy/' || note 1 "$name: an example"
        continue
    fi
    for each in gcc clang; do
        command -v "$each" >/dev/null || continue
        compile "$each" "$source" -fsyntax-only
        note $? "$name: compiles with $each"
    done
    grep -q '^int main(void)' "$source" || continue
    if [ "$runs" -eq 1 ]; then
        run "$source" "$name"
    else
        skipped=$((skipped + 1))
        echo "SKIP $name: no reactor can be created, or nothing is to run in this build"
    fi
done

echo "RESULT header_examples: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
