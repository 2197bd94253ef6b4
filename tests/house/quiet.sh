#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# quiet.sh ARCHIVE...: what a library must not bring into a process, seen from its object files.
set -u
# shellcheck source=tests/support/checks.sh
. "$(dirname -- "$0")/../support/checks.sh"

# Tables of function addresses are written once, by the linker, and lie in .data.rel.ro.
variables() {
    size -A "$@" | awk '$1 ~ /^\.(s?data|s?bss|tdata|tbss)$/ && $2 > 0 { print $1, $2 }'
    nm "$@" | awk '$2 == "C" { print $3 }'
}

# calls_of PATTERN ARCHIVE...: the C library's functions and variables that the archives name
calls_of() {
    pattern=$1
    shift
    nm -u "$@" | awk '$1 == "U" { print $2 }' | grep -xE "(__)?($pattern)(_chk)?" | sort -u
}

# calls_elsewhere FILE PATTERN ARCHIVE...: the same, but of other objects than that of FILE
calls_elsewhere() {
    file=$1
    pattern=$2
    shift 2
    nm -A -u "$@" 2>/dev/null | grep -v "src_$file\.c\.o:" | awk '$(NF - 1) == "U" { print $NF }' |
        grep -xE "(__)?($pattern)(64)?(_chk)?" | sort -u
}

check_silent no_library_has_variables variables "$@"
check_silent no_library_reads_the_environment calls_of '(secure_)?getenv|setenv|putenv|environ' "$@"
check_silent no_library_prints \
    calls_of 'v?[fd]?printf|f?puts|f?putc|putchar|fwrite|perror|v?syslog|psignal|std(out|err)' "$@"
check_silent no_library_ends_the_process \
    calls_of '_?exit|_Exit|quick_exit|abort|raise|kill|tgkill|pthread_kill|system' "$@"

# The last of the archives is that of reactor/.
for archive; do :; done
sockets='socket|bind|listen|connect|accept4?|shutdown|[gs]etsockopt|get(sock|peer)name'
bytes='send(to|msg)?|recv(from|msg)?|p?readv?|p?writev?'
descriptors='open(at)?|close|dup[23]?|fcntl|fstat|ioctl|poll|lseek|pipe2?|eventfd|signalfd'
others='syscall|wait(id|pid)?|clock_gettime|(clock_)?nanosleep|sleep'
check_silent reactor_asks_the_system_by_one_table \
    calls_elsewhere core_system "$sockets|$bytes|$descriptors|$others" "$archive"

checks_end quiet
