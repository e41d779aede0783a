"""Who may do what: peers are known by their uid and groups, from the kernel."""

import grp
import json
import os
import pwd

from api import Bed, call, expect, main, require_root

DONE, NOT_FOUND, DENIED = 0, 3, 4
STRANGER = "nobody"
USER = "games"      # a user that Debian has from the start, as have all of these
GROUP = "backup"

DOCUMENT = """
tenants:
  acme:
    networks: {web: {vlan: 100}}
    ports:
      vm1: {vhost-user: vm1.sock, network: web, macs: ["52:54:00:00:00:01"]}
  beta:
    networks: {lan: {vlan: 200}}
    ports:
      secret: {vhost-user: secret.sock, network: lan, macs: ["52:54:00:00:00:02"]}
uplinks:
  fabric: {tap: %s, trunk: all}
"""


class Credentials:
    def __init__(self, bed):
        require_root()
        self.bed = bed
        self.switch = bed.switch(DOCUMENT % bed.unique("slt"))
        self.switch.run_dir.chmod(0o755)
        self.switch.dir.chmod(0o755)

    def ctl(self, user, *arguments, groups=()):
        """sluicectl as another user."""
        account = pwd.getpwnam(user)
        return call(self.bed.build_dir / "sluicectl", "--socket",
                    self.switch.run_dir / "control.sock", *arguments, check=False,
                    user=account.pw_uid, group=account.pw_gid,
                    extra_groups=[grp.getgrnam(g).gr_gid for g in groups])

    def json(self, user, *arguments, **options):
        done = self.ctl(user, "-o", "json", *arguments, **options)
        expect(done.returncode, DONE, f"{arguments}: {done.stderr}")
        return json.loads(done.stdout)

    def stranger(self):
        """Without users in any tenant the file system keeps strangers out."""
        done = self.ctl(STRANGER, "status")
        expect((done.returncode, done.stdout), (DENIED, ""), "a stranger's status")
        expect(os.stat(self.switch.run_dir / "control.sock").st_mode & 0o777, 0o660, "mode")

    def grant(self):
        self.switch.ctl("tenant", "set", "acme", "--user", f"{USER},@{GROUP}")
        done = self.ctl(STRANGER, "status")
        expect((done.returncode, done.stdout), (DENIED, ""), "a stranger's status")

    def sees_its_own(self):
        for user, groups in ((USER, ()), (STRANGER, (GROUP,))):
            for noun, names in (("tenant", ["acme"]), ("network", ["acme/web"]),
                                ("port", ["acme/vm1"]), ("uplink", [])):
                seen = [o["name"] for o in self.json(user, noun, "list", groups=groups)]
                expect(seen, names, f"{noun}s that {user} {groups} sees")
            expect({e["port"] for e in self.json(user, "fdb", "list", groups=groups)},
                   {"acme/vm1"}, "fdb")
            expect([s["port"] for s in self.json(user, "stats", groups=groups)], ["acme/vm1"],
                   "stats")
            status = self.json(user, "status", groups=groups)
            expect(sum(status["ports"].values()), 1, "ports in status")

    def others_do_not_exist(self):
        """What others own is not denied but not there; nothing of it is in any answer."""
        for arguments in (("port", "show", "beta/secret"), ("port", "show", "beta/no-such"),
                          ("network", "show", "beta/lan"), ("tenant", "show", "beta"),
                          ("uplink", "show", "fabric"), ("stats", "beta/secret"),
                          ("drops", "beta/secret"), ("fdb", "list", "beta/lan"),
                          ("fdb", "flush", "beta/lan"), ("usage", "beta"),
                          ("trace", "beta/secret", "icmp 10.0.0.1 > 10.0.0.2"),
                          ("port", "set", "beta/secret", "--mac", "52:54:00:00:00:09"),
                          ("port", "delete", "beta/secret"),
                          ("port", "add", "beta/new", "--vhost-user", "new.sock"),
                          ("network", "delete", "beta/lan")):
            done = self.ctl(USER, *arguments)
            expect(done.returncode, NOT_FOUND, f"{arguments}: {done.stdout}{done.stderr}")
            assert "00:00:02" not in done.stdout + done.stderr, f"{arguments}: leaks"
        # the same words for what is there and what is not
        said = [self.ctl(USER, "port", "show", f"beta/{n}").stderr.replace(n, "NAME")
                for n in ("secret", "nothing")]
        expect(said[0], said[1], "the answer about another tenant's port")

    def is_denied(self):
        for arguments in (("export",), ("worker", "list"), ("tenant", "add", "gamma"),
                          ("tenant", "set", "acme", "--quota", "ports=1000"),
                          ("tenant", "delete", "acme"), ("uplink", "delete", "fabric"),
                          ("network", "set", "acme/web", "--vlan", "200"),
                          ("port", "add", "acme/t", "--tap", "tap7", "--network", "web"),
                          ("port", "add", "acme/t", "--device", "lo", "--network", "web"),
                          ("port", "add", "acme/t", "--vhost-user", "/tmp/x.sock"),
                          ("port", "add", "acme/t", "--vhost-user", "../x.sock")):
            done = self.ctl(USER, *arguments)
            expect(done.returncode, DENIED, f"{arguments}: {done.stdout}{done.stderr}")
        done = call(self.bed.build_dir / "sluicectl", "--socket",
                    self.switch.run_dir / "control.sock", "apply", "-f", "-", check=False,
                    input="{}", user=pwd.getpwnam(USER).pw_uid, group=60, extra_groups=[])
        expect(done.returncode, DENIED, f"apply: {done.stderr}")

    def acts_for_itself(self):
        expect(self.ctl(USER, "port", "add", "acme/vm2", "--vhost-user", "vm2.sock", "--network",
                        "web").returncode, DONE, "port add")
        expect(self.ctl(USER, "network", "add", "acme/own").returncode, DONE, "network add")
        expect(self.ctl(USER, "port", "set", "acme/vm2", "--network", "own").returncode, DONE,
               "port set")
        trace = self.ctl(USER, "trace", "acme/vm1", "icmp 10.0.0.1 > 10.0.0.2")
        expect(trace.returncode, DONE, "trace: the uplink gets it")
        assert "fabric" not in trace.stdout, "trace names what is not the tenant's"
        expect(self.ctl(USER, "port", "delete", "acme/vm2").returncode, DONE, "port delete")
        expect(self.ctl(USER, "fdb", "flush").returncode, DONE, "fdb flush")

    def shared_network(self):
        """Both sides agree: the owner names the tenant, the tenant's port names the network."""
        self.switch.ctl("network", "set", "beta/lan", "--unset", "share")
        join = ("port", "add", "acme/guest", "--vhost-user", "guest.sock", "--mac",
                "52:54:00:00:00:03", "--network", "beta/lan")
        done = self.ctl(USER, *join)
        expect(done.returncode, NOT_FOUND, "a network that is not shared")
        assert "share: [acme]" in done.stderr, done.stderr
        nothing = self.ctl(USER, *join[:-1], "beta/nothing")
        expect(nothing.stderr.replace("nothing", "lan"), done.stderr, "one that is not there")
        self.switch.ctl("network", "set", "beta/lan", "--share", "acme")
        expect(self.ctl(USER, *join).returncode, DONE, "a network that is shared")
        seen = self.json(USER, "network", "show", "beta/lan")
        expect((seen["tenant"], seen["share"], seen["ports"], seen["macs"], seen["vlan"]),
               ("beta", ["acme"], 1, 1, None), "what a guest sees of it")
        assert "configuration" not in seen, seen
        assert "beta/lan" in [n["name"] for n in self.json(USER, "network", "list")]
        expect([e["port"] for e in self.json(USER, "fdb", "list", "beta/lan")], ["acme/guest"],
               "its addresses, of the guest's ports")
        expect({e["port"] for e in self.switch.json("fdb", "list", "beta/lan")},
               {"acme/guest", "beta/secret"}, "all its addresses")
        for arguments in (("network", "set", "beta/lan", "--mtu", "900"),
                          ("network", "delete", "beta/lan"), ("fdb", "flush", "beta/lan")):
            expect(self.ctl(USER, *arguments).returncode, NOT_FOUND, f"{arguments}")
        trace = self.ctl(USER, "trace", "acme/guest", "icmp 10.0.0.1 > 10.0.0.2", "--dst-mac",
                         "52:54:00:00:00:02")
        assert "(another tenant's)" in trace.stdout and "secret" not in trace.stdout, trace.stdout

    def shared_network_owner(self):
        """The owner's side: it is in use, by somebody whose name is not told."""
        self.switch.ctl("tenant", "set", "acme", "--unset", "users")
        self.switch.ctl("tenant", "set", "beta", "--user", USER)
        done = self.ctl(USER, "network", "set", "beta/lan", "--unset", "share")
        assert done.returncode != DONE and "another tenant" in done.stderr, done.stderr
        assert "guest" not in done.stderr and "acme" not in done.stderr, done.stderr
        seen = self.json(USER, "network", "show", "beta/lan")
        expect((seen["ports"], seen["share"]), (3, ["acme"]), "what the owner sees")
        expect({e["port"] for e in self.json(USER, "fdb", "list")},
               {"beta/secret", "(another tenant's)"}, "ports in it")
        self.switch.ctl("port", "delete", "acme/guest")
        expect(self.ctl(USER, "network", "set", "beta/lan", "--unset", "share").returncode, DONE,
               "a share that nobody uses ends")
        self.switch.ctl("tenant", "set", "beta", "--unset", "users")
        self.switch.ctl("tenant", "set", "acme", "--user", USER)

    def revoke(self):
        self.switch.ctl("tenant", "set", "acme", "--unset", "users")
        expect(self.ctl(USER, "status").returncode, DENIED, "status of a former user")


def body(report):
    with Bed() as bed:
        test = Credentials(bed)
        report.run("a stranger is denied", test.stranger)
        report.run("a tenant gets users", test.grant)
        report.run("they see their tenant's objects and no others", test.sees_its_own)
        report.run("what others own does not exist for them", test.others_do_not_exist)
        report.run("what is the operator's is denied", test.is_denied)
        report.run("they change their own", test.acts_for_itself)
        report.run("a network of another tenant that is shared", test.shared_network)
        report.run("what its owner knows of that", test.shared_network_owner)
        report.run("they lose their rights", test.revoke)


if __name__ == "__main__":
    main(body)
