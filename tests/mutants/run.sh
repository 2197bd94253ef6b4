#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# run.sh [--check | --suite | --worlds] [--only PATTERN]: plants the bugs of this folder, one at a
# time, in a copy of the tree, and looks whether the test that the patch names finds each. With
# --suite every test runs; with --worlds those in simulated worlds, for the bugs in what they run.
# With --check it only looks whether each patch fits the source. README.md has the format. The exit
# status is 0 when all of them were found.
set -u
CDPATH='' cd -- "$(dirname -- "$0")/../.." || exit 99
only='*'
check=false
suite=false
worlds=false
lines_shown=20
patience=10 # times as long as a test may take: what a busy machine delays is not broken
worlds_run='src/(core|datagram|socket|stream)/|tls/'
worlds_run="$worlds_run|src/(threads/(work|resolver)|system|group)"
worlds_lack='src/core/system\.'

usage() {
    echo "usage: run.sh [--check | --suite | --worlds] [--only PATTERN]" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
    --check) check=true ;;
    --suite) suite=true ;;
    --worlds) worlds=true ;;
    --only)
        [ $# -ge 2 ] || usage
        only=$2
        shift
        ;;
    *) usage ;;
    esac
    shift
done

work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
tree=$work/tree
build=$work/build
log=$work/log
killed=0
survived=0
unusable=0

# What tells meson which tests a patch lets run; nothing for all of them.
tests_of() {
    if "$worlds"; then
        echo '--suite sim'
    elif ! "$suite"; then
        sed -n '1s/^# *//p' "$1"
    fi
}

# Does a simulated world run what the patch changes? Not the kernels below and their system calls,
# nor the count of CPUs.
wanted() {
    "$worlds" || return 0
    grep -qE "^\+\+\+ b/reactor/($worlds_run)" "$1" &&
        ! grep -qE "^\+\+\+ b/reactor/($worlds_lack)" "$1"
}

# Does the patch fit the tree in that folder?
fits() {
    patch -d "$1" -p1 --dry-run -s -f <"$2" >"$log" 2>&1
}

# Builds what the tests need, and runs them up to the first that fails.
run_tests() {
    # Word splitting wanted: one argument for each test.
    # shellcheck disable=SC2086
    meson test -C "$build" --maxfail 1 --timeout-multiplier "${2-1}" $1 >"$log" 2>&1
}

built() {
    ! grep -qE '^(ninja: build stopped|FAILED: |Could not rebuild)' "$log"
}

# The test that did not pass.
finder() {
    sed -n 's/^ *[0-9]*\/[0-9]* [^ ]* \/ \([^ ]*\) *\(FAIL\|TIMEOUT\) .*/\1/p' "$log" | head -n 1
}

mutants=$(for patch in tests/mutants/*.patch; do
    name=$(basename "$patch" .patch)
    # The pattern of the user's, with its wildcards.
    # shellcheck disable=SC2254
    case $name in
    $only) ! wanted "$patch" || echo "$name" ;;
    esac
done)
[ -n "$mutants" ] || usage

if "$check"; then
    for name in $mutants; do
        if ! fits . "tests/mutants/$name.patch"; then
            unusable=$((unusable + 1))
            echo "$name: the patch does not fit the source any more"
        fi
    done
    [ "$unusable" -eq 0 ]
    exit
fi

echo "== Building a copy"
mkdir "$tree"
tar --exclude=./build --exclude='./build-*' --exclude=./.git -cf - . | tar -xf - -C "$tree"
if ! meson setup "$build" "$tree" -Dtests=enabled -Dexamples=enabled -Ddebug_checks=true \
    >"$log" 2>&1; then
    tail -n "$lines_shown" "$log"
    exit 99
fi
baseline='--suite sim'
"$worlds" || baseline=$(for name in $mutants; do tests_of "tests/mutants/$name.patch"; done |
    tr ' ' '\n' | sort -u | tr '\n' ' ')
if ! run_tests "$baseline" "$patience"; then
    echo "these tests must pass before a bug is planted: ${baseline:-all}"
    tail -n "$lines_shown" "$log"
    exit 99
fi

for name in $mutants; do
    patch=$PWD/tests/mutants/$name.patch
    tests=$(tests_of "$patch")
    if ! fits "$tree" "$patch"; then
        unusable=$((unusable + 1))
        echo "UNUSABLE $name: the patch does not fit the source any more"
        continue
    fi
    patch -d "$tree" -p1 -s -f --no-backup-if-mismatch <"$patch" >/dev/null
    if run_tests "$tests"; then
        survived=$((survived + 1))
        echo "SURVIVED $name: ${tests:-every test} passed"
    elif built; then
        killed=$((killed + 1))
        case $tests in
        '' | --*) tests=$(finder) ;;
        esac
        echo "killed $name by $tests"
    else
        unusable=$((unusable + 1))
        echo "UNUSABLE $name: it does not build"
        tail -n "$lines_shown" "$log"
    fi
    patch -d "$tree" -p1 -R -s -f --no-backup-if-mismatch <"$patch" >/dev/null
done

count=$((killed + survived))
[ "$count" -eq 0 ] || echo "$killed of $count found: $((killed * 100 / count)) %"
echo "$killed killed, $survived survived, $unusable unusable"
[ "$survived" -eq 0 ] && [ "$unusable" -eq 0 ]
