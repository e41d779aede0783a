"""Security groups, ACLs and port security between real guests, with real tools.

    guests a and b in groups; namespace c without any; namespace rogue, who attacks them
    acme/web: 10.0.0.0/24 and fd00::/64, addresses bound to a, b and c

What is refused is counted with its reason, and `why` has the frame.
"""

import os
import re
import shutil

from bed import Bed, Skip, main, vhost_user_nic, wait_until
from bed.traffic import is_listening

MAC = {"a": "52:54:00:00:0d:0a", "b": "52:54:00:00:0d:0b", "c": "52:54:00:00:0d:0c",
       "rogue": "52:54:00:00:0d:0e"}
DOCUMENT = """
tenants:
  acme:
    networks: {{web: {{}}}}
    groups:
      iperf: [allow in tcp 5201 from any, allow in udp 5201 from any]
      ssh: [allow in tcp 22 from any]
      talk: [allow in icmp from any, allow in icmpv6 from any, allow out any]
      other: [allow in tcp 99 from any]
    ports:
      a: {{vhost-user: a.sock, network: web, macs: ["{a}"], addresses: [10.0.0.1, "fd00::1"],
          groups: [talk]}}
      b: {{vhost-user: b.sock, network: web, macs: ["{b}"], addresses: [10.0.0.2, "fd00::2"],
          groups: [iperf, ssh, talk, other]}}
      c: {{tap: {tap_c}, network: web, macs: ["{c}"], addresses: [10.0.0.3, "fd00::3"]}}
      rogue: {{tap: {tap_rogue}, network: web, macs: ["{rogue}"],
              addresses: [10.0.0.66, "fd00::66", "fe80::/10"]}}
"""


