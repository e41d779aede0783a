"""Says which lines the tests have run: per folder, and per file where it matters most.

    coverage.py BUILD_DIR       a build with -Db_coverage=true whose tests have been run

A line counts once, wherever it was compiled in (inline functions are in many objects). What faces
guests and documents must reach 95 % in sum, or the exit status is 1. The data plane's process cannot
write what it counted, for its sandbox: what is seen is what ran inside of the tests' own processes.
"""

import collections
import concurrent.futures
import json
import pathlib
import subprocess
import sys

FOLDERS = ("vhost", "switch", "control")
BAR = 95.0
PARSER = ("control/document", "control/node", "control/reading", "control/rule", "control/quantity",
          "control/address", "control/problem")
ROOT = pathlib.Path(__file__).resolve().parent.parent


def counts_of(build, notes):
    """{(file, line): count} of one object."""
    done = subprocess.run(["gcov", "--json-format", "--stdout", str(notes)], cwd=build,
                          capture_output=True, text=True)
    counts = {}
    for text in done.stdout.splitlines():
        for source in json.loads(text)["files"]:
            path = (build / source["file"]).resolve()
            if not path.is_relative_to(ROOT):
                continue
            name = str(path.relative_to(ROOT))
            if name.split("/")[0] in FOLDERS:
                for line in source["lines"]:
                    key = name, line["line_number"]
                    counts[key] = max(counts.get(key, 0), line["count"])
    return counts


def lines_of(build):
    """{file: {line: count}}, the best of all objects."""
    lines = collections.defaultdict(dict)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for counts in pool.map(lambda notes: counts_of(build, notes), build.rglob("*.gcno")):
            for (name, line), count in counts.items():
                lines[name][line] = max(lines[name].get(line, 0), count)
    return lines


def print_row(name, lines):
    run = sum(count > 0 for count in lines)
    percent = 100 * run / len(lines) if lines else 0.0
    print(f"{name:40} {run:6} of {len(lines):6} {percent:6.1f} %")
    return percent


def print_missing(name, lines):
    missing = sorted(line for line, count in lines.items() if count == 0)
    if missing:
        print(f"    {name}: " + " ".join(map(str, missing)))


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    lines = lines_of(build)
    if not lines:
        sys.exit(f"coverage: nothing was counted in {build}")
    groups = {folder + "/": folder + "/" for folder in FOLDERS}
    for title, prefix in groups.items():
        print_row(title, [c for name in lines if name.startswith(prefix) for c in lines[name].values()])
    print()
    short = False
    for title, prefixes in (("what faces guests: vhost/", ("vhost/",)), ("what reads documents", PARSER)):
        names = sorted(name for name in lines if name.startswith(prefixes))
        percent = print_row(title, [c for name in names for c in lines[name].values()])
        for name in names:
            print_row("  " + name, list(lines[name].values()))
        for name in names:
            print_missing(name, lines[name])
        short |= percent < BAR
    sys.exit(f"coverage: less than {BAR:.0f} % of what matters most" if short else 0)


main()
