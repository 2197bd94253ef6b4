# SPDX-License-Identifier: MIT OR Apache-2.0
"""Adds up gcov's counts over every object in a build folder: coverage.py BUILD PREFIX MINIMUM

    meson setup BUILD -Db_coverage=true && meson compile -C BUILD
    meson test -C BUILD --suite ring && python3 tests/ring/coverage.py BUILD ring/ 95

Prints the lines of the files below PREFIX that no test has run, each file's share, and a RESULT
line; fails where the whole is below MINIMUM percent. A header's inline function counts as run when
it ran in any object.

What the lines of ring/ that stay unrun would need: a 32-bit machine (buffer_ring.c, sizes that
overflow), a signal in the middle of reading /proc, a process without any limit of descriptors or
memory, musl's strerror_r (all in explain.c), a kernel that says "overflowed" and then has nothing
(submit.c), an mmap that fails (syscall.h).
"""
import collections
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile


def counts_of(build, prefix):
    lines = collections.defaultdict(collections.Counter)
    root = pathlib.Path(__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory() as folder:
        for data in pathlib.Path(build).resolve().rglob('*.gcda'):
            subprocess.run(['gcov', '--json-format', str(data)], cwd=folder, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for report in pathlib.Path(folder).glob('*.gcov.json.gz'):
                with gzip.open(report) as stream:
                    note(json.load(stream), build, root, prefix, lines)
                report.unlink()
    return lines


def note(report, build, root, prefix, lines):
    folder = report['current_working_directory']
    for source in report['files']:
        path = os.path.relpath(os.path.realpath(os.path.join(folder, source['file'])), root)
        if not path.startswith(prefix):
            continue
        for line in source['lines']:
            lines[path][line['line_number']] += line['count']


def main():
    build, prefix, minimum = sys.argv[1], sys.argv[2], float(sys.argv[3])
    lines = counts_of(build, prefix)
    total = run = 0
    for path in sorted(lines):
        missed = sorted(number for number, count in lines[path].items() if count == 0)
        for number in missed:
            text = pathlib.Path(__file__).resolve().parents[2].joinpath(path).read_text()
            print(f'{path}:{number}: {text.splitlines()[number - 1].strip()}')
        total += len(lines[path])
        run += len(lines[path]) - len(missed)
        print(f'{path}: {100 * (1 - len(missed) / len(lines[path])):.1f} %')
    share = 100 * run / total if total else 0
    good = share >= minimum
    print(f'{prefix}: {run} of {total} lines, {share:.1f} %')
    print(f'RESULT coverage: {int(good)} passed, {int(not good)} failed, 0 skipped')
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
