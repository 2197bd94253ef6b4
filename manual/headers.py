# SPDX-License-Identifier: MIT OR Apache-2.0
"""Reading public headers: the opening comment, and entries.

An entry is one or more declarations and the comment that describes them, which stands directly in
front. A function without a comment belongs to the entry before it; so does any declaration without
an empty line in front. A comment that begins with "Private", and names with kevy_x_ or KEVY_X_, are
left out. clang-format has formatted the headers, so a definition ends with a brace at the margin.
"""

import re

from mdoc import blocks_of


def comment_lines(comment):
    lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in comment[2:-2].split("\n")]
    lines[0] = lines[0].strip()
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return lines


def squeeze(text):
    return re.sub(r"\s+", " ", text).strip()


def split_arguments(text):
    parts, depth = [""], 0
    for char in text:
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [squeeze(part) for part in parts]


# A comment, a #define with its comment, a definition that ends at the margin, or a declaration.
ITEM = re.compile(r"""
    (?P<gap>\n+)
  | (?P<comment>/\*.*?\*/)[^\n]*\n
  | \#define[ ](?P<macro>\w+(?:\([^)\n]*\))?)(?P<value>(?:\\\n|[^\n/]|/(?!\*))*)
    (?P<about>/\*.*?\*/)?\n
  | \#(?:\\\n|[^\n])*\n
  | (?:KEVY_BEGIN_DECLS|KEVY_END_DECLS)\n
  | (?P<kind>struct|enum|union)[ ](?P<tag>\w+)[ ]\{\n(?P<body>.*?)^\}[^\n]*;\n
  | static[ ]inline[ ](?P<inline>[^{]*)\{.*?^\}\n
  | (?P<declaration>[^;\n][^;]*);[^\n]*\n
""", re.X | re.S | re.M)

MEMBER = re.compile(r"""
    (?P<gap>\n[ ]*(?=\n))
  | \s*(?P<comment>/\*.*?\*/)(?=\n)
  | \s*(?P<code>[^;,/(]+(?:\([^;]*\))?[^;,/(]*)[;,]?(?:[ ]*(?P<about>/\*.*?\*/))?(?=\n)
""", re.X | re.S)

FUNCTION = re.compile(r"(?:KEVY_\w+ )*(.*?) ?(\**)(kevy_\w+)\((.*)\)")


class Entry:
    """Declarations that one comment describes."""

    def __init__(self, comment):
        self.comment = comment
        self.functions = []  # (type, name, arguments)
        self.types = []      # (words, tag, members): structs and enums; members None: not shown
        self.macros = []     # [name, value, comment]
        self.typedefs = []

    def names(self):
        """The names that have pages."""
        return ([name for _, name, _ in self.functions] + [tag for _, tag, _, _ in self.types] +
                [name for _, name in self.typedefs] +
                [name.split("(")[0] for name, _, _ in self.macros if "(" in name])

    def about(self, otherwise):
        """The first sentence of the comment, as plain text."""
        text = " ".join(next(blocks_of(self.comment), [otherwise]))
        text = re.split(r"\.(?:\s|$)|(?<=.{30}):\s|:$", text, maxsplit=1)[0]
        text = re.sub(r"<(kevy/\w+\.h)>", r"\1", text.replace("`", ""))
        return text[0].lower() + text[1:] if re.match(r"(?!Linux)[A-Z][a-z]*\b", text) else text


def readable(about, code):
    """False for a member that is private because the comment of the struct names others."""
    if not re.search(r"\b(other fields are|rest is) private", about):
        return True
    return any(re.search(rf"\b{name}\b", code) for name in re.findall(r"`(\w+)`", about))


