#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# run.sh [--cache FOLDER] [--jobs N] [--only PATTERNS] [KERNEL...]: the tests on other kernels, in
# an emulator, N guests at a time: one for each processor if nothing is said.
# Installs and downloads what is missing: some 20 MB for each kernel, kept in FOLDER
# (build/kernels/cache). A KERNEL is a series, or MACHINE-SERIES for another machine:
#     sh tests/kernels/run.sh 6.1 newest s390x-6.1 arm64-6.12-16k 5.10-soft
# With -tls behind the series the guest has the module `tls`, and the programs of TLS run, on a
# machine like this one: `6.12-tls`.
# With -soft behind it the programs run on the soft kernel there. Where the kernel is older than the
# reactor's floor and -soft is missing, the tests of ring/ run, and those of the floor. PATTERNS are
# names of programs, separated by commas.
set -u
CDPATH='' cd -- "$(dirname -- "$0")/../.." || exit 99
root=$PWD
here=$root/tests/kernels
cache=$root/build/kernels/cache
only=
jobs=$(nproc)
# One of each API that matters: before buffer rings, and the soft kernel where it is needed; the
# floor; Debian 13's; one with most of what came later; the newest. And what differs by machine:
# pages of 4 and 16 KiB, the other order of bytes. And one that encrypts. Those that take longest
# begin.
kernels='5.10-soft arm64-6.12-16k arm64-6.12 s390x-6.1 6.1 6.12 6.18 newest 5.10 6.12-tls'

# In the guest everything takes 10 to 100 times as long as here.
program_seconds=900
boot_seconds=7200
test_seconds=300
log_lines_shown=40
below_floor='test_ring_*,test_reactor_floor,test_examples_ring_copy'

usage() {
    echo 'usage: run.sh [--cache FOLDER] [--jobs N] [--only PATTERNS] [KERNEL...]' >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
    --cache)
        [ $# -gt 1 ] || usage
        mkdir -p "$2" || exit 1
        cache=$(CDPATH='' cd -- "$2" && pwd)
        shift 2
        ;;
    --jobs)
        [ $# -gt 1 ] || usage
        jobs=$2
        shift 2
        ;;
    --only)
        [ $# -gt 1 ] || usage
        only=$2
        shift 2
        ;;
    -*) usage ;;
    *) break ;;
    esac
done
[ $# -eq 0 ] || kernels=$*

host=$(dpkg --print-architecture) || exit 1

# Debian's name of the machine, from the name of a kernel; and what is left of it.
machine_of() {
    case $1 in
    amd64-* | arm64-* | s390x-*) echo "${1%%-*}" ;;
    *) echo "$host" ;;
    esac
}

series_of() {
    series=${1#"$(machine_of "$1")"-}
    echo "${series%-soft}"
}

is_soft() {
    case $1 in
    *-soft) true ;;
    *) false ;;
    esac
}

is_tls() {
    case $1 in
    *-tls | *-tls-soft) true ;;
    *) false ;;
    esac
}

# The name that compilers have for a machine.
compiler_name() {
    case $1 in
    amd64) echo x86_64 ;;
    arm64) echo aarch64 ;;
    *) echo "$1" ;;
    esac
}

machines=$(for kernel in $kernels; do machine_of "$kernel"; done | sort -u)

# links COMPILER: it has a C library to link with, which is a package of its own.
links() {
    [ -f "$("$1" -print-file-name=crt1.o)" ]
}

install() {
    # shellcheck source=tests/support/packages.sh
    . tests/support/packages.sh
    need_build_tools
    need cpio have cpio
    for kernel in $kernels; do
        if is_tls "$kernel"; then
            need kmod have kmod
            need xz-utils have xz
            need openssl have openssl
        fi
    done
    for machine in $machines; do
        name=$(compiler_name "$machine")
        case $machine in
        amd64) need qemu-system-x86 have qemu-system-x86_64 ;;
        arm64) need qemu-system-arm have qemu-system-aarch64 ;;
        s390x) need qemu-system-misc have qemu-system-s390x ;;
        esac
        if [ "$machine" != "$host" ]; then
            need "gcc-$(echo "$name" | tr _ -)-linux-gnu" have "$name-linux-gnu-gcc"
            need "libc6-dev-$machine-cross" links "$name-linux-gnu-gcc"
        fi
    done
    install_missing
}

