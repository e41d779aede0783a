"""Each file says in its first line what it is; a C file by its name: `fdb - behind which port...`."""

import pathlib
import re

import tree

C_HEAD = re.compile(r"/\*\n \* (\S+) - \S.*\n")
LICENSE = "Apache License"


def fault_of(name, text):
    path = pathlib.PurePath(name)
    if name.endswith((".c", ".h")):
        head = C_HEAD.match(text)
        if not head:
            return "does not begin with `/*`, ` * name - what it is`"
        if head.group(1) not in (path.stem, path.name, name, "sluiced", "sluice-dp", "sluicectl"):
            return f"its head speaks of {head.group(1)}"
        if path.suffix == ".h" and not re.search(r"^#ifndef \w+_H\n#define \w+_H\n", text, re.M):
            return "has no include guard"
    elif name.endswith(".py"):
        lines = text.splitlines()
        body = "\n".join(lines[1:] if lines and lines[0].startswith("#!") else lines).lstrip()
        if not body.startswith('"""'):
            return "does not begin with a docstring"
    elif text.startswith("#!"):
        if not re.match(r"#![^\n]*\n#\n?[^\n]*\w", text):
            return "does not begin with a comment that says what it is"
    return None


def main():
    faults = [] if LICENSE in tree.read("LICENSE") else ["LICENSE: is not the Apache License"]
    for name in tree.project_files():
        if not name.endswith((".c", ".h", ".py", ".sh")) and name not in ("run", ".ci/run"):
            continue
        fault = fault_of(name, tree.read(name))
        if fault:
            faults.append(f"{name}:1: {fault}")
    tree.finish(faults)


if __name__ == "__main__":
    main()
