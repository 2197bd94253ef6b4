#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# run.sh HTTP_ECHO [--pictures FOLDER]: the status page of this http_echo in a headless Chromium, as
# status_page.mjs says. What a machine lacks is a skip; install.sh gets it.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/../.."

KEVY_BROWSER=$PWD/build/browser
export KEVY_BROWSER

skip() {
    echo "SKIP status_page: $1"
    echo 'RESULT status_page: 0 passed, 0 failed, 1 skipped'
    exit 77
}

command -v node >/dev/null || skip 'node is not installed'
[ -x /usr/bin/chromium ] || skip 'Chromium is not installed'
[ -d "$KEVY_BROWSER/node_modules/playwright-core" ] || skip 'playwright-core is not installed'
exec timeout 120 node tests/browser/status_page.mjs "$@"
