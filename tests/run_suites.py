"""Runs the tests that meson knows and says what came of each: the last line is the sum.

    run_suites.py --logs DIR PLAN...        PLAN: LABEL:BUILD_DIR:SUITE,SUITE...

meson holds the list of tests (tests/*/meson.build); this reads it, runs what the plans name, and
counts cases, not programs: a test of meson's protocol `tap` reports its cases one by one. Tests
that may share the machine run two at a time, the others alone and after them. Everything that a
test prints is kept in a log of its own. The exit status is 0 only if something passed and nothing
failed.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

JOBS = 2
SKIP_STATUS = 77  # of a test without TAP: this machine lacks something
LOG_TAIL = 25
SLOWER = {"asan": 5, "tsan": 10}
TAP_CASE = re.compile(r"(?P<no>not )?ok\b *\d*(?: *- *|\s*)(?P<name>[^#]*?)\s*"
                      r"(?:#\s*(?P<remark>.*))?$")
TAP_PLAN = re.compile(r"1\.\.(\d+)(?:\s*#\s*(?:skip|SKIP)\S*\s*(.*))?$")
SANITIZERS = {
    "ASAN_OPTIONS": "abort_on_error=1:detect_stack_use_after_return=1:print_summary=1",
    "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}
# gcc 12's sanitizers do not know where to stand if addresses are randomised by more than 28 bits.
RANDOM_BITS = pathlib.Path("/proc/sys/vm/mmap_rnd_bits")
FIXED_LAYOUT = (["setarch", "--addr-no-randomize"]
                if RANDOM_BITS.exists() and int(RANDOM_BITS.read_text()) > 28 else [])
COLOURS = {"ok": "32", "FAILED": "31", "skipped": "33"}


class Program:
    """One test of meson's list, under one plan."""

    def __init__(self, label, build_dir, suite, entry):
        self.label = label
        self.build_dir = build_dir
        self.suite = suite
        self.command = (FIXED_LAYOUT if label else []) + entry["cmd"]
        self.environment = entry["env"]
        self.workdir = entry["workdir"]
        self.limit_s = entry["timeout"] * SLOWER.get(label, 1)
        self.is_parallel = entry["is_parallel"]
        self.is_tap = entry["protocol"] == "tap"
        self.name = f"{label}/{suite}/{entry['name']}" if label else f"{suite}/{entry['name']}"


class Tally:
    """What came of the cases, told as it happens and summed up at the end."""

    def __init__(self, logs):
        self.logs = logs
        self.lock = threading.Lock()
        self.counts = {"ok": 0, "FAILED": 0, "skipped": 0}
        self.skipped = []
        self.failed = {}

    def add(self, program, verdict, case, remark=""):
        with self.lock:
            self.counts[verdict] += 1
            if verdict == "skipped":
                self.skipped.append((program.name, case, remark))
            if verdict == "FAILED":
                self.failed.setdefault(program.name, []).append(case)
            name = f"{program.name}: {case}" if case else program.name
            tell(verdict, name, remark)

    def log_of(self, name):
        return self.logs / (name.replace("/", "-") + ".log")

    def close(self):
        """The failures with the ends of their logs, the skips with their reasons, the sum."""
        for name, cases in self.failed.items():
            log = self.log_of(name)
            print(f"\n{name} failed: {', '.join(c for c in cases if c) or 'all of it'}\n  {log}")
            for line in log.read_text(errors="replace").splitlines()[-LOG_TAIL:]:
                print(f"  | {line}")
        if self.skipped:
            print("\nskipped, because of what this machine lacks:")
            for name, case, remark in self.skipped:
                print(f"  {name}: {case}: {remark}" if case else f"  {name}: {remark}")
        print(f"\n{self.counts['ok']} passed, {self.counts['FAILED']} failed, "
              f"{self.counts['skipped']} skipped", flush=True)
        return 0 if self.counts["ok"] and not self.counts["FAILED"] else 1


def tell(verdict, name, remark):
    shown = f"{verdict:8}"
    if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        shown = f"\033[{COLOURS[verdict]}m{shown}\033[0m"
    print(f"{shown}{name}" + (f"  ({remark})" if remark else ""), flush=True)


