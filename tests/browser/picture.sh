#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Makes the picture of the README, examples/http_echo/status_page.png: a release build under load.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/../.."

build=build/release
pictures=build/pictures

sh tests/browser/install.sh
[ -f "$build/build.ninja" ] ||
    meson setup "$build" --buildtype=release -Dexamples=enabled -Dtests=disabled
ninja -C "$build" examples/http_echo
mkdir -p "$pictures"
sh tests/browser/run.sh "$build/examples/http_echo" --pictures "$pictures"
cp "$pictures/light_1280.png" examples/http_echo/status_page.png
ls -l examples/http_echo/status_page.png
