"""A Sluice of the test's own: sluiced with private run and state directories."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time

from .process import call, spawn, stop, wait_until

READY_S = 20


class Switch:
    """Made by Bed.switch(); started by it."""

    def __init__(self, bed, name="switch", options=(), user=None, limit=None):
        """
        @options: more arguments; @user: a number to run as, instead of the test's own user;
        @limit: of open files.
        """
        self.bed = bed
        self.dir = bed.dir / name
        self.run_dir = self.dir / "run"
        self.state_dir = self.dir / "state"
        self.config_dir = self.dir / "config"
        for folder in (self.run_dir, self.state_dir, self.config_dir):
            folder.mkdir(parents=True)
            if user is not None:
                os.chown(folder, user, user)
        self.become = (["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
                       if user is not None else [])
        if limit:
            self.become += ["prlimit", f"--nofile={limit}:{limit}"]
        self.log = self.dir / "sluiced.log"
        self.options = list(options)
        self.process = None

    def start(self):
        """Start sluiced and wait until it says that it is ready."""
        began = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as log:
            self.process = spawn(
                [*self.become, self.bed.build_dir / "sluiced", "--config", self.config_dir,
                 "--state-dir", self.state_dir, "--run-dir", self.run_dir, *self.options],
                stdout=log, stderr=log)

        def ready():
            said = self.log.read_bytes()[began:].decode(errors="replace")
            if re.search(r"^(sluiced: )?ready$", said, re.MULTILINE):
                return True
            if self.process.poll() is not None:
                raise AssertionError(f"sluiced ended ({self.process.returncode}): {said.strip()}")
            return False

        wait_until(ready, READY_S, "sluiced ready")
        return self

    def kill(self):
        """SIGKILL to the control process; the data plane stays."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM: the switch ends, data plane and all."""
        stop(self.process)

    def leave(self):
        """SIGQUIT: the control process ends in order, and the data plane stays."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(5)

    def end(self):
        if self.process:
            stop(self.process)

    def dataplane_pid(self):
        return self.status()["dataplane"]["pid"]

    def kill_dataplane(self):
        """SIGKILL to the data plane; back when another one runs."""
        old = self.dataplane_pid()
        os.kill(old, signal.SIGKILL)

        def replaced():
            state = self.status()["dataplane"]
            return state["pid"] not in (0, None, old) and state["state"] == "running"

        wait_until(replaced, 10, "another data plane")

    def ctl(self, *arguments, check=True, text=None, timeout=30):
        """sluicectl; the finished process."""
        options = {"input": text} if text is not None else {}
        return call(self.bed.build_dir / "sluicectl", "--socket", self.run_dir / "control.sock",
                    *arguments, check=check, timeout=timeout, **options)

    def json(self, *arguments):
        """What a command answers, read from its JSON."""
        return json.loads(self.ctl("-o", "json", *arguments).stdout)

    def apply(self, document):
        self.ctl("apply", "-f", "-", text=document)
        return self

    def status(self):
        return self.json("status")

    def port(self, name):
        return next(p for p in self.json("port", "list") if p["name"] == name)

    def wait_up(self, *names, timeout_s=60):
        """Wait until the guests' drivers run."""
        def up():
            state = {p["name"]: p["state"] for p in self.json("port", "list")}
            return all(state.get(n) == "up" for n in names)

        wait_until(up, timeout_s, f"ports up: {', '.join(names)}")
        return self

    def drops(self, port):
        """The drop counters of a port, by reason."""
        return {d["reason"]: d["packets"] for d in self.json("drops", port)
                if d["port"] == port}

    def socket(self, name):
        return self.run_dir / name

    def log_tail(self, lines=30):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def memory_kib(self):
        """Resident memory of both processes that is theirs: guests' memory does not count."""
        pids = (self.process.pid, self.dataplane_pid())
        return sum(resident_kib(pid) for pid in pids)

    def cpu_seconds(self):
        """Processor time that both processes have used."""
        return cpu_seconds(self.process.pid) + cpu_seconds(self.dataplane_pid())


def cpu_seconds(pid):
    """Processor time that a process has used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kib(pid):
    """Resident memory of a process without the mappings of guests' memory."""
    total = 0
    counts = True
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split()
        if re.match(r"^[0-9a-f]+-[0-9a-f]+ ", line):
            counts = "memory-backend-memfd" not in line
        elif words[0] == "Rss:" and counts:
            total += int(words[1])
    return total
