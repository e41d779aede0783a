"""DPDK's virtio-user as a guest: a driver that nobody here wrote, at a speed that no QEMU here has.

Two testpmd x and y and a namespace n on a tap, on one network. x sends and y receives, then they
change places; n sends y frames of random content, which y sends back. Split and packed rings, with
and without mergeable buffers, in order, vectorized; Sluice listening or dialling; a data plane replaced.
"""

import os
import time

from bed import Bed, main, wait_until
from bed.frame import frame

SENDER, RECEIVER = "52:54:00:00:06:01", "52:54:00:00:06:02"
NAMESPACE = "52:54:00:00:06:03"
SIZES = (0, 1, 100, 113, 114, 115, 500, 1000, 1486)  # bytes behind a header of 14 and a marker of 14
SECONDS = 1.0
# name: (mode of the port, device arguments)
PATHS = {
    "split, mergeable, Sluice listens": ("server", "mrg_rxbuf=1"),
    "split, not mergeable, Sluice listens": ("server", "mrg_rxbuf=0"),
    "split, in order, Sluice listens": ("server", "in_order=1"),
    "split, vectorized, Sluice listens": ("server", "mrg_rxbuf=0,in_order=1,vectorized=1"),
    "packed, Sluice listens": ("server", "packed_vq=1"),
    "packed, in order, not mergeable, Sluice listens": ("server",
                                                        "packed_vq=1,in_order=1,mrg_rxbuf=0"),
    "split, mergeable, Sluice dials": ("client", "mrg_rxbuf=1,server=1"),
    "split, not mergeable, Sluice dials": ("client", "mrg_rxbuf=0,server=1"),
    "packed, Sluice dials": ("client", "packed_vq=1,server=1"),
}


def document(mode, tap):
    return ("tenants:\n  acme:\n    networks: {web: {}}\n    ports:\n"
            f"      x: {{vhost-user: x.sock, mode: {mode}, network: web}}\n"
            f"      y: {{vhost-user: y.sock, mode: {mode}, network: web}}\n"
            f"      n: {{tap: {tap}, network: web}}\n")


def vdev(switch, name, mac, arguments):
    return f"path={switch.socket(name)},mac={mac},queue_size=256,{arguments}"


class Pair:
    def __init__(self, bed, switch, hugepages, arguments, generation):
        options = {
            "x": ["--eth-peer", f"0,{RECEIVER}"],
            "y": ["--eth-peer", f"0,{SENDER}"],
        }
        self.switch = switch
        self.x, self.y = (
            bed.testpmd(f"{name}{generation}", [vdev(switch, f"{name}.sock", mac, arguments)],
                        hugepages, options=options[name])
            for name, mac in (("x", SENDER), ("y", RECEIVER)))
        self.x.ready()
        self.y.ready()
        switch.wait_up("acme/x", "acme/y")

    def one_way(self, source, target):
        """What the target counted is what the switch says that it delivered."""
        for end, forward in ((target, "rxonly"), (source, "txonly")):
            end.say("stop")
            end.say("clear port stats all")
            end.say(f"set fwd {forward}")
        target.say("start")
        source.say("start")
        time.sleep(SECONDS)
        source.say("stop")
        sent = source.counts()[1]
        assert sent > 1000, f"only {sent} frames sent"
        received = target.wait_received(1)
        wait_until(lambda: self.settled(target), 5, "the last frames to arrive")
        received = target.counts()[0]
        target.say("stop")
        assert 0 < received <= sent, f"{received} received of {sent} sent"
        return sent, received

    @staticmethod
    def settled(target):
        before = target.counts()[0]
        time.sleep(0.2)
        return target.counts()[0] == before

    def both_ways(self):
        for source, target in ((self.x, self.y), (self.y, self.x)):
            before = {p: self.switch.port(f"acme/{p}") for p in "xy"}
            sent, received = self.one_way(source, target)
            name, other = ("x", "y") if source is self.x else ("y", "x")
            after = {p: self.switch.port(f"acme/{p}") for p in "xy"}
            took = after[name]["rx_packets"] - before[name]["rx_packets"]
            gave = after[other]["tx_packets"] - before[other]["tx_packets"]
            assert took == sent, f"{sent} sent, {took} taken from the ring"
            assert gave == received, f"{gave} put into the ring, {received} received"
            copy = self.switch.json("port", "show", f"acme/{other}")["copy"]
            assert copy in ("plain", "stream"), f"copied {copy!r} to {other}"

    def content(self, wire):
        """What n sends to y comes back from there, byte for byte, with the addresses swapped."""
        self.y.say("set fwd macswap")
        self.y.say("start")
        for number, size in enumerate(SIZES * 10):
            sent = frame(RECEIVER, NAMESPACE, f"round-trip{number:04d}".encode() + os.urandom(size))
            wire.send(sent)
            back = wire.catch(sent[14:28])
            assert back, f"the frame of {len(sent)} bytes did not come back"
            assert back[0] == sent[6:12] + sent[:6] + sent[12:], \
                f"sent {sent.hex()}, came back {back[0].hex()}"
        self.y.say("stop")

    def end(self):
        self.x.end()
        self.y.end()


class Paths:
    def __init__(self, bed):
        self.bed = bed
        self.tap = bed.unique("slt")
        self.hugepages = bed.hugepages(320)
        self.switch = bed.switch(document("server", self.tap))
        namespace = bed.namespace()
        namespace.run("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6")  # it says nothing
        namespace.adopt(self.tap, rename="eth0")
        self.wire = namespace.wire("eth0")
        self.pairs = 0

    def pair(self, mode, arguments):
        self.switch.apply(document(mode, self.tap))
        self.pairs += 1
        return Pair(self.bed, self.switch, self.hugepages, arguments, self.pairs)

    def try_path(self, mode, arguments):
        pair = self.pair(mode, arguments)
        try:
            pair.both_ways()
            pair.content(self.wire)
        finally:
            pair.end()

    def replace_dataplane(self):
        """testpmd listens, Sluice's data plane dies, the next one dials, and frames flow again."""
        pair = self.pair("client", "mrg_rxbuf=1,server=1")
        try:
            pair.one_way(pair.x, pair.y)
            self.switch.kill_dataplane()
            self.switch.wait_up("acme/x", "acme/y")
            pair.one_way(pair.x, pair.y)
            pair.one_way(pair.y, pair.x)
        finally:
            pair.end()

    def end(self):
        self.wire.close()


def body(report):
    with Bed() as bed:
        paths = bed.keep(Paths(bed))
        for name, path in PATHS.items():
            report.run(name, paths.try_path, *path)
        report.run("the data plane replaced under both", paths.replace_dataplane)


if __name__ == "__main__":
    main(body)
