"""Two tenants with the same addresses: who is in a network reaches it, and nobody else does.

    acme/web    guest a 10.0.0.1, guest b 10.0.0.2
    globex/lab  guest c 10.0.0.2, namespace n 10.0.0.3 on a tap
"""

from bed import Bed, main, vhost_user_nic
from bed.frame import BROADCAST, frame
from bed.traffic import transfer

TAP = "tap{}"
DOCUMENT = """
tenants:
  acme:
    networks: {{web: {{}}}}
    ports:
      a: {{vhost-user: a.sock, network: web, macs: ["52:54:00:00:00:0a"]}}
      b: {{vhost-user: b.sock, network: web, macs: ["52:54:00:00:00:0b"]}}
  globex:
    networks: {{lab: {{}}}}
    ports:
      c: {{vhost-user: c.sock, network: lab, macs: ["52:54:00:00:00:0c"]}}
      n: {{tap: {tap}, network: lab}}
"""


class Tenants:
    def __init__(self, bed):
        tap = bed.unique("slt")
        self.switch = bed.switch(DOCUMENT.format(tap=tap))
        self.a, self.b, self.c = (
            bed.guest(name, vhost_user_nic(self.switch.socket(f"{name}.sock"),
                                           f"52:54:00:00:00:0{name}"))
            for name in "abc")
        self.n = bed.namespace().adopt(tap, "10.0.0.3/24", rename="eth0")
        self.a.booted().address("10.0.0.1/24")
        self.b.booted().address("10.0.0.2/24")
        self.c.booted().address("10.0.0.2/24")
        self.switch.wait_up("acme/a", "acme/b", "globex/c", "globex/n")

    def reach_within(self):
        assert self.a.ping("10.0.0.2") == 3, "a does not reach b"
        assert self.n.ping("10.0.0.2") == 3, "n does not reach c"
        assert self.c.ping("10.0.0.3") == 3, "c does not reach n"

    def same_address_is_the_tenants_own(self):
        neighbours = self.a.run("ip neigh show 10.0.0.2")
        assert "52:54:00:00:00:0b" in neighbours, f"a's 10.0.0.2 is {neighbours}"

    def nothing_across(self):
        assert self.a.ping("10.0.0.3", count=2, wait_s=1) == 0, "a reaches globex"
        assert self.n.ping("10.0.0.1", count=2, wait_s=1) == 0, "n reaches acme"

    def no_broadcast_across(self):
        """Broadcasts and unknown unicast of acme: not one frame of them at globex's namespace."""
        wire = self.n.wire("eth0")
        try:
            self.a.run("arping -c 2 -w 2 -I eth0 10.0.0.77", check=False)
            self.a.run("arp -s 10.0.0.78 52:54:00:00:00:78; ping -c 3 -i 0.1 -W 1 10.0.0.78",
                       check=False)
            seen = wire.catch(bytes.fromhex("5254 0000 000a"), timeout_s=1.0)
            assert not seen, f"globex saw {seen[0].hex()}"
        finally:
            wire.close()

    def spoofing_is_dropped(self):
        before = self.switch.drops("acme/a").get("spoofed-mac", 0)
        self.a.run("ip link set eth0 down; ip link set eth0 address 52:54:00:00:00:0c; "
                   "ip link set eth0 up; ip addr replace 10.0.0.1/24 dev eth0")
        assert self.a.ping("10.0.0.2", count=2, wait_s=1) == 0, "a spoke as c"
        assert self.switch.drops("acme/a").get("spoofed-mac", 0) > before, "and no drop was counted"
        self.a.run("ip link set eth0 down; ip link set eth0 address 52:54:00:00:00:0a; "
                   "ip link set eth0 up; ip addr replace 10.0.0.1/24 dev eth0")
        assert self.a.ping("10.0.0.2") == 3, "a does not come back"

    def content_arrives(self):
        transfer(self.a, self.b, "10.0.0.2")
        transfer(self.n, self.c, "10.0.0.2")
        transfer(self.c, self.n, "10.0.0.3")

    def ledger_balances(self):
        for port in self.switch.json("port", "list"):
            assert port["rx_packets"] > 0, f"{port['name']}: nothing received"


def body(report):
    with Bed() as bed:
        tenants = Tenants(bed)
        report.run("guests reach their own network", tenants.reach_within)
        report.run("the same address is the tenant's own", tenants.same_address_is_the_tenants_own)
        report.run("nobody reaches the other tenant", tenants.nothing_across)
        report.run("no broadcast, no flood crosses", tenants.no_broadcast_across)
        report.run("a spoofed MAC is dropped and counted", tenants.spoofing_is_dropped)
        report.run("TCP content arrives unchanged", tenants.content_arrives)
        report.run("every port has counted", tenants.ledger_balances)


if __name__ == "__main__":
    main(body)
