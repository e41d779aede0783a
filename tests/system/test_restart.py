"""The control process may die, the data plane may be replaced: what the guests notice of it.

    guest a (Sluice listens) and guest b (Sluice dials), one network; guest c only ever receives
"""

from bed import Bed, main, vhost_user_nic, wait_until
from bed.traffic import begin_ping, end_ping, transfer

DOCUMENT = """
tenants:
  acme:
    networks: {web: {vlan: 100}}
    ports:
      a: {vhost-user: a.sock, network: web}
      b: {vhost-user: b.sock, mode: client, network: web}
      c: {vhost-user: c.sock, network: web}
"""
RECONNECT_S = 15  # QEMU dials once a second, and an emulated guest is slow to notice


class Restart:
    def __init__(self, bed):
        self.switch = bed.switch(DOCUMENT)
        modes = {"a": "server", "b": "client", "c": "server"}
        self.guests = {
            name: bed.guest(name, vhost_user_nic(self.switch.socket(f"{name}.sock"),
                                                 f"52:54:00:00:03:0{name}", mode=mode))
            for name, mode in modes.items()}
        for number, guest in enumerate(self.guests.values(), 1):
            guest.booted().address(f"10.0.0.{number}/24")
        self.a, self.b, self.c = self.guests.values()
        # c never answers and never asks: a knows its address, c has nothing to say
        self.a.run("arp -s 10.0.0.3 52:54:00:00:03:0c")
        self.c.run("echo 1 >/proc/sys/net/ipv4/icmp_echo_ignore_all; "
                   "echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6")
        assert self.a.ping("10.0.0.2") == 3, "a does not reach b"

    def flaps(self):
        return [g.run("cat /sys/class/net/eth0/carrier_changes").strip()
                for g in self.guests.values()]

    def survive(self, strike):
        """Nothing lost, no link flapped, the same data plane, while @strike happens."""
        flaps, pid = self.flaps(), self.switch.dataplane_pid()
        begin_ping(self.a, "10.0.0.2", count=150, interval_s=0.02)
        strike()
        self.switch.start()
        assert self.switch.dataplane_pid() == pid, "the data plane was replaced"
        sent, received = end_ping(self.a)
        assert sent == received, f"{sent - received} of {sent} lost"
        assert self.flaps() == flaps, "a guest's link flapped"
        names = {p["name"]: p["state"] for p in self.switch.json("port", "list")}
        assert names == {"acme/a": "up", "acme/b": "up", "acme/c": "up"}, f"ports: {names}"

    def dies_under_traffic(self):
        """SIGKILL while TCP runs: its content arrives all the same."""
        self.a.run("true")
        for _ in range(3):
            self.switch.kill()
            transfer(self.a, self.b, "10.0.0.2", kib=512)
            self.switch.start()
            transfer(self.b, self.a, "10.0.0.1", kib=512)

    def changes_after(self):
        """A sluiced that took over a running data plane configures it as before."""
        self.switch.ctl("network", "add", "acme/db", "--vlan", "101")
        self.switch.ctl("port", "set", "acme/b", "--network", "db")
        assert self.a.ping("10.0.0.2", count=2, wait_s=1) == 0, "b was moved, and a reaches it"
        self.switch.ctl("port", "set", "acme/b", "--network", "web")
        wait_until(lambda: self.a.ping("10.0.0.2", count=1), 5, "a reaches b again")

    def dataplane_dies(self):
        self.switch.kill_dataplane()
        wait_until(lambda: self.a.ping("10.0.0.2", count=1, wait_s=1), RECONNECT_S,
                   "a reaches b over another data plane")
        self.switch.wait_up("acme/a", "acme/b", "acme/c")
        transfer(self.a, self.b, "10.0.0.2", kib=512)

    def receiver_gets_frames(self):
        """c says nothing after the data plane was replaced, and frames for it still arrive."""
        self.switch.kill_dataplane()
        self.switch.wait_up("acme/a", "acme/c")
        before = int(self.c.run("cat /sys/class/net/eth0/statistics/rx_packets"))
        self.a.ping("10.0.0.3", count=5, interval_s=0.1, wait_s=1)
        after = int(self.c.run("cat /sys/class/net/eth0/statistics/rx_packets"))
        assert after - before >= 5, f"{after - before} of 5 frames arrived"


def body(report):
    with Bed() as bed:
        test = Restart(bed)
        report.run("sluiced is killed: nothing lost, no link flaps", test.survive, test.switch.kill)
        report.run("sluiced leaves (SIGQUIT): nothing lost, no link flaps", test.survive,
                   test.switch.leave)
        report.run("sluiced is killed under TCP, again and again", test.dies_under_traffic)
        report.run("sluiced configures the data plane that it took over", test.changes_after)
        report.run("the data plane is killed: guests reconnect", test.dataplane_dies)
        report.run("a guest that only receives gets frames again", test.receiver_gets_frames)


if __name__ == "__main__":
    main(body)
