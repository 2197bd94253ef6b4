#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""promises.py FOLDER HEADER...: does a test prove the promises of the public headers?

A machine cannot read a sentence, but it can read a list. For each function of the headers this
program looks for a file in FOLDER that calls it, and for each error that the comment of the
function names, for a file that calls the function and names the error. A header of its own folder
that a file includes counts as a part of it. An error that no test can bring about stands in
EXCEPTIONS, with the reason.
"""

import pathlib
import re
import sys

EXCEPTIONS = {
    # The socket that is asked for an interface has no table of system calls above it, and the
    # system as a whole would have to run out.
    ("kevy_address_parse", "ENFILE"),
    ("kevy_address_parse", "ENOMEM"),
    # Root may send any number of descriptors.
    ("kevy_stream_send_descriptor", "ETOOMANYREFS"),
}

EXPORTED = r"(?:KEVY_X_CHECKED )?KEVY_API"
# A comment, and behind it the function that it describes. The errors that an inlined function names
# are those of the request that it fills.
DESCRIBED = re.compile(r"/\*((?:[^*]|\*(?!/))*)\*/\n" + EXPORTED + r"[^;]*?\b(kevy_\w+)\(")
FUNCTION = re.compile(r"^(?:" + EXPORTED + r"|static inline)[^;]*?\b(kevy_(?!x_)\w+)\(", re.M)
ERROR = re.compile(r"-(E[A-Z0-9]+)\b")


def promises(header):
    """All (function, error) of a header, and (function, None) for the function itself."""
    text = header.read_text(encoding="utf-8")
    for match in FUNCTION.finditer(text):
        yield match.group(1), None
    for match in DESCRIBED.finditer(text):
        for error in sorted(set(ERROR.findall(match.group(1)))):
            yield match.group(2), error


def words_of(path):
    """The words of a test, and of the helpers that it includes from its own folder."""
    text = path.read_text(encoding="utf-8")
    words = set(re.findall(r"\w+", text))
    for name in re.findall(r'^#include "(\w+\.h)"', text, re.M):
        if (path.parent / name).exists():
            words |= set(re.findall(r"\w+", (path.parent / name).read_text(encoding="utf-8")))
    return words


def main(folder, headers):
    tests = [words_of(path) for path in sorted(pathlib.Path(folder).rglob("*.[ch]"))]
    passed = failed = excepted = 0
    for header in map(pathlib.Path, headers):
        for function, error in promises(header):
            words = {function, error} - {None}
            if any(words <= test for test in tests):
                passed += 1
            elif (function, error) in EXCEPTIONS:
                excepted += 1
            else:
                failed += 1
                promise = f"-{error} of {function}()" if error else f"{function}()"
                print(f"FAIL kevy/{header.name}: no test for {promise}")
    print(f"RESULT promises: {passed} passed, {failed} failed, {excepted} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
