#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# layers.sh RULES ARCHIVE...: a file uses only files of the layers that its own layer may use.
#
# RULES has one line for each layer, "LAYER: FILE... < LAYER...": its files, by the names that their
# objects have in the archive without "src_" and ".c.o", with * for any rest; then the layers they
# may use, their own among them if they may use each other. "< *" allows everything. A line
# "circle COUNT" is the most files that may need each other; without it none may.
# It ends with each layer's files and its uses of other layers, and the largest circle.
set -u
rules=$1
shift

work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT

# "U|D FILE SYMBOL", for used and defined
nm -A "$@" 2>/dev/null | awk '
    {
        file = $1
        if (sub(/^.*[\/:]src_/, "", file) + sub(/\.c\.o:.*$/, "", file) != 2)
            next
        kind = $(NF - 1)
        if (kind == "U")
            print "U", file, $NF
        else if (kind ~ /^[BDRT]$/)
            print "D", file, $NF
    }' >"$work/symbols"

awk '
    function layer_of(file,    i, pattern) {
        for (i = 1; i <= pattern_count; i++) {
            pattern = patterns[i]
            if (pattern == file || (sub(/\*$/, "", pattern) && index(file, pattern) == 1))
                return layer_by_pattern[i]
        }
        return ""
    }

    BEGIN { circle_max = 1 }

    function may(from, to) {
        return (from, "*") in allowed || (from, to) in allowed
    }

    FILENAME == ARGV[1] {
        if ($0 ~ /^#/ || NF == 0)
            next
        if ($1 == "circle") {
            circle_max = $2
            next
        }
        layer = $1
        sub(/:$/, "", layer)
        layers[++layer_count] = layer
        target = 0
        for (i = 2; i <= NF; i++) {
            if ($i == "<")
                target = 1
            else if (target)
                allowed[layer, $i]
            else {
                patterns[++pattern_count] = $i
                layer_by_pattern[pattern_count] = layer
            }
        }
        next
    }

    $1 == "D" { home[$3] = $2 }
    { files[$2] }
    $1 == "U" { users[$2, $3] }

    # Every file that is reached from a file is marked: in a circle each reaches itself.
    function reach(start,    queue, head, tail, file, next_file) {
        queue[tail = 1] = start
        for (head = 1; head <= tail; head++)
            for (next_file in files)
                if (((queue[head], next_file) in edges) && !((start, next_file) in reached)) {
                    reached[start, next_file]
                    queue[++tail] = next_file
                }
    }

    END {
        for (file in files)
            if (layer_of(file) == "") {
                print "FAIL no layer has " file
                failed++
            }
        for (use in users) {
            split(use, part, SUBSEP)
            if (!(part[2] in home) || home[part[2]] == part[1])
                continue
            from = part[1]
            to = home[part[2]]
            edges[from, to]
            if (layer_of(from) != layer_of(to))
                outward[layer_of(from)]++
            if (!may(layer_of(from), layer_of(to))) {
                print "FAIL " from " (" layer_of(from) ") uses " part[2] " of " to " (" \
                    layer_of(to) ")"
                failed++
            }
        }
        for (edge in edges)
            edge_count++
        for (file in files) {
            file_count++
            reach(file)
        }
        for (file in files) {
            size = 0
            for (other in files)
                if (((file, other) in reached) && ((other, file) in reached))
                    size++
            if (size > largest)
                largest = size
            if (size > circle_max) {
                print "FAIL " file " is in a circle of " size " files"
                failed++
            }
            of_layer[layer_of(file)]++
        }
        for (i = 1; i <= layer_count; i++)
            print layers[i] ": " of_layer[layers[i]] + 0 " files, " outward[layers[i]] + 0 \
                " uses of other layers"
        print file_count + 0 " files, " edge_count + 0 " uses, the largest circle has " \
            largest + 0 " files"
        print "RESULT layers: " (failed == 0) " passed, " failed + 0 " failed, 0 skipped"
        exit failed != 0 || file_count == 0
    }' "$rules" "$work/symbols"
