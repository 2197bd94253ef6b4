#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# sh tests/bench/run.sh NAME [ROUNDS]: installs what is missing and measures us beside our peers.
# NAME is a folder beside this script: echo, bulk, ring, timers.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/../.."
. tests/support/packages.sh

name=${1:-}
script=tests/bench/$name/run.sh
if [ -z "$name" ] || [ ! -f "$script" ]; then
    echo "usage: sh tests/bench/run.sh NAME [ROUNDS], NAME one of:" >&2
    for found in tests/bench/*/run.sh; do
        basename "$(dirname "$found")" >&2
    done
    exit 2
fi
shift

need build-essential have cc
need pkg-config have pkg-config
need valgrind have valgrind
case $name in
echo)
    need libuv1-dev pkg-config --exists libuv
    need strace have strace
    ;;
bulk)
    need libuv1-dev pkg-config --exists libuv
    ;;
ring)
    need liburing-dev pkg-config --exists liburing
    ;;
timers)
    need libuv1-dev pkg-config --exists libuv
    need libev-dev test -f /usr/include/ev.h
    need libevent-dev pkg-config --exists libevent_core
    ;;
esac
install_missing

exec sh "$script" "$@"
