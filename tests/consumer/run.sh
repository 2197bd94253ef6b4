#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# run.sh KIND [CAGE]: builds the project in this folder as its author would, in a temporary copy,
# and talks to the program; with CAGE, a program of tests/support, once more in each cage. KIND is
#     static, shared    the repository lies in subprojects/, found through the wrap
#     cpp               the same, from C++17
#     installed         the libraries are installed, found through their .pc files
#     cmake             the same, found through the package of CMake
#     amalgamation      the two libraries are two files: compiled as C, included from C++
#     tls, tls_installed
#                       the same for a server by TLS
set -eu
kind=$1
cage=${2:-}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

program='echo'
library=shared
wrap_mode=nodownload
mkdir "$work/project"
cp "$here/meson.build" "$here/meson_options.txt" "$here"/*.c "$here/main.cc" "$work/project"
tls=disabled

have_subproject() {
    cp -R "$here/subprojects" "$work/project"
    ln -s "$root" "$work/project/subprojects/kevy-uring"
}

have_installed() {
    wrap_mode=nofallback
    meson setup "$work/library" "$root" --prefix "$work/prefix" --libdir lib \
        -Dtests=disabled -Dexamples=disabled
    meson install -C "$work/library"
    PKG_CONFIG_PATH=$work/prefix/lib/pkgconfig
    # What ldconfig does for a prefix that the system knows.
    LD_LIBRARY_PATH=$work/prefix/lib
    export PKG_CONFIG_PATH LD_LIBRARY_PATH
}

case $kind in
static)
    library=static
    have_subproject
    ;;
shared)
    have_subproject
    ;;
cpp)
    program='echo_cpp'
    have_subproject
    ;;
installed)
    have_installed
    ;;
cmake | amalgamation) ;;
tls)
    tls=enabled
    program='echo_tls'
    have_subproject
    ;;
tls_installed)
    tls=enabled
    program='echo_tls'
    have_installed
    ;;
*)
    echo "unknown kind: $kind" >&2
    exit 99
    ;;
esac

if [ "$kind" = cmake ]; then
    if ! command -v cmake >/dev/null; then
        echo 'SKIP cmake: it is not installed'
        exit 77
    fi
    have_installed
    cp "$here/CMakeLists.txt" "$work/project"
    cmake -S "$work/project" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix"
    cmake --build "$work/build"
    python3 "$here/talk.py" "$work/build/echo"
    exit
fi

if [ "$kind" = amalgamation ]; then
    python3 "$root/reactor/amalgamate.py" "$work/project"
    cd "$work/project"
    sed -i 's|<kevy/kevy.h>|"kevy.h"|' main.c main.cc
    # Word splitting wanted: a compiler may be called by ccache.
    # shellcheck disable=SC2086
    {
        ${CC:-cc} -std=c11 -O2 -Wall -Wextra -pedantic -Werror -c kevy.c
        ${CC:-cc} -std=c11 -O2 -Wall -Wextra -pedantic -Werror main.c kevy.o -pthread -o echo
    }
    python3 "$here/talk.py" ./echo
    if command -v "${CXX:-c++}" >/dev/null; then
        "${CXX:-c++}" -std=c++17 -Wall -Wextra -pedantic -Werror main.cc kevy.o -pthread -o echo_cpp
        python3 "$here/talk.py" ./echo_cpp
    fi
    exit
fi

if [ "$program" = 'echo_cpp' ] && ! command -v "${CXX:-c++}" >/dev/null; then
    echo "SKIP cpp: no C++ compiler"
    exit 77
fi

if [ "$tls" = enabled ] && ! pkg-config --exists 'openssl >= 3.0'; then
    echo "SKIP $kind: OpenSSL 3 is not installed"
    exit 77
fi

meson setup "$work/build" "$work/project" -Dtls="$tls" --wrap-mode "$wrap_mode" \
    -Ddefault_library="$library"
ninja -C "$work/build" "$program"

# Linked as asked: a static build must not need our shared libraries, any other must.
if readelf -d "$work/build/$program" | grep -q 'NEEDED.*libkevy-reactor'; then
    linked=shared
else
    linked=static
fi
[ "$linked" = "$library" ] || {
    echo "asked for a $library build, got a $linked one" >&2
    exit 1
}

if [ "$tls" = enabled ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -keyout "$work/key" -out "$work/certificate" 2>/dev/null
    python3 "$here/talk_tls.py" "$work/build/$program" "$work/certificate" "$work/key"
else
    python3 "$here/talk.py" "$work/build/$program"
    for name in ${cage:+EPERM EACCES ENOSYS EINVAL 4.18}; do
        "$cage" "$name" python3 "$here/talk.py" "$work/build/$program"
    done
fi
