"""Runs the tests that meson knows and says what came of each: the last line is the sum.

    run_suites.py --logs DIR PLAN...        PLAN: LABEL:BUILD_DIR:SUITE,SUITE...

meson holds the list of tests (tests/*/meson.build); this reads it, runs what the plans name, and
counts cases, not programs: a test of meson's protocol `tap` reports its cases one by one. Tests
that may share the machine run two at a time, the others alone and after them. Everything that a
test prints is kept in a log of its own. The exit status is 0 only if something passed and nothing
failed.

A machine may stand still for seconds while a test waits. So a program that failed is run once more,
alone, after all others, and what it says then counts; the sum names it. A sanitizer's report is
final, whenever it comes.
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
    # gcc 12 aligns the stack of detect_stack_use_after_return to 32 bytes, and no more
    "ASAN_OPTIONS": "abort_on_error=1:detect_stack_use_after_return=0:print_summary=1",
    "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}
# gcc 12's sanitizers do not know where to stand if addresses are randomised by more than 28 bits.
RANDOM_BITS = pathlib.Path("/proc/sys/vm/mmap_rnd_bits")
FIXED_LAYOUT = (["setarch", "--addr-no-randomize"]
                if RANDOM_BITS.exists() and int(RANDOM_BITS.read_text()) > 28 else [])
SANITIZER_REPORT = re.compile(r"Sanitizer: |runtime error: ")
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
        self.cases = []  # (verdict, case, remark) of the run that counts

    def add(self, verdict, case="", remark=""):
        self.cases.append((verdict, case, remark))
        tell(verdict, f"{self.name}: {case}" if case else self.name, remark)

    def failures(self):
        return [case for verdict, case, _ in self.cases if verdict == "FAILED"]


class Tally:
    """What came of the programs, summed up at the end."""

    def __init__(self, logs):
        self.logs = logs
        self.again = {}  # names of programs that were run twice, and what failed the first time

    def log_of(self, name):
        return self.logs / (re.sub(r"[/ ]", "-", name) + ".log")

    def close(self, programs):
        """The failures with the ends of their logs, the skips with their reasons, the sum."""
        counts = {"ok": 0, "FAILED": 0, "skipped": 0}
        for program in programs:
            for verdict, _, _ in program.cases:
                counts[verdict] += 1
            if program.failures():
                self.show_failures(program)
        second = [p.name for p in programs if p.name in self.again and not p.failures()]
        if second:
            print("\npassed when run once more:")
            for name in second:
                print(f"  {name}: failed first: {self.again[name]}; {self.log_of(name + '-first')}")
        skipped = [(p.name, case, remark) for p in programs
                   for verdict, case, remark in p.cases if verdict == "skipped"]
        if skipped:
            print("\nskipped, because of what this machine lacks:")
            for name, case, remark in skipped:
                print(f"  {name}: {case}: {remark}" if case else f"  {name}: {remark}")
        print(f"\n{counts['ok']} passed, {counts['FAILED']} failed, {counts['skipped']} skipped",
              flush=True)
        return 0 if counts["ok"] and not counts["FAILED"] else 1

    def show_failures(self, program):
        log = self.log_of(program.name)
        named = ", ".join(case for case in program.failures() if case)
        print(f"\n{program.name} failed: {named or 'all of it'}\n  {log}")
        for line in log.read_text(errors="replace").splitlines()[-LOG_TAIL:]:
            print(f"  | {line}")

    def run_again(self, program):
        """Once more if it failed, and not because a sanitizer found something."""
        log = self.log_of(program.name)
        if not program.failures() or SANITIZER_REPORT.search(log.read_text(errors="replace")):
            return
        self.again[program.name] = ", ".join(program.failures()) or "all of it"
        log.rename(self.log_of(program.name + "-first"))
        program.cases = []
        tell("again", program.name, "it failed: " + self.again[program.name])
        run(program, self)


telling = threading.Lock()


def tell(verdict, name, remark):
    shown = f"{verdict:8}"
    if verdict in COLOURS and sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        shown = f"\033[{COLOURS[verdict]}m{shown}\033[0m"
    with telling:
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
        cases = read_cases(program, process.stdout, log)
        status = process.wait()
        timer.cancel()
    took = f"{time.monotonic() - began:.1f} s"
    if late.is_set():
        program.add("FAILED", "", f"longer than {program.limit_s} s")
    elif program.is_tap:
        if cases == 0:
            program.add("FAILED", "", f"no case reported, exit status {status}")
        elif status != 0 and not program.failures():
            program.add("FAILED", "", f"exit status {status}")
    elif status == SKIP_STATUS:
        program.add("skipped", "", last_line(tally.log_of(program.name)))
    else:
        program.add("ok" if status == 0 else "FAILED", "",
                  took if status == 0 else f"exit status {status}")


def read_cases(program, stdout, log):
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
                program.add("skipped", "", plan.group(2) or "")
                return 1
        elif case:
            cases += 1
            count_case(program, case)
    if planned is not None and 0 < cases != planned:
        program.add("FAILED", "", f"{cases} of {planned} cases reported")
    return cases


def count_case(program, case):
    remark = case.group("remark") or ""
    if case.group("no"):
        program.add("FAILED", case.group("name"))
    elif remark.upper().startswith("SKIP"):
        program.add("skipped", case.group("name"), remark[4:].strip())
    else:
        program.add("ok", case.group("name"), remark)


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
    for program in programs:
        tally.run_again(program)
    sys.exit(tally.close(programs))


if __name__ == "__main__":
    main()
