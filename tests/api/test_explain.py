"""Why: what rules log, what trace explains, and where a rule was written, with real frames."""

import json
import os
import pwd
import subprocess

from api import Bed, call, expect, main, require_root, wait_until
from bed.frame import frame
from bed.packet import ICMP, IPV4, SYN, TCP, UDP, arp, ipv4, tcp, udp

ARP = 0x0806
USER = "games"
VM1, VM2, GUEST = (f"02:00:00:00:00:0{n}" for n in (1, 2, 3))
KEPT = 100  # records of a tenant: control/records.h

SITE = """tenants:
  acme:
    networks:
      web: {{vlan: 100, share: [globex]}}
    groups:
      web:
        - allow in tcp 80,8000-8010 from any
        - allow in icmp echo-request
        - allow out any
    acls:
      watch-in:
        - drop tcp to any port 23 log
        - accept udp to any port 53 log
        - drop udp to any port 5000-5999
        - accept any
      watch-out:
        - drop tcp to any port 25 log
        - accept any
    ports:
      vm1: {{tap: {vm1}, network: web, macs: ["02:00:00:00:00:01"], addresses: [10.0.0.1],
            acl: {{in: watch-in}}}}
      vm2: {{tap: {vm2}, network: web, macs: ["02:00:00:00:00:02"], addresses: [10.0.0.2],
            groups: [web], acl: {{out: watch-out}}}}
      vm3: {{vhost-user: vm3.sock, network: web}}
  globex:
    networks: {{lab: {{}}}}
    acls:
      loud: [accept any log]
    ports:
      guest: {{tap: {guest}, network: acme/web, macs: ["02:00:00:00:00:03"], addresses: [10.0.0.3],
              acl: {{in: loud}}}}
      apart: {{vhost-user: apart.sock, network: lab}}
"""


def tcp4(port, source="10.0.0.1", destination="10.0.0.2"):
    return ipv4(TCP, tcp(4000, port, SYN), source, destination)


def udp4(port, source="10.0.0.1", destination="10.0.0.2"):
    return ipv4(UDP, udp(4000, port), source, destination)


