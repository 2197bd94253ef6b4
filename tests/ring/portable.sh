#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# ring/ on other targets: every cross compiler that is installed compiles the sources and all static
# asserts, mingw builds the empty library and a program that asks, musl runs the tests statically.
#
#     CHECK_SOURCE=FOLDER    source of libcheck 0.15 (Debian: apt-get source check); needs cmake.
#                            Without it only the examples run on musl.
set -u
CDPATH='' cd -- "$(dirname -- "$0")/../.." || exit 99

build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT INT TERM
flags='-std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O2 -Wall -Wextra -Wpedantic -Werror'
passed=0
failed=0
skipped=0

# check NAME COMMAND...: counts, and shows what a failing command said
check() {
    name=$1
    shift
    if "$@" >"$build/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $name:"
        head -n 20 "$build/log"
    fi
}

skip() {
    skipped=$((skipped + 1))
    echo "SKIP $1: $2"
}

have() {
    command -v "$1" >/dev/null
}

# Every public header in one file, for the asserts and the inline functions.
for header in ring/include/kevy/*.h; do
    echo "#include <kevy/${header##*/}>"
done >"$build/all.c"
cat >>"$build/all.c" <<'END'
struct kevy_cqe *portable_dummy;
END

# compile COMPILER: all sources and headers
compile() {
    for source in ring/src/*.c "$build/all.c"; do
        # shellcheck disable=SC2086
        "$1" $flags -Iring/include -c "$source" -o "$build/object.o" || return 1
    done
}

# The library is empty there, and a program may ask.
compile_foreign() {
    cat >"$build/ask.c" <<'END'
#include <kevy/ring.h>
#include <kevy/ring_batch.h>
#include <kevy/ring_prep.h>
#include <kevy/ring_register.h>
#include <stdio.h>

#if KEVY_RING_SUPPORTED
#error "this target has no io_uring"
#endif

int main(void)
{
    return puts("no io_uring here") < 0;
}
END
    for source in ring/src/*.c; do
        "$1" -std=c11 -Wall -Wextra -Werror -Iring/include -c "$source" -o "$build/object.o" ||
            return 1
    done
    "$1" -std=c11 -Wall -Wextra -Werror -Iring/include "$build/ask.c" -o "$build/ask.exe"
}

# The kernel's own headers come after musl's.
musl_cc() {
    # shellcheck disable=SC2086
    musl-gcc -static $flags -Iring/include -Iring/src -Itests/support -Iexamples "$@" \
        -idirafter /usr/include -idirafter "/usr/include/$(cc -dumpmachine)"
}

musl_examples() {
    for name in ring_cat ring_cp; do
        musl_cc examples/$name.c ring/src/*.c -o "$build/$name" || return 1
    done
    head -c 3000000 /dev/urandom >"$build/in"
    "$build/ring_cp" "$build/in" "$build/out" && cmp "$build/in" "$build/out" &&
        "$build/ring_cat" "$build/in" | cmp - "$build/in"
}

musl_libcheck() {
    cmake -S "$CHECK_SOURCE" -B "$build/check" -DBUILD_TESTING=OFF -DCHECK_ENABLE_SUBUNIT=OFF \
        -DCMAKE_C_COMPILER=musl-gcc -DCMAKE_C_FLAGS='-static -w' &&
        cmake --build "$build/check" --target check
}

# musl_test PROGRAM: its RESULT line says how it went
musl_test() {
    program=$1
    set -- -w -Wno-error -I"$build/check/src" -I"$build/check"
    if [ "$program" = test_fault ]; then
        set -- "$@" '-DKEVY_SYSCALL_HEADER="fault_syscall.h"' tests/support/fault_syscall.c
    fi
    musl_cc "$@" "tests/ring/$program.c" tests/support/main.c tests/support/support.c \
        ring/src/*.c "$build/check/src/libcheck.a" -o "$build/$program" && "$build/$program"
}

for machine in aarch64 riscv64 s390x i686 arm-linux-gnueabihf powerpc64le; do
    compiler=$machine-linux-gnu-gcc
    [ "$machine" != arm-linux-gnueabihf ] || compiler=$machine-gcc
    if have "$compiler"; then
        check "$machine" compile "$compiler"
    else
        skip "$machine" "no $compiler"
    fi
done
for compiler in gcc clang; do
    if have $compiler; then
        check $compiler compile $compiler
    else
        skip $compiler 'not installed'
    fi
done
if have x86_64-w64-mingw32-gcc; then
    check mingw compile_foreign x86_64-w64-mingw32-gcc
else
    skip mingw 'no x86_64-w64-mingw32-gcc'
fi
if have musl-gcc; then
    check 'musl, examples' musl_examples
    if [ -n "${CHECK_SOURCE:-}" ] && have cmake; then
        check 'musl, libcheck' musl_libcheck
        for test in tests/ring/test_*.c; do
            name=${test##*/}
            check "musl, $name" musl_test "${name%.c}"
        done
    else
        skip 'musl, tests' 'CHECK_SOURCE is not set, or no cmake'
    fi
else
    skip musl 'no musl-gcc'
fi

echo "RESULT portable: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
