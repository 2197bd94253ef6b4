#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# run.sh [--all | --installed]: builds for other compilers, other C libraries, other machines, and a
# system without io_uring; what can run here runs. One line for each result, and a last one for all.
#     (nothing)    installs what is missing and checks everything but the variants
#     --all        also the variants of the build, with gcc and clang: takes a quarter of an hour
#     --installed  installs and downloads nothing, leaves out what other tests of the suite check
set -u
CDPATH='' cd -- "$(dirname -- "$0")/../.." || exit 99
root=$PWD
here=$root/tests/portability
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

# Cross compilers: the name of one is NAME-linux-gnu-gcc, its Meson file is NAME.ini.
machines='aarch64 riscv64 s390x i686'
mingw=x86_64-w64-mingw32
# shellcheck source=tests/support/checks.sh
. tests/support/checks.sh

have() {
    command -v "$1"
}

# check_with COMPILER NAME COMMAND...: skipped where there is no such compiler
check_with() {
    compiler=$1
    shift
    if have "$compiler" >/dev/null; then
        check "$@"
    else
        skip "$1" "$compiler is not installed"
    fi
}

install() {
    # shellcheck source=tests/support/packages.sh
    . tests/support/packages.sh
    need_build_tools
    need g++ have g++
    need clang have clang++
    need llvm have llvm-ar
    need lld have ld.lld
    need check pkg-config --exists check
    need musl-tools have musl-gcc
    for machine in $machines; do
        need "g++-$machine-linux-gnu" have "$machine-linux-gnu-g++"
    done
    need gcc-mingw-w64-x86-64-win32 have "$mingw-gcc"
    need g++-mingw-w64-x86-64-win32 have "$mingw-g++"
    install_missing
}

# setup NAME OPTION...: configures $work/NAME anew
setup() {
    build=$work/$1
    shift
    rm -rf "$build"
    meson setup "$build" "$root" --wrap-mode nodownload -Dwerror=true "$@"
}

# The libraries and the examples, with every static assertion.
libraries() {
    machine=$1
    shift
    setup "$machine" -Dtests=disabled "$@" && ninja -C "$work/$machine"
}

# empty_libraries MACHINE NM: where there is no io_uring they are there, and define nothing
empty_libraries() {
    libraries "$1" --cross-file "$here/$1.ini" || return
    for library in ring reactor; do
        symbols=$("$2" --extern-only --defined-only "$work/$1/$library/libkevy-$library.a") &&
            ! echo "$symbols" | grep '[[:xdigit:]] [[:upper:]] ' || return
    done
}

