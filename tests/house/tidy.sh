#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# The rules of the house that a machine can check. Prints breaches as file:line, then a RESULT line.
set -u
CDPATH='' cd -- "$(dirname -- "$0")/../.." || exit 99

columns_max=100
function_lines_max=70
example_lines_max=120
formatter_release_min=14
# shellcheck source=tests/support/checks.sh
. tests/support/checks.sh

c_files=$(find ring reactor examples tests -name '*.[ch]' -o -name '*.cc' | LC_ALL=C sort)
scripts=$(find .ci examples tests -name '*.sh' -o -path .ci/run | LC_ALL=C sort)
builds=$(find . -maxdepth 3 \( -name 'build*' -o -path ./subprojects \) -prune -o \
    -name 'meson*' -type f -print)
others=$(find examples manual tests -name '*.py' -o -name '*.mjs' -o -name 'page.*')
all_files="$c_files $scripts $builds $others"
pages=$(find README.md .github examples reactor ring tests -name '*.md' | LC_ALL=C sort)

have() {
    command -v "$1" >/dev/null
}

long_lines() {
    awk -v max="$columns_max" 'length($0) > max { print FILENAME ":" FNR ": " length($0) }' "$@"
}

# One bracket keeps each word from finding itself here.
banned_words() {
    grep -nwE 'TOD[O]|FIXM[E]|XX[X]|HAC[K]' "$@"
}

machine_paths() {
    grep -nE '(^|[^[:alnum:].])/(hom[e]|roo[t]|wor[k]|User[s])/' "$@"
}

# A build without assertions has to skip it: support_add_abort() does.
bare_aborts() {
    grep -rnE --include='*.c' 'raise_signal\(.*SIGABRT' tests | grep -v '^tests/support/support\.c:'
}

loose_blanks() {
    grep -nE "[[:blank:]]\$|$(printf '\t')" "$@"
}

without_licence() {
    for file; do
        head -n 3 "$file" | grep -q 'SPDX-License-Identifier: MIT OR Apache-2.0' || echo "$file:1"
    done
}

