# SPDX-License-Identifier: MIT OR Apache-2.0
"""Adds up what the test programs report, in one `meson test` run or several.

A program's own "RESULT name: P passed, F failed, S skipped" counts: its last one, for those of what
it tries come before. A program without it counts as one test with Meson's verdict, and so does one
that is meant to fail (should_fail), whose own count says the opposite. One that Meson calls failed
always counts as a failure, so that a crash or a leak found after the last check is not lost. What
failed is named at the end, where the tail of a long log still has it. The last line is the sum.
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


def say_failure(name, run):
    """Prints the verdict on a program, and its own words: the names it gives, or its last lines."""
    said = run.get("stdout", "")
    words = FAILURE.findall(said) or (said + run.get("stderr", "")).splitlines()
    print(f"failed: {name}: {run['result']} after {run['duration']:.0f} s")
    for line in words[-LINES_OF_A_FAILURE:]:
        print(f"    {line}")


def runs_of(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as log:
        return [json.loads(line) for line in log]


def main(paths):
    total = [0, 0, 0]
    failures = []
    for path in paths:
        runs = runs_of(path)
        if not runs:
            print(f"{path}: nothing ran")
            total[1] += 1
        for run in runs:
            name = run['name'].split(' / ')[-1]
            counts = count(run)
            total = [sum(pair) for pair in zip(total, counts)]
            if counts[1]:
                failures.append((name, run))
            reasons = SKIP.findall(run.get("stdout", ""))
            if run["result"] == "SKIP" and not reasons:
                reasons = ["no reason given"]
            for reason in reasons:
                print(f"skipped: {name}: {reason}")
    for failure in failures:
        say_failure(*failure)
    print("{} passed, {} failed, {} skipped".format(*total))
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
