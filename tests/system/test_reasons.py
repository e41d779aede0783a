"""Each reason for which a frame is dropped (switch/drop.h), from a port of the running switch.

    taps, all in one namespace, on which raw frames are sent; and offender (offender.c), a guest
    without a virtual machine, for what only a vhost-user port can do wrong

For each reason: the frame is counted at its port, `drops` says so in the words of drop.h, and `why`
has the frame. A reason without a case fails. At the end all of it happens at once, and each port's
ledger balances (counters.h).
"""

import os
import pathlib
import random
import re
import subprocess

from bed import ROOT, Bed, main, wait_until
from bed.frame import BROADCAST, EXPERIMENTAL, frame
from bed.packet import (ACK, ARP, DSTOPTS, FIN, ICMPV6, IPV4, IPV6, RST, SYN, TCP, UDP, arp, ipv4,
                        ipv6, router_advertisement, tcp, udp)
from bed.process import spawn

OFFENDER = pathlib.Path(os.environ.get("SLUICE_OFFENDER", "offender"))

DOCUMENT = """
tenants:
  acme:
    networks:
      web: {{vlan: 100}}
      slim: {{mtu: 600}}
      known: {{unknown-unicast: drop}}
      alone: {{}}
      cells: {{isolated: true}}
    groups:
      web: [allow in tcp 80 from any, allow in udp from any, allow out any]
      mute: [allow in any]
    acls:
      few: [accept tcp to any port 80]
    ports:
      sender:   {{tap: {sender}, network: web}}
      receiver: {{tap: {receiver}, network: web, macs: ["02:00:00:00:00:02"], groups: [web]}}
      mute:     {{tap: {mute}, network: web, groups: [mute]}}
      listed:   {{tap: {listed}, network: web, acl: {{in: few}},
                 dhcp-server: allow, router-advertisements: allow}}
      walled:   {{tap: {walled}, network: web, macs: ["02:00:00:00:00:05"], acl: {{out: few}}}}
      bound:    {{tap: {bound}, network: web, macs: ["02:00:00:00:00:06"], addresses: [10.0.0.6]}}
      loud:     {{tap: {loud}, network: web, storm: 5pps}}
      hasty:    {{tap: {hasty}, network: web, rate: {{pps: 5pps}}}}
      deaf:     {{tap: {deaf}, network: web, macs: ["02:00:00:00:00:09"]}}
      bare:     {{tap: {bare}}}
      trunk:    {{tap: {trunk}, trunk: {{allow: [web]}}}}
      slim:     {{tap: {slim}, network: slim}}
      known:    {{tap: {known}, network: known}}
      alone:    {{tap: {alone}, network: alone}}
      cell:     {{tap: {cell}, network: cells}}
      cell2:    {{vhost-user: cell2.sock, network: cells, macs: ["02:00:00:00:00:0f"]}}
      offender: {{vhost-user: o.sock, network: web, macs: ["02:00:00:00:00:10"], worker: 0}}
      twin:     {{vhost-user: t.sock, network: web, macs: ["02:00:00:00:00:11"], worker: 1}}
      absent:   {{vhost-user: absent.sock, network: web, macs: ["02:00:00:00:00:12"]}}
  globex:
    quota: {{sessions: 2}}
    networks: {{lab: {{}}}}
    groups: {{all: [allow in any, allow out any]}}
    ports:
      dialler: {{tap: {dialler}, network: lab}}
      server:  {{tap: {server}, network: lab, macs: ["02:00:00:00:00:14"], groups: [all]}}
"""
TAPS = ("sender", "receiver", "mute", "listed", "walled", "bound", "loud", "hasty", "deaf",
        "bare", "trunk", "slim", "known", "alone", "cell", "dialler", "server")
RECEIVER, WALLED, BOUND, DEAF = (f"02:00:00:00:00:{n:02x}" for n in (2, 5, 6, 9))
CELL2, SUSPECT, TWIN, ABSENT, SERVER = (f"02:00:00:00:00:{n:02x}" for n in (15, 16, 17, 18, 20))
SELF = "02:00:00:00:01:01"  # whoever sends, and has no MAC of its own

# What no frame of a healthy switch meets, and why.
IMPOSSIBLE = {
    "other-network": "a lookup answers only with members of the frame's network; the predicate "
                     "says it again (unit/switch-policy)",
    "segment-error": "what could not be cut or summed is refused by offload_check() before "
                     "(unit/switch-offload)",
}


