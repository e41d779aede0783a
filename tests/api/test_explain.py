"""Why: what rules log, what trace explains, and where a rule was written, with real frames."""

import json
import pwd
import struct
import subprocess

from api import Bed, call, expect, main, require_root, wait_until
from bed.frame import frame
from bed.packet import ARP, IPV4, SYN, TCP, UDP, arp, ipv4, tcp, udp
from bed.switch import cpu_seconds

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
      nothing: []
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
      nothing: []
    ports:
      guest: {{tap: {guest}, network: acme/web, macs: ["02:00:00:00:00:03"], addresses: [10.0.0.3],
              acl: {{in: loud}}}}
      apart: {{vhost-user: apart.sock, network: lab}}
"""


def tcp4(port, source="10.0.0.1", destination="10.0.0.2"):
    return ipv4(TCP, tcp(4000, port, SYN), source, destination)


def udp4(port, source="10.0.0.1", destination="10.0.0.2"):
    return ipv4(UDP, udp(4000, port), source, destination)


def capture(frames, link=1, lengths=None):
    """A pcap file; @lengths: of the frames on the wire."""
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    for number, each in enumerate(frames):
        length = lengths[number] if lengths else len(each)
        data += struct.pack("<IIII", number, 0, len(each), length) + each
    return data


def pcapng(frames):
    def block(kind, body):
        body += bytes(-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
    data = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    data += block(1, struct.pack("<HHI", 1, 0, 0))
    for each in frames:
        data += block(6, struct.pack("<IIIII", 0, 0, 0, len(each), len(each)) + each)
    return data


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

    # ---- trace ----

    def trace(self, *arguments, code=None):
        done = self.switch.ctl("trace", *arguments, check=False)
        if code is not None:
            expect(done.returncode, code, f"trace {arguments}: {done.stdout}{done.stderr}")
        return done

    def flood(self):
        """Who does not get a broadcast, and for which rule."""
        done = self.trace("acme/vm1", "udp 10.0.0.1:4000 > 10.0.0.255:99", "--dst-mac",
                          "ff:ff:ff:ff:ff:ff", code=0)
        assert "not to acme/vm2: group-in: no rule of acme/web matches" in done.stdout, done.stdout
        assert "to globex/guest, untagged" in done.stdout, done.stdout
        said = self.switch.json("trace", "acme/vm1", "udp 10.0.0.1:4000 > 10.0.0.255:99",
                                "--dst-mac", "ff:ff:ff:ff:ff:ff")
        expect([(r["port"], r["reason"]) for r in said["refused"]], [("acme/vm2", "group-in")],
               "refused")
        expect(sorted(o["port"] for o in said["outputs"]), ["acme/vm3", "globex/guest"], "outputs")
        # nobody: each is named, and the exit status is that of a drop
        for port in ("acme/vm3", "globex/guest"):
            self.switch.ctl("port", "set", port, "--acl-out", "nothing")
        done = self.trace("acme/vm1", "udp 10.0.0.1:4000 > 10.0.0.255:99", "--dst-mac",
                          "ff:ff:ff:ff:ff:ff", code=1)
        assert "not to globex/guest: acl-out: no rule of globex/nothing" in done.stdout, done.stdout
        for port in ("acme/vm3", "globex/guest"):
            self.switch.ctl("port", "set", port, "--unset", "acl")
        self.switch.ctl("port", "set", "globex/guest", "--acl-in", "loud")

    def explain(self):
        said = self.switch.json("trace", "--explain", "acme/vm1", "acme/vm2")
        rows = {r["traffic"]: r for r in said["traffic"]}
        expect((said["reachable"], said["complete"], said["state"]), (True, True, "up"), "reach")
        assert rows["arp"]["passes"] and rows["icmp echo-request"]["passes"], rows
        passing = [t for t, r in rows.items() if t.startswith("tcp") and r["passes"]]
        # 23 is dropped on the way in, 25 on the way out, and by the group as are all others
        expect(passing, ["tcp 80,8000-8010"], "TCP that passes")
        expect(rows["tcp 23"]["reason"], "acl-in", "telnet")
        assert 'rule 1 of acme/watch-in, "drop tcp to any port 23 log"' in rows["tcp 23"]["rule"]
        others = next(r for t, r in rows.items() if t.startswith("tcp 0-22"))
        expect((others["stage"], others["reason"]), ("groups", "group-in"), "all others")
        assert not any(r["passes"] for t, r in rows.items() if t.startswith("udp")), rows
        dropped = [t for t, r in rows.items() if r["reason"] == "acl-in" and "udp" in t]
        expect(dropped, ["udp 5000-5999"], "UDP that the sender's list drops")
        table = self.trace("--explain", "acme/vm1", "acme/vm2", code=0).stdout
        assert table.endswith("acme/vm1 reaches acme/vm2\n"), table
        # every row is what a trace of its traffic says
        for traffic, row in rows.items():
            words = traffic.split(" ")
            if words[0] in ("tcp", "udp"):
                port = words[1].split(",")[-1].split("-")[-1]
                one = self.trace("acme/vm1", f"{words[0]} 10.0.0.1:33000 > 10.0.0.2:{port}")
                expect(one.returncode == 0, row["passes"], f"{traffic}, its last port")

    def explain_apart(self):
        said = json.loads(self.trace("--explain", "globex/apart", "acme/vm1", "-o", "json",
                                     code=1).stdout)
        expect([(r["traffic"], r["stage"], r["reason"]) for r in said["traffic"]],
               [("any", "permit", "other-network")], "no network in common")
        table = self.trace("--explain", "acme/vm1", "globex/apart", code=1).stdout
        assert "does not reach" in table and "globex/apart is waiting" in table, table
        self.trace("--explain", "acme/vm1", code=2)
        self.trace("--explain", "acme/vm1", "acme/nobody", code=3)

    def explain_is_bounded(self):
        """Each port has a rule of its own: what there is time for is told, and others are served."""
        rules = ", ".join(f"drop tcp to any port {port}" for port in range(1, 60000, 3))
        self.switch.apply(self.text.replace("nothing: []", f"nothing: [{rules}]", 1))
        self.switch.ctl("port", "set", "acme/vm1", "--acl-in", "nothing")
        before = cpu_seconds(self.switch.process.pid)
        said = json.loads(self.trace("--explain", "acme/vm1", "acme/vm2", "-o", "json").stdout)
        took = cpu_seconds(self.switch.process.pid) - before
        expect(said["complete"], False, "complete")
        assert took < 0.4, f"sluiced was busy for {took:.1f} s"

    def pcap(self, data, *arguments, code):
        path = self.switch.dir / "frames.pcap"
        path.write_bytes(data)
        return self.trace("acme/vm1", "--pcap", str(path), *arguments, code=code)

    def captures(self):
        good = frame(VM2, VM1, tcp4(80), (), IPV4)
        bad = frame(VM2, VM1, tcp4(23), (), IPV4)
        done = self.pcap(capture([good, bad]), code=1)
        lines = done.stdout.splitlines()
        expect(len(lines), 3, done.stdout)
        assert lines[0].endswith(": delivered"), lines[0]
        assert "not delivered" in lines[1] and "watch-in" in lines[1], lines[1]
        expect(lines[2], "2 frames, 1 not delivered", "the sum")
        self.pcap(capture([good]), code=0)
        self.pcap(pcapng([good, good]), code=0)
        said = json.loads(self.pcap(capture([good, bad]), "-o", "json", code=1).stdout)
        expect([r["reason"] for r in said], [None, "acl-in"], "as JSON")
        # longer than is read of a frame, and cut in the file
        giant = frame(VM2, VM1, tcp4(80) + bytes(5000), (), IPV4)
        assert "giant" in self.pcap(capture([giant]), code=1).stdout
        cut = self.pcap(capture([good[:40]], lengths=[len(good)]), code=1).stdout
        assert "not delivered" in cut, cut

    def hostile_captures(self):
        good = capture([frame(VM2, VM1, tcp4(80), (), IPV4)])
        cases = [b"", b"x" * 100, good[:10], good[:-1], good[:30],
                 capture([b"abc"], link=101), capture([bytes(70000)]),
                 struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
                 + struct.pack("<IIII", 0, 0, 0xFFFFFFFF, 0xFFFFFFFF),
                 capture([]), capture([b""]), pcapng([b"a"])[:-3]]
        for data in cases:
            done = self.pcap(data, code=1)
            assert "Traceback" not in done.stderr, done.stderr
        expect(self.switch.status()["dataplane"]["state"], "running", "the switch")

    # ---- rules that say `log` ----

    def drop_is_logged(self):
        watcher = self.watcher()
        self.send("vm1", tcp4(23))
        row = self.logged(1, "acme/vm1")[0]
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
        event = next(e for e in map(json.loads, watcher.stdout) if e.get("tenant") == "acme")
        watcher.terminate()
        watcher.wait()
        expect((event.pop("event"), event), ("log", row), "what a watcher sees")
        table = self.switch.ctl("rule", "log", "acme/vm1").stdout
        assert "acme/watch-in" in table and "10.0.0.2:23" in table, table

    def accepted_and_out(self):
        """A rule that accepts, and one of the receiver; what has no `log` leaves nothing."""
        before = len(self.records("acme/vm1"))
        self.send("vm1", udp4(5001))
        self.send("vm1", udp4(53))
        self.send("vm1", tcp4(80))
        row = self.logged(before + 1, "acme/vm1")[-1]
        expect((row["action"], row["number"], row["to"]), ("accept", 2, "acme/vm2"), "accepted")
        self.switch.ctl("port", "set", "acme/vm2", "--unset", "groups")
        self.send("vm1", tcp4(25))
        row = self.logged(1, "acme/vm2")[-1]
        expect((row["list"], row["direction"], row["from"]), ("acme/watch-out", "out", "acme/vm1"),
               "out")
        self.switch.ctl("port", "set", "acme/vm2", "--group", "web")
        expect(len(self.records("acme/vm1")), before + 1, "records of its list")

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


    def why(self):
        """Words that trace takes, and what would become of the frame by now."""
        self.wires["vm1"].send(frame("ff:ff:ff:ff:ff:ff", VM1, arp(VM1, "10.0.0.9", "10.0.0.2"), (),
                                     ARP))
        self.send("vm1", tcp4(23))

        def rows():
            return {r["reason"]: r for r in self.switch.json("why", "acme/vm1")
                    if r["port"] == "acme/vm1"}
        wait_until(lambda: {"spoofed-address", "acl-in"} <= set(rows()), 5, "both refusals")
        said = rows()["spoofed-address"]["frame"]
        assert said.startswith("arp who-has 10.0.0.2 tell 10.0.0.9, "), said
        again = self.trace("acme/vm1", said.split(",")[0], code=1).stdout
        assert "spoofed-address" in again, again
        assert "rule 1 of acme/watch-in" in rows()["acl-in"]["rule"], rows()["acl-in"]
        self.switch.ctl("network", "set", "acme/web", "--mtu", "1450")
        assert rows()["acl-in"]["rule"].endswith("now it would be refused: acl-in"), rows()
        self.switch.ctl("port", "set", "acme/vm1", "--unset", "acl")
        self.switch.ctl("port", "set", "acme/vm2", "--unset", "groups")
        assert rows()["acl-in"]["rule"].endswith("now it would pass"), rows()
        self.switch.ctl("port", "set", "acme/vm2", "--group", "web")
        self.switch.ctl("port", "set", "acme/vm1", "--acl-in", "watch-in")

    def places_are_kept(self):
        """Where rules were written is known after a restart, and after a change by the API."""
        def written():
            return {(r["list"], r["number"]): r["written"] for r in self.switch.json("rule", "list")}
        before = written()
        for line, text in enumerate(self.text.split("\n"), 1):
            if "allow in icmp" in text:
                expect(before["acme/web", 2], f"{self.site}:{line}", "a rule's place")
        expect(before["globex/loud", 1], f"{self.site}:"
               f"{1 + self.text.split(chr(10)).index('      loud: [accept any log]')}", "one in a row")
        self.switch.kill()
        self.switch.start()
        expect(written(), before, "after SIGKILL")
        self.switch.ctl("network", "set", "acme/web", "--mtu", "1400")
        self.switch.stop()
        self.switch.start()
        expect(written(), before, "after a stop")


def body(report):
    with Bed() as bed:
        test = Explain(bed)
        report.run("trace of a flood names who is refused", test.flood)
        report.run("can one port reach another?", test.explain)
        report.run("ports that have no network in common", test.explain_apart)
        report.run("trace of captures", test.captures)
        report.run("captures of strangers", test.hostile_captures)
        report.run("a frame that a rule drops and logs", test.drop_is_logged)
        report.run("rules that accept, and the receiver's", test.accepted_and_out)
        report.run("a flood of records costs its own tenant", test.flood_costs_its_own)
        report.run("who sees records", test.who_sees_records)
        report.run("why, before and after a change", test.why)
        report.run("where rules were written outlives sluiced", test.places_are_kept)
        report.run("an explanation has a bound", test.explain_is_bounded)


if __name__ == "__main__":
    main(body)
