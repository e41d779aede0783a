"""How a system test tells what it found: TAP on stdout, one line a case.

A case is a name and a function. It passes if the function returns, is skipped if it raises Skip,
and fails otherwise; diagnostics go out as `# ` lines behind it.
"""

import sys
import time
import traceback


class Skip(Exception):
    """This machine lacks what the case needs; the text says what."""


class Report:
    def __init__(self):
        self.number = 0
        self.failed = 0

    def line(self, verdict, name, remark=""):
        self.number += 1
        print(f"{verdict} {self.number} - {name}{remark}", flush=True)

    def note(self, text):
        for line in str(text).splitlines():
            print(f"# {line}", flush=True)

    def run(self, name, function, *arguments):
        """Run one case. True if it did not fail."""
        began = time.monotonic()
        try:
            function(*arguments)
        except Skip as why:
            self.line("ok", name, f" # SKIP {why}")
            return True
        except Exception:
            self.failed += 1
            self.line("not ok", name)
            self.note(traceback.format_exc())
            return False
        self.line("ok", name, f" # {time.monotonic() - began:.1f} s")
        return True


def main(body):
    """Run a test program: @body gets a Report. A Skip before the first case skips all of it."""
    from .process import become_reaper, reap_descendants

    become_reaper()
    report = Report()
    try:
        body(report)
    except Skip as why:
        report.line("ok", "all", f" # SKIP {why}")
    except Exception:
        report.failed += 1
        report.line("not ok", "set up")
        report.note(traceback.format_exc())
    finally:
        reap_descendants()
        print(f"1..{report.number}", flush=True)
    sys.exit(1 if report.failed else 0)