class Explain:
    def __init__(self, bed):
        require_root()
        taps = {name: bed.unique("slt") for name in ("vm1", "vm2", "guest")}
        self.bed = bed
        self.text = SITE.format(**taps)
        self.switch = bed.switch("", options=["--workers", "0"])
        self.site = self.switch.dir / "site.yaml"
        self.site.write_text(self.text)
        self.switch.ctl("apply", "-f", str(self.site))
        self.place = bed.namespace()
        self.place.run("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6")
        for name, tap in taps.items():
            self.place.adopt(tap, rename=name)
        self.wires = {name: self.place.wire(name) for name in taps}
        self.switch.wait_up("acme/vm1", "acme/vm2", "globex/guest")

    def send(self, name, payload, to=VM2, ethertype=IPV4):
        source = {"vm1": VM1, "vm2": VM2, "guest": GUEST}[name]
        self.wires[name].send(frame(to, source, payload, (), ethertype))

    def records(self, *port):
        return self.switch.json("rule", "log", *port)

    def logged(self, count, *port):
        wait_until(lambda: len(self.records(*port)) >= count, 5, f"{count} records")
        return self.records(*port)

    def watcher(self, *arguments, **options):
        watcher = subprocess.Popen([self.bed.build_dir / "sluicectl", "--socket",
                                    self.switch.run_dir / "control.sock", "watch"],
                                   stdout=subprocess.PIPE, text=True, **options)
        watcher.stdout.readline()
        return watcher

    # ---- rules that say `log` ----

    def drop_is_logged(self):
        watcher = self.watcher()
        self.send("vm1", tcp4(23))
        row = self.logged(1)[0]
        line = 1 + self.text.split("\n").index("        - drop tcp to any port 23 log")
        expect({k: row[k] for k in ("tenant", "list", "number", "rule", "action", "direction",
                                    "port", "from", "to", "hits", "left_out")},
               {"tenant": "acme", "list": "acme/watch-in", "number": 1,
                "rule": "drop tcp to any port 23 log", "action": "drop", "direction": "in",
                "port": "acme/vm1", "from": "acme/vm1", "to": None, "hits": 1, "left_out": 0},
               "the record")
        assert row["written"].endswith(f"site.yaml:{line}"), row["written"]
        assert row["frame"].startswith("tcp 10.0.0.1:4000 > 10.0.0.2:23, "), row["frame"]
        assert row["time"].endswith("Z") and len(row["time"]) == 24, row["time"]
        event = json.loads(watcher.stdout.readline())
        watcher.terminate()
        watcher.wait()
        expect((event.pop("event"), event), ("log", row), "what a watcher sees")
        table = self.switch.ctl("rule", "log", "acme/vm1").stdout
        assert "acme/watch-in" in table and "10.0.0.2:23" in table, table

    def accepted_and_out(self):
        """A rule that accepts, and one of the receiver; what has no `log` leaves nothing."""
        before = len(self.records())
        self.send("vm1", udp4(5001))
        self.send("vm1", udp4(53))
        self.send("vm1", tcp4(80))
        row = self.logged(before + 1)[-1]
        expect((row["action"], row["number"], row["to"]), ("accept", 2, "acme/vm2"), "accepted")
        self.switch.ctl("port", "set", "acme/vm2", "--unset", "groups")
        self.send("vm1", tcp4(25))
        row = self.logged(1, "acme/vm2")[-1]
        expect((row["list"], row["direction"], row["from"]), ("acme/watch-out", "out", "acme/vm1"),
               "out")
        self.switch.ctl("port", "set", "acme/vm2", "--group", "web")
        expect(len(self.records()), before + 2, "all records")

    def flood_costs_its_own(self):
        """A tenant that floods loses its own records; the other's come through, and are few."""
        self.switch.ctl("port", "set", "acme/vm1", "--acl-in", "watch-in")
        before = len(self.records("acme/vm1"))
        for number in range(3000):
            self.send("guest", udp4(number % 60000 + 1, "10.0.0.3"))
            if number == 1500:
                self.send("vm1", tcp4(23))
        rows = self.logged(before + 1, "acme/vm1")
        expect(rows[-1]["list"], "acme/watch-in", "the other tenant's record")
        loud = [r for r in self.records() if r["tenant"] == "globex"]
        assert 1 <= len(loud) <= KEPT, len(loud)
        by_second = {}
        for row in loud:
            by_second[row["time"][:19]] = by_second.get(row["time"][:19], 0) + 1
        # 8 a second of one rule, seconds that do not begin together
        assert max(by_second.values()) <= 16, by_second
        hits = self.switch.json("rule", "list", "globex/guest")[0]["hits"]
        assert hits > 5 * len(loud), f"{hits} hits, {len(loud)} records"

    def who_sees_records(self):
        """A tenant's users see their rules' records, and who else is in them by no name."""
        self.switch.run_dir.chmod(0o755)
        self.switch.dir.chmod(0o755)
        self.switch.ctl("tenant", "set", "globex", "--user", USER)
        account = pwd.getpwnam(USER)
        done = call(self.bed.build_dir / "sluicectl", "--socket",
                    self.switch.run_dir / "control.sock", "-o", "json", "rule", "log",
                    user=account.pw_uid, group=account.pw_gid, extra_groups=[])
        rows = json.loads(done.stdout)
        expect({r["tenant"] for r in rows}, {"globex"}, "tenants")
        assert {r["to"] for r in rows} <= {"(another tenant's)", None}, rows[0]
        assert "acme/vm" not in done.stdout, "another tenant's ports"
        denied = call(self.bed.build_dir / "sluicectl", "--socket",
                      self.switch.run_dir / "control.sock", "rule", "log", "acme/vm1", check=False,
                      user=account.pw_uid, group=account.pw_gid, extra_groups=[])
        expect(denied.returncode, 3, "another tenant's port")


def body(report):
    with Bed() as bed:
        test = Explain(bed)
        report.run("a frame that a rule drops and logs", test.drop_is_logged)
        report.run("rules that accept, and the receiver's", test.accepted_and_out)
        report.run("a flood of records costs its own tenant", test.flood_costs_its_own)
        report.run("who sees records", test.who_sees_records)


if __name__ == "__main__":
    main(body)
