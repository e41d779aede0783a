"""The demonstration, as users run it: it ends well, shows what it promises, and leaves nothing."""

import subprocess
import sys
import time

from bed import ROOT, call, main, require_root
from bed.process import spawn

DEMO = ROOT / "tests/system/demo.py"
LIMIT_S = 170
SHOWN = ("acme/vm1", "globex/box", "3 packets received", " 0 packets received",
         "tag-on-access", "unknown-unicast")


def left():
    """What a demonstration makes on the machine, as far as it is there now."""
    traces = call("ip", "-br", "link").stdout + call("ip", "netns").stdout
    return {word for word in traces.split() if word.startswith(("sluice-demo", "sl"))}


def whole():
    began, before = time.monotonic(), left()
    said = call(sys.executable, DEMO, timeout=LIMIT_S).stdout
    took = time.monotonic() - began
    missing = [words for words in SHOWN if words not in said]
    assert not missing, f"not shown: {missing}"
    assert "✗" not in said, "something was not as it should be"
    assert took < LIMIT_S, f"{took:.0f} s"
    assert left() <= before, f"left on the machine: {left() - before}"


def interrupted():
    """Ctrl-C while the guests boot."""
    before = left()
    demo = spawn([sys.executable, DEMO], stdout=subprocess.PIPE, text=True)
    for line in demo.stdout:
        if "qemu-system" in line:
            break
    demo.send_signal(2)
    demo.stdout.read()
    assert demo.wait(30) == 130, f"exit status {demo.returncode}"
    assert left() <= before, f"left on the machine: {left() - before}"


def body(report):
    require_root()
    report.run("it shows what it promises", whole)
    report.run("interrupted, it takes everything down", interrupted)


if __name__ == "__main__":
    main(body)
