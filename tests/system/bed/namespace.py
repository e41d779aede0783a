"""A network namespace: the smallest guest there is."""

import ctypes
import os
import re

from .frame import Wire
from .process import call, libc, spawn

CLONE_NEWNET = 0x40000000


class Namespace:
    """Made by Bed.namespace(); the name in the kernel is the test's own."""

    def __init__(self, name, scratch):
        self.name = name
        self.scratch = scratch
        self.scratch.mkdir()
        call("ip", "netns", "add", name)
        self.run("ip link set lo up")

    def run(self, command, check=True, timeout_s=60):
        """Run a shell command inside; its output."""
        done = call("ip", "netns", "exec", self.name, "sh", "-c", command, check=check,
                    timeout=timeout_s)
        return done.stdout

    def spawn(self, *arguments, **options):
        return spawn(["ip", "netns", "exec", self.name, *arguments], **options)

    def adopt(self, device, address=None, rename=None):
        """Take a device of the host inside, up and with an address."""
        call("ip", "link", "set", device, "netns", self.name)
        if rename:
            self.run(f"ip link set {device} name {rename}")
            device = rename
        if address:
            self.run(f"ip addr add {address} dev {device}")
        self.run(f"ip link set {device} up")
        return self

    def ping(self, address, count=3, interval_s=0.2, wait_s=2):
        """How many of @count echo requests were answered."""
        output = self.run(f"busybox ping -c {count} -i {interval_s} -W {wait_s} {address}",
                          check=False)
        found = re.search(r"(\d+) packets received", output)
        return int(found.group(1)) if found else 0

    def wire(self, device):
        """A raw socket on a device inside; it stays there when this process comes back."""
        back = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            enter(there)
            return Wire(device)
        finally:
            enter(back)
            os.close(there)
            os.close(back)

    def end(self):
        call("ip", "netns", "del", self.name, check=False)


def enter(namespace_fd):
    if libc.setns(namespace_fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
