#!/usr/bin/env python3
"""What a frame costs the switch, in instructions, and that it does not grow.

bench/frame_cost runs under callgrind, which counts inside of pipeline_run() and nowhere else. That
number does not depend on how fast or how busy a machine is, only on code and compiler; so it may
be compared with the one in bench/frame_cost.json. A case fails that costs over five per cent more.
One that costs over five per cent less says so: write the new number down (--write does), or the
next growth hides in what was won.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

TOLERANCE = 0.05
BURSTS = 300


def count(program, arguments):
    """Instructions a frame."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "counts"
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--toggle-collect=pipeline_run",
             f"--callgrind-out-file={out}", program, "--bursts", str(BURSTS), *arguments.split()],
            capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"frame_cost {arguments}: exit {done.returncode}\n{done.stderr}")
        total = re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE)
    return int(total.group(1)) / int(done.stdout)


def main():
    program, table_path, *rest = sys.argv[1:]
    table_path = Path(table_path)
    table = json.loads(table_path.read_text())
    print(f"1..{len(table['cases'])}")
    failed = False
    for number, case in enumerate(table["cases"], 1):
        cost, known = count(program, case["arguments"]), case["instructions"]
        good = cost <= known * (1 + TOLERANCE)
        failed |= not good
        print(f"{'ok' if good else 'not ok'} {number} - {case['name']}: {cost:.0f} instructions, "
              f"{known} were written down")
        if cost < known * (1 - TOLERANCE):
            print("# better than what is written down: run this again with --write")
        case["instructions"] = round(cost)
    if "--write" in rest:
        cases = ",\n".join(f"\t\t{json.dumps(case)}" for case in table["cases"])
        table_path.write_text(f'{{\n\t"what": {json.dumps(table["what"])},\n'
                              f'\t"cases": [\n{cases}\n\t]\n}}\n')
    return 1 if failed and "--write" not in rest else 0


if __name__ == "__main__":
    sys.exit(main())
