#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# release.sh [--all]: is this commit fit to be released, and to be a package of Meson's WrapDB? One
# line for each result, and a last one for all. With --all the tarball runs all of its tests, and
# not those of ring/ and the style alone.
set -u
CDPATH='' cd -- "$(dirname -- "$0")/.." || exit 99
root=$PWD
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
names='kevy-reactor kevy-ring kevy-tls'
# shellcheck source=tests/support/checks.sh
. tests/support/checks.sh

suites='--suite ring --suite style'
case ${1:-} in
--all) suites= ;;
'') ;;
*)
    echo 'usage: release.sh [--all]' >&2
    exit 2
    ;;
esac

# WrapDB's name is that of the project, in small letters; a release has a tag of its version.
named() {
    name=$(sed -n "s/^project('\([^']*\)'.*/\1/p" meson.build)
    version=$(sed -n "s/^  version: '\([^']*\)',/\1/p" meson.build)
    echo "$name" | grep -qx '[a-z0-9-]*' && echo "$version" | grep -qx '[0-9]*\.[0-9]*\.[0-9]*' &&
        grep -q "^## $version" .github/CHANGELOG.md && [ -s LICENSE-MIT ] && [ -s LICENSE-APACHE ]
}

# What a wrap provides is what the build overrides.
provided() {
    for name in $names; do
        grep -rqF "meson.override_dependency('$name'," ring/meson.build reactor/meson.build \
            reactor/tls/meson.build || return
        for wrap in README.md tests/consumer/subprojects/kevy-uring.wrap; do
            grep '^dependency_names = ' "$wrap" | grep -qw "$name" || return
        done
    done
}

without_warnings() {
    meson setup "$work/strict" --fatal-meson-warnings -Dtests=disabled -Dexamples=disabled \
        -Dwerror=true --prefix /usr --libdir lib --wrap-mode nodownload && ninja -C "$work/strict"
}

# Nothing goes anywhere else, and nothing names the folder it was built in.
installed() {
    DESTDIR=$work/root meson install -C "$work/strict" --no-rebuild || return
    [ -z "$(find "$work/root" -mindepth 1 -maxdepth 1 ! -name usr)" ] &&
        [ -s "$work/root/usr/include/kevy/kevy.h" ] &&
        [ -s "$work/root/usr/lib/cmake/kevy-uring/kevy-uringConfig.cmake" ] || return
    for name in kevy-reactor kevy-ring; do
        [ -s "$work/root/usr/lib/pkgconfig/$name.pc" ] &&
            [ -e "$work/root/usr/lib/lib$name.so" ] || return
    done
    ! grep -rlF -e "$work" -e "$root" "$work/root/usr/include" "$work/root/usr/lib/pkgconfig" \
        "$work/root/usr/lib/cmake"
}

# Of this commit, whatever else is in the folder.
tarball() {
    meson dist -C "$work/strict" --no-tests --allow-dirty --formats xztar &&
        mkdir "$work/unpacked" &&
        tar -xf "$work"/strict/meson-dist/kevy-uring-*.tar.xz -C "$work/unpacked" \
            --strip-components 1
}

tarball_alone() {
    meson setup "$work/alone" "$work/unpacked" -Dtests=enabled -Dexamples=enabled &&
        ninja -C "$work/alone" || return
    # Word splitting wanted: one argument for each word.
    # shellcheck disable=SC2086
    meson test -C "$work/alone" --no-rebuild --quiet --print-errorlogs $suites
}

check 'name, version, changes and licences' named
check 'what the wrap provides' provided
check 'no warning of Meson' without_warnings
check 'installed below a folder' installed
check 'a tarball is made' tarball
check 'it builds and tests alone' tarball_alone
# Headers on foreign systems, and the empty libraries where there is no Linux.
check 'other compilers and systems' sh tests/portability/run.sh --installed

checks_end release
