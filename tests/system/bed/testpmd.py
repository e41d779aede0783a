"""DPDK's testpmd as a guest without a virtual machine: a virtio driver that nobody here wrote.

It needs huge pages; Hugepages reserves a few for as long as a test runs and gives them back.
"""

import os
import pathlib
import re
import subprocess
import time

from .process import call, spawn, stop, wait_until
from .report import Skip

PAGE_KIB = 2048
RESERVED = pathlib.Path(f"/sys/kernel/mm/hugepages/hugepages-{PAGE_KIB}kB/nr_hugepages")


class Hugepages:
    """Made by Bed.hugepages(): @mib of them, and a hugetlbfs of the test's own."""

    def __init__(self, directory, mib):
        if os.geteuid() != 0 or not RESERVED.exists():
            raise Skip("no huge pages of 2 MiB to reserve")
        self.before = int(RESERVED.read_text())
        wanted = self.before + mib * 1024 // PAGE_KIB
        RESERVED.write_text(str(wanted))
        if int(RESERVED.read_text()) < wanted:
            RESERVED.write_text(str(self.before))
            raise Skip(f"no room for {mib} MiB of huge pages")
        self.path = pathlib.Path(directory)
        self.path.mkdir()
        call("mount", "-t", "hugetlbfs", "none", self.path)

    def end(self):
        call("umount", "--lazy", self.path, check=False)
        RESERVED.write_text(str(self.before))


class Testpmd:
    """
    One testpmd with one or more virtio-user ports. @vdevs: their device strings without the
    name, e.g. `path=...,mac=...,server=1`. Runs interactively: say() types a command.
    """

    MEMORY_MIB = 64

    def __init__(self, bed, name, vdevs, hugepages, core=0, forward="io", options=()):
        program = "/usr/bin/dpdk-testpmd"
        if not os.path.exists(program):
            raise Skip("no testpmd: install dpdk-dev")
        self.name = name
        self.log = bed.dir / f"{name}.log"
        # its stdout is no terminal, and would tell nothing until a block is full
        arguments = ["stdbuf", "-oL", program, "--lcores", f"0@{core},1@{core}", "-m", str(self.MEMORY_MIB),
                     "--single-file-segments", "--no-pci", "--no-telemetry",
                     f"--file-prefix={bed.dir.name}-{name}", "--huge-dir", hugepages.path]
        for number, vdev in enumerate(vdevs):
            arguments += ["--vdev", f"net_virtio_user{number},{vdev}"]
        arguments += ["--", "-i", "--total-num-mbufs=4096", f"--forward-mode={forward}", *options]
        self.process = spawn(arguments, stdin=subprocess.PIPE, stdout=open(self.log, "wb"),
                             stderr=subprocess.STDOUT)
        self.read_from = 0

    def ready(self, timeout_s=30):
        """Wait for the prompt."""
        self.await_match(r"testpmd> ", timeout_s)
        return self

    def await_match(self, pattern, timeout_s=10):
        """Wait until what it has said since the last command matches; the match."""
        def said():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended: {self.tail()}")
            news = self.log.read_bytes()[self.read_from:].decode(errors="replace")
            return re.search(pattern, news, re.DOTALL)

        return wait_until(said, timeout_s, f"{self.name}: {pattern!r}: {self.tail()}")

    def say(self, command, answer=r"testpmd> ", timeout_s=10):
        """Type a command and wait for an answer that matches; the match."""
        self.read_from = self.log.stat().st_size
        self.process.stdin.write(f"{command}\n".encode())
        self.process.stdin.flush()
        return self.await_match(answer, timeout_s)

    def counts(self, port=0):
        """(received, sent) packets of a port."""
        shown = self.say(f"show port stats {port}", r"RX-packets:\s*(\d+).*TX-packets:\s*(\d+)")
        return int(shown.group(1)), int(shown.group(2))

    def wait_received(self, at_least, port=0, timeout_s=10):
        """Wait until the port has received that many packets; how many it has."""
        deadline = time.monotonic() + timeout_s
        while True:
            received = self.counts(port)[0]
            if received >= at_least:
                return received
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.name}: {received} of {at_least} packets received")
            time.sleep(0.1)

    def tail(self):
        return self.log.read_text(errors="replace")[-600:]

    def end(self):
        if self.process.poll() is None:
            try:
                self.process.stdin.write(b"quit\n")
                self.process.stdin.flush()
                self.process.wait(5)
            except (OSError, subprocess.TimeoutExpired):
                pass
        stop(self.process)
