#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""prose.py [--list] [--limits] FILE...: counts the shapes of sentences that readers stumble over.

Reads the prose of C headers (their comments), of Markdown and of reStructuredText: code, tables of
code and declarations do not count. Prints each count for 1,000 words; with --list every place where
a shape stands, as file:line; with --limits it fails if a count is above its limit, and lists these
places. The limits are the counts of the manual of libuv 1.52 (docs/src, by this program), and 0
for words that are never needed.
"""

import re
import sys

# Shape, pattern, the most there may be in 1,000 words.
SHAPES = [
    # "What comes later waits": the reader learns at the end what the sentence is about.
    ("what ...", r"\bwhat(ever)?\b", 0.66),
    ("who ...", r"\bwho(ever|m)?\b", 0.16),
    # "Where the kernel has it": a condition that does not say "if".
    ("where ...", r"\bwhere\b", 1.01),
    ("but for", r"\bbut for\b", 0),
    ("unusual words", r"\b(anew|for ever|merely|all the same|by then|lest|hence|thereof|whence"
     r"|as ever|none but|nothing but|and its like|and the like)\b", 0),
]
# Not limited from above: how often an example follows.
EXAMPLES = r"\b(for example|for instance|such as|e\.g\.)"


def header_prose(text):
    """The comments of C code, each line without its frame, at its own line number."""
    lines = [""] * (text.count("\n") + 1)
    for comment in re.finditer(r"/\*.*?\*/|//[^\n]*", text, re.S):
        first = text.count("\n", 0, comment.start())
        for offset, line in enumerate(comment.group().split("\n")):
            lines[first + offset] += " " + re.sub(r"^\s*(/\*+|\*/|\*|//)|\*/\s*$", "", line)
    return lines


def markup_prose(text):
    """Markdown or reStructuredText without fences and directives."""
    lines, fenced = [], False
    for line in text.split("\n"):
        if line.startswith("```"):
            fenced = not fenced
            line = ""
        lines.append("" if fenced or re.match(r"\s*\.\. ", line) else line)
    return lines


CODE = re.compile(r"[;{}]\s*(/\*.*)?$|^\s*#\s*include|^\s*\$ |^\s*(sh|meson|git|curl) ")


def prose_of(name):
    with open(name, encoding="utf-8") as file:
        text = file.read()
    lines = header_prose(text) if name.endswith(".h") else markup_prose(text)
    in_example = False
    for number, line in enumerate(lines, 1):
        if re.match(r"^ ?Example\b", line):
            in_example = True
        elif not line.strip() and name.endswith(".h") and lines[number - 2].strip() == "":
            in_example = False
        line = re.sub(r"``[^`]*``|`[^`]*`|https?://\S+|:c:\w+:", " code ", line)
        yield number, "" if in_example or CODE.search(line) else line


def count(names, pattern, listed):
    """How many words, and places where the pattern stands, also across the end of a line."""
    words = found = 0
    for name in names:
        lines = list(prose_of(name))
        text = "\n".join(line for _, line in lines)
        words += len(re.findall(r"[A-Za-z][A-Za-z'-]*", text))
        for place in re.finditer(pattern.replace(" ", r"\s+"), text, re.I):
            found += 1
            if listed:
                number = lines[text.count("\n", 0, place.start())][0]
                print(f"{name}:{number}: {' '.join(place.group().split())}")
    return words, found


def main(arguments):
    names = [argument for argument in arguments if not argument.startswith("--")]
    listed, limited = "--list" in arguments, "--limits" in arguments
    over = 0
    for shape, pattern, limit in SHAPES:
        words, found = count(names, pattern, listed)
        rate = 1000 * found / max(words, 1)
        print(f"{shape:18} {found:5} in {words} words: {rate:.2f} of 1,000, limit {limit:.2f}")
        if limited and rate > limit:
            over += 1
            print(f"FAIL {shape}: more than the limit")
            count(names, pattern, not listed)
    words, found = count(names, EXAMPLES, False)
    print(f"{'for example ...':18} {found:5} in {words} words, {1000 * found / max(words, 1):.2f}")
    if limited:
        print(f"RESULT prose: {len(SHAPES) - over} passed, {over} failed, 0 skipped")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
