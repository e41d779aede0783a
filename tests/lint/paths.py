"""No path of somebody's machine in the tree: the project works wherever it is cloned."""

import re

import tree

MACHINE = re.compile(r"(?<![\w.])/(?:work|home|root|Users)/[\w.-]+")
OF_OTHERS = ("LICENSE", "tests/lint/paths.py")


def main():
    faults = []
    for name in tree.project_files():
        if name in OF_OTHERS:
            continue
        for number, line in enumerate(tree.read(name).splitlines(), 1):
            for match in MACHINE.finditer(line):
                faults.append(f"{name}:{number}: path of a machine: {match.group()}")
    tree.finish(faults)


if __name__ == "__main__":
    main()
