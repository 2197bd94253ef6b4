#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Gets promtool, which checks /metrics, into build/promtool. Debian has it in the package of
# Prometheus, which would start a server if it were installed, so it is only unpacked. Where that is
# not possible the test is skipped.
set -u
CDPATH='' cd -- "$(dirname -- "$0")/../.." || exit 1
. tests/support/packages.sh

folder=build/promtool

have promtool >/dev/null && exit 0
[ ! -x "$folder/usr/bin/promtool" ] || exit 0
have apt-get >/dev/null || exit 0
mkdir -p "$folder"
cd "$folder" || exit 1
echo "== Unpacking promtool from Debian's package prometheus"
if apt-get download -qq prometheus >/dev/null 2>&1; then
    for package in prometheus_*.deb; do
        dpkg-deb --fsys-tarfile "$package" | tar -x ./usr/bin/promtool
    done
    rm -f prometheus_*.deb
else
    echo "== promtool cannot be had"
fi
exit 0
