#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# run.sh [--asan | --tsan | --valgrind | --ndebug | --soft] [TEST...]: installs what is missing,
# builds, runs every test or those named, and ends with "N passed, N failed, N skipped". The exit
# status is 0 when nothing failed. Builds in build/test, with another option than --soft in
# build/OPTION; git ignores both.
#
#     --asan      with AddressSanitizer, UndefinedBehaviorSanitizer and LeakSanitizer
#     --tsan      with ThreadSanitizer
#     --valgrind  under valgrind, on the soft kernel, whose system calls valgrind knows
#     --ndebug    without assertions; a test that expects one is skipped, and says so
#     --soft      the programs that run on the soft kernel alone
#
# With an option only programs run: the scripts look at sources, or build by themselves.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/.."
. tests/support/packages.sh

programs='--suite ring --suite reactor --suite tls --suite examples --suite sim --suite fuzz'
memcheck='valgrind -q --error-exitcode=1 --leak-check=full --show-leak-kinds=definite,indirect'
build=build/test
settings=-Ddebug_checks=true
selection=
wrapper=

usage() {
    sed -n '3,15s/^# \{0,1\}//p' tests/run.sh >&2
    exit 2
}

# What an option means. Sanitizers bring symbols along that the libraries do not link with.
option_take() {
    selection=$programs
    case $1 in
    --asan) settings="$settings -Db_sanitize=address,undefined -Db_lundef=false" ;;
    --tsan) settings="$settings -Db_sanitize=thread -Db_lundef=false" ;;
    --valgrind) wrapper=$memcheck selection='--suite soft' ;;
    --ndebug) settings='-Db_ndebug=true' ;;
    --soft) selection='--suite soft' ;;
    *) usage ;;
    esac
    [ "$1" = --soft ] || build=build/${1#--}
}

install_tools() {
    need_build_tools
    need g++ have g++
    need check pkg-config --exists check
    need python3 have python3
    need universal-ctags have ctags
    need man-db have mandb
    need mandoc have mandoc
    need patch have patch
    need valgrind have valgrind
    need strace have strace
    need liburing-dev pkg-config --exists liburing
    need openssl have openssl
    need curl have curl
    need sslscan have sslscan
    install_missing
    sh tests/browser/install.sh
    sh tests/support/promtool.sh
    PATH=$PATH:$PWD/build/promtool/usr/bin
    export PATH
}

build_tests() {
    if [ ! -f "$build/build.ninja" ]; then
        echo "== Configuring $build"
        # Word splitting wanted: one argument for each setting.
        # shellcheck disable=SC2086
        meson setup "$build" -Dtests=enabled -Dexamples=enabled $settings
    fi
    echo "== Building"
    ninja -C "$build"
}

# The tests named, or the option's; what runs under valgrind takes its time.
run_tests() {
    [ $# -eq 0 ] || selection=
    if [ -n "$wrapper" ]; then
        set -- --wrapper "$wrapper" --timeout-multiplier 20 "$@"
    fi
    # Word splitting wanted: one argument for each suite.
    # shellcheck disable=SC2086
    meson test -C "$build" --no-rebuild --print-errorlogs $selection "$@"
}

case ${1-} in
-*)
    option_take "$1"
    shift
    ;;
esac
case ${1-} in
-*) usage ;;
esac

install_tools
build_tests
echo "== Testing"
status=0
run_tests "$@" || status=$?
python3 tests/support/summary.py "$build/meson-logs/testlog.json" || status=1
exit "$status"
