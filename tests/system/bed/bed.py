"""The bed of a test: what it starts, it ends, in the reverse order and whatever happens."""

import os
import pathlib
import shutil
import tempfile

from . import guest as guests
from .namespace import Namespace
from .process import call
from .report import Skip
from .switch import Switch
from .testpmd import Hugepages, Testpmd

ROOT = pathlib.Path(__file__).resolve().parents[3]


class Bed:
    """
    Use as a context. Its directory is short-lived and has a short path: a Unix socket's name
    has 108 bytes.
    """

    def __init__(self, directory=None, build_dir=None):
        build_dir = build_dir or os.environ.get("SLUICE_BUILD", ROOT / "build")
        self.build_dir = pathlib.Path(build_dir).resolve()
        self.dir = pathlib.Path(directory or tempfile.mkdtemp(prefix="sluice-"))
        self.dir.mkdir(exist_ok=True)
        self.dir.chmod(0o755)
        self.things = []
        self.names = 0

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, AssertionError):
            for thing in self.things:
                if isinstance(thing, Switch) and thing.log.exists():
                    error.args = (f"{error}\nsluiced's log ends:\n{thing.log_tail()}",)
        while self.things:
            self.things.pop().end()
        shutil.rmtree(self.dir, ignore_errors=True)

    def keep(self, thing):
        self.things.append(thing)
        return thing

    def unique(self, stem):
        """A name that no other test on this machine uses: for namespaces and devices (15 bytes)."""
        self.names += 1
        return f"{stem}{os.getpid() % 100000}{chr(96 + self.names)}"

    def switch(self, document=None, **options):
        """A running Sluice, with a document applied."""
        switch = self.keep(Switch(self, **options)).start()
        return switch.apply(document) if document else switch

    def namespace(self):
        require_root()
        name = self.unique("sl")
        return self.keep(Namespace(name, self.dir / name))

    def veth(self, namespace, inside, address=None):
        """A pair of devices: one in @namespace, named @inside; the name of the other, on the host."""
        outside, peer = self.unique("slv"), self.unique("slp")
        call("ip", "link", "add", outside, "type", "veth", "peer", "name", peer)
        call("ip", "link", "set", outside, "up")
        namespace.adopt(peer, address, rename=inside)
        return outside

    def hugepages(self, mib):
        return self.keep(Hugepages(self.dir / "huge", mib))

    def testpmd(self, name, vdevs, hugepages, **options):
        """DPDK's testpmd with virtio-user ports; ready() waits for its prompt."""
        return self.keep(Testpmd(self, name, vdevs, hugepages, **options))

    def guest(self, name, *nics, **options):
        """A guest that has been started; guest.booted() waits for it."""
        return self.keep(guests.Guest(self, name, nics, **options)).start()


def require_root():
    if os.geteuid() != 0:
        raise Skip("needs root (network namespaces, taps)")
