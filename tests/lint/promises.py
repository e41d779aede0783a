"""SECURITY.md names tests that exist: programs as `suite/program`, cases as `suite/program: case`."""

import pathlib
import re

import tree

NAMED = re.compile(r"`((?:vhost|unit|fuzz|model|api|system)/[a-z_]+(?:-[a-z_-]+)?)(?:: (\w+))?`")
SPECIFICATIONS = 42


def source_of(test):
    suite, program = test.split("/")
    if suite == "unit":
        folder, _, program = program.partition("-")
        return f"tests/unit/{folder}/test_{program.replace('-', '_')}.c"
    ending = {"vhost": f"{program}.c", "fuzz": f"fuzz_{program}.c", "model": f"test_{program}.c"}
    return f"tests/{suite}/" + ending.get(suite, f"test_{program}.py")


def main():
    text = tree.read("SECURITY.md")
    files = set(tree.project_files())
    faults = []
    for test, case in NAMED.findall(text):
        source = source_of(test)
        if source not in files and f"'{test.removeprefix('unit/')}'" not in tree.read(
                str(pathlib.PurePath(source).parent / "meson.build")):
            faults.append(f"SECURITY.md: there is no test {test} ({source})")
        elif case and not re.search(rf"\b{case}\b", tree.read(source)):
            faults.append(f"SECURITY.md: {test} has no case {case}")
    for number in range(1, SPECIFICATIONS + 1):
        if not re.search(rf"^\| T{number} .*`", text, re.MULTILINE):
            faults.append(f"SECURITY.md: no test is named for T{number}")
    tree.finish(faults)


if __name__ == "__main__":
    main()
