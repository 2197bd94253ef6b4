#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# exports.sh [--list FILE] LIBRARY ARCHIVE HEADER...: a library exports what its headers declare,
# nothing else. In an archive of the same objects, where nothing is hidden, every name has our
# prefix. LIBRARY may be an archive itself: then names that are private to the linker are no
# exports. FILE lists the names, versions and first releases of the exports of a shared library.
# They stay, because programs are linked to them.
set -u
list=
if [ "$1" = --list ]; then
    list=$2
    shift 2
fi
library=$1
archive=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat "$@" | tr '\n' ' ' | grep -oE 'KEVY_API [^;(]*\(' | grep -oE 'kevy_[a-z0-9_]+\(' |
    tr -d '(' | LC_ALL=C sort -u >"$work/declared"
case $library in
*.a) nm -g --defined-only "$library" | awk 'NF == 3 && $3 ~ /^kevy_/ && $3 !~ /^kevy_x_/' ;;
*) nm -D --defined-only "$library" ;;
esac | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
    LC_ALL=C sort -u >"$work/exported"

missing=$(LC_ALL=C comm -23 "$work/declared" "$work/exported")
surplus=$(LC_ALL=C comm -13 "$work/declared" "$work/exported")
# Word splitting wanted: one line for all names.
# shellcheck disable=SC2086
[ -z "$missing" ] || echo "declared and not exported:" $missing
# shellcheck disable=SC2086
[ -z "$surplus" ] || echo "exported and not declared:" $surplus
[ -s "$work/exported" ] || echo "exports nothing: $library"
# AddressSanitizer adds __odr_asan names.
strange=$(nm -g --defined-only "$archive" |
    awk 'NF == 3 && $2 ~ /[BDRT]/ && $3 !~ /^(kevy_|__odr_asan)/ { print $3 }')
# shellcheck disable=SC2086
[ -z "$strange" ] || echo "without our prefix in a static library:" $strange
gone=
new=
if [ -n "$list" ]; then
    grep -v '^#' "$list" | cut -d ' ' -f 1,2 | LC_ALL=C sort >"$work/listed"
    nm -D --defined-only "$library" | awk '$2 != "A" { sub("@@?", " ", $3); print $3 }' |
        LC_ALL=C sort >"$work/versions"
    gone=$(LC_ALL=C comm -23 "$work/listed" "$work/versions")
    new=$(LC_ALL=C comm -13 "$work/listed" "$work/versions")
    [ -z "$gone" ] || printf 'a program may need, and it is not there:\n%s\n' "$gone"
    [ -z "$new" ] || printf 'to be added to %s, with the release:\n%s\n' "$list" "$new"
fi
if [ ! -s "$work/exported" ] || [ -n "$missing$surplus$strange$gone$new" ]; then
    exit 1
fi
