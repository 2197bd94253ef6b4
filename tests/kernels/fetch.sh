#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# fetch.sh CACHE MACHINE NAME: puts one file of a Debian package into the folder CACHE, unless it is
# there, and prints its path. NAME is `busybox`, a shell with its tools for the guest, or a kernel:
#     6.1       the newest of this series that there is
#     newest    the newest of all
#     6.12-16k  arm64 with pages of 16 KiB
#     6.12-tls  one with the module `tls` and those of its ciphers, which are in PATH.root/modules,
#               named in the order in which they are to be loaded
# Every suite has an apt of its own in CACHE: the lists and sources of the system stay as they are,
# signatures are checked as always.
set -eu

cache=$(mkdir -p "$1" && CDPATH='' cd -- "$1" && pwd)
machine=$2
name=$3
file=$cache/$machine-$name
kernel=${name%-tls}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# Lists are kept for a day: kernels come and go with each point release.
fresh_minutes=1440
# What a connection needs: the kernel would load all but the first by itself, if it had modprobe. A
# kernel that has one of them built in, or under another name, gets the others.
modules='tls ghash-generic gcm ccm chacha-generic poly1305-generic chacha20poly1305'
# modprobe is not on the path of a user.
PATH=$PATH:/usr/sbin:/sbin

suite() {
    case $kernel in
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
    series=$kernel
    case $machine-$kernel in
    arm64-*-16k)
        flavour=arm64-16k
        series=${kernel%-16k}
        ;;
    s390x-*) flavour=s390x ;;
    esac
    [ "$kernel" = newest ] && series=
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

unpack() {
    dpkg-deb --fsys-tarfile "$folder"/*.deb | tar -x -C "$folder" --wildcards "$@"
}

# The modules, unpacked, in the folder $file.root/modules.
modules_unpack() {
    unpack '*/lib/modules/*'
    tree=$(find "$folder" -path '*/lib/modules/*' -prune)
    base=${tree%/lib/modules/*}
    find "$tree" -name '*.xz' -exec xz -d {} +
    depmod -b "$base" "${tree##*/}"
    rm -rf "$file.root"
    mkdir -p "$file.root/modules"
    for module in $modules; do
        modprobe -d "$base" -S "${tree##*/}" --show-depends "$module" || true
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | nl -n rz -w 2 |
        while read -r number path; do
            cp "$path" "$file.root/modules/$number-${path##*/}"
        done
    rm -rf "$tree"
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
    busybox) unpack '*/bin/busybox' ;;
    *-tls)
        # Of one package: another kernel would refuse them.
        modules_unpack
        unpack '*/vmlinu*'
        ;;
    *) unpack '*/vmlinu*' ;;
    esac
    rm "$folder"/*.deb
    mv "$(find "$folder" -type f)" "$file"
fi
echo "$file"
