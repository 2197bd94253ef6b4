#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Installs what is missing, builds, runs every test, ends with "N passed, N failed, N skipped".
# The exit status is 0 when nothing failed. Builds in build/test, which git ignores.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/.."
. tests/support/packages.sh

need_build_tools
need g++ have g++
need check pkg-config --exists check
need python3 have python3
need universal-ctags have ctags
need patch have patch
need valgrind have valgrind
need strace have strace
need liburing-dev pkg-config --exists liburing
need openssl have openssl
need curl have curl
need sslscan have sslscan
install_missing
sh tests/browser/install.sh

build=build/test
if [ ! -f "$build/build.ninja" ]; then
    echo "== Configuring $build"
    meson setup "$build" -Dtests=enabled -Dexamples=enabled -Ddebug_checks=true
fi
echo "== Building"
ninja -C "$build"
echo "== Testing"
status=0
meson test -C "$build" --no-rebuild --print-errorlogs || status=$?
python3 tests/support/summary.py "$build/meson-logs/testlog.json" || status=1
exit "$status"
