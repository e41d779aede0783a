"""Words that say nothing, and marks of unfinished work.

A file, function, type or macro whose name is made of `data`, `info`, `handle`... has not been
understood yet: it is a noun of the field that waits to be found.
"""

import pathlib
import re

import tree

EMPTY = {"data", "info", "handle", "handler", "manager", "util", "utils", "misc", "common"}
MARKS = re.compile(r"\b(TODO|FIX" r"ME|XX" r"X|HACK)\b|^\s*#\s*if\s+0\b", re.MULTILINE)
TAG = re.compile(r"\b(?:struct|union|enum)\s+([A-Za-z_]\w*)\s*\{")
MACRO = re.compile(r"^\s*#\s*define\s+([A-Za-z_]\w*)", re.MULTILINE)
STRUCT_TYPEDEF = re.compile(r"\btypedef\s+(?:struct|union)\b")
TEXT = (".c", ".h", ".py", ".sh", ".md", ".build", ".yaml", ".sw", "run")


def is_empty(identifier):
    words = identifier.lower().replace("data_plane", "dataplane")
    return EMPTY & set(re.split(r"[_.\-]", words))


def names_declared(text):
    bare = tree.code(text)
    for name, line, _ in tree.functions(text):
        yield name, line
    for pattern in (TAG, MACRO):
        for match in pattern.finditer(bare):
            yield match.group(1), bare.count("\n", 0, match.start(1)) + 1


def main():
    faults = []
    for name in tree.project_files():
        if is_empty(pathlib.PurePath(name).stem):
            faults.append(f"{name}: the file's name says nothing")
        if not name.endswith(TEXT) or name == "tests/lint/words.py":
            continue
        text = tree.read(name)
        for match in MARKS.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            faults.append(f"{name}:{line}: unfinished: {match.group().strip()}")
        if name.endswith((".c", ".h")):
            for identifier, line in names_declared(text):
                if is_empty(identifier):
                    faults.append(f"{name}:{line}: the name {identifier} says nothing")
            bare = tree.code(text)
            for match in STRUCT_TYPEDEF.finditer(bare):
                line = bare.count("\n", 0, match.start()) + 1
                faults.append(f"{name}:{line}: a struct hides behind a typedef")
    tree.finish(faults)


if __name__ == "__main__":
    main()
