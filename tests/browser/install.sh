#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Installs what the test of the status page needs: Chromium and npm from Debian's packages, and
# playwright-core from npm, in build/browser. Says so when it is not possible.
set -u
CDPATH='' cd -- "$(dirname -- "$0")/../.." || exit 1
. tests/support/packages.sh

release=1.64.1
folder=build/browser

need chromium [ -x /usr/bin/chromium ]
need nodejs have node
need npm have npm
install_missing || exit 0
[ ! -d "$folder/node_modules/playwright-core" ] || exit 0
mkdir -p "$folder"
echo '{"private": true}' >"$folder/package.json"
echo "== Installing with npm: playwright-core"
PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm install --prefix "$folder" --no-audit --no-fund --silent \
    "playwright-core@$release" || echo "== playwright-core cannot be installed"
