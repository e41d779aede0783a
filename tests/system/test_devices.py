"""Namespaces as guests: on taps that Sluice makes, and on existing veths; with a guest between.

    n1 on a tap, n2 on a veth, guest g on vhost-user: one network, 10.0.0.1 to 10.0.0.3
"""

from bed import Bed, call, main, vhost_user_nic, wait_until
from bed.traffic import transfer

DOCUMENT = """
tenants:
  acme:
    networks: {{web: {{}}}}
    ports:
      n1: {{tap: {tap}, network: web}}
      n2: {{device: {veth}, network: web}}
      g:  {{vhost-user: g.sock, network: web}}
"""


class Devices:
    def __init__(self, bed):
        self.bed = bed
        self.tap = bed.unique("slt")
        self.n1, self.n2 = bed.namespace(), bed.namespace()
        self.veth = bed.veth(self.n2, "eth0", "10.0.0.2/24")
        self.switch = bed.switch(DOCUMENT.format(tap=self.tap, veth=self.veth))
        nic = vhost_user_nic(self.switch.socket("g.sock"), "52:54:00:00:07:03")
        self.g = bed.guest("g", nic)
        self.n1.adopt(self.tap, "10.0.0.1/24", rename="eth0")
        self.g.booted().address("10.0.0.3/24")
        self.ends = {"tap": (self.n1, "10.0.0.1"), "veth": (self.n2, "10.0.0.2"),
                     "guest": (self.g, "10.0.0.3")}

    def ping_all(self):
        for source, (place, _) in self.ends.items():
            for target, (_, address) in self.ends.items():
                if source != target:
                    assert place.ping(address) == 3, f"{source} does not reach {target}"

    def carry(self, source, target):
        """TCP with the kernel's own offloads on: large frames and open checksums both ways."""
        place, _ = self.ends[source]
        other, address = self.ends[target]
        transfer(place, other, address, kib=4096)

    def tap_goes(self):
        """A tap that leaves the document leaves the machine; a veth stays."""
        self.switch.ctl("port", "delete", "acme/n1")
        self.switch.ctl("port", "delete", "acme/n2")
        wait_until(lambda: "eth0" not in self.n1.run("ip -br link"), 5, "the tap is gone")
        assert self.veth in call("ip", "-br", "link").stdout, "the veth is gone"

    def device_appears_late(self):
        """A device that does not exist yet: the port waits for it and says so."""
        late = self.bed.unique("slv")
        self.switch.ctl("port", "add", "acme/late", "--network", "web", "--device", late)
        state = self.switch.port("acme/late")["state"]
        assert state in ("waiting", "failed", "down"), f"a port without its device is {state}"


def body(report):
    with Bed() as bed:
        test = Devices(bed)
        report.run("everybody pings everybody", test.ping_all)
        for source in test.ends:
            for target in test.ends:
                if source != target:
                    report.run(f"TCP from {source} to {target}", test.carry, source, target)
        report.run("a port whose device does not exist", test.device_appears_late)
        report.run("a tap goes with its port, a veth does not", test.tap_goes)


if __name__ == "__main__":
    main(body)