# A header that is not listed is not installed and not tested.
unlisted() {
    find ring reactor -path '*/include/kevy/*.h' -o -path '*/src/*.c' -o -path '*/tls/*.c' |
        while read -r file; do
            folder=${file%/include/*}
            folder=${folder%%/src/*}
            [ "$folder" != "$file" ] || folder=${file%/*}
            grep -q "'${file#"$folder"/}'" "$folder/meson.build" ||
                echo "$file:1: not in meson.build"
        done
}

# A test that is not registered never runs.
unregistered() {
    find tests -name 'test_*.c' | while read -r file; do
        layer=${file#tests/}
        layer=${layer%/*}
        module=$(basename "$file" .c)
        grep -q "\['$layer', '${module#test_}'," tests/meson.build ||
            echo "$file:1: not in tests/meson.build"
    done
}

long_functions() {
    ctags -x --languages=C,C++ --langmap=C:.c.h --kinds-C=f --kinds-C++=f --_xformat='%F %n %e %N' \
        -I KEVY_API,KEVY_BEGIN_DECLS,KEVY_END_DECLS "$@" |
        awk -v max="$function_lines_max" '$3 - $2 + 1 > max {
            print $1 ":" $2 ": " $4 " has " $3 - $2 + 1 " lines" }'
}

# All releases from 14 on leave our layout as it is; what they would not agree on stands between
# "clang-format off" and "on".
formatter() {
    for release in '' -14 -15 -16 -17 -18 -19 -20 -21 -22; do
        have "clang-format$release" || continue
        number=$("clang-format$release" --version | sed 's/.*version \([0-9]*\).*/\1/')
        if [ "$number" -ge "$formatter_release_min" ]; then
            echo "clang-format$release"
            return
        fi
    done
}

unformatted() {
    "$(formatter)" --dry-run -Werror "$@" 2>&1 | grep 'error: ' | cut -d : -f 1-2 | sort -u
}

# A comment that a formatter has broken.
bare_comment_lines() {
    awk 'FNR == 1 { inside = 0 }
        inside && !/^ *\*/ { print FILENAME ":" FNR ": a line of a comment without its asterisk" }
        inside && /\*\// { inside = 0; next }
        /^[^"]*\/\*/ && !/\/\*.*\*\// { inside = 1 }' "$@"
}

# The functions, files and links that a page for people names are there.
lost_names() {
    for page in $pages; do
        folder=$(dirname "$page")
        # shellcheck disable=SC2016
        grep -no '`[a-z][a-z0-9_]*()`' "$page" | tr -d '`()' | while IFS=: read -r line name; do
            grep -qrwF --include='*.[ch]' "$name" ring reactor examples tests ||
                echo "$page:$line: no function $name()"
        done
        # shellcheck disable=SC2016
        grep -no '`[a-z0-9_/]*\.\(c\|h\|sh\|py\|build\)`' "$page" | tr -d '`' |
            while IFS=: read -r line name; do
                find "$folder" . -path "*/$name" | grep -q . || echo "$page:$line: no file $name"
            done
        grep -no '](\([^):#]*\)' "$page" | sed 's/](//' | while IFS=: read -r line name; do
            [ -e "$folder/$name" ] || echo "$page:$line: leads to no file: $name"
        done
    done
}

# Links to a heading, whose name is in lower case, without punctuation, and with hyphens for blanks.
lost_headings() {
    for page in $pages; do
        grep -no '](\([^):]*#[^)]*\)' "$page" | sed 's/](//' | while IFS=: read -r line link; do
            target=$(dirname "$page")/${link%%#*}
            [ -n "${link%%#*}" ] || target=$page
            sed -n 's/^##* //p' "$target" | tr '[:upper:]' '[:lower:]' |
                sed 's/[^a-z0-9 _-]//g; s/ /-/g' | grep -qx -- "${link#*#}" ||
                echo "$page:$line: no heading $link"
        done
    done
}

# Code in the guide is code of its programs: a block that begins with "c FILE" stands in FILE.
foreign_quotes() {
    for page in examples/guide/*.md; do
        awk -v page="$page" -v folder="$(dirname "$page")" '
            /^```c/ { inside = 1; begun = FNR; name = $2; block = "\n"; next }
            inside && /^```$/ {
                inside = 0
                file = folder "/" name
                text = "\n"
                while ((getline line < file) > 0)
                    text = text line "\n"
                close(file)
                if (!index(text, block))
                    print page ":" begun ": this code is not in the file " name
                next
            }
            inside { block = block $0 "\n" }' "$page"
    done
}

# Tests that the guide names are there.
lost_tests() {
    # shellcheck disable=SC2016
    grep -noE '`[a-z0-9]+(_[a-z0-9]+){3,}`' examples/guide/*.md | tr -d '`' |
        while IFS=: read -r page line name; do
            case $name in kevy_* | io_uring_*) continue ;; esac
            grep -qrF --include='test_*.c' "START_TEST($name)" tests ||
                echo "$page:$line: no test $name"
        done
}

# The small programs of the reactor are to be read at one sitting.
long_examples() {
    for file in examples/*.c examples/guide/*.c; do
        lines=$(wc -l <"$file")
        case $file in
        examples/ring_*) ;;
        *) [ "$lines" -lt "$example_lines_max" ] || echo "$file:1: $lines lines" ;;
        esac
    done
}

# The first code of the README and of kevy.h is the program that the tests build, without the
# comment on its top.
first_server() {
    built=$(sed 1,2d tests/consumer/main.c)
    # shellcheck disable=SC2016
    shown=$(sed -n '/^```c$/,/^```$/p' README.md | sed '1d;$d')
    [ "$shown" = "$built" ] || echo "README.md:1: its server is not tests/consumer/main.c"
    shown=$(sed -n '/^ \* Example: /,/^ \*\/$/p' reactor/include/kevy/kevy.h |
        sed '1,2d;$d' | sed 's/^ \* \{0,5\}//')
    [ "$shown" = "$built" ] || echo "kevy.h:1: its server is not tests/consumer/main.c"
}

# Word splitting wanted below: no file of ours has a blank in its name.
# shellcheck disable=SC2086
{
    check_silent 'line length' long_lines $all_files
    check_silent 'banned words' banned_words $all_files
    check_silent 'paths of one machine' machine_paths $all_files
    check_silent 'tests that expect an abort' bare_aborts
    check_silent 'tabs and trailing blanks' loose_blanks $all_files
    check_silent 'SPDX line' without_licence $all_files
    check_silent 'asterisks of comments' bare_comment_lines $c_files
    check_silent 'names and links in pages' lost_names
    check_silent 'links to headings' lost_headings
    check_silent 'code of the guide' foreign_quotes
    check_silent 'tests of the guide' lost_tests
    check_silent 'files of the libraries' unlisted
    check_silent 'test programs' unregistered
    check_silent 'server in the README and in kevy.h' first_server
    check_silent 'length of examples' long_examples
    if have ctags; then
        check_silent 'function length' long_functions $c_files
    else
        skip 'function length' 'universal-ctags is not installed'
    fi
    if [ -n "$(formatter)" ]; then
        check_silent 'clang-format' unformatted $c_files
    else
        skip 'clang-format' 'no clang-format from 14 on is installed'
    fi
    if have shellcheck; then
        check_silent 'shellcheck' shellcheck -x $scripts
    else
        skip 'shellcheck' 'shellcheck is not installed'
    fi
}

checks_end tidy
