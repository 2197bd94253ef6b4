#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# headers.sh HEADER...: compiles each public header alone, twice in a row, as C11 and as C++17,
# without any -D, with every compiler of the list that is installed.
set -u
includes=$(for header; do echo "-I${header%/kevy/*}"; done | sort -u)

passed=0
failed=0
skipped=0

# compile WHAT LANGUAGE STANDARD COMPILER, the source on standard input
compile() {
    # Word splitting wanted: one argument for each folder.
    # shellcheck disable=SC2086
    if "$4" -x "$2" -std="$3" -Wall -Wextra -pedantic-errors -Werror -fsyntax-only $includes -; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $1 with $4 as $3"
    fi
}

# all LANGUAGE STANDARD COMPILER HEADER...
all() {
    language=$1
    standard=$2
    compiler=$3
    shift 3
    if ! command -v "$compiler" >/dev/null; then
        skipped=$((skipped + 1))
        echo "SKIP $standard with $compiler: not installed"
        return
    fi
    for header; do
        name=kevy/$(basename "$header")
        compile "$name" "$language" "$standard" "$compiler" <<END
#include <$name>
#include <$name>
int not_empty;
END
    done
}

all c c11 gcc "$@"
all c c11 clang "$@"
all c c11 musl-gcc "$@"
all c++ c++17 g++ "$@"
all c++ c++17 clang++ "$@"

# The kernel's own header may come first or last.
compile 'ring.h before linux/io_uring.h' c c11 cc <<END
#include <kevy/ring.h>
#include <linux/io_uring.h>
END
compile 'ring.h after linux/io_uring.h' c c11 cc <<END
#include <linux/io_uring.h>
#include <kevy/ring.h>
END

echo "RESULT headers: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
