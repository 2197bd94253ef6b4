#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""amalgamate.py FOLDER: writes kevy.h and kevy.c, all of kevy-ring and kevy-reactor in two files.

They are for programs that are built without Meson: compile kevy.c with any C11 compiler, and link
with -pthread. A name that two files use for functions of their own gets the name of its file in
front; macros end with their file. The order is that of the lists in the meson.build files.
"""
import collections
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIBRARIES = ('ring', 'reactor')
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+([<"])([^>"]+)[>"].*$', re.M)
TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|'
                   r'(?:\.|->)\s*[A-Za-z_]\w*|[A-Za-z_]\w*|\d[\w.]*|\n|[^\S\n]+|.', re.S)
KEYWORDS = {'struct', 'union', 'enum', 'const', 'int', 'void', 'char', 'bool', 'unsigned', 'inline'}
WORD = re.compile(r'[A-Za-z_]\w*')


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        return file.read()


def listed(library, name):
    text = read(library + '/meson.build')
    block = re.search(r'^%s_%s = files\((.*?)^\)' % (library, name), text, re.S | re.M).group(1)
    return [library + '/' + path for path in re.findall(r"'([^']+)'", block)]


def code(text):
    """The text without comments and strings."""
    return ''.join(' ' if token[0] in '"\'' or token[:2] in ('/*', '//') else token
                   for token in TOKEN.findall(text))


def names_of(text):
    """What a file defines for itself: functions, objects, enumerators; tags; macros."""
    text = code(text)
    macros = dict.fromkeys(re.findall(r'^[ \t]*#[ \t]*define[ \t]+(\w+)', text, re.M))
    for name in re.findall(r'^[ \t]*#[ \t]*ifndef[ \t]+(\w+)', text, re.M):
        macros.pop(name, None)  # the guard of a header, or what the system may have
    text = re.sub(r'^[ \t]*#.*?(?<!\\)$', '', text, flags=re.M | re.S)
    tags = set(re.findall(r'^(?:static\s+)?(?:const\s+)?(?:struct|union|enum)\s+(\w+)\s*\{',
                          text, re.M))
    found = set()
    for body in re.findall(r'^(?:static\s+)?(?:const\s+)?enum\s*\w*\s*\{(.*?)\}', text, re.S | re.M):
        found |= set(re.findall(r'(?:^|,)\s*(\w+)', body))
    for body in re.findall(r'^static\b([^;{=]*)', text, re.M):
        head = re.match(r'[^()\[]*?\(\s*\*\s*(?:const\s+)?(\w+)', body) or \
            re.match(r'.*?(\w+)\s*(?:\(|\[|$)', body.strip(), re.S)
        if head:
            found.add(head.group(1))
    found |= set(re.findall(r'^\}\s*(\w+)\s*[\[=;]', text, re.M))
    return found - KEYWORDS, tags, macros


def renamed(text, names, tags, prefix):
    """Tags are renamed where they are tags, because members have such names, too."""
    text = ''.join(prefix + token if token in names else token for token in TOKEN.findall(text))
    for tag in tags:
        text = re.sub(r'\b(struct|union|enum)(\s+)%s\b' % tag, r'\1\2' + prefix + tag, text)
    return text


def private_headers(library):
    for base, _, files in os.walk(os.path.join(ROOT, library, 'src')):
        for name in sorted(files):
            if name.endswith('.h'):
                yield os.path.relpath(os.path.join(base, name), ROOT)


class Amalgamation:
    def __init__(self):
        self.seen = set()

    def find(self, name, origin):
        for folder in (os.path.dirname(origin), 'ring/src', 'reactor/src'):
            path = os.path.normpath(os.path.join(folder, name))
            if os.path.exists(os.path.join(ROOT, path)):
                return path
        raise SystemExit('%s includes %s, which is not there' % (origin, name))

    def inline(self, path, text, public):
        """The text with its headers in it, each where it is first wanted."""
        def header(match):
            kind, name = match.groups()
            if kind == '<' and name.startswith('kevy/'):
                if not public:
                    return ''
                inner = next(p for p in ('%s/include/%s' % (library, name)
                                         for library in LIBRARIES)
                             if os.path.exists(os.path.join(ROOT, p)))
            elif kind == '"':
                inner = self.find(name, path)
            else:
                return match.group(0)
            return self.once(inner, public)

        return INCLUDE.sub(header, text)

    def once(self, path, public):
        if path in self.seen:
            return ''
        self.seen.add(path)
        return '/* ---- %s ---- */\n%s' % (path, self.inline(path, read(path), public))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = sys.argv[1]
    both = Amalgamation()
    public = ['reactor/include/kevy/kevy.h']
    sources = []
    for library in LIBRARIES:
        public += listed(library, 'headers')
        sources += listed(library, 'sources')
    top = '/* SPDX-License-Identifier: MIT OR Apache-2.0 */\n' \
          '/* kevy-ring and kevy-reactor %s, made by amalgamate.py: change the files that stand\n' \
          ' * before each part, not this one. */\n' % \
          re.search(r"version: '([^']+)'", read('meson.build')).group(1)
    with open(os.path.join(folder, 'kevy.h'), 'w', encoding='utf-8') as file:
        file.write(top + ''.join(both.once(path, True) for path in public))

    private = {path: names_of(read(path)) for path in sources}
    headers = {library: [names_of(read(path)) for path in private_headers(library)]
               for library in LIBRARIES}
    uses = collections.Counter(name for found, _, _ in private.values() for name in found)
    tag_uses = collections.Counter(tag for _, tags, _ in private.values() for tag in tags)
    shared = {word for library in LIBRARIES for path in private_headers(library)
              for word in WORD.findall(code(read(path)))}
    # Of the lower library, the tags that the upper one has as well.
    upper = {tag for _, tags, _ in headers['reactor'] for tag in tags}
    lower = {tag for _, tags, _ in headers['ring'] for tag in tags} & upper

    with open(os.path.join(folder, 'kevy.c'), 'w', encoding='utf-8') as file:
        file.write(top + '#ifndef _GNU_SOURCE\n#define _GNU_SOURCE\n#endif\n#include "kevy.h"\n')
        for library in LIBRARIES:
            part = []
            for path in listed(library, 'sources'):
                found, tags, macros = private[path]
                clash = {name for name in found if uses[name] > 1 or name in shared}
                clash |= {name for name in macros if name in shared}
                prefix = re.sub(r'\W', '_', os.path.splitext(path)[0]).replace('_src', '') + '_'
                # The headers come first, and keep their names.
                text = read(path)
                last = max((m.end() for m in INCLUDE.finditer(text)), default=0)
                part.append('/* ---- %s ---- */\n' % path)
                part.append(both.inline(path, text[:last], False))
                part.append(renamed(text[last:], clash, {t for t in tags if tag_uses[t] > 1},
                                    prefix))
                part += ['#undef %s\n' % (prefix + name if name in clash else name)
                         for name in macros]
            if library == 'ring':
                part = [renamed(''.join(part), set(), lower, 'ring_')]
                part += ['#undef %s\n' % name for _, _, macros in headers[library]
                         for name in macros]
            file.write(''.join(part))


main()
