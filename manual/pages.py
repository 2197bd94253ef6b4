#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Manual pages out of the public headers, and out of the help of the example programs.

The headers are the manual; this program only changes their form. The page of kevy/stream.h is
kevy_stream(3), that of kevy/kevy.h is kevy(7), that of the program chat is kevy-chat(1). Each entry
of a header (headers.py) has a page of its own, too, with the name of its first function, type or
macro with arguments; its other names lead there. Entries with the same name share a page.

In the opening comment of a header a line alone, with text below that is indented, is the heading of
a section. mdoc.py has the forms of all other text.
"""

import argparse
import datetime
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True  # nothing is written beside the sources

from headers import Header, squeeze
from mdoc import OVERVIEW, Writer, argument, blocks_of, escape, page_of


def write_opening(writer, lines):
    """The opening comment; its sections become subsections, and its examples a section."""
    writer.macro("Sh", "DESCRIPTION")
    blocks = list(blocks_of(lines))
    bare = True  # behind a heading
    position = 0
    while position < len(blocks):
        block = blocks[position]
        below = blocks[position + 1] if position + 1 < len(blocks) else [""]
        heading = len(block) == 1 and block[0][-1] not in ".:" and below[0].startswith("    ")
        if block[0].startswith("Example: "):
            break
        if heading and block[0][0] != " ":
            writer.macro("Ss", escape(block[0]))
            bare = True
        else:
            if not bare:
                writer.paragraph()
            in_section = any(line.startswith(" " * 4) for line in block)
            writer.block(block, in_section and block[0].startswith(" " * 8))
            bare = False
        position += 1
    return re.split(r"(?m)^(?=Example: )", "\n".join(lines))[1:]


def write_examples(writer, examples):
    if not examples:
        return
    writer.macro("Sh", "EXAMPLES")
    for example in examples:
        title, code = example.rstrip().split("\n", 1)
        title = title.split(": ", 1)[1]
        writer.text(title[0].upper() + title[1:] + ":")
        writer.literal([line[4:] for line in code.strip("\n").split("\n")], False)
        writer.macro("Pp")
    writer.lines.pop()


def write_type(writer, kind, members, body):
    if members is None:
        lines = [line[4:] for line in body.rstrip("\n").split("\n")]
        writer.literal(lines, False)
    elif members:
        macro = "Dv" if kind.startswith("enum") else "Vt"
        pairs = []
        for codes, comment in members:
            for code in codes:
                last = code is codes[-1]
                pairs.append((f"{macro} {argument(code)}", len(code),
                              lambda comment=comment if last else []: writer.blocks(comment)))
        writer.tags(pairs, compact=True)


def write_entry(writer, entry):
    heads = []
    for function in entry.functions:
        heads.append(lambda function=function: writer.prototype(function))
    for words, _, _, _ in entry.types:
        heads.append(lambda words=words: writer.macro("Vt", argument(words)))
    for code, _ in entry.typedefs:
        heads.append(lambda code=code: writer.macro("Vt", argument(code)))
    if heads:
        writer.macro("Bl", "-tag", "-width", "Ds")
        for head in heads:
            writer.macro("It", "Xo")
            head()
            writer.macro("Xc")
        writer.blocks(entry.comment)
        for words, _, members, body in entry.types:
            write_type(writer, words, members, body)
        writer.macro("El")
    if not entry.macros:
        return
    pairs = [(f"Dv {argument(name)}" +
              (f" No = {argument(value)}" if value and "(" not in name else ""),
              len(name) + len(value) + 3, lambda about=about: writer.text(about))
             for name, value, about in entry.macros]
    alone = entry.comment and not heads and not any(about for _, _, about in entry.macros)
    if alone:  # the comment is about each of them
        head, width, _ = pairs.pop()
        pairs.append((head, width, lambda: writer.blocks(entry.comment)))
    elif entry.comment and not heads:
        writer.blocks(entry.comment, paragraph=True)
    writer.tags(pairs, compact=not alone)


def write_reference(writer, header):
    if not header.entries():
        return
    writer.macro("Sh", "REFERENCE")
    for title, entries in header.groups:
        if title:
            writer.macro("Ss", escape(title))
        for entry in entries:
            write_entry(writer, entry)


def begin(writer, page, names, about, edition):
    date, version = edition
    writer.macro("Dd", date)
    writer.macro("Dt", page[0].upper(), str(page[1]))
    writer.macro("Os", f"kevy-uring {version}")
    writer.macro("Sh", "NAME")
    for name in names:
        writer.macro("Nm", name, *[","] * (name != names[-1]))
    writer.macro("Nd", escape(about).replace('"', r"\(dq"))


def end(writer, page):
    pages = sorted((writer.seen | {(7, OVERVIEW)}) - {page[::-1]})
    writer.macro("Sh", "SEE ALSO")
    for section, name in pages:
        comma = [","] if (section, name) != pages[-1] else []
        writer.macro("Xr", name, str(section), *comma)


def write_overview(writer, headers):
    """The pages of all headers, in the overview."""
    writer.macro("Sh", "PAGES")
    for library in dict.fromkeys(header.library for header in headers):
        writer.macro("Ss", library)
        pairs = []
        for header in headers:
            if header.library == library and header.name != OVERVIEW:
                name, section = page_of(header.name)
                pairs.append((f"Xr {name} {section}", len(name) + 3,
                              lambda about=header.about: writer.text(about + ".")))
        writer.tags(pairs, compact=True)


def write_synopsis(writer, header, entries):
    if header.name != OVERVIEW:
        writer.macro("Sh", "LIBRARY")
        writer.text(f"{header.library} (pkg-config: {header.library})")
    writer.macro("Sh", "SYNOPSIS")
    writer.macro("In", f"kevy/{header.name}.h")
    for entry in entries:
        for function in entry.functions:
            writer.prototype(function)


def header_page(header, headers, known, edition):
    writer = Writer(known, header.name, header.functions())
    page = page_of(header.name)
    begin(writer, page, [page[0]], header.about, edition)
    write_synopsis(writer, header, header.entries())
    examples = write_opening(writer, header.opening)
    write_reference(writer, header)
    write_examples(writer, examples)
    if header.name == OVERVIEW:
        write_overview(writer, headers)
    end(writer, page)
    return writer.lines


def entry_page(name, header, entries, known, edition):
    names = list(dict.fromkeys(name for entry in entries for name in entry.names()))
    writer = Writer(known, header.name, names)
    entries = sorted(entries, key=lambda entry: not entry.functions)
    begin(writer, (name, 3), names, entries[0].about(header.about), edition)
    write_synopsis(writer, header, entries)
    writer.macro("Sh", "DESCRIPTION")
    for entry in entries:
        if entry.functions and not entry.types:
            writer.blocks(entry.comment)
        else:
            write_entry(writer, entry)
    writer.refer(header.name)
    end(writer, (name, 3))
    return writer.lines


def entry_pages(headers):
    """{name: (header, entries)} of the pages of entries, and {name: page} of what leads there."""
    taken = {page_of(header.name)[0] for header in headers}
    pages, links = {}, {}
    for header in headers:
        for entry in header.entries():
            names = [name for name in entry.names() if name not in taken]
            if names:
                page = next((links[name] for name in names if name in links), names[0])
                pages.setdefault(page, (header, []))[1].append(entry)
                links.update((name, page) for name in names)
    return pages, links


def program_page(program, known, edition):
    text = subprocess.run([program, "--help"], check=True, capture_output=True,
                          encoding="utf-8").stdout
    usage, rest = text.split("\n", 1)
    _, name, *arguments = usage.split()
    writer = Writer(known)
    page = (f"kevy-{name}", 1)
    about = squeeze(re.split(r"\.(?:\s|$)", rest, maxsplit=1)[0])
    begin(writer, page, [page[0]], f"example program: {about[0].lower() + about[1:]}", edition)
    writer.macro("Sh", "SYNOPSIS")
    writer.macro("Nm", name)
    writer.macro("Ar", *map(argument, arguments))
    writer.macro("Sh", "DESCRIPTION")
    writer.text(f"{name} is one of the example programs of kevy-uring. It is built with the "
                "libraries, in the folder examples, and is not installed.")
    writer.blocks(rest.rstrip().split("\n"), paragraph=True)
    end(writer, page)
    return page, writer.lines


def newest(paths):
    """The date of the pages: SOURCE_DATE_EPOCH, or when a header changed last."""
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH") or max(path.stat().st_mtime
                                                             for path in paths))
    date = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return f"{date:%B} {date.day}, {date.year}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--output", type=pathlib.Path, required=True, metavar="FOLDER")
    parser.add_argument("--version", required=True)
    parser.add_argument("--library", nargs="+", action="append", required=True,
                        metavar=("NAME", "HEADER"))
    parser.add_argument("--program", action="append", default=[], metavar="FILE")
    options = parser.parse_args()

    headers = [Header(pathlib.Path(path), name)
               for name, *paths in options.library for path in paths]
    edition = (newest([header.path for header in headers]), options.version)
    known = ({header.name for header in headers},
             {name for header in headers for name in header.functions()})
    pages = {page_of(header.name): header_page(header, headers, known, edition)
             for header in headers}
    pages.update(program_page(program, known, edition) for program in options.program)
    entries, links = entry_pages(headers)
    for name, (header, those) in entries.items():
        pages[name, 3] = entry_page(name, header, those, known, edition)
    for name, page in links.items():
        pages.setdefault((name, 3), [f".so man3/{page}.3"])
    for section in {section for _, section in pages}:
        folder = options.output / f"man{section}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for (name, place), lines in pages.items():
            if place == section:
                (folder / f"{name}.{section}").write_text("\n".join(lines) + "\n",
                                                          encoding="utf-8")


if __name__ == "__main__":
    main()
