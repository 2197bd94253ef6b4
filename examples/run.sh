#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# sh examples/run.sh [PORT]: installs what is missing, builds a release build in build/release and
# serves HTTP on 127.0.0.1:PORT (8080) until Ctrl-C, which lets the server drain.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/.."
. tests/support/packages.sh

port=${1:-8080}

need_build_tools
need curl have curl
install_missing

build=build/release
if [ ! -f "$build/build.ninja" ]; then
    echo "== Configuring $build"
    meson setup "$build" --buildtype=release -Dexamples=enabled -Dtests=disabled
fi
echo "== Building"
ninja -C "$build"

# Beside the server: once it has had time to find its port taken and end, ask it something.
# The extra parentheses leave this to init, so that the server gets no child that it never started.
show_curl() {
    sleep 0.5
    kill -0 $$ 2>/dev/null || return 0
    echo "\$ curl -d hello http://127.0.0.1:$port/"
    curl --silent --show-error --max-time 5 --retry 5 --retry-connrefused \
        --data hello "http://127.0.0.1:$port/" || return 0
    echo
}
(show_curl &)

# The server takes this process over: Ctrl-C and kill reach it, and its exit status is ours.
echo "== Starting http_echo; Ctrl-C drains and ends it"
exec "$build/examples/http_echo" --address 127.0.0.1 --port "$port"
