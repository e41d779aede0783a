"""What only servers, routers and bridges say, from who is none, on real devices; and a storm.

    taps of namespaces in one network: client, rogue, and server, which may be all of them
    fabric: an uplink on a veth, behind which everything may be

The frames are made here, byte by byte, with every way of hiding that is known to have worked on
other switches (RFC 7113, CVE-2021-27853).
"""

import struct

from bed import Bed, main
from bed.frame import BROADCAST, frame
from bed.packet import (DSTOPTS, FRAGMENT, ICMPV6, IPV4, IPV6, UDP, ipv4, ipv6,
                        router_advertisement, snap, udp)

DOCUMENT = """
tenants:
  acme:
    networks:
      web: {{vlan: 100}}
    ports:
      client: {{tap: {taps[0]}, network: web}}
      rogue:  {{tap: {taps[1]}, network: web}}
      server: {{tap: {taps[2]}, network: web,
               dhcp-server: allow, router-advertisements: allow, bpdu: allow}}
      loud:   {{tap: {taps[3]}, network: web, storm: 5pps}}
uplinks:
  fabric: {{device: {uplink}, trunk: all}}
"""
NAMES = ("client", "rogue", "server", "loud")


def option(following):
    return bytes([following, 0, 1, 4, 0, 0, 0, 0])


def first_fragment(following):
    return bytes([following, 0, 0, 1, 0, 0, 0, 7])


# what is said: name, drop reason from who may not, destination, ethertype, payload for a marker
SAID = [
    ("a DHCP offer", "dhcp-server", BROADCAST, IPV4,
     lambda marker: ipv4(UDP, udp(67, 68, marker))),
    ("a DHCPv6 reply", "dhcp-server", "33:33:00:00:00:01", IPV6,
     lambda marker: ipv6(UDP, udp(547, 546, marker))),
    ("a router advertisement", "router", "33:33:00:00:00:01", IPV6,
     lambda marker: ipv6(ICMPV6, router_advertisement(marker))),
    ("one behind an option", "router", "33:33:00:00:00:01", IPV6,
     lambda marker: ipv6(DSTOPTS, option(ICMPV6) + router_advertisement(marker))),
    ("one in a fragment", "router", "33:33:00:00:00:01", IPV6,
     lambda marker: ipv6(FRAGMENT, first_fragment(ICMPV6) + router_advertisement(marker))),
    ("one behind ten options", "hidden-header", "33:33:00:00:00:01", IPV6,
     lambda marker: ipv6(DSTOPTS, 9 * option(DSTOPTS) + option(ICMPV6) + router_advertisement(marker))),
    ("one behind SNAP", "hidden-header", "33:33:00:00:00:01", 100,
     lambda marker: snap(IPV6, ipv6(ICMPV6, router_advertisement(marker)))),
    ("a redirect", "router", "33:33:00:00:00:01", IPV6,
     lambda marker: ipv6(ICMPV6, struct.pack("!BBHI", 137, 0, 0, 0) + 32 * b"\0" + marker)),
    ("a spanning tree frame", "bpdu", "01:80:c2:00:00:00", 60,
     lambda marker: b"\x42\x42\x03\0\0\0\0\0" + marker),
]


class Guards:
    def __init__(self, bed):
        taps = {name: bed.unique("slt") for name in NAMES}
        fabric = bed.namespace()
        uplink = bed.veth(fabric, "eth0")
        self.switch = bed.switch(DOCUMENT.format(taps=list(taps.values()), uplink=uplink))
        self.wires = {"fabric": fabric.wire("eth0")}
        for name, tap in taps.items():
            self.wires[name] = bed.namespace().adopt(tap, rename="eth0").wire("eth0")
        self.switch.wait_up(*(f"acme/{name}" for name in NAMES))
        self.number = 0

    def say(self, name, said):
        """Has the client heard it?"""
        _, _, destination, ethertype, make = said
        self.number += 1
        marker = b"guards-%04d" % self.number
        tags = [100] if name == "fabric" else []
        self.wires[name].send(frame(destination, f"02:00:00:00:0a:{self.number:02x}",
                                    make(marker), tags, ethertype))
        return len(self.wires["client"].catch(marker, timeout_s=0.3)) == 1

    def from_who_may_not(self):
        for said in SAID:
            before = self.switch.drops("acme/rogue").get(said[1], 0)
            assert not self.say("rogue", said), f"{said[0]} arrived"
            assert self.switch.drops("acme/rogue").get(said[1], 0) == before + 1, \
                f"{said[0]}: {self.switch.drops('acme/rogue')}"

    def from_who_may(self):
        for said in SAID:
            assert self.say("server", said), f"{said[0]} did not arrive"

    def from_the_fabric(self):
        for said in SAID[:5]:
            assert self.say("fabric", said), f"{said[0]} did not arrive"

    def a_storm_ends(self):
        for i in range(50):
            self.wires["loud"].send(frame(BROADCAST, "02:00:00:00:0b:01", b"storm-%04d" % i))
        heard = len(self.wires["client"].catch(b"storm-", timeout_s=0.5, count=50))
        assert 5 <= heard <= 8, f"{heard} of 50 were heard"
        assert self.switch.drops("acme/loud")["storm"] >= 50 - heard, "and no drop was counted"


def body(report):
    with Bed() as bed:
        guards = Guards(bed)
        report.run("who is no server, router or bridge is not heard", guards.from_who_may_not)
        report.run("who is one is heard", guards.from_who_may)
        report.run("an uplink may be both", guards.from_the_fabric)
        report.run("a storm ends at its limit", guards.a_storm_ends)


if __name__ == "__main__":
    main(body)
