#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# sh embed.sh FILE...: writes C code to the standard output that has the bytes of the files in it:
# for page.html the constants page_html and page_html_length, as page.h declares them.
set -eu

echo '#include "page.h"'
for file; do
    name=$(basename "$file" | tr . _)
    echo "const unsigned char ${name}[] = {"
    od -An -v -tx1 "$file" | sed 's/ *\([0-9a-f][0-9a-f]\)/0x\1,/g'
    echo "};"
    echo "const size_t ${name}_length = sizeof $name;"
done
