"""Ports that are interfaces of the kernel: made, found, followed when they go and come, never stolen.

    a namespace on a veth, whose other end is a device port, and one on a tap; one network
"""

import fcntl
import os
import struct
import time

from api import Bed, call, expect, main, require_root, wait_until

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
PROMPT_S = 5  # a shared machine is slow; an idle one needs milliseconds

DOCUMENT = """
tenants:
  acme:
    networks: {web: {mtu: 1400}}
"""


class Interfaces:
    def __init__(self, bed):
        require_root()
        self.bed = bed
        self.switch = bed.switch(DOCUMENT)
        self.far = bed.namespace()

    def add(self, name, *options):
        return self.switch.ctl("port", "add", f"acme/{name}", "--network", "web", *options)

    def delete(self, name):
        self.switch.ctl("port", "delete", f"acme/{name}")

    def await_state(self, name, state):
        return wait_until(lambda: self.switch.port(f"acme/{name}")["state"] == state, PROMPT_S,
                          f"{name} {state}")

    def text(self, name):
        return self.switch.port(f"acme/{name}")["text"]

    def link(self, name):
        """What the kernel says about a link of the host; empty if there is none."""
        return call("ip", "-o", "link", "show", name, check=False).stdout

    def tap_is_made(self):
        """With the network's mtu, the address that is bound, and up; gone with its port."""
        tap = self.bed.unique("slt")
        self.add("t", "--tap", tap, "--mac", "52:54:00:00:0b:01")
        link = self.link(tap)
        for piece in ("mtu 1400", "52:54:00:00:0b:01", ",UP"):
            assert piece in link, link
        self.switch.ctl("network", "set", "acme/web", "--mtu", "1450")
        assert "mtu 1450" in self.link(tap), self.link(tap)
        self.switch.ctl("port", "set", "acme/t", "--mac", "52:54:00:00:0b:02")
        assert "52:54:00:00:0b:02" in self.link(tap), self.link(tap)
        self.switch.ctl("network", "set", "acme/web", "--mtu", "1400")
        call("ip", "link", "set", tap, "down")
        self.await_state("t", "down")
        call("ip", "link", "set", tap, "up")
        self.await_state("t", "up")
        self.delete("t")
        wait_until(lambda: not self.link(tap), PROMPT_S, "the tap is gone")

    def tap_has_queues(self):
        tap = self.bed.unique("slt")
        self.add("q", "--tap", tap, "--queues", "3")
        expect(self.queues("q"), 3, "queues")
        # as many as the interface has: one a queue pair
        queues = os.listdir(f"/sys/class/net/{tap}/queues")
        expect(sum(q.startswith("rx-") for q in queues), 3, f"of {queues}")
        self.switch.ctl("port", "set", "acme/q", "--queues", "1")
        # another interface of the same name: it is made as soon as the old one is quite gone
        wait_until(lambda: self.queues("q") == 1, PROMPT_S, "one queue")
        self.await_state("q", "up")
        self.delete("q")

    def queues(self, name):
        return self.switch.json("port", "show", f"acme/{name}")["queues_running"]

    def tap_is_deleted(self):
        """Somebody deletes the interface: it is made again."""
        tap = self.bed.unique("slt")
        self.add("d", "--tap", tap)
        number = self.link(tap).split(":")[0]
        call("ip", "link", "delete", tap)
        wait_until(lambda: self.link(tap).split(":")[0] not in ("", number), PROMPT_S, "a new tap")
        self.await_state("d", "up")
        self.delete("d")

    def name_is_taken(self):
        """An interface of that name that is no tap of ours is left alone, until it is gone."""
        tap = self.bed.unique("slt")
        call("ip", "link", "add", tap, "type", "bridge")
        done = self.add("n", "--tap", tap)
        assert tap in done.stderr and "not such a tap" in done.stderr, done.stderr
        expect(self.switch.port("acme/n")["state"], "failed", "state")
        call("ip", "link", "delete", tap)
        self.await_state("n", "up")
        expect(self.text("n"), None, "what was wrong is forgotten")
        self.delete("n")

    def tap_is_in_use(self):
        tap = self.bed.unique("slt")
        with open("/dev/net/tun", "r+b", buffering=0) as other:
            fcntl.ioctl(other, TUNSETIFF, struct.pack("16sH22x", tap.encode(), IFF_TAP | IFF_NO_PI))
            done = self.add("u", "--tap", tap)
            assert "in use by another program" in done.stderr, done.stderr
        self.await_state("u", "up")
        self.delete("u")

    def tap_is_renamed_by_commit(self):
        """One commit gives a tap's name to another port, and takes another name for the first."""
        one, two = self.bed.unique("slt"), self.bed.unique("slt")
        ports = "    ports: {{x: {{tap: {}, network: web}}, y: {{tap: {}, network: web}}}}\n"
        for names in ((one, two), (two, one), (one, two)):
            self.switch.ctl("apply", "-f", "-", text=DOCUMENT + ports.format(*names))
            self.await_state("x", "up")
            self.await_state("y", "up")
        self.delete("x")
        self.delete("y")

    def device_comes_late(self):
        veth, peer = self.bed.unique("slv"), self.bed.unique("slp")
        done = self.add("v", "--device", veth)
        assert f"there is no interface {veth}" in done.stderr, done.stderr
        expect(self.switch.port("acme/v")["state"], "failed", "state")
        call("ip", "link", "add", veth, "type", "veth", "peer", "name", peer)
        call("ip", "link", "set", peer, "up")
        self.await_state("v", "up")
        self.veth, self.peer = veth, peer

    def device_goes_down(self):
        call("ip", "link", "set", self.veth, "down")
        self.await_state("v", "down")
        call("ip", "link", "set", self.veth, "up")
        self.await_state("v", "up")
        call("ip", "link", "set", self.peer, "down")  # no carrier
        self.await_state("v", "down")
        call("ip", "link", "set", self.peer, "up")
        self.await_state("v", "up")

    def carries(self):
        """The port works: a namespace behind it reaches one on a tap."""
        tap = self.bed.unique("slt")
        self.switch.ctl("port", "add", "acme/w", "--network", "web", "--tap", tap)
        near = self.bed.namespace()
        near.adopt(tap, "10.0.0.1/24", rename="eth0")
        self.far.adopt(self.peer, "10.0.0.2/24", rename="eth0")
        wait_until(lambda: near.ping("10.0.0.2", count=1, wait_s=1), 5, "ping")
        expect(self.switch.port("acme/w")["state"], "up", "a tap in another namespace")
        self.near = near

    def device_is_replaced(self, during):
        """Another interface of the same name, with another number: the port follows."""
        self.peer = self.bed.unique("slp")
        with during(self):
            call("ip", "link", "delete", self.veth)
            call("ip", "link", "add", self.veth, "type", "veth", "peer", "name", self.peer)
            self.far.adopt(self.peer, "10.0.0.2/24", rename="eth0")
        self.await_state("v", "up")
        self.near.run("ip neigh flush dev eth0")  # the new interface has another address
        wait_until(lambda: self.near.ping("10.0.0.2", count=1, wait_s=1), 5, "ping")

    def device_vanishes(self):
        call("ip", "link", "delete", self.veth)
        self.await_state("v", "failed")
        self.delete("v")
        self.delete("w")

    def idle(self):
        """Ports that wait for what does not come cost next to nothing."""
        for i in range(20):
            self.add(f"i{i}", "--device", f"slx{os.getpid() % 100000}n{i}")
            self.add(f"j{i}", "--vhost-user", f"j{i}.sock", "--mode", "client")
        time.sleep(3)  # until they have slowed down
        before = self.switch.cpu_seconds()
        time.sleep(3)
        used = self.switch.cpu_seconds() - before
        assert used < 0.15, f"{used:.2f} s of processor time in 3 s"


class NoMatter:
    """It happens under a running control process."""

    def __init__(self, _):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Away:
    """It happens while there is no control process."""

    def __init__(self, test):
        self.switch = test.switch

    def __enter__(self):
        self.switch.kill()

    def __exit__(self, *_):
        self.switch.start()


def body(report):
    with Bed() as bed:
        test = Interfaces(bed)
        report.run("a tap is made as the port says", test.tap_is_made)
        report.run("a tap with several queues", test.tap_has_queues)
        report.run("a tap that somebody deletes", test.tap_is_deleted)
        report.run("a tap's name is taken", test.name_is_taken)
        report.run("a tap is in use", test.tap_is_in_use)
        report.run("taps change their names in one commit", test.tap_is_renamed_by_commit)
        report.run("a device that comes late", test.device_comes_late)
        report.run("a device goes down", test.device_goes_down)
        report.run("a device carries frames", test.carries)
        report.run("a device is replaced", test.device_is_replaced, NoMatter)
        report.run("a device is replaced while sluiced is away", test.device_is_replaced, Away)
        report.run("a device vanishes", test.device_vanishes)
        report.run("waiting costs nothing", test.idle)


if __name__ == "__main__":
    main(body)