class Policy:
    def __init__(self, bed):
        self.bed = bed
        taps = {f"tap_{name}": bed.unique("slt") for name in ("c", "rogue")}
        self.switch = bed.switch(DOCUMENT.format(**MAC, **taps))
        self.a, self.b = (bed.guest(n, vhost_user_nic(self.switch.socket(f"{n}.sock"), MAC[n]))
                          for n in "ab")
        self.c, self.rogue = (self.namespace(n, taps[f"tap_{n}"]) for n in ("c", "rogue"))
        self.address(self.c, 3)
        self.address(self.rogue, 66)
        for number, guest in enumerate((self.a, self.b), 1):
            self.address(guest.booted(), number)
        self.switch.wait_up(*(f"acme/{n}" for n in ("a", "b", "c", "rogue")))
        self.b.run("iperf3 -s -D")
        wait_until(lambda: is_listening(self.b, 5201), 10, "iperf3")

    def namespace(self, name, tap):
        space = self.bed.namespace()
        space.adopt(tap, rename="eth0")
        space.run(f"ip link set eth0 down; ip link set eth0 address {MAC[name]}; "
                  "ip link set eth0 up")
        return space

    def address(self, where, number):
        where.run(f"ip link set eth0 up; ip addr add 10.0.0.{number}/24 dev eth0; "
                  f"ip -6 addr add fd00::{number}/64 dev eth0")
        where.run("for i in $(seq 50); do ip -6 addr show dev eth0 | grep -q tentative || exit 0; "
                  "sleep 0.1; done")

    # ---- what is asked of the switch ----

    def drops(self, port):
        return self.switch.drops(f"acme/{port}")

    def refused(self, port, reason, attack):
        """@attack is refused at @port for @reason, counted and told."""
        before = self.drops(port).get(reason, 0)
        attack()
        wait_until(lambda: self.drops(port).get(reason, 0) > before, 5,
                   f"{port} to count {reason}, of {self.drops(port)}")
        told = [w for w in self.switch.json("why", f"acme/{port}")
                if w["reason"] == reason and w["port"] == f"acme/{port}"]
        assert told and told[0]["frame"] and told[0]["explanation"], told

    def groups(self, port, *groups):
        self.switch.ctl("port", "set", f"acme/{port}", *(w for g in groups for w in ("--group", g)))

    # ---- traffic through groups ----

    def throughput(self, address, *options):
        refused = {r: n for r, n in self.drops("a").items() if r.startswith(("group", "session"))}
        said = self.a.run(f"iperf3 -c {address} -n 500K -f k {' '.join(options)} 2>&1", check=False)
        found = re.findall(r"([\d.]+) Kbits/sec.*receiver", said)
        assert found and float(found[-1]) > 0, said
        after = {r: n for r, n in self.drops("a").items() if r.startswith(("group", "session"))}
        assert after == refused, f"refused: {after}, before {refused}"

    def others_may_not(self):
        self.refused("a", "group-in", lambda: self.a.run("nc -w 1 10.0.0.2 81", check=False))

    def sessions_are_listed(self):
        rows = self.switch.json("session", "list", "acme/web")
        assert any("5201" in str(r["dst"]) and r["proto"] == "tcp" for r in rows), rows

    # ---- a session that lasts ----

    def chat(self, port):
        """A connection from a to b's @port over which lines go to and fro; say() uses it."""
        return Chat(self.a, self.b, port)

    def unrelated_change(self):
        """Rules that do not concern it change: an ssh-like session goes on."""
        chat = self.chat(22)
        chat.say("before")
        self.switch.ctl("group", "set", "acme/other", "allow in tcp 100 from any")
        self.switch.ctl("group", "set", "acme/ssh", "allow in tcp 20-30 from 10.0.0.0/24")
        chat.say("after")
        self.switch.ctl("group", "set", "acme/ssh", "allow in tcp 22 from any")
        chat.say("and again")
        chat.end()

    def related_change(self):
        """The rule that let it begin is withdrawn: it stops at once; another goes on."""
        chat, other = self.chat(22), self.chat(5202)
        self.switch.ctl("group", "set", "acme/ssh", "allow in tcp 23 from any")
        chat.hears_nothing("you should not hear this")
        other.hears_nothing("nor this: 5202 was never allowed")
        self.switch.ctl("group", "set", "acme/ssh", "allow in tcp 22 from any")
        chat.end()
        other.end()

    def withdrawn_under_traffic(self):
        """iperf3 stops at once when its rule goes; a ping that runs beside it does not."""
        self.a.run("(iperf3 -c 10.0.0.2 -t 20 -i 0 >/tmp/iperf 2>&1; touch /tmp/iperfed) "
                   ">/dev/null 2>&1 &")
        wait_until(lambda: self.carried() > 50, 15, "iperf3 under way")
        self.refused("a", "group-in", lambda: self.groups("b", "ssh", "talk", "other"))
        before = self.switch.port("acme/b")["tx_packets"]
        assert self.a.ping("10.0.0.2") == 3, "a rule that stayed does not allow any more"
        passed = self.switch.port("acme/b")["tx_packets"] - before
        assert passed < 40, f"{passed} packets passed after the rule was gone"
        self.a.run("killall iperf3", check=False)
        self.b.run("killall iperf3; iperf3 -s -D", check=False)
        self.groups("b", "iperf", "ssh", "talk", "other")
        wait_until(lambda: is_listening(self.b, 5201), 10, "iperf3")

    def carried(self):
        rows = [r for r in self.switch.json("session", "list", "acme/web")
                if "5201" in str(r["dst"])]
        return max((r["packets"] for r in rows), default=0)

    def dataplane_replaced(self):
        """What was allowed to begin goes on over another data plane, what was not does not."""
        chat = self.chat(22)
        chat.say("before")
        self.switch.kill_dataplane()
        self.switch.wait_up("acme/a", "acme/b")
        chat.say("after", patience_s=20)
        chat.end()

    # ---- attacks ----

    def dhcp_server(self):
        """A real server where none may be: b asks, and is not answered."""
        need("/usr/sbin/dnsmasq", "dnsmasq-base")
        server = self.rogue.spawn(
            "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0", "--interface=eth0",
            "--dhcp-range=10.0.0.100,10.0.0.110,1h", "--dhcp-authoritative", "--no-ping",
            f"--dhcp-leasefile={self.rogue.scratch}/leases", "--user=root",
            stdout=open(self.rogue.scratch / "dnsmasq", "wb"), stderr=-2)
        ask = "busybox udhcpc -i eth0 -n -q -t 2 -T 1 -s /bin/true 2>&1"

        def asks():
            said = self.c.run(ask, check=False)
            assert "obtained" not in said, said

        try:
            self.refused("rogue", "dhcp-server", asks)
            self.switch.ctl("port", "set", "acme/rogue", "--dhcp-server", "allow")
            said = self.c.run(ask, check=False)
            assert "obtained" in said, f"one that may be a server is not heard: {said}"
        finally:
            self.switch.ctl("port", "set", "acme/rogue", "--dhcp-server", "deny")
            server.kill()
            server.wait()

    def arp_spoofing(self):
        """dsniff's arpspoof tells a that c's address is the rogue's."""
        need("/usr/sbin/arpspoof", "dsniff")
        assert self.a.ping("10.0.0.3") == 3, "a does not reach c"
        self.refused("rogue", "spoofed-address", lambda: self.rogue.run(
            "timeout -s KILL 2 arpspoof -i eth0 -t 10.0.0.1 10.0.0.3", check=False))
        neighbour = self.a.run("ip neigh show 10.0.0.3")
        assert MAC["c"] in neighbour and MAC["rogue"] not in neighbour, neighbour

    def false_neighbour(self):
        """thc-ipv6's fake_advertise6: c's address is claimed."""
        need("/usr/bin/atk6-fake_advertise6", "thc-ipv6")
        assert MAC["c"] in self.neighbour6(), self.neighbour6()
        self.refused("rogue", "spoofed-address", lambda: self.rogue.run(
            f"timeout 2 atk6-fake_advertise6 eth0 fd00::3 ff02::1 {MAC['rogue']}", check=False))
        assert MAC["rogue"] not in self.neighbour6(), self.neighbour6()

    def neighbour6(self):
        self.a.run("ping -6 -c 1 -W 2 fd00::3", check=False)
        return self.a.run("ip -6 neigh show fd00::3")

    def false_router(self):
        """thc-ipv6's fake_router26: nobody gets its prefix."""
        need("/usr/bin/atk6-fake_router26", "thc-ipv6")
        self.refused("rogue", "router", lambda: self.rogue.run(
            "timeout 2 atk6-fake_router26 -A 2001:db8:bad::/64 eth0", check=False))
        assert "2001:db8:bad" not in self.a.run("ip -6 addr show dev eth0; ip -6 route")

    def foreign_source(self):
        """The rogue sends as c: not one echo request arrives."""
        self.rogue.run("ip addr add 10.0.0.3/24 dev eth0")
        self.refused("rogue", "spoofed-address", lambda: self.rogue.run(
            "busybox ping -I 10.0.0.3 -c 2 -W 1 10.0.0.1", check=False))
        self.rogue.run("ip addr del 10.0.0.3/24 dev eth0")