# libcheck MACHINE: a static one, in the cache
libcheck() {
    triple=$(compiler_name "$1")-linux-gnu
    prefix=$cache/check-$1
    [ -f "$prefix/lib/pkgconfig/check.pc" ] && return
    rm -rf "$prefix" "$prefix.build"
    [ -d "$cache/check/check" ] || sh tests/portability/libcheck.sh fetch "$cache/check" || return
    sh tests/portability/libcheck.sh build "$cache/check" "$triple" "$triple-gcc" "$prefix" &&
        rm -rf "$prefix.build"
}

# The targets that guests need: a few, where all that was asked for is TLS.
needed='^(tests/test_(tls_.*|examples_tls_echo)|examples/(tls_echo|ring_cat))$'
for kernel in $kernels; do
    is_tls "$kernel" || needed=
done

# Of this machine's packages the programs find OpenSSL alone: whatever else they would link with,
# such as libuv, is missing in the guest.
packages_copy() {
    mkdir -p "$build.packages" || return
    for package in openssl libssl libcrypto; do
        cp "$(pkg-config --variable pcfiledir "$package")/$package.pc" "$build.packages" || return
    done
}

# programs MACHINE: builds the tests and the examples
programs() {
    build=$root/build/kernels/$1
    # Optimised, for every instruction counts in an emulator. TLS asks nothing of a kernel but one
    # thing, which is tested on this machine's: only its OpenSSL is at hand.
    tls=disabled
    folders=$cache/check-$1/lib/pkgconfig
    if [ "$1" = "$host" ]; then
        tls=enabled
        packages_copy && folders=$folders:$build.packages || return
    fi
    options="--optimization 2 -Dtests=enabled -Dexamples=enabled -Dtls=$tls \
-Ddefault_library=static -Dprefer_static=true"
    # A folder that was set up with other options is no longer of use.
    if [ ! -f "$build/build.ninja" ] || [ "$(cat "$build.options")" != "$options $folders" ]; then
        rm -rf "$build"
        mkdir -p "$build"
        cat >"$build.ini" <<END
[binaries]
pkgconfig = 'pkg-config'
[properties]
pkg_config_libdir = '$folders'
END
        if [ "$1" = "$host" ]; then
            set -- --native-file "$build.ini"
        else
            set -- --cross-file "tests/portability/$(compiler_name "$1").ini" \
                --cross-file "$build.ini"
        fi
        # Word splitting wanted: one argument for each option.
        # shellcheck disable=SC2086
        meson setup "$build" --wrap-mode nodownload $options "$@" || return
        echo "$options $folders" >"$build.options"
    fi
    targets=$(ninja -C "$build" -t targets all |
        sed -n 's,^\(\(tests\|examples\)/[a-z0-9_.]*\): c_LINKER.*,\1,p' |
        grep -vE '^tests/(fuzz_|sim$)' | grep -E "$needed")
    # Word splitting wanted: no name of ours has a blank in it.
    # shellcheck disable=SC2086
    ninja -C "$build" $targets
}

# strip_into FOLDER FILE...: the programs and shared libraries among the files
strip_into() {
    folder=$1
    shift
    mkdir -p "$folder" || return
    for file; do
        if [ -f "$file" ] && [ -x "$file" ]; then
            "$tools-strip" --strip-unneeded -o "$folder/${file##*/}" "$file" || return
        fi
    done
}

