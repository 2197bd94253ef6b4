#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# run.sh KIND [CAGE]: builds the project in this folder as its author would, in a temporary copy,
# and talks to its programs: an echo server in C, the same from C++17, and one by TLS. With CAGE, a
# program of tests/support, it talks to the first once more in each cage. KIND is
#     static, shared    the repository lies in subprojects/, found through the wrap
#     installed         the libraries are installed, found through their .pc files, and through the
#                       package of CMake
#     amalgamation      the two libraries are two files: compiled as C, included from C++
# What is not installed here is skipped.
set -u
kind=$1
cage=${2:-}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)
# shellcheck source=tests/support/checks.sh
. "$here/../support/checks.sh"
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
project=$work/project
build=$work/build

have_cpp() {
    command -v "${CXX:-c++}" >/dev/null
}

have_tls() {
    pkg-config --exists 'openssl >= 3.0'
}

have_cmake() {
    command -v cmake >/dev/null
}

install_libraries() {
    meson setup "$work/library" "$root" --prefix "$work/prefix" --libdir lib \
        -Dtests=disabled -Dexamples=disabled &&
        meson install -C "$work/library"
}

# build_project LIBRARY WRAP_MODE
build_project() {
    programs='echo'
    tls=disabled
    ! have_cpp || programs="$programs echo_cpp"
    ! have_tls || programs="$programs echo_tls" tls=enabled
    # Word splitting wanted: one argument for each program.
    # shellcheck disable=SC2086
    meson setup "$build" "$project" -Dtls="$tls" --wrap-mode "$2" -Ddefault_library="$1" &&
        ninja -C "$build" $programs
}

build_with_cmake() {
    cmake -S "$project" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$work/prefix" &&
        cmake --build "$work/cmake"
}

# linked_as LIBRARY PROGRAM: a static build must not need our shared libraries, any other must.
linked_as() {
    if readelf -d "$build/$2" | grep -q 'NEEDED.*libkevy-reactor'; then
        linked=shared
    else
        linked=static
    fi
    echo "the build is $linked"
    [ "$linked" = "$1" ]
}

talk() {
    python3 "$here/talk.py" "$@"
}

talk_tls() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -keyout "$work/key" -out "$work/certificate" 2>/dev/null &&
        python3 "$here/talk_tls.py" "$build/echo_tls" "$work/certificate" "$work/key"
}

# check_if TOOL NAME COMMAND...: skipped where have_TOOL says no
check_if() {
    if "have_$1"; then
        shift
        check "$@"
    else
        skip "$2" "no $1 here"
    fi
}

# check_project LIBRARY WRAP_MODE
check_project() {
    check build build_project "$1" "$2"
    check linked linked_as "$1" echo
    check echo talk "$build/echo"
    check_if cpp echo_cpp talk "$build/echo_cpp"
    check_if tls echo_tls talk_tls
}

check_subproject() {
    cp -R "$here/subprojects" "$project"
    ln -s "$root" "$project/subprojects/kevy-uring"
    check_project "$kind" nodownload
    for name in ${cage:+EPERM EACCES ENOSYS EINVAL 4.18}; do
        check "echo in the cage $name" "$cage" "$name" python3 "$here/talk.py" "$build/echo"
    done
}

check_installed() {
    check install install_libraries
    PKG_CONFIG_PATH=$work/prefix/lib/pkgconfig
    # What ldconfig does for a prefix that the system knows.
    LD_LIBRARY_PATH=$work/prefix/lib
    export PKG_CONFIG_PATH LD_LIBRARY_PATH
    check_project shared nofallback
    check_if cmake 'build with CMake' build_with_cmake
    check_if cmake 'echo with CMake' talk "$work/cmake/echo"
}

# compile COMPILER STANDARD ARGUMENT...: a compiler may be called by ccache, in two words
compile() {
    compiler=$1
    standard=$2
    shift 2
    # Word splitting wanted.
    # shellcheck disable=SC2086
    (cd "$project" &&
        $compiler -std="$standard" -Wall -Wextra -pedantic -Werror "$@")
}

check_amalgamation() {
    check amalgamate python3 "$root/reactor/amalgamate.py" "$project"
    sed -i 's|<kevy/kevy.h>|"kevy.h"|' "$project/main.c" "$project/main.cc"
    check compile compile "${CC:-cc}" c11 -O2 -c kevy.c
    check 'compile main.c' compile "${CC:-cc}" c11 -O2 main.c kevy.o -pthread -o echo
    check echo talk "$project/echo"
    check_if cpp 'compile main.cc' \
        compile "${CXX:-c++}" c++17 main.cc kevy.o -pthread -o echo_cpp
    check_if cpp echo_cpp talk "$project/echo_cpp"
}

mkdir "$project"
cp "$here/meson.build" "$here/meson_options.txt" "$here"/*.c "$here/main.cc" \
    "$here/CMakeLists.txt" "$project"
case $kind in
static | shared) check_subproject ;;
installed) check_installed ;;
amalgamation) check_amalgamation ;;
*)
    echo "unknown kind: $kind" >&2
    exit 99
    ;;
esac
checks_end "consumer_$kind"