class Chat:
    """A TCP connection between guests: what one types, the other has in a file."""

    def __init__(self, client, server, port):
        self.client, self.server, self.port = client, server, port
        self.heard = f"/tmp/heard.{port}"
        # both ends hold their own pipe open: nobody sees an end of input
        server.run(f"rm -f {self.heard}; mkfifo /tmp/hold.{port}; "
                   f"nc -l -p {port} <>/tmp/hold.{port} >{self.heard} 2>/dev/null &")
        wait_until(lambda: is_listening(server, port), 10, f"a listener on {port}")
        client.run(f"mkfifo /tmp/say.{port}; "
                   f"nc 10.0.0.2 {port} <>/tmp/say.{port} >/dev/null 2>&1 &")

    def tell(self, line):
        """Type it, if there is still somebody to type to."""
        self.client.run(f"timeout 5 sh -c \"echo '{line}' >/tmp/say.{self.port}\"", check=False)

    def hears(self, line):
        return line in self.server.run(f"cat {self.heard}")

    def say(self, line, patience_s=10):
        self.tell(line)
        wait_until(lambda: self.hears(line), patience_s, f"'{line}' heard on port {self.port}")

    def hears_nothing(self, line):
        self.tell(line)
        self.client.run("sleep 1")  # retransmissions come at 0.2, 0.4 and 0.8 s
        assert not self.hears(line), f"'{line}' was heard on port {self.port}"

    def end(self):
        self.client.run(f"pkill -f 'nc 10.0.0.2 {self.port}'; rm /tmp/say.{self.port}")
        self.server.run(f"pkill -f 'nc -l -p {self.port}'; rm /tmp/hold.{self.port}")


def need(program, package):
    if not os.path.exists(program) and not shutil.which(os.path.basename(program)):
        raise Skip(f"{program} is missing: install {package}")


def body(report):
    with Bed() as bed:
        test = Policy(bed)
        report.run("TCP through groups", test.throughput, "10.0.0.2")
        report.run("TCP through groups, IPv6", test.throughput, "fd00::2")
        report.run("UDP through groups", test.throughput, "10.0.0.2", "-u", "-b", "20M")
        report.run("UDP through groups, IPv6", test.throughput, "fd00::2", "-u", "-b", "20M")
        report.run("what no rule allows is refused", test.others_may_not)
        report.run("connections are listed", test.sessions_are_listed)
        report.run("a session goes on over a change that does not concern it",
                   test.unrelated_change)
        report.run("a session ends with its rule", test.related_change)
        report.run("a rule withdrawn under traffic", test.withdrawn_under_traffic)
        report.run("a session goes on over another data plane", test.dataplane_replaced)
        report.run("a DHCP server where none may be", test.dhcp_server)
        report.run("ARP spoofing (arpspoof)", test.arp_spoofing)
        report.run("a false neighbour (fake_advertise6)", test.false_neighbour)
        report.run("a false router (fake_router26)", test.false_router)
        report.run("a source that is another's", test.foreign_source)


if __name__ == "__main__":
    main(body)
