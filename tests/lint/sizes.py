"""Functions of at most 70 lines, files of at most 800: what does not fit is two nouns.

An exception stands below with its reason, and is removed when it is no longer one.
"""

import tree

FUNCTION_LINES = 70
FILE_LINES = 800

LONG_FUNCTIONS = {
    # "file:function": "why it reads better whole",
}
LONG_FILES = {
    # "file": "why it is one noun",
}


def main():
    faults = []
    needed = set()
    for name in tree.c_files():
        text = tree.read(name)
        lines = text.count("\n")
        if lines > FILE_LINES:
            needed.add(name)
            if name not in LONG_FILES:
                faults.append(f"{name}: {lines} lines, at most {FILE_LINES}")
        for function, line, length in tree.functions(text):
            if length > FUNCTION_LINES:
                needed.add(f"{name}:{function}")
                if f"{name}:{function}" not in LONG_FUNCTIONS:
                    faults.append(f"{name}:{line}: {function}() has {length} lines, "
                                  f"at most {FUNCTION_LINES}")
    for exception in sorted({*LONG_FUNCTIONS, *LONG_FILES} - needed):
        faults.append(f"{exception}: is no exception any more, remove it from tests/lint/sizes.py")
    tree.finish(faults)


if __name__ == "__main__":
    main()
