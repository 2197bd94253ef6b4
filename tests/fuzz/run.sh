#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# run.sh [SECONDS [TARGET...]]: libFuzzer on each target for so long (60), with the sanitizers for
# addresses and undefined behaviour. Installs what is missing. What is found new is kept in
# build/fuzz/corpus for the next run; what a target does not survive is kept beside it, and
# `build/fuzz/build/tests/fuzz_TARGET FILE` shows it again.
set -u
CDPATH='' cd -- "$(dirname -- "$0")/../.." || exit 99
here=$PWD/tests/fuzz
work=$PWD/build/fuzz
build=$work/build
seconds=${1:-60}
[ $# -eq 0 ] || shift
input_bytes_max=8192
lines_shown=40
passed=0
failed=0

has_fuzzer() {
    echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
        clang -fsanitize=fuzzer -x c - -o /dev/null
}

# shellcheck source=tests/support/packages.sh
. tests/support/packages.sh
need_build_tools
need check pkg-config --exists check
need clang have clang
need libclang-rt-dev has_fuzzer
install_missing || exit 1

echo "== Building in $build"
mkdir -p "$work"
if [ ! -f "$build/build.ninja" ]; then
    # Meson's way to refuse undefined symbols would refuse those of clang's sanitizers as well.
    CC=clang meson setup "$build" -Dtests=enabled -Dexamples=enabled -Ddefault_library=static \
        -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1 \
        -Dc_args=-fsanitize=fuzzer-no-link >"$work/build.log" || exit 1
fi
targets=$(ninja -C "$build" -t targets all | sed -n 's|^tests/fuzz_\([a-z_]*\): c_LINKER.*|\1|p')
# Word splitting wanted: no target of ours has a blank in its name.
# shellcheck disable=SC2046
if ! ninja -C "$build" $(echo "$targets" | sed 's|^|tests/fuzz_|') >"$work/build.log"; then
    tail -n "$lines_shown" "$work/build.log"
    exit 1
fi
[ $# -eq 0 ] || targets=$*

ASAN_OPTIONS=detect_leaks=1
UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export ASAN_OPTIONS UBSAN_OPTIONS
for target in $targets; do
    log=$work/$target.log
    found=$work/corpus/$target
    mkdir -p "$found"
    dictionary=$here/$target.dict
    [ -f "$dictionary" ] || dictionary=$here/http.dict
    if "$build/tests/fuzz_$target" -max_total_time="$seconds" -max_len="$input_bytes_max" \
        -timeout=600 -print_final_stats=1 -dict="$dictionary" -artifact_prefix="$work/$target-" \
        "$found" "$here/corpus/$target" >"$log" 2>&1; then
        passed=$((passed + 1))
        echo "PASS $target: $(sed -n 's/^Done \([0-9]* runs\).*/\1/p' "$log")"
    else
        failed=$((failed + 1))
        echo "FAIL $target:"
        tail -n "$lines_shown" "$log"
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
