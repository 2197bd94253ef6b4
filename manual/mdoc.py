# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writing mdoc(7): text as it stands in comments becomes paragraphs, lists and displays.

The form of a piece of text follows from how it stands in the comment:

    words, two blanks or more, text in a column       a list with these words
    "- " or "1. " in front                            a list
    further to the right, in columns, or with "-->"   as it stands
    all else                                          a paragraph
"""

import re

SOURCE_WIDTH = 78
TAG_WIDTH_MAX = 26
OVERVIEW = "kevy"


def page_of(header):
    """The name and the section of the page of kevy/HEADER.h."""
    return (OVERVIEW, 7) if header == OVERVIEW else (f"kevy_{header}", 3)


def minus(text):
    return re.sub(r"(?<![\w-])-+(?=\w)", lambda match: r"\-" * len(match.group()), text)


def guard(line):
    """A line of text that does not look like a macro."""
    return r"\&" + line if line[:1] in (".", "'") else line


def escape(text):
    return minus(text.replace("\\", r"\e"))


def escape_code(line):
    for char, code in (("\\", r"\e"), ("-", r"\-"), ("'", r"\(aq"), ("`", r"\(ga"),
                       ("^", r"\(ha"), ("~", r"\(ti")):
        line = line.replace(char, code)
    return guard(line)


def argument(text):
    """Text as one argument of a macro, which must not look like another macro."""
    text = escape(text).replace('"', r"\(dq")
    if " " in text:
        return f'"{text}"'
    return r"\&" + text if re.fullmatch(r"[A-Z][a-z]\w?|[%D]\w", text) else text


SPECIAL = re.compile(r"""
    (?P<open>[("\[]*)
    (?: `(?P<quoted>[^`]+)` | (?P<function>kevy_\w+)\(\) | <kevy/(?P<header>\w+)\.h>
      | (?P<file>\w+)\.h | (?P<page>[A-Za-z_][\w.+-]*)\((?P<section>[1-8])\) )
    (?P<close>[)"\].,;:!?]*)""", re.X)


class Writer:
    """The lines of a page."""

    def __init__(self, known, header=None, own=()):
        self.headers, self.functions = known
        self.header = header  # that the page is about, or a part of it
        self.own = own        # the functions of the page
        self.lines = []
        self.seen = set()  # pages that were mentioned

    def macro(self, name, *arguments):
        # A display has an empty line in front of it already.
        if name == "Bd" and self.lines[-1] == ".Pp":
            self.lines.pop()
        self.lines.append(" ".join([f".{name}", *arguments]))

    def paragraph(self):
        if self.lines[-1][:4] not in (".Sh ", ".Ss "):
            self.macro("Pp")

    def refer(self, header):
        name, section = page_of(header)
        if header == self.header and self.lines[1].split()[1] == name.upper():
            return f"In kevy/{header}.h"
        self.seen.add((section, name))
        return f"Xr {name} {section}"

    def special(self, match):
        """The macro for a word, with the punctuation around it; None if it is an ordinary word."""
        if match["quoted"]:
            call = f"Fa {argument(match['quoted'])}"
        elif match["function"]:
            name = match["function"]
            call = f"Xr {name} 3" if name in self.functions - set(self.own) else f"Fn {name}"
        elif match["header"] or match["file"] in self.headers:
            call = self.refer(match["header"] or match["file"])
        elif match["page"]:
            call = f"Xr {match['page']} {match['section']}"
        else:
            return None
        before = "".join(rf"No \&{argument(char)} Ns " for char in match["open"])
        after = "".join(f" Ns No {argument(char)}" if char == '"' else f" {char}"
                        for char in match["close"])
        return before + call + after

    def text(self, text):
        """A paragraph, a sentence in each line at least."""
        words = []

        def flush():
            if words:
                self.lines.append(guard(" ".join(words)))
                words.clear()

        for word in re.findall(r"[^\s`]*`[^`]+`\S*|\S+", text):
            match = SPECIAL.fullmatch(word)
            call = self.special(match) if match else None
            if call:
                flush()
                self.lines.append("." + call)
                continue
            word = re.sub(r"`([^`]+)`", r"\\(oq\1\\(cq", escape(word))
            if words and len(" ".join(words)) + len(word) >= SOURCE_WIDTH:
                flush()
            words.append(word)
            if word[-1] in ".!?:":
                flush()
        flush()

    def literal(self, lines, offset=True):
        self.macro("Bd", "-literal", *(["-offset", "indent"] if offset else []))
        self.lines.extend(escape_code(line) for line in lines)
        self.macro("Ed")

    def tags(self, pairs, compact=False):
        """A list of (words as macro arguments, their width, what writes the text)."""
        width = max(width for _, width, _ in pairs)
        self.macro("Bl", "-tag", "-width",
                   "X" * width if width <= TAG_WIDTH_MAX else "Ds", *["-compact"] * compact)
        for words, _, write in pairs:
            self.macro("It", words)
            write()
        self.macro("El")

    def term(self, text):
        """A term of a list, and its width."""
        match = SPECIAL.fullmatch(text)
        call = match and self.special(match)
        page = re.match(r"Xr (\S+) \d", call or "")
        return (call or " ".join(map(argument, text.split())),
                len(page.group(1)) + 3 if page else len(text))

    def block(self, lines, indented):
        """Lines of a comment between two empty ones."""
        margin = min(len(line) - len(line.lstrip()) for line in lines)
        lines = [line[margin:] for line in lines]
        pairs = tag_pairs(lines)
        items = re.split(r"(?:^|\n)(?:- |\d\. )", "\n".join(lines))
        if pairs:
            self.tags([(*self.term(term), lambda text=text: self.text(text))
                       for term, text in pairs], compact=True)
        elif len(items) > 1 and items[0] == "":
            self.macro("Bl", "-bullet" if lines[0][0] == "-" else "-enum", "-compact")
            for item in items[1:]:
                self.macro("It")
                self.text(item)
            self.macro("El")
        elif indented or re.search(r"\S  +\S|-->", "\n".join(lines)):
            self.literal(lines, not indented)
        else:
            self.text(" ".join(lines))

    def blocks(self, lines, paragraph=False):
        """The text of a comment, whose first line has the indentation of its paragraphs."""
        margin = None
        for block in blocks_of(lines):
            indentation = len(block[0]) - len(block[0].lstrip())
            margin = indentation if margin is None else margin
            if paragraph:
                self.paragraph()
            self.block(block, indentation > margin)
            paragraph = True

    def prototype(self, function):
        kind, name, arguments = function
        self.macro("Ft", argument(kind))
        self.macro("Fo", name)
        for one in arguments:
            self.macro("Fa", argument(one))
        self.macro("Fc")


def blocks_of(lines):
    block = []
    for line in [*lines, ""]:
        if line:
            block.append(line)
        elif block:
            yield block
            block = []


def tag_pairs(lines):
    """[(term, text)] if the lines are two columns, otherwise nothing."""
    column_break = re.compile(r"(\S+(?: \S+)*)  +(?=\S)")
    first = column_break.match(lines[0])
    pairs = []
    for line in lines:
        column = first.end() if first else 0
        wide = column_break.match(line) if "  " in line[column:] else None
        if wide:
            column = wide.end()  # a term that is too long for its column
        term, text = line[:column], line[column:]
        if not text.strip() or text[0] == " " or "  " in text or term[-1:] != " ":
            return []
        if term.strip():
            pairs.append([term.strip(), text])
        elif pairs:
            pairs[-1][1] += " " + text
    return [] if any("  " in term for term, _ in pairs) else pairs
