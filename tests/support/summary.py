# SPDX-License-Identifier: MIT OR Apache-2.0
"""Adds up what the test programs report.

    summary.py LOG...            of `meson test` runs; the last line is the sum
    summary.py --failed LOG      the names of the programs that failed, when they are a few

A program's own "RESULT name: P passed, F failed, S skipped" counts: its last one, for those of what
it tries come before. A program without it counts as one test with Meson's verdict, and so does one
that is meant to fail (should_fail), whose own count says the opposite. One that Meson calls failed
always counts as a failure, so that a crash or a leak found after the last check is not lost.

LOG may be FIRST:AGAIN, where AGAIN is the log of those of FIRST that failed and ran a second time.
The second time counts, and the first is told. What failed is named at the end, where the tail of a
long log still has it.
"""

import json
import os
import re
import sys

RESULT = re.compile(r"^RESULT \S+: (\d+) passed, (\d+) failed, (\d+) skipped$", re.MULTILINE)
SKIP = re.compile(r"^SKIP (.*)$", re.MULTILINE)
# What names a failed test: a line of libcheck, or one of the scripts.
FAILURE = re.compile(r"^(?:.*:\d+:[FE]:.*|FAIL .*)$", re.MULTILINE)
LINES_OF_A_FAILURE = 12
REPEATED_MAX = 5
PASSES = ("OK", "EXPECTEDFAIL")


def count(run):
    """Returns (passed, failed, skipped) of one program."""
    results = RESULT.findall(run.get("stdout", ""))
    verdict = run["result"]
    if not results or "EXPECTED" in verdict:
        return verdict in PASSES, verdict not in PASSES + ("SKIP",), verdict == "SKIP"
    passed, failed, skipped = map(int, results[-1])
    if verdict not in PASSES + ("SKIP",):
        failed = max(failed, 1)
    return passed, failed, skipped


def name_of(run):
    return run["name"].split(" / ")[-1]


def say_failure(how, run):
    """Prints the verdict on a program, and its own words: the names it gives, or its last lines."""
    said = run.get("stdout", "")
    words = FAILURE.findall(said) or (said + run.get("stderr", "")).splitlines()
    print(f"{how}: {name_of(run)}: {run['result']} after {run['duration']:.0f} s")
    for line in words[-LINES_OF_A_FAILURE:]:
        print(f"    {line}")


def runs_of(path):
    """Returns {name: run} of one log."""
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as log:
        return {run["name"]: run for run in map(json.loads, log)}


def say_skipped(run):
    reasons = SKIP.findall(run.get("stdout", ""))
    if run["result"] == "SKIP" and not reasons:
        reasons = ["no reason given"]
    for reason in reasons:
        print(f"skipped: {name_of(run)}: {reason}")


def add_up(paths):
    total = [0, 0, 0]
    told = []
    for path in paths:
        first, _, again = path.partition(":")
        runs = runs_of(first)
        repeated = runs_of(again)
        if not runs:
            print(f"{path}: nothing ran")
            total[1] += 1
        told += [("failed, and repeated", runs[name]) for name in repeated]
        runs.update(repeated)
        for run in runs.values():
            counts = count(run)
            total = [sum(pair) for pair in zip(total, counts)]
            say_skipped(run)
            if counts[1]:
                told.append(("failed", run))
    for how, run in told:
        say_failure(how, run)
    print("{} passed, {} failed, {} skipped".format(*total))
    return 1 if total[1] else 0


def say_failed(path):
    """Returns 1 when none failed, or more than a moment's trouble explains."""
    names = [name_of(run) for run in runs_of(path).values() if count(run)[1]]
    print("\n".join(names))
    return 0 if 0 < len(names) <= REPEATED_MAX else 1


if __name__ == "__main__":
    if sys.argv[1] == "--failed":
        sys.exit(say_failed(sys.argv[2]))
    sys.exit(add_up(sys.argv[1:]))