# Where the loader looks for them.
libraries_copy() {
    loader=$("$tools-readelf" -l "$build/examples/ring_cat" |
        sed -n 's/.*program interpreter: \(.*\)]/\1/p')
    mkdir -p "$tree/lib" "$tree${loader%/*}"
    cp "$("$tools-gcc" -print-file-name="${loader##*/}")" "$tree$loader" || return
    for library in libc.so.6 libm.so.6 libgcc_s.so.1; do
        cp "$("$tools-gcc" -print-file-name="$library")" "$tree/lib" || return
    done
    # A peer in the tests of TLS.
    [ "$1" = "$host" ] || return 0
    for library in libssl.so libcrypto.so; do
        cp "$("$tools-gcc" -print-file-name="$library.3")" "$tree/lib" || return
    done
    cp "$(command -v openssl)" "$tree/bin"
}

# The programs of TLS have a folder of their own, too.
tls_programs() {
    mkdir "$tree/tls" || return
    for program in "$tree"/tests/test_tls_* "$tree/tests/test_examples_tls_echo"; do
        [ ! -f "$program" ] || mv "$program" "$tree/tls" || return
    done
}

# What runs on the soft kernel, too: links in a folder of its own.
soft_programs() {
    mkdir "$tree/soft" || return
    meson introspect --tests "$build" | python3 -c '
import json, sys
for test in json.load(sys.stdin):
    if test["name"].endswith("_soft"):
        print(test["name"][:-len("_soft")])' |
        while read -r name; do
            [ ! -f "$tree/tests/$name" ] || ln -s "../tests/$name" "$tree/soft/$name"
        done
}

# What the guest has for a root: its first process, the programs, their libraries, a shell, and two
# files that every system has.
initramfs() {
    build=$root/build/kernels/$1
    tools=$(compiler_name "$1")-linux-gnu
    tree=$build/initramfs
    busybox=$(sh "$here/fetch.sh" "$cache" "$1" busybox) || return
    rm -rf "$tree"
    mkdir -p "$tree/bin" "$tree/etc" &&
        "$tools-gcc" -std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -static \
            "$here/guest.c" -o "$tree/init" &&
        cp "$busybox" "$tree/bin/busybox" || return
    for tool in cat cmp echo grep head rm sh; do
        ln -s busybox "$tree/bin/$tool"
    done
    printf '127.0.0.1 localhost\n::1 localhost\n' >"$tree/etc/hosts"
    printf 'root:x:0:0:root:/tmp:/bin/sh\n' >"$tree/etc/passwd"
    # What the tests start lies where they look for it: beside the examples. And the units of
    # systemd are read.
    mkdir "$tree/examples" && cp -R examples/systemd "$tree/examples" || return
    libraries_copy "$1" && strip_into "$tree/build/examples" "$build"/examples/* &&
        strip_into "$tree/build/tests" "$build"/tests/* && mkdir "$tree/tests" &&
        mv "$tree"/build/tests/test_* "$tree/tests" && tls_programs && soft_programs || return
    (cd "$tree" && find . | cpio -o -H newc -R 0:0 --quiet) >"$build/initramfs.cpio"
}

# root_of MACHINE KERNEL_FILE: the guest's root, with what belongs to that kernel alone
root_of() {
    root_file=$root/build/kernels/$1/initramfs.cpio
    if [ -d "$2.root" ]; then
        # The kernel unpacks one archive after the other.
        { cat "$root_file" && cd "$2.root" && find . | cpio -o -H newc -R 0:0 --quiet; } \
            >"$root/build/kernels/${2##*/}.cpio"
        root_file=$root/build/kernels/${2##*/}.cpio
    fi
    echo "$root_file"
}

# boot MACHINE KERNEL_FILE WORDS: what the guest says
boot() {
    smp=1
    case $1 in
    # cx16: with it guests of qemu 7.2 die now and then, of flags that cmpxchg16b leaves wrong.
    # no_timer_check: where this machine is busy, the guest finds its timer dead, and panics.
    amd64)
        set -- "$@" 'ttyS0 no_timer_check' qemu-system-x86_64 -M pc -cpu max,-cx16 -serial stdio
        ;;
    arm64)
        set -- "$@" ttyAMA0 qemu-system-aarch64 -M virt,gic-version=3 -cpu max,pauth-impdef=on \
            -serial stdio
        ;;
    # With two processors it stands still now and then.
    s390x)
        smp=1
        set -- "$@" ttysclp0 qemu-system-s390x -M s390-ccw-virtio -cpu max \
            -chardev stdio,id=console -device sclpconsole,chardev=console
        ;;
    esac
    initramfs=$(root_of "$1" "$2")
    file=$2
    words="console=$4 quiet loglevel=1 panic=-1 KEVY_SECONDS=$program_seconds \
KEVY_TEST_SLOW=1 CK_DEFAULT_TIMEOUT=$test_seconds CK_TIMEOUT_MULTIPLIER=10 $3"
    shift 4
    timeout -k 10 "$boot_seconds" "$@" -accel tcg,thread=multi -m 1024 -smp "$smp" \
        -nodefaults -no-user-config -display none -no-reboot \
        -kernel "$file" -initrd "$initramfs" -append "$words" </dev/null 2>&1 | sed -u 's|\r$||'
}

