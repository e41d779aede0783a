"""Changing the configuration: all of it or nothing, whatever goes wrong on the way."""

import os
import random
import subprocess
import threading

from api import Bed, Client, call, expect, main, require_root, wait_until

DONE, FAILED, USAGE, NOT_FOUND, CONFLICT, QUOTA = 0, 1, 2, 3, 5, 6

DOCUMENT = """
tenants:
  acme:
    quota: {ports: 4}
    networks: {web: {vlan: 100}, db: {vlan: 101}}
    ports:
      vm1: {vhost-user: vm1.sock, network: web}
"""

WRONG = """tenants:
  acme:
    networks:
      web: {vlan: 100}
      db: {vlan: 4095}
    ports:
      vm1: {vhost-user: vm1.sock, network: wbe}
      vm2: {tap: tap-vm2, network: web, maks: []}
      vm3: {vhost-user: vm3.sock, network: web, macs: ["52:54:00:00:00"]}
      vm3: {tap: tap-vm3, network: web}
"""


class Commit:
    def __init__(self, bed):
        self.bed = bed
        self.switch = bed.switch(DOCUMENT)

    def export(self):
        return self.switch.ctl("export").stdout

    def unchanged_by(self, action):
        """@action fails, and the switch runs and keeps what it ran before."""
        before, generation = self.export(), self.switch.status()["generation"]
        action()
        expect(self.export(), before, "the running document")
        expect(self.switch.status()["generation"], generation, "generation")
        self.switch.kill()
        self.switch.start()
        expect(self.export(), before, "the document after a restart")

    def all_errors(self):
        """One apply says everything that is wrong: file, line, column, path, and what would be right."""
        path = self.bed.dir / "wrong.yaml"
        path.write_text(WRONG)

        def refused():
            done = self.switch.ctl("apply", "-f", path, check=False)
            expect((done.returncode, done.stdout), (FAILED, ""), "apply")
            places = [line[len(str(path)) + 1:].split(":")[:2]
                      for line in done.stderr.splitlines() if line.startswith(str(path))]
            expect([line for line, _ in places], ["5", "7", "8", "9", "10"], f"lines of {done.stderr}")
            for what in ("tenants.acme.networks.db.vlan", "tenants.acme.ports.vm1.network",
                         "`web`", "macs"):
                assert what.strip("`") in done.stderr, f"{what} is not in {done.stderr}"
            with Client(self.switch) as client:
                error = client.fails("apply", files=[{"name": "w.yaml", "text": WRONG}])
                expect(len(error["data"]["problems"]), 5, "problems")
                expect(error["data"]["problems"][0]["file"], "w.yaml", "file")
                assert error["data"]["path"] and error["data"]["reason"], "path and reason"

        self.unchanged_by(refused)

    def exit_codes(self):
        cases = [
            (NOT_FOUND, ["port", "show", "acme/no"]), (NOT_FOUND, ["port", "delete", "acme/no"]),
            (NOT_FOUND, ["port", "set", "acme/no", "--queues", "2"]),
            (NOT_FOUND, ["network", "show", "no/no"]), (NOT_FOUND, ["stats", "acme/no"]),
            (NOT_FOUND, ["port", "add", "acme/x", "--vhost-user", "x.sock", "--network", "no"]),
            (NOT_FOUND, ["network", "add", "no/net"]),
            (CONFLICT, ["port", "add", "acme/vm1", "--vhost-user", "y.sock"]),
            (CONFLICT, ["network", "add", "acme/web"]), (CONFLICT, ["tenant", "add", "acme"]),
            (CONFLICT, ["port", "add", "acme/x", "--vhost-user", "vm1.sock", "--network", "web"]),
            (CONFLICT, ["network", "delete", "acme/web"]), (CONFLICT, ["tenant", "delete", "acme"]),
            (USAGE, []), (USAGE, ["prot", "list"]), (USAGE, ["port"]), (USAGE, ["port", "show"]),
            (USAGE, ["port", "list", "extra"]), (USAGE, ["port", "list", "--colour"]),
            (USAGE, ["port", "add", "acme/x", "--network"]), (USAGE, ["-o", "xml", "status"]),
            (USAGE, ["apply"]), (USAGE, ["trace", "acme/vm1", "ftp a > b"]),
            (FAILED, ["apply", "-f", "/no/such/file"]),
            (FAILED, ["network", "set", "acme/web", "--vlan", "5000"]),
        ]

        def refused():
            for code, arguments in cases:
                done = self.switch.ctl(*arguments, check=False)
                expect(done.returncode, code, f"{arguments}: {done.stdout}{done.stderr}")
                expect(done.stdout, "", f"stdout of {arguments}")
                assert done.stderr, f"{arguments} says nothing"

        self.unchanged_by(refused)

    def quota(self):
        for i in (2, 3, 4):
            self.switch.ctl("port", "add", f"acme/q{i}", "--vhost-user", f"q{i}.sock")
        done = self.switch.ctl("port", "add", "acme/q5", "--vhost-user", "q5.sock", check=False)
        expect(done.returncode, QUOTA, done.stderr)
        for i in (2, 3, 4):
            self.switch.ctl("port", "delete", f"acme/q{i}")

    def diff(self):
        def same(*arguments, text):
            return self.switch.ctl("diff", *arguments, "-f", "-", text=text, check=False)

        expect(same(text=DOCUMENT).returncode, 0, "diff of what runs")
        expect(same("--prune", text=self.export()).returncode, 0, "diff of the export")
        changed = same(text=DOCUMENT.replace("101", "102"))
        expect(changed.returncode, 1, "diff of another vlan")
        assert "network acme/db" in changed.stdout and "102" in changed.stdout, changed.stdout
        expect(same(text=WRONG).returncode, 2, "diff of what is wrong")
        gone = same("--prune", text=DOCUMENT.replace(", db: {vlan: 101}", ""))
        expect((gone.returncode, gone.stdout), (1, "- network acme/db\n"), "diff --prune")
        expect(same(text=DOCUMENT.replace(", db: {vlan: 101}", "")).returncode, 0,
               "without --prune what is not named stays")

    def dry_run(self):
        def tried():
            done = self.switch.ctl("apply", "--dry-run", "-f", "-",
                                   text=DOCUMENT.replace("101", "102"))
            assert "network acme/db" in done.stdout, done.stdout
            self.switch.ctl("port", "delete", "acme/vm1", "--dry-run")

        self.unchanged_by(tried)

    def round_trip(self):
        """The export of what runs, applied to an empty switch, gives the same export."""
        other = self.bed.switch(self.export(), name="other")
        expect(other.ctl("export").stdout, self.export(), "the other switch's export")
        as_json = self.switch.ctl("export", "-o", "json").stdout
        expect(other.ctl("diff", "--prune", "-f", "-", text=as_json, check=False).returncode, 0,
               "diff of the export as JSON")
        other.stop()

    def full_disk(self):
        """The state directory is full: the change fails in words and nothing of it runs or is kept."""
        require_root()
        self.switch.stop()
        small = self.switch.state_dir
        call("mount", "-t", "tmpfs", "-o", "size=64k", "small", small)
        try:
            self.switch.start()
            self.switch.apply(DOCUMENT)

            def refused():
                with open(small / "filler", "wb", buffering=0) as filler:
                    try:
                        while True:
                            filler.write(b"x" * 4096)
                    except OSError:
                        pass
                done = self.switch.ctl("network", "add", "acme/more", check=False)
                expect(done.returncode, FAILED, done.stdout)
                assert "space" in done.stderr, done.stderr
                assert "acme/more" not in self.export(), "it runs"

            self.unchanged_by(refused)
            (small / "filler").unlink()
            self.switch.ctl("network", "add", "acme/more")
            self.switch.ctl("network", "delete", "acme/more")
        finally:
            self.switch.stop()
            call("umount", small)
        self.switch.start()

    def read_only(self):
        """The state directory cannot be written: the same, and a start from it is none the worse."""
        require_root()
        self.switch.stop()
        state = self.switch.state_dir
        call("mount", "--bind", state, state)
        try:
            self.switch.start()
            self.switch.apply(DOCUMENT)
            call("mount", "-o", "remount,bind,ro", state)

            def refused():
                done = self.switch.ctl("network", "add", "acme/more", check=False)
                expect(done.returncode, FAILED, done.stdout)
                assert "Read-only" in done.stderr, done.stderr
                assert "acme/more" not in self.export(), "it runs"

            self.unchanged_by(refused)
            call("mount", "-o", "remount,bind,rw", state)
            self.switch.ctl("network", "add", "acme/more")
            self.switch.ctl("network", "delete", "acme/more")
        finally:
            self.switch.stop()
            call("umount", state)
        self.switch.start()

    def killed_at_any_moment(self):
        """SIGKILL while changes pour in: what was acknowledged is there, and no half of anything."""
        rng = random.Random(7)
        known = 0
        for _ in range(12):
            acknowledged = []

            def pour(first=known, done=acknowledged):
                with Client(self.switch) as client:
                    for i in range(first, first + 10000):
                        client.call("network.add", name=f"acme/n{i}", fields={})
                        client.call("network.delete", name=f"acme/n{i}")
                        client.call("tenant.set", name="acme", fields={"users": [f"u{i}"]})
                        done.append(i)

            thread = threading.Thread(target=swallow, args=(pour,))
            thread.start()
            wait_until(lambda: acknowledged, 10, "a change")
            threading.Event().wait(rng.uniform(0, 0.05))
            self.switch.kill()
            thread.join()
            last = acknowledged[-1]
            self.switch.start()
            found = self.switch.json("tenant", "show", "acme")["users"][0]
            assert found in (f"u{last}", f"u{last + 1}"), f"u{last} was acknowledged, found {found}"
            known = last + 1
            networks = {n["name"] for n in self.switch.json("network", "list")}
            assert networks - {f"acme/n{known}"} == {"acme/web", "acme/db"}, networks
            self.switch.ctl("apply", "--prune", "-f", "-", text=DOCUMENT)

    def config_and_state(self):
        """What was applied wins over the configuration file until the file's text changes."""
        self.switch.stop()
        config = self.switch.config_dir / "site.yaml"
        config.write_text(DOCUMENT.replace("101", "111"))
        self.switch.start()
        expect(self.vlan(), 111, "a new file is applied at the start")
        self.switch.ctl("network", "set", "acme/db", "--vlan", "112")
        self.switch.stop()
        self.switch.start()
        expect(self.vlan(), 112, "the same file is not applied again")
        config.write_text(DOCUMENT.replace("101", "113"))
        self.switch.process.send_signal(1)
        wait_until(lambda: self.vlan() == 113, 5, "SIGHUP reads the changed file")
        config.write_text(WRONG)
        self.switch.process.send_signal(1)
        wait_until(lambda: "site.yaml:5:" in self.switch.log.read_text(), 5, "SIGHUP complains")
        expect(self.vlan(), 113, "what runs after a bad file")
        self.switch.stop()
        self.switch.start()
        expect(self.vlan(), 113, "a bad file does not keep it from starting")

    def vlan(self):
        return self.switch.json("network", "show", "acme/db")["vlan"]

    def check(self):
        path = self.bed.dir / "check.yaml"
        for text, code in ((DOCUMENT, 0), (WRONG, 1)):
            path.write_text(text)
            done = call(self.bed.build_dir / "sluiced", "--check", path, check=False)
            expect(done.returncode, code, f"{done.stdout}{done.stderr}")
        assert f"{path}:9:" in done.stderr, done.stderr

    def alone(self):
        """One control process to a run directory, and one to a state directory."""
        for run_dir, state_dir in ((self.switch.run_dir, self.bed.dir / "s2"),
                                   (self.bed.dir / "r2", self.switch.state_dir)):
            done = call(self.bed.build_dir / "sluiced", "--run-dir", run_dir, "--state-dir",
                        state_dir, "--config", self.switch.config_dir, check=False, timeout=10)
            expect(done.returncode, 1, done.stderr)
            assert str(self.bed.dir) in done.stderr, done.stderr
        self.switch.status()

    def as_user(self):
        """As an ordinary user, with vhost-user ports."""
        require_root()
        home = self.bed.dir / "user"
        home.mkdir()
        os.chown(home, 65534, 65534)
        log = open(home / "log", "wb")
        process = subprocess.Popen(
            [self.bed.build_dir / "sluiced", "--run-dir", home / "run", "--state-dir",
             home / "state"], stderr=log, user=65534, group=65534, extra_groups=[])
        wait_until(lambda: b"ready" in (home / "log").read_bytes(), 10, "ready")
        done = call(self.bed.build_dir / "sluicectl", "--socket", home / "run/control.sock",
                    "apply", "-f", "-", input=DOCUMENT, user=65534, group=65534, extra_groups=[])
        assert "port acme/vm1" in done.stdout, done.stdout
        done = call(self.bed.build_dir / "sluicectl", "--socket", home / "run/control.sock",
                    "port", "add", "acme/t", "--tap", self.bed.unique("slt"), "--network", "web")
        assert "not permitted" in done.stderr, f"a tap without privilege: {done.stderr}"
        process.terminate()
        expect(process.wait(10), 0, "exit status")


def swallow(function):
    """Run @function, which ends when the daemon dies."""
    try:
        function()
    except (AssertionError, ConnectionError, OSError):
        pass


def body(report):
    with Bed() as bed:
        test = Commit(bed)
        report.run("all errors of a document at once", test.all_errors)
        report.run("exit codes", test.exit_codes)
        report.run("a tenant's quota", test.quota)
        report.run("diff", test.diff)
        report.run("--dry-run changes nothing", test.dry_run)
        report.run("an export is a document", test.round_trip)
        report.run("a full disk", test.full_disk)
        report.run("a read-only state directory", test.read_only)
        report.run("SIGKILL at any moment", test.killed_at_any_moment)
        report.run("the configuration file and the stored state", test.config_and_state)
        report.run("--check", test.check)
        report.run("one control process to a directory", test.alone)
        report.run("as an ordinary user", test.as_user)


if __name__ == "__main__":
    main(body)
