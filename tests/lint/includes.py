"""Who may include whom: the edges between the rooms of the house, as DESIGN has them.

Includes are written from the root, so the edge is in the line. What is not named here is refused.
"""

import re

import tree

# folder: the folders it may include from, besides itself
MAY_INCLUDE = {
    "vhost": (),
    "switch": (),
    "control": ("switch",),
    "tests": ("vhost", "switch", "control", "bench"),
    "bench": ("vhost", "switch", "control", "tests"),
}
# single files that cross where their folder may not
ALSO = {
    "switch/port_vhost.c": ("vhost",),
}
# of switch/, the control process sees formats and the pure function, not the machinery
HIDDEN_FROM_CONTROL = ("switch/port", "switch/pipeline.h", "switch/worker.h")

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.MULTILINE)


def is_generated(target):
    """Does the folder's meson.build make the file?"""
    folder, _, file = target.rpartition("/")
    rules = tree.ROOT / folder / "meson.build"
    return rules.is_file() and f"'{file}'" in rules.read_text()


def check(name, text):
    folder = name.split("/")[0]
    for match in INCLUDE.finditer(tree.without_comments(text)):
        line = text.count("\n", 0, match.start(2)) + 1
        quote, target = match.groups()
        where = f"{name}:{line}: "
        if quote == "<":
            continue
        if not (tree.ROOT / target).is_file() and not is_generated(target):
            yield where + f'"{target}" is not a path from the root'
            continue
        to = target.split("/")[0]
        allowed = (folder, *MAY_INCLUDE.get(folder, ()), *ALSO.get(name, ()))
        if to not in allowed:
            yield where + f"{folder}/ may not include {to}/ ({target})"
        if folder == "control" and target.startswith(HIDDEN_FROM_CONTROL):
            yield where + f"control/ may not include {target}: it is machinery of the data plane"


if __name__ == "__main__":
    tree.finish([fault for name in tree.c_files() for fault in check(name, tree.read(name))])