# What a guest said: what the programs that failed printed, and as the last line "passed failed
# skipped". A program without a RESULT, or whose status is neither success nor skip,
# has failed one test at least. Lines may have something before them that a program left unended.
summary() {
    awk -v lines_max="$log_lines_shown" '
        function program_end(name, status, failures, i) {
            failures = result_seen ? result[5] : 1
            if (!failures && status != 0 && status != 77) failures = 1
            if (result_seen) { passed += result[3]; skipped += result[7] }
            failed += failures
            if (failures) {
                print "FAIL " name ": " failures ", exit status " status
                for (i = count > lines_max ? count - lines_max : 0; i < count; i++) print line[i]
            }
            count = result_seen = 0
        }
        match($0, /RESULT [^ ]+: [0-9]+ passed, [0-9]+ failed, [0-9]+ skipped/) {
            split(substr($0, RSTART, RLENGTH), result, " ")
            result_seen = 1
        }
        match($0, /END test_[^ ]+ [0-9]+ [0-9.]+$/) {
            split(substr($0, RSTART, RLENGTH), end, " ")
            program_end(end[2], end[3])
            next
        }
        /^ENDED$/ { ended = 1 }
        { line[count++] = $0 }
        END {
            if (!ended) program_end("the guest, which died or stood still", 1)
            print passed + 0, failed + 0, skipped + 0
        }'
}

# words KERNEL: which programs run there, and on what
words() {
    patterns=$only
    if is_tls "$1"; then
        echo 'KEVY_FOLDER=/tls KEVY_TEST_KTLS=required'
    elif is_soft "$1"; then
        echo 'KEVY_FOLDER=/soft'
    fi
    if is_soft "$1"; then
        echo 'KEVY_TEST_KERNEL=soft'
    else
        case $only-$(series_of "$1") in
        -5.*) patterns=$below_floor ;;
        esac
    fi
    [ -z "$patterns" ] || echo "KEVY_PROGRAMS=$patterns"
}

# check KERNEL: one boot, and a second one when the first did not come to its end: the emulator has
# such days, and no verdict was given. The last line of what it says has the counts.
check() {
    machine=$(machine_of "$1")
    log=$root/build/kernels/$1.log
    if is_tls "$1" && [ "$machine" != "$host" ]; then
        echo "$1: 0 passed, 0 failed, 1 skipped: no OpenSSL for another machine than this one"
        return
    fi
    if ! file=$(sh "$here/fetch.sh" "$cache" "$machine" "$(series_of "$1")"); then
        echo "$1: 0 passed, 0 failed, 1 skipped: no such kernel could be downloaded"
        return
    fi
    begin=$(date +%s)
    for attempt in 1 2; do
        [ $attempt -eq 1 ] || echo "$1: the guest did not come to its end; once more"
        boot "$machine" "$file" "$(words "$1" | tr '\n' ' ')" >"$log"
        ! grep -q '^ENDED$' "$log" || break
    done
    echo "== $1: $(sed -n 's/^GUEST //p' "$log"), $(($(date +%s) - begin)) s"
    summary <"$log" >"$log.summary"
    sed '$d' "$log.summary"
    # Word splitting wanted: three numbers.
    # shellcheck disable=SC2046
    set -- "$1" $(tail -n 1 "$log.summary")
    echo "$1: $2 passed, $3 failed, $4 skipped"
}

# Checks one kernel after the other, each that no other worker has claimed.
worker() {
    for kernel in $kernels; do
        mkdir "$reports/$kernel" 2>/dev/null || continue
        check "$kernel" >"$reports/$kernel/report"
        cat "$reports/$kernel/report"
    done
}

install || exit 1
for machine in $machines; do
    echo "== Building for $machine"
    mkdir -p "$root/build/kernels"
    log=$root/build/kernels/$machine.log
    if ! { libcheck "$machine" && programs "$machine" && initramfs "$machine"; } >"$log" 2>&1; then
        tail -n "$log_lines_shown" "$log"
        exit 1
    fi
done
# One after the other: what they download, they share.
for kernel in $kernels; do
    sh "$here/fetch.sh" "$cache" "$(machine_of "$kernel")" "$(series_of "$kernel")" >/dev/null
done
reports=$(mktemp -d) || exit 1
trap 'rm -rf "$reports"' EXIT
while [ "$jobs" -gt 0 ]; do
    worker &
    jobs=$((jobs - 1))
done
wait
tail -q -n 1 "$reports"/*/report | awk '
    { passed += $2; failed += $4; skipped += $6 }
    END {
        print passed + 0 " passed, " failed + 0 " failed, " skipped + 0 " skipped"
        exit failed > 0 || passed == 0
    }'