def programs_of(plan):
    """The programs that a plan names, in the order of its suites."""
    label, build_dir, suites = plan.split(":")
    listed = json.loads(subprocess.run(["meson", "introspect", "--tests", build_dir],
                                       capture_output=True, text=True, check=True).stdout)
    for suite in suites.split(","):
        for entry in listed:
            if suite in {s.rsplit(":", 1)[-1] for s in entry["suite"]}:
                yield Program(label, build_dir, suite, entry)


def run(program, tally):
    """Run one program to its end or its limit, and count its cases."""
    began = time.monotonic()
    environment = {**os.environ, **SANITIZERS, **program.environment,
                   "CMOCKA_MESSAGE_OUTPUT": "TAP"}
    with open(tally.log_of(program.name), "w", encoding="utf-8") as log:
        process = subprocess.Popen(program.command, cwd=program.workdir or program.build_dir,
                                   env=environment, stdin=subprocess.DEVNULL, text=True,
                                   errors="replace", stdout=subprocess.PIPE, stderr=log,
                                   start_new_session=True)
        late = threading.Event()
        timer = threading.Timer(program.limit_s, end_group, (process, late))
        if program.limit_s > 0:
            timer.start()
        cases = read_cases(program, process.stdout, log, tally)
        status = process.wait()
        timer.cancel()
    took = f"{time.monotonic() - began:.1f} s"
    if late.is_set():
        tally.add(program, "FAILED", "", f"longer than {program.limit_s} s")
    elif program.is_tap:
        if cases == 0:
            tally.add(program, "FAILED", "", f"no case reported, exit status {status}")
        elif status != 0 and program.name not in tally.failed:
            tally.add(program, "FAILED", "", f"exit status {status}")
    elif status == SKIP_STATUS:
        tally.add(program, "skipped", "", last_line(tally.log_of(program.name)))
    else:
        tally.add(program, "ok" if status == 0 else "FAILED", "",
                  took if status == 0 else f"exit status {status}")


def read_cases(program, stdout, log, tally):
    """Copy a program's output to its log; if it is TAP, count its cases. How many there were."""
    cases = 0
    planned = None
    for line in stdout:
        log.write(line)
        log.flush()
        if not program.is_tap:
            continue
        plan = TAP_PLAN.match(line.strip())
        case = TAP_CASE.match(line.strip())
        if plan:
            planned = int(plan.group(1))
            if planned == 0:
                tally.add(program, "skipped", "", plan.group(2) or "")
                return 1
        elif case:
            cases += 1
            count_case(program, case, tally)
    if planned is not None and planned != cases:
        tally.add(program, "FAILED", "", f"{cases} of {planned} cases reported")
    return cases


def count_case(program, case, tally):
    remark = case.group("remark") or ""
    if case.group("no"):
        tally.add(program, "FAILED", case.group("name"))
    elif remark.upper().startswith("SKIP"):
        tally.add(program, "skipped", case.group("name"), remark[4:].strip())
    else:
        tally.add(program, "ok", case.group("name"), remark)


def end_group(process, late):
    """The time is over: SIGTERM to what the test started, SIGKILL to what does not mind it."""
    late.set()
    for number, wait_s in ((signal.SIGTERM, 10), (signal.SIGKILL, 0)):
        try:
            os.killpg(process.pid, number)
            process.wait(wait_s or None)
            return
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return


def last_line(path):
    lines = path.read_text(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--logs", type=pathlib.Path, required=True)
    parser.add_argument("plans", nargs="+", metavar="LABEL:BUILD_DIR:SUITE,...")
    arguments = parser.parse_args()
    arguments.logs.mkdir(parents=True, exist_ok=True)
    tally = Tally(arguments.logs)
    programs = [p for plan in arguments.plans for p in programs_of(plan)]
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for done in [pool.submit(run, p, tally) for p in programs if p.is_parallel]:
            done.result()
    for program in programs:
        if not program.is_parallel:
            run(program, tally)
    sys.exit(tally.close())


if __name__ == "__main__":
    main()
