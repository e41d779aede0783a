"""An uplink that carries all networks, and frames with tags of every kind on real devices.

    uplink `fabric` on a veth (namespace f behind it), a tap in web (vlan 100), a tap in db (101),
    a tap in a network without a tag

The frames are made here, byte by byte: the kernel of a test machine need not know 802.1Q. IEEE
802.1Q-2022: 9.6 (VID 0 and 4095), 6.9.1 (acceptable frame types), 8.6.3 (reserved addresses).
"""

from bed import Bed, main
from bed.frame import BROADCAST, DOT1Q, frame, tags_of

DOCUMENT = """
tenants:
  acme:
    networks:
      web: {{vlan: 100}}
      db:  {{vlan: 101}}
      here: {{}}
    ports:
      web1: {{tap: {taps[0]}, network: web}}
      db1:  {{tap: {taps[1]}, network: db}}
      here1: {{tap: {taps[2]}, network: here}}
      web2: {{tap: {taps[3]}, network: web}}
uplinks:
  fabric: {{device: {uplink}, trunk: all}}
"""
SOURCE = "02:00:00:00:09:{:02x}"

# what is sent into which wire: (name, wire, tags, who gets it and with which tags, drop reason)
CASES = [
    ("web from the fabric", "fabric", [100], {"web1": [], "web2": []}, None),
    ("db from the fabric", "fabric", [101], {"db1": []}, None),
    ("an access port to the fabric", "web1", [], {"web2": [], "fabric": [100]}, None),
    ("db to the fabric", "db1", [], {"fabric": [101]}, None),
    ("a network without a tag stays here", "here1", [], {}, "no-receiver"),
    ("priority survives no tag", "fabric", [(DOT1Q, 5 << 13 | 100)], {"web1": [], "web2": []}, None),
    ("a vlan that nobody has", "fabric", [999], {}, "vlan-not-allowed"),
    ("untagged on the fabric", "fabric", [], {}, "untagged-on-trunk"),
    ("priority tag on the fabric", "fabric", [0], {}, "untagged-on-trunk"),
    ("VID 4095", "fabric", [4095], {}, "vlan-reserved"),
    ("an 802.1ad tag", "fabric", [(0x88A8, 100)], {}, "service-tag"),
    ("two tags, the outer allowed", "fabric", [100, 101], {}, "double-tag"),
    ("two tags on an access port", "web1", [100, 101], {}, "double-tag"),
    ("a tag on an access port", "web1", [101], {}, "tag-on-access"),
    ("its own tag on an access port", "web1", [100], {}, "tag-on-access"),
    ("a priority tag on an access port", "web1", [0], {"web2": [], "fabric": [100]}, None),
]


class Uplink:
    def __init__(self, bed):
        self.taps = {name: bed.unique("slt") for name in ("web1", "db1", "here1", "web2")}
        fabric = bed.namespace()
        uplink = bed.veth(fabric, "eth0")
        self.switch = bed.switch(DOCUMENT.format(taps=list(self.taps.values()), uplink=uplink))
        self.wires = {"fabric": fabric.wire("eth0")}
        for name, tap in self.taps.items():
            self.wires[name] = bed.namespace().adopt(tap, rename="eth0").wire("eth0")
        self.number = 0

    def drops(self, wire):
        return self.switch.drops("fabric" if wire == "fabric" else f"acme/{wire}")

    def try_case(self, wire, tags, expected, reason):
        self.number += 1
        marker = f"sluice-uplink-{self.number:04d}".encode()
        before = self.drops(wire)
        self.wires[wire].send(frame(BROADCAST, SOURCE.format(self.number), marker, tags))
        for name, other in self.wires.items():
            if name == wire:
                continue
            # the first wait is for the frame to pass; what else there is, is there already
            caught = other.catch(marker, timeout_s=1.0 if name in expected else 0.1)
            assert bool(caught) == (name in expected), \
                f"{name} {'saw' if caught else 'did not see'} the frame"
            if caught:
                seen = [tci & 0xFFF for _, tci in tags_of(caught[0])]
                assert seen == expected[name], f"{name} saw it with tags {seen}"
        after = self.drops(wire)
        counted = {r for r, n in after.items() if n > before.get(r, 0)}
        # the kernel of a namespace may speak on its own (IPv6): only the frame's reason is ours
        assert reason is None or reason in counted, f"not counted as {reason}, but as {counted}"

    def end(self):
        for wire in self.wires.values():
            wire.close()


def body(report):
    with Bed() as bed:
        test = bed.keep(Uplink(bed))
        for name, *case in CASES:
            report.run(name, test.try_case, *case)


if __name__ == "__main__":
    main(body)
