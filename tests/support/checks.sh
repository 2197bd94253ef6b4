# SPDX-License-Identifier: MIT OR Apache-2.0
# Functions for the scripts that check many things: one line for each that failed, and a sum.
# A script reads this file with the '.' command; it may set
#     log_lines_shown   of a command that failed (30)
# shellcheck shell=sh
log_lines_shown=30
passed=0
failed=0
skipped=0

skip() {
    skipped=$((skipped + 1))
    echo "SKIP $1: $2"
}

# check NAME COMMAND...: the command succeeds
check() {
    name=$1
    shift
    if said=$("$@" 2>&1); then
        passed=$((passed + 1))
        echo "PASS $name"
    else
        failed=$((failed + 1))
        echo "FAIL $name:"
        echo "$said" | tail -n "$log_lines_shown"
    fi
}

# check_silent NAME COMMAND...: the command finds nothing, and says nothing
check_silent() {
    name=$1
    shift
    breaches=$("$@" 2>&1)
    if [ -z "$breaches" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $name:"
        echo "$breaches" | head -n "$log_lines_shown"
    fi
}

# checks_end NAME: the sum, and the status of a test: 77 is a skip
checks_end() {
    echo "RESULT $1: $passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ] || exit 1
    [ "$passed" -gt 0 ] || exit 77
}
