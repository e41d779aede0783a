"""No way for a guest, a document or a client to end a process: no assert, abort or exit behind them.

Everything that faces something hostile is searched; the programs' main files may end a program.
"""

import re

import tree

FOLDERS = ("vhost", "switch", "control")
ENDS = re.compile(r"\b(assert|abort|exit|_exit|_Exit|quick_exit|err|errx|verr|verrx)\s*\(")

# Where a program may end itself, and why.
MAY_END = {
    "switch/main.c": "sluice-dp's own start and end",
    "control/main.c": "sluiced's own start and end",
    "control/sluicectl.c": "the command line faces its user only",
}


def main():
    faults = []
    for name in tree.c_files():
        if name.split("/")[0] not in FOLDERS or name in MAY_END:
            continue
        bare = tree.code(tree.read(name))
        for match in ENDS.finditer(bare):
            line = bare.count("\n", 0, match.start()) + 1
            faults.append(f"{name}:{line}: {match.group(1)}() ends the process")
    tree.finish(faults)


if __name__ == "__main__":
    main()
