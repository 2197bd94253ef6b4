# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=sh
# Sourced, with the root of the project as working directory and a folder in $build: compiles the
# echo servers and the load, and counts what a message costs. Start-up and tear-down are left out by
# the difference of two runs of different length. libuv has its own optimisation: -O2, Debian's.

: "${build:?a folder to build in}"

compiler=${CC:-cc}
flags=${CFLAGS:--O2} # without -g: valgrind 3.19 gives up on the DWARF of clang
connections=64
short=100 # messages of a connection
long=600

# compile PROGRAM ARGUMENTS...
compile() {
    program=$1
    shift
    # Word splitting wanted: the flags are a list.
    # shellcheck disable=SC2086
    $compiler -std=c11 -D_GNU_SOURCE $flags -o "$build/$program" "$@"
}

compile_load() {
    compile load tests/bench/load/*.c
}

compile_tcp_echo() {
    compile tcp_echo -Iring/include -Ireactor/include -Ireactor/src \
        examples/tcp_echo.c ring/src/*.c ring/src/*/*.c reactor/src/*.c reactor/src/*/*.c -pthread
}

compile_uv_echo() {
    # shellcheck disable=SC2046
    compile uv_echo tests/bench/echo/uv_echo.c $(pkg-config --cflags --libs libuv)
}

# load ARGUMENTS...: its one line goes to $build/load.txt
load() {
    "$build/load" -c "$connections" "$@" >"$build/load.txt"
}

# instructions SERVER MESSAGES [OPTION]: in user space, of the whole run
instructions() {
    load -n "$2" ${3:+"$3"} -- valgrind -q --tool=callgrind \
        --callgrind-out-file="$build/callgrind.out" "$build/$1" 0 || return
    sed -n 's/^summary: //p' "$build/callgrind.out"
}

# calls SERVER MESSAGES [OPTION]: system calls of the whole run, all of them and io_uring_enter.
# -D: the server is the load's own child, to be told to end, and strace a bystander.
calls() {
    load -n "$2" ${3:+"$3"} -- strace -D -f -c -o "$build/strace.out" "$build/$1" 0 || return
    awk '{ of[$NF] = $4 } END { print of["total"] + 0, of["io_uring_enter"] + 0 }' \
        "$build/strace.out"
}

# per_message COUNTS_OF_SHORT COUNTS_OF_LONG: one number for each of the counts
per_message() {
    echo "$1 $2" | awk -v messages=$(((long - short) * connections)) '{
        for (i = 1; i <= NF / 2; i++)
            printf "%s%.3f", (i > 1 ? " " : ""), ($(i + NF / 2) - $i) / messages }'
}

# instructions_per_message SERVER [OPTION]
instructions_per_message() {
    of_short=$(instructions "$1" "$short" "${2:-}") || return
    of_long=$(instructions "$1" "$long" "${2:-}") || return
    per_message "$of_short" "$of_long"
}

# calls_per_message SERVER [OPTION]: all and io_uring_enter
calls_per_message() {
    of_short=$(calls "$1" "$short" "${2:-}") || return
    of_long=$(calls "$1" "$long" "${2:-}") || return
    per_message "$of_short" "$of_long"
}

# value NAME: of the last line of the load
value() {
    sed -n "s/.*$1=\\([0-9.]*\\).*/\\1/p" "$build/load.txt"
}

# note ROUND SERVER UNITS: keeps what that line says for compare()
note() {
    echo "$1 $2 $(value server_ns) $(value "$3") $(value rate)" >>"$build/rounds"
}

# compare ROUNDS RATE SERVER...: what was noted; RATE says what the rate counts
compare() {
    echo "$1 alternating rounds, median (least to most)"
    rate=$2
    shift 2
    awk -v servers="$*" -v rate_name="$rate" '
        # Sorts values[1..count] and describes them.
        function spread(values, count, format,    i, j, value) {
            for (i = 2; i <= count; i++) {
                value = values[i]
                for (j = i - 1; j > 0 && values[j] > value; j--)
                    values[j + 1] = values[j]
                values[j + 1] = value
            }
            i = int((count + 1) / 2)
            return sprintf(format " (" format " to " format ")", \
                values[i], values[1], values[count])
        }
        { round = $1 + 1; ns[$2, round] = $3 / $4; rate[$2, round] = $5 }
        END {
            row = "%-12s %24s %24s %28s\n"
            printf row, "", "ns of server CPU", "that against libuv", rate_name
            count = split(servers, server)
            for (i = 1; i <= count; i++) {
                for (j = 1; j <= round; j++) {
                    a[j] = ns[server[i], j]
                    b[j] = ns[server[i], j] / ns["uv_echo", j]
                    c[j] = rate[server[i], j]
                }
                printf row, server[i], spread(a, round, "%.0f"), spread(b, round, "%.2f"), \
                    spread(c, round, "%d")
            }
        }' "$build/rounds"
}
