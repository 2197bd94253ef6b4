#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""manual.py FOLDER LIBRARIES HEADER...: are the manual pages in FOLDER complete and correct?

No public name is without a page: each function that a library of LIBRARIES (one word) exports, and
each name that ctags finds in the headers. Constants stand in the page of their header. mandoc has
nothing to warn of, and `man -k` leads from a question to a page.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

# What people look for, and a page that its answer is in.
QUESTIONS = [
    ("TLS server", "kevy_tls"),
    ("restart", "kevy_listener"),
    ("why it was closed", "kevy_stream"),
    ("container", "kevy_ring_kernel"),
    ("container", "kevy_ring_explain"),
    ("HTTP", "kevy-http_echo"),
    ("callback", "kevy_timer"),
]

# Kinds of ctags, with a page of their own and without.
OWN_PAGE = {"function", "prototype", "struct", "union", "enum", "typedef"}
IN_PAGE = {"macro", "enumerator"}

results = {"passed": 0, "failed": 0, "skipped": 0}


def check(name, breaches):
    results["failed" if breaches else "passed"] += 1
    for breach in breaches[:20]:
        print(f"FAIL {name}: {breach}")


def run(*words, **options):
    return subprocess.run(words, capture_output=True, encoding="utf-8", check=False, **options)


def have(name, *programs):
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        results["skipped"] += 1
        print(f"SKIP {name}: {', '.join(missing)} is not installed")
    return not missing


def is_public(name):
    return re.match(r"kevy_(?!x_)|KEVY_(?!X_)", name) and not re.match(r"KEVY_.*_H$", name)


def without_page(pages, names):
    return [f"{name} has none" for name in names if name not in pages]


def exported(library):
    lines = run("nm", "-D", "--defined-only", library).stdout.splitlines()
    return [name for name in (line.split()[-1].split("@")[0] for line in lines)
            if is_public(name) and name.islower()]  # not the names of versions


def tags(header):
    """(name, kind, has arguments) of a header."""
    output = run("ctags", "--language-force=C", "--kinds-C=defgpstu", "--fields=+S", "-I",
                 "KEVY_API,KEVY_X_CHECKED,KEVY_X_OWNER_ALIGNED,__extension__", "-x",
                 "--_xformat=%N %K %S", header).stdout
    for line in output.splitlines():
        name, kind, signature = (line + " -").split(" ", 2)
        if is_public(name):
            yield name, kind, "(" in signature


def header_breaches(header, pages):
    page = "kevy" if header.stem == "kevy" else f"kevy_{header.stem}"
    text = pages[page].read_text(encoding="utf-8") if page in pages else ""
    breaches = []
    for name, kind, has_arguments in tags(header):
        if kind in OWN_PAGE or (kind == "macro" and has_arguments):
            breaches += without_page(pages, [name])
        elif kind in IN_PAGE and not re.search(rf"\b{name}\b", text):
            breaches.append(f"{name} is not in {page}")
    return breaches


def links_that_lead_nowhere(folder, pages):
    for page in pages.values():
        link = re.match(r"\.so (\S+)", page.read_text(encoding="utf-8"))
        if link and not (folder / link.group(1)).is_file():
            yield f"{page.name} leads to {link.group(1)}"


def warnings(pages):
    names = [page for page in pages.values()
             if not page.read_text(encoding="utf-8").startswith(".so ")]
    return run("mandoc", "-Tlint", "-Wwarning", *names).stdout.splitlines()


def unanswered(folder):
    """The questions to which `man -k` does not name the page."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = pathlib.Path(scratch) / "man"
        for section in folder.glob("man[137]"):
            shutil.copytree(section, copy / section.name)
        run("mandb", "--quiet", "--create", "--user-db", copy)
        for question, page in QUESTIONS:
            answer = run("man", "-M", copy, "-k", question).stdout
            if (folder / "man1").is_dir() < page.startswith("kevy-"):
                continue  # the examples are not built
            if not re.search(rf"^{page} \(", answer, re.M):
                yield f"'{question}' does not lead to {page}"


def main(folder, libraries, headers):
    folder = pathlib.Path(folder)
    headers = [pathlib.Path(header) for header in headers]
    pages = {page.stem: page for page in folder.glob("man[137]/*")}
    check("pages", [] if pages else [f"{folder} has none"])
    check("links", list(links_that_lead_nowhere(folder, pages)))
    if libraries and have("pages of exported functions", "nm"):
        for library in libraries.split():
            names = exported(library)
            check("pages of exported functions",
                  without_page(pages, names) if names else [f"{library} exports nothing"])
    if have("pages of headers", "ctags"):
        for header in headers:
            check("pages of headers", header_breaches(header, pages))
    if have("warnings", "mandoc"):
        check("warnings", warnings(pages))
    if have("questions", "man", "mandb"):
        check("questions", list(unanswered(folder)))
    print("RESULT manual: " + ", ".join(f"{count} {name}" for name, count in results.items()))
    return 1 if results["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
