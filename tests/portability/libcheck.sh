#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# The libcheck that Debian installs is for this machine and glibc. For another C library or another
# machine it is built from Debian's own source package, in folders that the caller throws away.
#     libcheck.sh fetch SOURCE                                  downloads and unpacks it
#     libcheck.sh build SOURCE HOST "COMPILER..." PREFIX        a static one, and its check.pc
set -eu

# Lists, signatures and keys are checked as always, beside apt's own lists and not instead of them.
fetch() {
    source=$1
    mkdir -p "$source/lists/partial"
    # The first one: what has updates is in the suites after it.
    apt-get indextargets --format "deb-src \$(SITE) \$(RELEASE) \$(COMPONENT)" \
        'Created-By: Packages' 'Component: main' 'Origin: Debian' |
        head -n 1 >"$source/sources.list"
    cd "$source"
    cat >apt.conf <<END
Dir::Etc::SourceList "$source/sources.list";
Dir::Etc::SourceParts "$source/none";
Dir::State::Lists "$source/lists";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
APT::Sandbox::User "$(id -un)";
END
    APT_CONFIG=$source/apt.conf
    export APT_CONFIG
    apt-get update -qq
    apt-get source -qq --download-only check
    mkdir check
    tar -x -f check_*.orig.tar.* -C check --strip-components 1
}

# Its warnings are upstream's.
build() {
    cp -Rp "$1/check" "$4.build"
    cd "$4.build"
    ./configure -q CC="$3" CFLAGS="-O1 -w -D_FILE_OFFSET_BITS=64" --host "$2" \
        --build "$(cc -dumpmachine)" --prefix "$4" \
        --disable-shared --disable-subunit --disable-build-docs
    make -s -C lib
    make -s -C src install
    mkdir -p "$4/lib/pkgconfig"
    cp check.pc "$4/lib/pkgconfig"
}

"$@"