# The tests are not linked: the values that a system's header has differ from machine to machine.
tests_compile() {
    mkdir -p "$work/include" &&
        cp "$(pkg-config --variable includedir check)/check.h" "$work/include" || return
    for file in tests/ring/*.c; do
        "$1-linux-gnu-gcc" -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Wall -Wextra -pedantic \
            -Werror -fsyntax-only -I ring/include -I ring/src -I tests/support -I "$work/include" \
            "$file" || return
    done
}

# run_suites BUILD SUITE...: only what these suites need is built
run_suites() {
    build=$1
    shift
    names=
    options=
    for suite; do
        names="$names|tests/test_${suite}_[a-z0-9_]*"
        options="$options --suite $suite"
    done
    programs=$(ninja -C "$build" -t targets all | grep -oE "^(examples/[a-z_]*$names): c_LINKER" |
        cut -d : -f 1)
    # Word splitting wanted: no name of ours has a blank in it.
    # shellcheck disable=SC2086
    ninja -C "$build" $programs && meson test -C "$build" --no-rebuild --print-errorlogs $options
}

# What the two examples on ring/ alone write is what they read.
copies() {
    examples=$work/$1/examples
    dd if=/dev/urandom of="$work/in" bs=1000 count=5000 status=none &&
        "$examples/ring_cp" "$work/in" "$work/out" && cmp "$work/in" "$work/out" &&
        "$examples/ring_cat" "$work/in" >"$work/out" && cmp "$work/in" "$work/out"
}

runs_here() {
    echo 'int main(void) { return 0; }' >"$work/runs.c"
    "$@" -static "$work/runs.c" -o "$work/runs" && "$work/runs"
}

# static_suites MACHINE HOST SUITE...: the tests, linked with a libcheck made for the purpose
static_suites() {
    machine=$1
    host=$2
    compiler=$3
    shift 3
    prefix=$work/check-$machine
    sh "$here/libcheck.sh" build "$work/source" "$host" "$compiler" "$prefix" || return
    cat >"$work/check.ini" <<END
[binaries]
pkgconfig = 'pkg-config'
[properties]
pkg_config_libdir = '$prefix/lib/pkgconfig'
END
    setup "$machine" -Dtests=enabled --cross-file "$here/$machine.ini" \
        --cross-file "$here/static.ini" --cross-file "$work/check.ini" &&
        run_suites "$work/$machine" "$@"
}

# consumer EXPECTED MACHINE: a stranger's portable program with us as a subproject
consumer() {
    mkdir -p "$work/consumer/subprojects" &&
        cp tests/portability/consumer/* "$work/consumer" &&
        cp tests/consumer/subprojects/*.wrap "$work/consumer/subprojects" &&
        ln -sfn "$root" "$work/consumer/subprojects/kevy-uring" &&
        meson setup "$work/consumer-$2" "$work/consumer" --wrap-mode nodownload -Dwerror=true \
            -Dc_args="-DEXPECTED=$1" --cross-file "$here/$2.ini" &&
        ninja -C "$work/consumer-$2"
}

# headers LANGUAGE STANDARD COMPILER...: each public header alone, twice in a row, without any -D
headers() {
    language=$1
    standard=$2
    shift 2
    mkdir -p "$work/headers"
    for file in ring/include/kevy/*.h reactor/include/kevy/*.h reactor/tls/include/kevy/*.h; do
        header=$(basename "$file" .h)
        printf '#include <kevy/%s.h>\n#include <kevy/%s.h>\nint not_empty;\n' "$header" "$header" \
            >"$work/headers/$header.$language"
    done
    "$@" -std="$standard" -Wall -Wextra -pedantic-errors -Werror -fsyntax-only \
        -I ring/include -I reactor/include -I reactor/tls/include "$work"/headers/*."$language"
}

# whole COMPILER SUITES OPTION...: all that there is, and the quick tests
whole() {
    CC=$1
    suites=$2
    export CC
    shift 2
    # Word splitting wanted: one argument for each suite.
    # shellcheck disable=SC2086
    setup "$CC" -Dtests=enabled "$@" && ninja -C "$work/$CC" && run_suites "$work/$CC" $suites
}

check_whole() {
    for compiler in gcc clang; do
        check_with "$compiler" "$compiler: all of it, tests of ring/" whole "$compiler" ring
    done
}

# Meson's way to refuse undefined symbols would refuse those of clang's sanitizers as well, and the
# linker of binutils may lack what reads clang's objects of link-time optimisation.
check_variants() {
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
    CC_LD=bfd
    export UBSAN_OPTIONS CC_LD
    for compiler in gcc clang; do
        undefined=true
        [ "$compiler" = gcc ] || undefined=false
        for library in static shared both; do
            check_with "$compiler" "$compiler, libraries $library" \
                whole "$compiler" 'ring reactor' -Ddefault_library="$library"
        done
        check_with "$compiler" "$compiler, sanitizers" whole "$compiler" 'ring reactor' \
            -Db_sanitize=address,undefined -Db_lundef="$undefined"
        [ "$compiler" = gcc ] || CC_LD=lld
        check_with "$compiler" "$compiler, release, optimised at link time" \
            whole "$compiler" 'ring reactor' -Dbuildtype=release -Db_lto=true
    done
}

check_machines() {
    for machine in $machines; do
        compiler=$machine-linux-gnu-gcc
        check_with "$compiler" "$machine: libraries" \
            libraries "$machine" --cross-file "$here/$machine.ini"
        if pkg-config --exists check; then
            check_with "$compiler" "$machine: tests of ring/ compile" tests_compile "$machine"
        else
            skip "$machine: tests of ring/ compile" 'check is not installed'
        fi
    done
}

check_musl() {
    if [ "$(uname -m)" != x86_64 ]; then
        skip musl 'its Meson file is for x86_64'
        return
    fi
    check_with musl-gcc 'musl: libraries, static' libraries musl \
        --cross-file "$here/musl.ini" --cross-file "$here/static.ini"
    check_with musl-gcc 'musl: ring_cp and ring_cat copy' copies musl
}

check_static_suites() {
    check 'libcheck: source' sh "$here/libcheck.sh" fetch "$work/source"
    check_with musl-gcc 'musl: tests of ring/, static' \
        static_suites musl x86_64-linux-musl musl-gcc ring
    if runs_here i686-linux-gnu-gcc 2>/dev/null; then
        check 'i686: tests of ring/, static' \
            static_suites i686 i686-linux-gnu i686-linux-gnu-gcc ring
    else
        skip 'i686: tests of ring/, static' 'no compiler, or no such programs run here'
    fi
}

check_elsewhere() {
    check_with $mingw-gcc 'mingw: empty libraries' empty_libraries mingw $mingw-nm
    check_with $mingw-gcc 'mingw: a portable program' consumer 0 mingw
    check_with aarch64-linux-gnu-gcc 'aarch64: a portable program' consumer 1 aarch64
}

check_headers() {
    for compiler in "$@"; do
        check_with "$compiler" "$compiler: headers as C11" headers c c11 "$compiler"
    done
}

check_headers_cpp() {
    for compiler in "$@"; do
        check_with "$compiler" "$compiler: headers as C++17" headers cc c++17 "$compiler"
    done
}

mode=${1:-}
case $mode in
'' | --all)
    install || exit 1
    ;;
--installed) ;;
*)
    echo 'usage: run.sh [--all | --installed]' >&2
    exit 2
    ;;
esac

for machine in $machines; do
    check_headers "$machine-linux-gnu-gcc"
    check_headers_cpp "$machine-linux-gnu-g++"
done
check_headers $mingw-gcc
check_headers_cpp $mingw-g++
check_elsewhere
check_machines
check_musl
if [ "$mode" = --installed ]; then
    skip 'tests of ring/, static' 'libcheck must be downloaded: sh tests/portability/run.sh'
else
    check_headers gcc clang musl-gcc
    check_headers_cpp g++ clang++
    # It has no libraries of C++; the headers want none.
    check_headers_cpp musl-gcc
    check_static_suites
    check_whole
fi
[ "$mode" != --all ] || check_variants

checks_end portability