def members_of(body, of_all):
    """[(declarations, comment)] of a struct or enum; None if it contains further braces.

    `of_all` is the comment of the struct, which tells which of its members are private."""
    if re.search(r"\bIts fields? (are|is) private", of_all):
        return []
    if "{" in body and "private" not in of_all:
        return None
    members, comment, gap = [], [], True
    for match in MEMBER.finditer("\n" + body):
        about = comment_lines(match["about"]) if match["about"] else []
        if match["gap"]:
            gap = True
        elif match["comment"]:
            comment = comment_lines(match["comment"])
            gap = True
        elif comment[:1] + about[:1] and re.match("private", (comment + about)[0]):
            if re.search("private, (like|and so)", " ".join(comment + about)):  # the rest
                break
            comment = []
        elif "kevy_x_" not in match["code"].lower() and readable(of_all, match["code"]):
            code = squeeze(match["code"])
            if gap or about or not members or members[-1][2]:
                between = [""] if comment and about else []
                members.append(([code], comment + between + about, bool(about)))
            else:
                members[-1][0].append(code)
            comment, gap = [], False
    return [(codes, text) for codes, text, _ in members]


class Header:
    """What a header says."""

    def __init__(self, path, library):
        source = path.read_text(encoding="utf-8")
        opening = re.search(r"/\*\n \* kevy/(\w+)\.h - .*?\*/\n", source, re.S)
        self.path = path
        self.library = library
        self.name = opening.group(1)
        lines = comment_lines(opening.group().strip())
        end = lines.index("")
        self.about = " ".join(lines[:end]).split(" - ", 1)[1].rstrip(".")
        self.opening = lines[end + 1:]
        self.groups = [(None, [])]  # (title, entries)
        self.macros = {}
        self.parse(source[opening.end():])

    def entry(self, comment, gap, is_function):
        """The entry that a declaration belongs to."""
        entries = self.groups[-1][1]
        if entries and not comment and (not gap or (is_function and entries[-1].functions)):
            return entries[-1]
        entries.append(Entry(comment))
        return entries[-1]

    def parse(self, source):
        comment, gap, private = [], True, False
        for match in ITEM.finditer(source):
            title = re.fullmatch(r"/\* -+ (.*?) -+ \*/", match["comment"] or "")
            if match["gap"]:
                gap = True
            elif title:
                self.groups.append((title.group(1), []))
            elif match["comment"] and "clang-format" not in match["comment"]:
                comment = comment_lines(match["comment"])
                private = comment[0].startswith("Private")
            elif any(match[key] for key in ("macro", "tag", "inline", "declaration")):
                if not (private and (comment or not gap)):
                    private = False
                    self.declare(match, comment, gap)
                comment, gap = [], False

    def declare(self, match, comment, gap):
        if match["macro"]:
            if match["macro"].upper().startswith("KEVY_X_") or not match["value"].strip(" \\\n"):
                return
            about = comment_lines(match["about"]) if match["about"] else []
            value = squeeze(match["value"].replace("\\\n", ""))
            macro = [match["macro"], value, " ".join(about)]
            known = self.macros.setdefault(match["macro"], macro)
            if known is macro:
                self.entry(comment, gap, False).macros.append(macro)
            else:
                known[1] = ""  # it depends
        elif match["tag"]:
            if not match["tag"].startswith("kevy_x_"):
                members = members_of(match["body"], " ".join(comment))
                words = f"{match['kind']} {match['tag']}"
                self.entry(comment, gap, False).types.append(
                    (words, match["tag"], members, match["body"]))
        else:
            self.declare_function(squeeze(match["inline"] or match["declaration"]), comment, gap)

    def declare_function(self, code, comment, gap):
        function = FUNCTION.fullmatch(code)
        typedef = re.match(r"typedef .*?\(\*(kevy_\w+)\)", code)
        if typedef:
            self.entry(comment, gap, False).typedefs.append((code, typedef.group(1)))
        elif function and not function.group(3).startswith("kevy_x_"):
            kind = (function.group(1) + " " + function.group(2)).strip()
            self.entry(comment, gap, True).functions.append(
                (kind, function.group(3), split_arguments(function.group(4))))

    def entries(self):
        return [entry for _, entries in self.groups for entry in entries]

    def functions(self):
        return [name for entry in self.entries() for _, name, _ in entry.functions]
