# SPDX-License-Identifier: MIT OR Apache-2.0
"""A chart of a scenario: what each server takes, ours being 1. Lower bars are better.

A bar is the median over the rounds, its whisker the least and the greatest.
"""

import statistics
import subprocess
import textwrap

from report import METRICS

COLOURS = ['#1b6ca8', '#7fb3d5', '#e07b39', '#6a994e', '#9d4edd', '#8d8d8d', '#c9a227']
WIDTH_LEAST, WIDTH_OF_CASE, WIDTH_OF_BAR, WIDTH_BESIDE = 760, 115, 14, 220
LABEL_WIDTH = 14  # characters


def _values(rows, case, server, reference, metric):
    """Median, least and greatest of a server's part of ours."""
    if server == reference:
        return 1, 1, 1
    ratios = rows.ratios(case.name, server.name, reference.name, metric)
    if not ratios:
        return None
    return statistics.median(ratios), min(ratios), max(ratios)


def _block(rows, cases, servers, metric):
    lines = []
    for case in cases:
        cells = ['"%s"' % '\\n'.join(textwrap.wrap(case.name, LABEL_WIDTH))]
        for server in servers:
            values = _values(rows, case, server, servers[0], metric)
            cells += ['%.4f' % value for value in values] if values else ['NaN'] * 3
        lines.append(' '.join(cells))
    return '$data << EOD\n%s\nEOD\n' % '\n'.join(lines)


def script(rows, path):
    """What gnuplot is told; '' where there is nothing to compare."""
    scenario = rows.scenario
    metric = scenario.compared[0]
    cases = [case for case in scenario.cases if len(rows.servers(case)) > 1]
    if not cases:
        return ''
    servers = rows.servers(cases[0])
    highest = max(values[2] for case in cases for server in servers
                  for values in [_values(rows, case, server, servers[0], metric)] if values)
    width = max(WIDTH_LEAST,
                WIDTH_BESIDE + len(cases) * max(WIDTH_OF_CASE, (len(servers) + 2) * WIDTH_OF_BAR))
    bars = ', '.join(
        '$data using %d:%d:%d%s title "%s" linecolor rgb "%s"'
        % (2 + 3 * index, 3 + 3 * index, 4 + 3 * index, ':xtic(1)' if index == 0 else '',
           server.name, COLOURS[index % len(COLOURS)])
        for index, server in enumerate(servers))
    return '''%s
set terminal svg noenhanced size %d,320 font "sans-serif,11" background rgb "white"
set output "%s"
set title "%s: %s, %s being 1"
set style data histograms
set style histogram errorbars gap 2 linewidth 1
set style fill solid border rgb "#333333"
set key outside right center vertical Left reverse
set yrange [0:%.2f]
set grid ytics linecolor rgb "#dddddd"
set xtics scale 0
set bmargin 4
plot %s, 1 notitle with lines linecolor rgb "#444444"
''' % (_block(rows, cases, servers, metric), width, path, scenario.title,
       METRICS[metric].heading(scenario.unit).rsplit(', ', 1)[0], servers[0].name,
       min(highest * 1.1, 6), bars)


def draw(rows, folder):
    """Writes FOLDER/NAME.svg."""
    path = folder / (rows.scenario.name + '.svg')
    text = script(rows, path)
    if text:
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(['gnuplot'], input=text, text=True, check=True)
    return text != ''
