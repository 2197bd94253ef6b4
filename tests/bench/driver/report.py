# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is told of the rows of a run: medians, ratios with their spread, tables in Markdown.

A ratio is ours divided by the other's of the same round: only servers that were measured one right
after the other are compared. Its median and, in brackets, its least and its greatest are told.
"""

import csv
import statistics
from dataclasses import dataclass
from typing import Callable

import scenarios

COLUMNS = ['scenario', 'case', 'server', 'round', 'messages', 'bytes', 'connections', 'seconds',
           'server_ns', 'load_ns', 'p50_ns', 'p90_ns', 'p99_ns', 'p999_ns', 'resident', 'slab',
           'descriptors', 'instructions', 'calls']
MODES_APART = 1.3  # times; between two modes there is nothing


@dataclass(frozen=True)
class Metric:
    name: str
    heading: Callable  # of the unit
    value: Callable    # of a row and the unit


def _units(row, unit):
    return row[unit.count] / unit.size


def _time(unit):
    return 'us' if unit.time == 1000 else 'ns'


def _each(name):
    return lambda row, unit: row[name] / row['connections']


METRICS = {metric.name: metric for metric in (
    Metric('cpu', lambda unit: 'server CPU per %s, %s' % (unit.name, _time(unit)),
           lambda row, unit: row['server_ns'] / _units(row, unit) / unit.time),
    Metric('load', lambda unit: 'CPU of those who post, %s' % _time(unit),
           lambda row, unit: row['load_ns'] / _units(row, unit) / unit.time),
    Metric('rate', lambda unit: '%s per second' % unit.plural,
           lambda row, unit: _units(row, unit) / row['seconds']),
    Metric('p50', lambda unit: 'p50, us', lambda row, unit: row['p50_ns'] / 1000),
    Metric('p99', lambda unit: 'p99, us', lambda row, unit: row['p99_ns'] / 1000),
    Metric('p999', lambda unit: 'p99.9, us', lambda row, unit: row['p999_ns'] / 1000),
    Metric('resident', lambda unit: 'user bytes of each', _each('resident')),
    Metric('slab', lambda unit: 'kernel bytes of each', _each('slab')),
    Metric('descriptors', lambda unit: 'descriptors of each', _each('descriptors')),
    Metric('instructions', lambda unit: 'user instructions', lambda row, unit: row['instructions']),
    Metric('calls', lambda unit: 'system calls', lambda row, unit: row['calls']),
)}


class Rows:
    """The rows of one scenario, as values of its metrics."""

    def __init__(self, scenario, rows):
        self.scenario = scenario
        self.values = {}  # (case, server, metric): {round: value}
        for row in rows:
            if row['scenario'] == scenario.name:
                self._add(row)

    def _add(self, row):
        for metric in METRICS.values():
            try:
                value = metric.value(row, self.scenario.unit)
            except (KeyError, ZeroDivisionError):
                continue
            key = (row['case'], row['server'], metric.name)
            self.values.setdefault(key, {})[row['round']] = value

    def of(self, case, server, metric):
        return list(self.values.get((case, server, metric), {}).values())

    def ratios(self, case, server, other, metric):
        """The one's by the other's, of each round that has both."""
        mine = self.values.get((case, server, metric), {})
        others = self.values.get((case, other, metric), {})
        return [mine[number] / others[number] for number in mine
                if others.get(number)]

    def servers(self, case):
        return [server for server in self.scenario.servers
                if any(self.of(case.name, server.name, metric) for metric in METRICS)]


def number(value):
    """Three digits that count."""
    if abs(value) >= 100:
        digits = 0
    elif abs(value) >= 10:
        digits = 1
    else:
        digits = 2
    return '{:,.{}f}'.format(value, digits)


def spread(values):
    if not values:
        return ''
    middle = statistics.median(values)
    if len(values) == 1:
        return number(middle)
    return '%s (%s-%s)' % (number(middle), number(min(values)), number(max(values)))


def modes(values):
    """One group of values, or two where they are of two kinds."""
    values = sorted(values)
    gaps = [(high / low, index + 1) for index, (low, high) in enumerate(zip(values, values[1:]))
            if low > 0]
    widest, at = max(gaps, default=(1, 0))
    return [values] if widest < MODES_APART else [values[:at], values[at:]]


def modes_text(values):
    groups = modes(values)
    if len(groups) < 2:
        return spread(values)
    return ', '.join('%s (%d of %d)' % (number(statistics.median(group)), len(group), len(values))
                     for group in groups)


def _headings(scenario, ours, counted):
    headings = ['']
    for name in scenario.compared:
        headings.append(METRICS[name].heading(scenario.unit))
        headings += ['%s / it' % server.name for server in ours]
    return headings + [METRICS[name].heading(scenario.unit) for name in (*scenario.told, *counted)]


def _line(rows, case, server, ours, counted):
    scenario = rows.scenario
    cells = [server.name]
    for name in scenario.compared:
        values = rows.of(case.name, server.name, name)
        cells.append(modes_text(values) if scenario.modes and name == 'cpu' else spread(values))
        for mine in ours:
            cells.append('' if mine == server
                         else spread(rows.ratios(case.name, mine.name, server.name, name)))
    for name in (*scenario.told, *counted):
        values = rows.of(case.name, server.name, name)
        cells.append(number(statistics.median(values)) if values else '')
    return cells


def table(lines):
    """Lines of cells as Markdown, padded so that it can be read as it is."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = []
    for index, line in enumerate(lines):
        text.append('| ' + ' | '.join(cell.ljust(width) if column == 0 else cell.rjust(width)
                                      for column, (cell, width) in enumerate(zip(line, widths)))
                    + ' |')
        if index == 0:
            text.append('|' + '|'.join('-' * (width + 1) + ('-' if column == 0 else ':')
                                       for column, width in enumerate(widths)) + '|')
    return '\n'.join(text)


def case_text(rows, case):
    """One case: a line for each server that was measured."""
    found = rows.servers(case)
    if not found:
        return ''
    ours = [server for server in found if server.ours]
    counted = [name for name in ('instructions', 'calls')
               if any(rows.of(case.name, server.name, name) for server in found)]
    lines = [_headings(rows.scenario, ours, counted)]
    lines += [_line(rows, case, server, ours, counted) for server in found]
    return '%s: %s\n\n%s\n' % (rows.scenario.title, case.name, table(lines))


def related_text(rows):
    """How the cost of a unit grows from one case to another."""
    lines = [['server CPU per %s' % rows.scenario.unit.name]]
    lines[0] += ['%s / %s' % pair for pair in rows.scenario.related]
    for server in rows.scenario.servers:
        cells = [server.name]
        for large, small in rows.scenario.related:
            above, below = (rows.of(case, server.name, 'cpu') for case in (large, small))
            if above and below:
                cells.append(number(statistics.median(above) / statistics.median(below)))
        if len(cells) == len(lines[0]):
            lines.append(cells)
    return table(lines) + '\n' if len(lines) > 1 and len(lines[0]) > 1 else ''


def write(path, rows):
    with open(path, 'w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction='ignore', restval='')
        writer.writeheader()
        writer.writerows(rows)


def read(path):
    """What write() wrote."""
    texts = ('scenario', 'case', 'server')
    with open(path, newline='', encoding='utf-8') as file:
        return [{name: value if name in texts else float(value)
                 for name, value in line.items() if value != ''}
                for line in csv.DictReader(file)]


def find(name):
    return next(scenario for scenario in scenarios.SCENARIOS if scenario.name == name)
