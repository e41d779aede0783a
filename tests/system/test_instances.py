"""Two switches on one machine: root's, and an ordinary user's own with vhost-user ports only.

    switch one (root)      guest a, guest b
    switch two (nobody)    guest c, guest d     the same document, the same addresses
"""

import pathlib

from bed import Bed, main, require_root, vhost_user_nic
from bed.traffic import transfer

NOBODY = 65534
DOCUMENT = """
tenants:
  acme:
    networks: {web: {}}
    ports:
      left:  {vhost-user: left.sock, network: web}
      right: {vhost-user: right.sock, network: web}
"""


class Instances:
    def __init__(self, bed):
        self.one = bed.switch(DOCUMENT, name="one")
        self.two = bed.switch(DOCUMENT, name="two", user=NOBODY)
        self.guests = [
            bed.guest(f"{name}{number}",
                      vhost_user_nic(switch.socket(f"{name}.sock"), f"52:54:00:00:0c:0{number}"))
            for number, (switch, name) in enumerate(
                (s, n) for s in (self.one, self.two) for n in ("left", "right"))]
        for guest, number in zip(self.guests, (1, 2, 1, 2)):
            guest.booted().address(f"10.0.0.{number}/24")

    def each_carries_its_own(self):
        for left, right in (self.guests[:2], self.guests[2:]):
            assert left.ping("10.0.0.2") == 3, "the neighbour does not answer"
            transfer(left, right, "10.0.0.2")
            transfer(right, left, "10.0.0.1")

    def runs_as_the_user(self):
        for pid in (self.two.process.pid, self.two.dataplane_pid()):
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            assert f"Uid:\t{NOBODY}\t{NOBODY}" in status, f"process {pid} is not the user's"
            assert "CapEff:\t0000000000000000" in status, f"process {pid} has capabilities"

    def dataplane_has_nothing(self):
        """What SECURITY.md says of sluice-dp, read from the kernel."""
        for switch in (self.one, self.two):
            status = pathlib.Path(f"/proc/{switch.dataplane_pid()}/status").read_text()
            assert "CapEff:\t0000000000000000" in status, "the data plane has capabilities"
            assert "Uid:\t0\t" not in status, "the data plane is root"
            assert "Seccomp:\t2" in status, "the data plane has no seccomp list"
            assert "NoNewPrivs:\t1" in status, "the data plane may gain privileges"

    def one_goes_the_other_stays(self):
        self.one.stop()
        assert self.guests[2].ping("10.0.0.2") == 3, "the user's switch went with root's"


def body(report):
    require_root()
    with Bed() as bed:
        test = Instances(bed)
        report.run("each carries its own guests' traffic", test.each_carries_its_own)
        report.run("the user's runs as the user", test.runs_as_the_user)
        report.run("a data plane has no privilege", test.dataplane_has_nothing)
        report.run("one ends, the other stays", test.one_goes_the_other_stays)


if __name__ == "__main__":
    main(body)
