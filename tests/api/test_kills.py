"""SIGKILL of the control process and of the data plane at random moments, while two guests talk: the
configuration is intact, they are connected again at once, and the ledger balances.

Run by itself with a number it kills so often, and prints how long the guests were away.
"""

import os
import queue
import random
import signal
import statistics
import subprocess
import sys
import threading
import time

from api import Bed, expect, main, wait_until
from bed.process import spawn

KILLS = 16
BAR_MS = 200
IN_A_ROW = 3  # a data plane that dies five times in ten seconds is let rest, so no sluiced sees that
CHECKED = 10  # kills between looks at the configuration and the ledger

DOCUMENT = """
tenants:
  acme:
    networks: {web: {}}
    ports:
      a: {vhost-user: a.sock, network: web, macs: ["02:00:00:00:00:01"]}
      b: {vhost-user: b.sock, network: web, macs: ["02:00:00:00:00:02"]}
"""


class Guests:
    """The program two_guests, and what it says."""

    def __init__(self, switch):
        self.process = spawn([os.environ["SLUICE_TWO_GUESTS"], switch.socket("a.sock"),
                              switch.socket("b.sock")],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.said = queue.Queue()
        self.up = set()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            self.said.put(line.split())

    def await_up(self, again):
        """When the last of both was up (monotonic, in s); with @again both must have been down before."""
        down, at = set(), 0.0
        while True:
            try:
                what, guest, when = self.said.get(timeout=20)
            except queue.Empty:
                raise AssertionError(f"guests that are up: {self.up}") from None
            if what == "down":
                down.add(guest)
                self.up.discard(guest)
            else:
                self.up.add(guest)
                at = max(at, int(when) / 1e9)
            if len(self.up) == 2 and (not again or len(down) == 2):
                return at

    def unmoved(self):
        expect(self.said.qsize(), 0, "sessions lost or made")

    def end(self):
        """What became of their frames."""
        self.process.stdin.close()
        words = self.said.get(timeout=10)
        expect(self.process.wait(10), 0, "the guests' end")
        return {key: int(number) for key, number in zip(words[::2], words[1::2])}


class Kills:
    def __init__(self, bed):
        self.switch = bed.switch(DOCUMENT)
        self.export = self.switch.ctl("export").stdout
        self.generation = self.switch.status()["generation"]
        self.random = random.Random(5)
        self.guests = Guests(self.switch)
        self.guests.await_up(again=False)
        self.away_ms = []

    def kill_dataplane(self):
        pid = self.switch.dataplane_pid()
        time.sleep(self.random.uniform(0, 0.1))
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        self.away_ms.append(1000 * (self.guests.await_up(again=True) - began))

    def kill_control(self):
        time.sleep(self.random.uniform(0, 0.1))
        self.switch.kill()
        time.sleep(self.random.uniform(0, 0.02))
        self.switch.start()
        self.guests.unmoved()

    def kill(self, times):
        row = 0
        for number in range(1, times + 1):
            row = row + 1 if row < IN_A_ROW and self.random.random() < 0.55 else 0
            if row:
                self.kill_dataplane()
            else:
                self.kill_control()
            if number % CHECKED == 0 or number == times:
                self.check()

    def check(self):
        """What is configured is what was; the switch lost no frame without a reason."""
        expect(self.switch.ctl("export").stdout, self.export, "the configuration")
        expect(self.switch.status()["generation"], self.generation, "generation")

        def balanced():
            a, b = (self.switch.json("port", "show", f"acme/{name}")["ledger"] for name in "ab")
            # frames are under way: what is not counted yet is less than a ring holds
            return (0 <= a["received"] - a["delivered"] - a["dropped"] - a["consumed"] < 64
                    and 0 <= b["offered"] - b["sent"] - b["missed"] < 64 and a["received"])

        wait_until(balanced, 5, "a balanced ledger")

    def rest(self):
        """At rest it balances to the frame, and what arrived is whole and in order."""
        frames = self.guests.end()
        a, b = (self.switch.json("port", "show", f"acme/{name}")["ledger"] for name in "ab")
        expect(a["received"], a["delivered"] + a["dropped"] + a["consumed"], f"ledger of a: {a}")
        expect(b["offered"], b["sent"] + b["missed"], f"ledger of b: {b}")
        expect((frames["disordered"], frames["damaged"]), (0, 0), "frames")
        assert frames["received"] > frames["sent"] // 2, f"hardly any frames: {frames}"
        return frames


def body(report):
    times = int(sys.argv[1]) if len(sys.argv) > 1 else KILLS
    with Bed() as bed:
        test = Kills(bed)
        report.run(f"killed {times} times", test.kill, times)
        report.run("the ledger at rest", lambda: report.note(test.rest()))
        away = sorted(test.away_ms)
        report.note(f"of {times} kills {len(away)} were of the data plane; the guests were away for "
                    f"{statistics.median(away):.0f} ms (99 %: {away[len(away) * 99 // 100]:.0f}, at "
                    f"most {away[-1]:.0f}); {sum(ms > BAR_MS for ms in away)} times for longer than "
                    f"{BAR_MS} ms")
        report.run("they come back at once", expect, statistics.median(away) < BAR_MS, True,
                   f"under {BAR_MS} ms")


if __name__ == "__main__":
    main(body)
