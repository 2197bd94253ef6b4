#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# fetch.sh CACHE MACHINE NAME: puts one file of a Debian package into the folder CACHE, unless it is
# there, and prints its path. NAME is `busybox`, a shell with its tools for the guest, or a kernel:
#     6.1       the newest of this series that there is
#     newest    the newest of all
#     6.12-16k  arm64 with pages of 16 KiB
# Every suite has an apt of its own in CACHE: the lists and sources of the system stay as they are,
# signatures are checked as always.
set -eu

cache=$(mkdir -p "$1" && CDPATH='' cd -- "$1" && pwd)
machine=$2
name=$3
file=$cache/$machine-$name
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# Lists are kept for a day: kernels come and go with each point release.
fresh_minutes=1440

suite() {
    case $name in
    5.10) echo bullseye ;;
    6.1) echo bookworm ;;
    6.12 | 6.12-16k | busybox) echo trixie ;;
    *) echo trixie-backports ;;
    esac
}

# The mirror that the system uses for Debian's own packages.
mirror() {
    apt-get indextargets --format "\$(SITE)" 'Created-By: Packages' 'Component: main' \
        'Origin: Debian' | head -n 1
}

# Prepares the apt of a suite; the commands that follow use it. Its lists are refreshed if they are
# older than a day, or if there is no file "updated".
apt_of() {
    apt=$cache/apt/$1-$machine
    mkdir -p "$apt/etc/apt.conf.d" "$apt/etc/preferences.d" "$apt/state/lists/partial" \
        "$apt/archives/partial"
    : >"$apt/status"
    [ -s "$apt/sources.list" ] || echo "deb [signed-by=$keyring] $(mirror) $1 main" \
        >"$apt/sources.list"
    cat >"$apt/apt.conf" <<END
APT::Architecture "$machine";
APT::Architectures { "$machine"; };
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::Etc "$apt/etc";
Dir::Etc::SourceList "$apt/sources.list";
Dir::State "$apt/state";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
END
    APT_CONFIG=$apt/apt.conf
    export APT_CONFIG
    if [ -z "$(find "$apt/updated" -mmin "-$fresh_minutes" 2>/dev/null)" ]; then
        apt-get update -qq && touch "$apt/updated"
    fi
}

# The packages that are kernels of a flavour, one "VERSION KIND PACKAGE" a line. From 6.19 on the
# `image` is empty, and the kernel is in the `binary` beside it.
kernels() {
    apt-cache pkgnames linux- |
        sed -nE "s/^linux-(image|binary)-([0-9.]+(-[0-9]+|\+deb[0-9.]+)?)-$1\$/\2 \1 &/p"
}

kernel_package() {
    flavour=cloud-$machine
    series=$name
    case $machine-$name in
    arm64-*-16k)
        flavour=arm64-16k
        series=${name%-16k}
        ;;
    s390x-*) flavour=s390x ;;
    esac
    [ "$name" = newest ] && series=
    kernels "$flavour" | awk -v series="$series" 'series == "" || index($1, series ".") == 1' |
        sort -k 1,1Vr -k 2,2 | awk 'NR == 1 { print $3 }'
}

# download: the package of that name, by the lists that are there
download() {
    apt_of "$(suite)" || return
    package=busybox-static
    [ "$name" = busybox ] || package=$(kernel_package)
    if [ -z "$package" ]; then
        echo "no kernel $name for $machine in $(suite)" >&2
        exit 1
    fi
    (cd "$folder" && apt-get download -qq "$package:$machine")
}

if [ ! -s "$file" ]; then
    folder=$(mktemp -d -p "$cache")
    trap 'rm -rf "$folder"' EXIT
    # A package that the lists name can be gone, replaced by a newer one.
    if ! download; then
        rm -f "$apt/updated"
        download
    fi
    case $name in
    busybox) pattern='*/bin/busybox' ;;
    *) pattern='*/vmlinu*' ;;
    esac
    dpkg-deb --fsys-tarfile "$folder"/*.deb | tar -x -C "$folder" --wildcards "$pattern"
    rm "$folder"/*.deb
    mv "$(find "$folder" -type f)" "$file"
fi
echo "$file"