def tcp4(destination_port, flags, seq=1000, ack=0, source="10.0.0.1", destination="10.0.0.2",
         source_port=4000):
    return ipv4(TCP, tcp(source_port, destination_port, flags, seq, ack), source, destination)


def reasons():
    """{word: explanation} of drop.h."""
    text = (ROOT / "switch" / "drop.h").read_text()
    found = dict(re.findall(r'X\([A-Z_]+,\s*"([a-z-]+)",\s*"([^"]*)"\)', text))
    del found["none"]
    return found


class Reasons:
    def __init__(self, bed):
        taps = {name: bed.unique("slt") for name in TAPS}
        self.bed = bed
        self.switch = bed.switch(DOCUMENT.format(**taps), options=["--workers", "0-1"])
        self.place = bed.namespace()
        # nobody speaks here but the test
        self.place.run("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6")
        for name, tap in taps.items():
            self.place.adopt(tap, rename=name)
        self.place.run("ip link set slim mtu 1500")
        self.wires = {name: self.place.wire(name) for name in TAPS}
        self.switch.wait_up(*(f"acme/{n}" for n in TAPS[:-2]), "globex/dialler", "globex/server")

    # ---- how to send ----

    def send(self, name, payload, to=RECEIVER, source=SELF, tags=(), ethertype=IPV4):
        self.wires[name].send(frame(to, source, payload, tags, ethertype))
        return f"globex/{name}" if name in ("dialler", "server") else f"acme/{name}"

    def commit(self, deed, path="o.sock", mac=SUSPECT):
        """A guest at a vhost-user port that does @deed; up() of it waits for it."""
        guest = spawn([OFFENDER, self.switch.socket(path), deed, mac.replace(":", "")],
                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert guest.stdout.readline() == b"up\n", f"{deed}: the guest does not come up"
        return guest

    def end(self, guest, port="acme/offender"):
        guest.stdin.close()
        assert guest.wait(10) == 0, "the guest found a fault itself"
        wait_until(lambda: self.switch.port(port)["state"] == "waiting", 5, f"{port} waits")

    def by_guest(self, deed):
        guest = self.commit(deed)
        guest.stdout.readline()
        self.end(guest)
        return "acme/offender"

    def to_guest(self, deed):
        guest = self.commit(deed)
        self.switch.wait_up("acme/offender")
        for _ in range(300):  # more than any ring
            self.send("sender", b"x" * 100, to=SUSPECT, ethertype=EXPERIMENTAL)
        wait_until(lambda: self.switch.port("acme/sender")["rx_packets"] >= 300, 5, "the frames")
        self.end(guest)
        return "acme/sender"

    def connect(self, number, client="sender", server="receiver", mac=RECEIVER):
        """A TCP connection from port @number of the client to the server's port 80."""
        self.send(client, tcp4(80, SYN, source_port=number), to=mac)
        self.settle()
        self.answer(number, SYN | ACK, 5000, server, mac)
        self.settle()
        self.send(client, tcp4(80, ACK, 1001, 5001, source_port=number), to=mac)
        self.settle()

    def answer(self, number, flags, seq, server="receiver", mac=RECEIVER):
        return self.send(server, ipv4(TCP, tcp(80, number, flags, seq, 1001), "10.0.0.2",
                                      "10.0.0.1"), to=SELF, source=mac)

    def settle(self):
        """What was sent has been decided about."""
        sent = self.switch.json("stats")

        def quiet():
            nonlocal sent
            before, sent = sent, self.switch.json("stats")
            return [p["rx"] for p in before] == [p["rx"] for p in sent]

        wait_until(quiet, 5, "frames to be decided about")

    # ---- what needs more than a frame ----

    def same_port(self):
        self.send("sender", b"", to=RECEIVER, source="02:00:00:00:01:02", ethertype=EXPERIMENTAL)
        self.settle()
        return self.send("sender", b"", to="02:00:00:00:01:02", ethertype=EXPERIMENTAL)

    def several(self, name, count=20):
        for _ in range(count):
            port = self.send(name, b"", to=BROADCAST, ethertype=EXPERIMENTAL)
        return port

    def device_refuses(self):
        self.place.run("ip link set deaf down")
        return self.send("sender", b"", to=DEAF, ethertype=EXPERIMENTAL)

    def outside_of_the_window(self):
        self.connect(4001)
        return self.send("sender", tcp4(80, ACK, 100000000, 5001, source_port=4001))

    def unbelievable_reset(self):
        self.connect(4002)
        return self.send("sender", tcp4(80, RST, 100000000, source_port=4002))

    def rule_withdrawn(self):
        self.connect(4003)
        self.switch.ctl("group", "set", "acme/web", "allow out any")
        port = self.answer(4003, ACK, 5001)
        self.settle()
        self.switch.ctl("group", "set", "acme/web", "allow in tcp 80 from any",
                        "allow in udp from any", "allow out any")
        return port

    def too_many(self):
        for number in (1, 2):
            self.connect(number, "dialler", "server", SERVER)
        return self.send("dialler", tcp4(80, SYN, source_port=3), to=SERVER)

    def two_at_once(self):
        """Two workers that begin connections all the time: one finds the books locked."""
        def busy():
            guests = self.commit("flood"), self.commit("flood", "t.sock", TWIN)
            for guest in guests:
                guest.stdout.readline()
            self.end(guests[0])
            self.end(guests[1], "acme/twin")
            return next((p for p in ("acme/offender", "acme/twin")
                         if self.switch.drops(p).get("session-busy")), None)

        return wait_until(busy, 30, "two workers in each other's way")

    def everything_at_once(self):
        """
        Noise at all ports, while two guests begin connections on both workers: groups, ACLs,
        guards, rates, storm limits and private VLANs have their part, and each frame its one fate.
        """
        any_of = random.Random(1)
        payloads = [b"x" * 50, tcp4(80, SYN), tcp4(23, SYN), tcp4(80, ACK), tcp4(80, SYN | FIN),
                    ipv4(UDP, udp(67, 68, b"offer")), ipv4(UDP, udp(4000, 80)), b"x" * 900,
                    ipv4(UDP, bytes(64), fragment=100), arp(SELF, "10.0.0.7", "10.0.0.1")]
        macs = [RECEIVER, WALLED, BOUND, DEAF, CELL2, SUSPECT, ABSENT, SERVER, BROADCAST, SELF,
                "01:80:c2:00:00:0e", "33:33:00:00:00:01", "02:00:00:00:07:07"]
        guests = self.commit("flood"), self.commit("flood", "t.sock", TWIN)
        for _ in range(6000):
            name = any_of.choice([n for n in TAPS if n != "deaf"])
            tags = any_of.choice([[], [], [], [100], [0], [4095], [100, 100], [(0x88A8, 100)]])
            self.send(name, any_of.choice(payloads), any_of.choice(macs),
                      any_of.choice([*macs[:3], SELF, SELF]), tags,
                      any_of.choice([IPV4, IPV4, IPV6, ARP, EXPERIMENTAL]))
        self.end(guests[0])
        self.end(guests[1], "acme/twin")
        self.settle()
        reasons_met = set()
        for row in self.switch.json("stats"):
            dropped, missed = (sum(row[way]["drops"].values()) for way in ("rx", "tx"))
            reasons_met |= {*row["rx"]["drops"], *row["tx"]["drops"]}
            assert row["rx"]["packets"] == row["delivered"] + row["consumed"] + dropped, row
            assert row["offered"] == row["tx"]["packets"] + missed, row
        assert len(reasons_met) > 25, f"too few reasons to prove anything: {reasons_met}"

    # ---- the table ----

    def cases(self):
        say = self.send
        server = udp(67, 68, b"offer")
        options = 9 * bytes([DSTOPTS, 0, 1, 4, 0, 0, 0, 0]) + bytes([ICMPV6, 0, 1, 4, 0, 0, 0, 0])
        return {
            "bad-chain": lambda: self.by_guest("bad-chain"),
            "bad-offload": lambda: self.by_guest("bad-offload"),
            "runt": lambda: self.by_guest("runt"),
            "giant": lambda: say("slim", b"x" * 700),
            "no-network": lambda: say("bare", b""),
            "tag-on-access": lambda: say("sender", b"", tags=[100]),
            "untagged-on-trunk": lambda: say("trunk", b""),
            "vlan-not-allowed": lambda: say("trunk", b"", tags=[101]),
            "vlan-reserved": lambda: say("trunk", b"", tags=[4095]),
            "service-tag": lambda: say("trunk", b"", tags=[(0x88A8, 100)]),
            "double-tag": lambda: say("trunk", b"", tags=[100, 100]),
            "bad-source": lambda: say("sender", b"", source="03:00:00:00:00:01"),
            "spoofed-mac": lambda: say("bound", b"", source=RECEIVER),
            "spoofed-address": lambda: say("bound", arp(BOUND, "10.0.0.7", "10.0.0.1"), BROADCAST,
                                           BOUND, ethertype=ARP),
            "claimed-address": lambda: say("sender", arp(SELF, "10.0.0.6", "10.0.0.2"), BROADCAST,
                                           ethertype=ARP),
            "reserved-group": lambda: say("sender", b"", to="01:80:c2:00:00:0e"),
            "bpdu": lambda: say("sender", b"\x42\x42\x03", to="01:80:c2:00:00:00", ethertype=38),
            "dhcp-server": lambda: say("sender", ipv4(UDP, server), to=BROADCAST),
            "router": lambda: say("sender", ipv6(ICMPV6, router_advertisement()),
                                  to="33:33:00:00:00:01", ethertype=IPV6),
            "hidden-header": lambda: say("sender", ipv6(DSTOPTS, options), to="33:33:00:00:00:01",
                                         ethertype=IPV6),
            "illegible": lambda: say("listed", b"\x41" + bytes(40)),
            "acl-in": lambda: say("listed", tcp4(81, SYN)),
            "acl-out": lambda: say("sender", tcp4(81, SYN), to=WALLED),
            "group-out": lambda: say("mute", tcp4(80, SYN)),
            "group-in": lambda: say("sender", tcp4(81, SYN)),
            "session-header": lambda: say("sender", ipv4(TCP, b"\0\1\0\x50" + bytes(8) + b"\x10" +
                                                         bytes(7), "10.0.0.1", "10.0.0.2")),
            "session-flags": lambda: say("sender", tcp4(80, SYN | FIN)),
            "session-stranger": lambda: say("sender", tcp4(80, ACK)),
            "session-window": self.outside_of_the_window,
            "session-reset": self.unbelievable_reset,
            "session-fragment": lambda: say("sender", ipv4(UDP, bytes(64), "10.0.0.1", "10.0.0.2",
                                                           fragment=100)),
            "session-ended": self.rule_withdrawn,
            "session-full": self.too_many,
            "session-busy": self.two_at_once,
            "no-receiver": lambda: say("alone", b"", to=BROADCAST, ethertype=EXPERIMENTAL),
            "unknown-unicast": lambda: say("known", b"", ethertype=EXPERIMENTAL),
            "same-port": self.same_port,
            "storm": lambda: self.several("loud"),
            "private-vlan": lambda: say("cell", b"", to=CELL2, ethertype=EXPERIMENTAL),
            "rate": lambda: self.several("hasty"),
            "port-down": lambda: say("sender", b"", to=ABSENT, ethertype=EXPERIMENTAL),
            "ring-full": lambda: self.to_guest("no-buffers"),
            "buffer-small": lambda: self.to_guest("small-buffers"),
            "ring-broken": lambda: self.to_guest("broken-ring"),
            "device-error": self.device_refuses,
        }

    def provoke(self, word, text, case):
        port = case()

        def counted():
            return [d for d in self.switch.json("drops", port)
                    if d["port"] == port and d["reason"] == word]

        row = wait_until(counted, 5, f"{port} to count {word}, of {self.switch.drops(port)}")[0]
        assert row["packets"] > 0 and row["explanation"] == text, row
        told = [w for w in self.switch.json("why", port)
                if w["port"] == port and w["reason"] == word]
        assert told, f"why {port} knows nothing of it"
        assert told[0]["frame"] and told[0]["stage"] not in ("", "unknown"), told
        assert told[0]["explanation"] == text, told


def body(report):
    known = reasons()
    with Bed() as bed:
        test = Reasons(bed)
        cases = test.cases()

        def complete():
            missing = set(known) - set(cases) - set(IMPOSSIBLE)
            assert not missing, f"no case for {', '.join(sorted(missing))}"
            gone = (set(cases) | set(IMPOSSIBLE)) - set(known)
            assert not gone, f"drop.h knows nothing of {', '.join(sorted(gone))}"

        report.run("each reason has a case, or a cause why none can be", complete)
        for word, case in cases.items():
            report.run(word, test.provoke, word, known.get(word), case)
        report.run("the ledger balances with all of it at once", test.everything_at_once)


if __name__ == "__main__":
    main(body)
