#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# run.sh [--kernel NAME] [--threads N] [--tls] [--seconds N] [OPTION]...: the attacks of hostile on
# their full scale, by default on both kernels, with one thread and two, with TLS and without. The
# options go to hostile. `main.c` lists them.
set -u
CDPATH='' cd -- "$(dirname -- "$0")/../.." || exit 99
build=build/hostile
status=0

# shellcheck source=tests/support/packages.sh
. tests/support/packages.sh
need_build_tools
need check pkg-config --exists check
install_missing || exit 1

echo "== Building in $build"
if [ ! -f "$build/build.ninja" ]; then
    meson setup "$build" -Dtests=enabled -Dexamples=enabled >/dev/null || exit 1
fi
ninja -C "$build" examples/http_echo tests/hostile >/dev/null || exit 1

attack() {
    echo "== hostile $*"
    "$build/tests/hostile" "$build/examples/http_echo" --cycles 20000 --crowd 1500 --seconds 300 \
        "$@" || status=1
}

case " $* " in
*' --kernel '* | *' --threads '* | *' --tls '*) attack "$@" ;;
*)
    for kernel in io_uring soft; do
        attack --kernel "$kernel" "$@"
        attack --kernel "$kernel" --threads 2 "$@"
        attack --kernel "$kernel" --tls "$@"
        attack --kernel "$kernel" --tls --threads 2 "$@"
    done
    ;;
esac
exit "$status"
