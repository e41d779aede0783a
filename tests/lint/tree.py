"""What the lints look at: the project's files, and C code seen as comments, tokens and functions.

The code keeps the kernel's layout (a function's braces stand in column one), so a few regular
expressions find functions exactly; the format check sees to that layout.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE_FOLDERS = ("vhost", "switch", "control", "tests", "bench")

PIECES = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*)"""
    r"""|(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""",
    re.DOTALL)
FUNCTION = re.compile(r"^(?P<head>[A-Za-z_][^\n;{}#]*(?:\n[ \t][^\n;{}]*)*\))\n\{\n", re.MULTILINE)
NAME_BEFORE_PARENTHESIS = re.compile(r"([A-Za-z_]\w*)\(")


def project_files():
    """The files that are, or are about to be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        names = [n for n in listed.stdout.split("\0") if n]
    else:  # not a clone: everything but build directories
        names = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*")
                 if p.is_file() and not str(p.relative_to(ROOT)).startswith(("build", "."))]
    return sorted(n for n in names if (ROOT / n).is_file())


def c_files():
    return [n for n in project_files()
            if n.endswith((".c", ".h")) and n.split("/")[0] in CODE_FOLDERS]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


def blank(text):
    """As many lines, nothing on them."""
    return "\n" * text.count("\n")


def comments(text):
    """(line, comment) of each comment."""
    for piece in PIECES.finditer(text):
        if piece.group("comment"):
            yield text.count("\n", 0, piece.start()) + 1, piece.group()


def without_comments(text):
    return PIECES.sub(lambda p: blank(p.group()) or " " if p.group("comment") else p.group(), text)


def code(text):
    """Without comments and the contents of strings; lines keep their numbers."""
    return PIECES.sub(
        lambda p: blank(p.group()) or " " if p.group("comment") else p.group()[0] * 2, text)


def functions(text):
    """(name, line, lines) of each function defined; lines are those between the braces."""
    bare = code(text)
    for match in FUNCTION.finditer(bare):
        end = bare.find("\n}", match.end() - 2)
        named = NAME_BEFORE_PARENTHESIS.search(match.group("head"))
        if end < 0 or not named:
            continue
        yield (named.group(1), bare.count("\n", 0, match.start()) + 1,
               bare.count("\n", match.end(), end + 1))


def finish(faults):
    """Print the faults, each `file:line: what`; the exit status says whether there were any."""
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)
