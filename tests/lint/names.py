"""Comments that name what does not exist: `ident()` must be in the code, `@ident` in the same file.

This is what keeps the theory at the head of a file from drifting away from the code below it.
"""

import re

import tree

CALL = re.compile(r"(?<![\w.>-])([a-z_]\w*)\(\)")
ARGUMENT = re.compile(r"(?<!\w)@([a-z_]\w*)")
WORD = re.compile(r"[A-Za-z_]\w*")

# Functions of others that comments may speak of though no line of ours calls them.
OF_OTHERS = {
    "assert", "chmod", "exit", "fork", "free", "getrandom", "main", "malloc", "memcpy", "mmap",
    "munmap", "poll", "read", "write",
}


def main():
    texts = {name: tree.read(name) for name in tree.c_files()}
    # strings count: a macro may build a name, a table may spell one
    words = {name: set(WORD.findall(tree.without_comments(text))) for name, text in texts.items()}
    everywhere = set().union(*words.values()) | OF_OTHERS
    faults = []
    for name, text in texts.items():
        for line, comment in tree.comments(text):
            for pattern, known, form in ((CALL, everywhere, "{}()"), (ARGUMENT, words[name], "@{}")):
                for match in pattern.finditer(comment):
                    if match.group(1) not in known:
                        at = line + comment.count("\n", 0, match.start())
                        faults.append(f"{name}:{at}: the comment names "
                                      f"{form.format(match.group(1))}, which does not exist")
    tree.finish(faults)


if __name__ == "__main__":
    main()
