"""Live migration between two ports of one network, under ping and under TCP.

    guest m moves from port m1 to port m2; guest p stays, and talks to it all the time
"""

import time

from bed import Bed, main, vhost_user_nic
from bed.traffic import begin_ping, end_ping, transfer

DOCUMENT = """
tenants:
  acme:
    networks: {web: {}}
    ports:
      m1: {vhost-user: m1.sock, network: web}
      m2: {vhost-user: m2.sock, network: web}
      p:  {vhost-user: p.sock, network: web}
"""
MAC = "52:54:00:00:05:01"
LOST_MAX = 25  # of 200 pings, 20 a second: the downtime and the reconnection of the stream


class Migration:
    def __init__(self, bed):
        self.bed = bed
        self.switch = bed.switch(DOCUMENT)
        self.moves = 0
        self.m = bed.guest("m", vhost_user_nic(self.switch.socket("m1.sock"), MAC))
        self.p = bed.guest("p", vhost_user_nic(self.switch.socket("p.sock"), "52:54:00:00:05:02"))
        self.m.booted().address("10.0.0.1/24")
        self.p.booted().address("10.0.0.2/24")
        assert self.p.ping("10.0.0.1") == 3, "p does not reach m"

    def move(self, port):
        """Migrate the guest to a new QEMU on @port."""
        self.moves += 1
        target = self.bed.guest(f"m{self.moves}",
                                vhost_user_nic(self.switch.socket(f"{port}.sock"), MAC),
                                incoming=self.bed.dir / f"move{self.moves}")
        self.m.migrate(target)
        self.m.end()
        self.m = target

    def under_ping(self):
        begin_ping(self.p, "10.0.0.1", count=200, interval_s=0.05)
        began = time.monotonic()
        self.move("m2")
        took = time.monotonic() - began
        sent, received = end_ping(self.p)
        assert sent - received <= LOST_MAX, f"{sent - received} of {sent} lost in {took:.1f} s"
        assert self.p.ping("10.0.0.1") == 3, "p does not reach m where it is now"

    def memory_arrives_whole(self):
        """
        Bytes that the switch writes while memory is copied: the file that m receives meanwhile is
        read back after the move. A page missing in the dirty log would show in its sum.
        """
        self.m.run("dd if=/dev/zero of=/tmp/got bs=1 count=0 2>/dev/null; "
                   "(busybox nc -l -p 6000 -e sh -c 'cat >/tmp/got; touch /tmp/whole') "
                   ">/dev/null 2>&1 &")
        self.p.run("head -c 6291456 /dev/urandom >/tmp/sent; "
                   "(busybox nc 10.0.0.1 6000 -e sh -c "
                   "'for i in $(seq 24); do dd if=/tmp/sent bs=256k skip=$((i-1)) count=1 "
                   "2>/dev/null; usleep 100000; done') >/dev/null 2>&1 &")
        self.move("m1")
        for _ in range(300):
            if self.m.run("ls /tmp/whole 2>/dev/null", check=False):
                break
            time.sleep(0.1)
        sent = self.p.run("sha256sum </tmp/sent")
        got = self.m.run("sha256sum </tmp/got")
        assert sent == got, f"sent {sent}, in memory {got}"

    def and_on(self):
        transfer(self.p, self.m, "10.0.0.1")
        transfer(self.m, self.p, "10.0.0.2")


def body(report):
    with Bed() as bed:
        test = Migration(bed)
        report.run("a guest moves under ping", test.under_ping)
        report.run("a guest moves back while a file streams into its memory",
                   test.memory_arrives_whole)
        report.run("traffic goes on where it is now", test.and_on)


if __name__ == "__main__":
    main(body)
