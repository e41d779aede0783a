"""Trunks with real kernels behind them: a guest with 802.1Q devices, and access guests.

    guest t   trunk: native web, allowed db     eth0 10.0.1.1, eth0.101 10.0.2.1, eth0.102 10.0.3.1
    n1 web (vlan 100) 10.0.1.2     n2 db (vlan 101) 10.0.2.2     n3 lab (vlan 102) 10.0.3.2
"""

from bed import Bed, main, vhost_user_nic
from bed.traffic import transfer

DOCUMENT = """
tenants:
  acme:
    networks:
      web: {{vlan: 100}}
      db:  {{vlan: 101}}
      lab: {{vlan: 102}}
    ports:
      t:  {{vhost-user: t.sock, trunk: {{native: web, allow: [db]}}}}
      n1: {{tap: {taps[0]}, network: web}}
      n2: {{tap: {taps[1]}, network: db}}
      n3: {{tap: {taps[2]}, network: lab}}
"""


class Trunk:
    def __init__(self, bed):
        taps = [bed.unique("slt") for _ in range(3)]
        self.switch = bed.switch(DOCUMENT.format(taps=taps))
        nic = vhost_user_nic(self.switch.socket("t.sock"), "52:54:00:00:08:01")
        self.t = bed.guest("t", nic)
        self.n = [bed.namespace().adopt(tap, f"10.0.{i}.2/24", rename="eth0")
                  for i, tap in enumerate(taps, 1)]
        self.t.booted().address("10.0.1.1/24")
        for vlan, subnet in ((101, 2), (102, 3)):
            self.t.run(f"vconfig add eth0 {vlan}")
            self.t.address(f"10.0.{subnet}.1/24", f"eth0.{vlan}")

    def native(self):
        assert self.t.ping("10.0.1.2") == 3, "the trunk's native network is not web"
        transfer(self.t, self.n[0], "10.0.1.2")
        transfer(self.n[0], self.t, "10.0.1.1")

    def tagged(self):
        """Tags come and go between guest and namespace, large frames and open checksums included."""
        assert self.t.ping("10.0.2.2") == 3, "the trunk does not reach db"
        transfer(self.t, self.n[1], "10.0.2.2")
        transfer(self.n[1], self.t, "10.0.2.1")

    def not_allowed(self):
        assert self.t.ping("10.0.3.2", count=2, wait_s=1) == 0, "the trunk reaches lab"
        assert self.switch.drops("acme/t").get("vlan-not-allowed", 0) > 0, "and no drop was counted"
        assert self.n[2].ping("10.0.3.1", count=2, wait_s=1) == 0, "lab reaches the trunk"

    def access_takes_no_tag(self):
        """The access namespaces of two networks do not reach one another, whatever they send."""
        assert self.n[0].ping("10.0.2.2", count=1, wait_s=1) == 0, "web reaches db"


def body(report):
    with Bed() as bed:
        test = Trunk(bed)
        report.run("the native network, untagged", test.native)
        report.run("an allowed network, tagged", test.tagged)
        report.run("a network that is not allowed", test.not_allowed)
        report.run("access ports stay in their networks", test.access_takes_no_tag)


if __name__ == "__main__":
    main(body)
