#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# run.sh [--asan | --tsan | --valgrind | --ndebug | --soft] [TEST...]: installs what is missing,
# builds, runs every test or those named, and ends with "N passed, N failed, N skipped". A few
# programs that fail run a second time, alone, which counts; the first is told. The exit status is 0
# when nothing failed. Builds in build/test, and where an option means another build in
# build/OPTION; git ignores both.
#
#     --asan      with AddressSanitizer, UndefinedBehaviorSanitizer and LeakSanitizer
#     --tsan      with ThreadSanitizer
#     --valgrind  the programs of ring, reactor and tls under valgrind, on the soft kernel
#     --ndebug    without assertions; a test that expects one is skipped, and says so
#     --soft      the programs that run on the soft kernel alone
#
# With an option only programs run: the scripts look at sources, or build by themselves. Without
# option and names the suite `sanitized` runs at the end, built as with --asan.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/.."
. tests/support/packages.sh

programs='--suite ring --suite reactor --suite tls --suite examples --suite sim --suite fuzz'
# What is only possibly lost is not: a forked child has the memory, and not what pointed to it.
memcheck='valgrind -q --error-exitcode=1 --leak-check=full --show-leak-kinds=definite,indirect'
memcheck="$memcheck --errors-for-leak-kinds=definite,indirect"
build=build/test
settings=-Ddebug_checks=true
selection=
wrapper=
targets=
slower=1
logs=

usage() {
    sed -n '3,17s/^# \{0,1\}//p' tests/run.sh >&2
    exit 2
}

# What an option means, and how many times as long a program may take. Sanitizers bring symbols
# along that the libraries do not link with.
option_take() {
    selection=$programs
    case $1 in
    --asan) settings="$settings -Db_sanitize=address,undefined -Db_lundef=false" slower=3 ;;
    --tsan) settings="$settings -Db_sanitize=thread -Db_lundef=false" slower=10 ;;
    --ndebug) settings='-Db_ndebug=true' ;;
    --valgrind) wrapper=$memcheck selection='--suite memcheck' slower=20 ;;
    --soft) selection='--suite soft' ;;
    *) usage ;;
    esac
    case $1 in
    --valgrind | --soft) ;;
    *) build=build/${1#--} ;;
    esac
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
    echo "== Building $build"
    # shellcheck disable=SC2086
    ninja -C "$build" $targets
}

# The tests named, or the option's. libcheck has limits of its own, for each case.
run_tests() {
    chosen=$selection
    [ $# -eq 0 ] || chosen=
    if [ -n "$wrapper" ]; then
        set -- --wrapper "$wrapper" "$@"
    fi
    # Word splitting wanted: one argument for each suite.
    # shellcheck disable=SC2086
    CK_TIMEOUT_MULTIPLIER=$slower meson test -C "$build" --no-rebuild --print-errorlogs \
        --timeout-multiplier "$slower" $chosen "$@"
}

# The few that failed run again, one at a time, without the rest of the suite beside them. The
# summary says so, and what they said at first: a test that a busy machine can break is a mistake
# of the test's, but it says nothing about the libraries.
repeat_failed() {
    failed=$(python3 tests/support/summary.py --failed "$log") || return
    cp "$log" "$build/first.json"
    echo "== Repeating"
    # Word splitting wanted: one argument for each test.
    # shellcheck disable=SC2086
    run_tests --num-processes 1 $failed || :
    log=$build/first.json:$log
}

# build_and_run TEST...: adds its log to `logs`
build_and_run() {
    build_tests
    # Meson names the log after the wrapper.
    log=$build/meson-logs/testlog${wrapper:+-${wrapper%% *}}.json
    echo "== Testing $build"
    run_tests "$@" || repeat_failed || :
    logs="$logs $log"
}

sanitizers_work() {
    echo 'int main(void) { return 0; }' >build/works.c
    # Word splitting wanted: a compiler may have arguments.
    # shellcheck disable=SC2086
    ${CC:-cc} -fsanitize=address,undefined build/works.c -o build/works && build/works
}

repeat_sanitized() {
    option_take --asan
    selection='--suite sanitized'
    targets=sanitized
    if sanitizers_work; then
        build_and_run
    else
        echo 'skipped: the suite sanitized: no program with AddressSanitizer runs here'
    fi
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
build_and_run "$@"
[ -n "$selection$*" ] || repeat_sanitized
# Word splitting wanted: one argument for each log.
# shellcheck disable=SC2086
python3 tests/support/summary.py $logs
