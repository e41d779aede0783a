"""A change among many rules, while frames pass: how long it takes, that none is lost, and that none
is decided by a mixture of the old rules and the new.

    namespaces a and b, each on a tap of one network; frames from a to b ask a's list and b's

Run by itself with --table it prints the figures for 1,000, 10,000 and 100,000 rules.
"""

import json
import random
import socket
import statistics
import sys
import threading
import time

from api import Bed, Client, expect, main, require_root
from bed.frame import frame
from bed.switch import cpu_seconds

MAC_A, MAC_B = "52:54:00:00:0b:01", "52:54:00:00:0b:02"
LIST = 1000  # rules of a list
COMMITS = 20
BURST, PAUSE_S = 2, 0.002  # no more than a tap holds while nobody is let run
SO_RCVBUFFORCE = 33
BAR_MS = 100  # of sluiced's processor time: it says the same on a machine that is busy
# Always, and one after the other: what a's list lets pass, b's does not, and the other way round.
ALWAYS, FIRST, SECOND = 0x88B5, 0x88B6, 0x88B7


def rule(rng):
    length = rng.choice([16, 24, 28, 32])
    address = rng.getrandbits(32) >> (32 - length) << (32 - length)
    octets = ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0))
    return (f"{rng.choice(['accept', 'drop'])} {rng.choice(['tcp', 'udp'])} "
            f"from {octets}/{length} to any port {rng.randrange(1, 65536)}")


def rules(rng):
    return [rule(rng) for _ in range(LIST)]


def pair(turn):
    """Both lists, so that never a frame of FIRST or SECOND passes both."""
    lists = [[f"accept any ethertype {kind:#x}" for kind in kinds]
             for kinds in ((ALWAYS, FIRST), (ALWAYS, SECOND))]
    return {"in": lists[turn % 2], "out": lists[1 - turn % 2]}


class Traffic:
    """Numbered bursts of all three kinds."""

    def __init__(self, source, sink):
        self.source, self.sink = source, sink
        sink.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.sent = 0
        self.caught = {ALWAYS: [], FIRST: [], SECOND: []}
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.send), threading.Thread(target=self.catch)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def send(self):
        while not self.stopping.is_set():
            for _ in range(BURST):
                number = b"number %08d." % self.sent
                for kind in self.caught:
                    self.source.send(frame(MAC_B, MAC_A, number, ethertype=kind))
                self.sent += 1
            time.sleep(PAUSE_S)

    def catch(self):
        quiet = 0
        while quiet < 2:
            caught = self.sink.catch(b"number ", 0.3, 500)
            for data in caught:
                self.caught[int.from_bytes(data[12:14], "big")].append(int(data[21:29]))
            quiet = quiet + 1 if not caught and self.stopping.is_set() else 0


class ManyRules:
    def __init__(self, bed, n_rules):
        self.rng = random.Random(n_rules)
        self.n_lists = n_rules // LIST
        taps = bed.unique("slt"), bed.unique("slt")
        self.a, self.b = bed.namespace(), bed.namespace()
        lists = {f"l{i}": rules(self.rng) for i in range(self.n_lists)}
        self.switch = bed.switch()
        empty = self.memory_mib()
        self.switch.apply(json.dumps({"tenants": {"acme": {
            "networks": {"web": {}}, "acls": lists | pair(0),
            "ports": {"a": {"tap": taps[0], "network": "web", "macs": [MAC_A], "acl": {"in": "in"}},
                      "b": {"tap": taps[1], "network": "web", "macs": [MAC_B],
                            "acl": {"out": "out"}}}}}}))
        self.grown_mib = self.memory_mib() - empty
        for namespace, tap in zip((self.a, self.b), taps):
            namespace.adopt(tap, rename="eth0")
            namespace.run("echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6", check=False)
        self.switch.wait_up("acme/a", "acme/b")
        self.wires = self.a.wire("eth0"), self.b.wire("eth0")

    def memory_mib(self):
        with open(f"/proc/{self.switch.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024

    def change(self, client, turn):
        """One list of the many, and both lists that frames ask: how long it took, in ms."""
        name = f"l{self.rng.randrange(self.n_lists)}"
        text = json.dumps({"tenants": {"acme": {"acls": {name: rules(self.rng)} | pair(turn)}}})
        began = time.monotonic()
        done = client.call("apply", files=[{"name": "change", "text": text}])
        took = 1000 * (time.monotonic() - began)
        expect(sorted(change["name"] for change in done["changes"]),
               sorted(["acme/in", "acme/out", f"acme/{name}"]), "changes")
        return took

    def changes(self):
        """COMMITS of them under traffic: their times."""
        before = self.ledgers()  # the kernel may have said a word of its own
        with Traffic(*self.wires) as traffic, Client(self.switch) as client:
            used = cpu_seconds(self.switch.process.pid)
            times = [self.change(client, turn) for turn in range(1, COMMITS + 1)]
            self.cpu_ms = 1000 * (cpu_seconds(self.switch.process.pid) - used) / COMMITS
        expect(len(traffic.caught[FIRST] + traffic.caught[SECOND]), 0,
               "frames decided by a mixture of old and new rules")
        caught = traffic.caught[ALWAYS]
        expect(sorted(set(range(traffic.sent)) - set(caught)), [], "numbers missing")
        expect(caught, list(range(traffic.sent)), "numbers in their order")
        n = traffic.sent
        expect([now - then for now, then in zip(self.ledgers(), before)],
               [3 * n, n, 2 * n, 0, n, n, 0], "the ledgers of both ports")
        return (f"{3 * n} frames meanwhile, none lost, none mixed; a change takes "
                f"{statistics.median(times):.0f} ms (at best {min(times):.0f}, at worst "
                f"{max(times):.0f}), {self.cpu_ms:.0f} ms of sluiced's processor time")

    def ledgers(self):
        """What became of a's frames, and what b was offered."""
        a, b = (self.switch.json("port", "show", f"acme/{name}")["ledger"] for name in "ab")
        return [a[key] for key in ("received", "delivered", "dropped", "consumed")] + \
            [b[key] for key in ("offered", "sent", "missed")]


def measure(report, n_rules):
    with Bed() as bed:
        test = ManyRules(bed, n_rules)
        report.note(f"{n_rules:>7} rules: {test.grown_mib:5.1f} MiB in sluiced; {test.changes()}")
        assert test.cpu_ms < BAR_MS, f"{test.cpu_ms:.0f} ms a change"


def body(report):
    require_root()
    if "--table" in sys.argv:
        for n_rules in (1000, 10000):
            report.run(f"a change among {n_rules:,} rules", measure, report, n_rules)
    report.run("a change among 100,000 rules", measure, report, 100000)


if __name__ == "__main__":
    main(body)
