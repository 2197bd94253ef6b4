# SPDX-License-Identifier: MIT OR Apache-2.0
"""Measures scenarios and reports them; run.sh has installed what is needed."""

import argparse
import fnmatch
import subprocess
import sys
import time
from pathlib import Path

import build
import count
import measure
import plot
import process
import report
import scenarios

ROUNDS, ROUNDS_QUICK = 5, 1
SECONDS, SECONDS_QUICK = 1.0, 0.2
WARM_UP, WARM_UP_QUICK = 0.3, 0
FOLDER = build.ROOT / 'build/bench'
PLOTS = build.ROOT / 'tests/bench/plots'


def arguments():
    parser = argparse.ArgumentParser(prog='sh tests/bench/run.sh', description=__doc__)
    parser.add_argument('name', nargs='*', help='scenarios, or patterns such as http*; none: all')
    parser.add_argument('--list', action='store_true', help='name all scenarios and their cases')
    parser.add_argument('--quick', action='store_true',
                        help='one short round: whether everything works, not how fast it is')
    parser.add_argument('--rounds', type=int, help='rounds of each case [%d]' % ROUNDS)
    parser.add_argument('--seconds', type=float, help='seconds of a run [%g]' % SECONDS)
    parser.add_argument('--csv', type=Path, default=FOLDER / 'rows.csv', help='the raw rows')
    parser.add_argument('--plots', type=Path, help='folder of the charts [tests/bench/plots]')
    parser.add_argument('--from', type=Path, dest='source', metavar='CSV',
                        help='report rows that were measured before')
    given = parser.parse_args()
    quick = given.quick
    given.rounds = given.rounds or (ROUNDS_QUICK if quick else ROUNDS)
    given.seconds = given.seconds or (SECONDS_QUICK if quick else SECONDS)
    given.plots = given.plots or (FOLDER / 'plots' if quick else PLOTS)
    return given


def chosen(names):
    def is_chosen(name):
        return not names or any(fnmatch.fnmatch(name, pattern) for pattern in names)

    found = [scenario for scenario in scenarios.SCENARIOS if is_chosen(scenario.name)]
    scripts = [script for script in scenarios.SCRIPTS if is_chosen(script.name)]
    if not found and not scripts:
        sys.exit('no scenario of that name; --list names them')
    return found, scripts


class Session:
    """Measures, keeps the rows on disk as they come, and prints each case when it is done."""

    def __init__(self, given):
        self.given = given
        self.rows = []
        self.failures = []
        self.bench = measure.Bench(FOLDER, given.seconds,
                                   WARM_UP_QUICK if given.quick else WARM_UP)

    def _keep(self, scenario, case, server, number, result):
        self.rows.append({'scenario': scenario.name, 'case': case.name, 'server': server.name,
                          'round': number, **result})
        report.write(self.given.csv, self.rows)

    def _attempt(self, scenario, case, server, number, work):
        try:
            result = work()
        except process.Failure as failure:
            self.failures.append(', '.join((scenario.name, case.name, str(failure))))
            print('FAIL ' + self.failures[-1], file=sys.stderr)
            return
        if result:
            self._keep(scenario, case, server, number, result)

    def _count(self, scenario, case):
        """What repeats is counted once, and has a row of its own: round 0."""
        for server in scenario.servers:
            counted = {}

            def work(server=server, counted=counted):
                if case.instructions and server.counted:
                    counted['instructions'] = count.instructions(self.bench, server,
                                                                 case.instructions)
                if case.calls:
                    calls = count.calls(self.bench, server, case)
                    if calls is not None:
                        counted['calls'] = calls
                return counted
            self._attempt(scenario, case, server, 0, work)

    def case(self, scenario, case):
        """Rounds of all servers, each round beginning with the next one."""
        rounds = self.given.rounds if self.given.quick else max(self.given.rounds, scenario.rounds)
        servers = scenario.servers
        for number in range(1, rounds + 1):
            for index in range(len(servers)):
                server = servers[(index + number - 1) % len(servers)]
                self._attempt(scenario, case, server, number,
                              lambda server=server: self.bench.once(scenario, case, server))
        if case.instructions or case.calls:
            self._count(scenario, case)
        print(report.case_text(report.Rows(scenario, self.rows), case), flush=True)


def show(rows_all, found, plots):
    """What is told of whole scenarios, when their cases are done."""
    for scenario in found:
        rows = report.Rows(scenario, rows_all)
        if scenario.related:
            text = report.related_text(rows)
            if text:
                print('%s: how the cost grows\n\n%s' % (scenario.title, text))
        plot.draw(rows, plots)


def list_all(found, scripts):
    for scenario in found:
        print('%s: %s' % (scenario.name, scenario.title))
        for case in scenario.cases:
            print('    ' + case.name)
    for script in scripts:
        print('%s: %s' % (script.name, script.title))


def report_again(path, found, plots):
    """What was printed when the rows were measured."""
    rows = report.read(path)
    for scenario in found:
        for case in scenario.cases:
            text = report.case_text(report.Rows(scenario, rows), case)
            if text:
                print(text)
    show(rows, found, plots)


def measure_all(given, found, scripts):
    """Returns how many runs failed."""
    begin = time.monotonic()
    print('%s\n%d rounds of %g s\n' % (build.versions(), given.rounds, given.seconds), flush=True)
    session = Session(given)
    for scenario in found:
        for case in scenario.cases:
            session.case(scenario, case)
    show(session.rows, found, given.plots)
    for script in scripts:
        print(script.title, flush=True)
        status = subprocess.run(['sh', build.ROOT / script.path, str(given.rounds)], check=False)
        if status.returncode != 0:
            session.failures.append(script.name)
    print('\n%d rows in %s, %d failed runs, %d s'
          % (len(session.rows), given.csv, len(session.failures), time.monotonic() - begin))
    return len(session.failures)


def main():
    given = arguments()
    found, scripts = chosen(given.name)
    if given.list:
        list_all(found, scripts)
    elif given.source:
        report_again(given.source, found, given.plots)
    else:
        return 1 if measure_all(given, found, scripts) else 0
    return 0


if __name__ == '__main__':
    sys.exit(main())
