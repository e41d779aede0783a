"""Guests' sockets: what is found at a path is respected (reference T40), one session at a time, and
a guest's own socket is dialled as soon as it appears.

The guest here is a bare Unix socket: it never speaks, so a connected port waits for its driver.
"""

import os
import socket
import stat
import time

from api import Bed, Client, call, expect, main, wait_until

DOCUMENT = """
tenants:
  acme:
    networks: {web: {}}
"""
DIAL_S = 0.05   # a socket that appears is dialled within 50 ms, when the machine has time for it
POLLED_S = 0.5  # and in any case sooner than by the retries of each second


class Sockets:
    def __init__(self, bed):
        self.bed = bed
        self.switch = bed.switch(DOCUMENT)
        self.run = self.switch.run_dir
        self.sessions = set()

    def add(self, name, path, *options):
        return self.switch.ctl("port", "add", f"acme/{name}", "--network", "web", "--vhost-user",
                               path, *options)

    def state(self, name):
        port = self.switch.port(f"acme/{name}")
        return port["state"], port["text"]

    def dial(self, path):
        guest = socket.socket(socket.AF_UNIX)
        guest.settimeout(5)
        guest.connect(str(path))
        return guest

    def listens(self):
        """A listener stands when the answer has come, for its owner and group only."""
        self.add("a", "a.sock")
        path = self.run / "a.sock"
        mode = path.stat().st_mode
        assert stat.S_ISSOCK(mode), "a socket"
        expect(mode & 0o777, 0o660, "mode")
        expect(self.state("a")[0], "waiting", "state")
        self.dial(path).close()
        self.switch.ctl("port", "delete", "acme/a")
        assert not path.exists(), "the socket is left behind"

    def foreign_objects(self):
        """What is not a stale socket is left alone, and the port says why it does not listen."""
        target = self.bed.dir / "target"
        target.write_text("precious")
        makers = {
            "file": lambda p: p.write_text("precious"),
            "directory": lambda p: p.mkdir(),
            "link": lambda p: p.symlink_to(target),
            "dangling": lambda p: p.symlink_to(self.bed.dir / "nowhere"),
            "fifo": os.mkfifo,
        }
        for kind, make in makers.items():
            path = self.run / f"{kind}.sock"
            make(path)
            before = path.lstat()
            done = self.add(kind, path.name)
            assert "left alone" in done.stderr, f"{kind}: {done.stderr}"
            expect(self.state(kind)[0], "failed", kind)
            after = path.lstat()
            expect((after.st_ino, after.st_mode), (before.st_ino, before.st_mode), kind)
        expect(target.read_text(), "precious", "the link's target")
        # when it is gone the port listens, without another word
        for kind in makers:
            path = self.run / f"{kind}.sock"
            path.rmdir() if kind == "directory" else path.unlink()
        for kind in makers:
            wait_until(lambda k=kind: self.state(k)[0] == "waiting", 5, f"{kind} waits")
            assert (self.run / f"{kind}.sock").is_socket(), kind
            self.switch.ctl("port", "delete", f"acme/{kind}")

    def live_socket(self):
        """Another program's socket is refused; when that program dies, it is a stale one."""
        path = self.run / "live.sock"
        other = socket.socket(socket.AF_UNIX)
        other.bind(str(path))
        other.listen()
        done = self.add("live", "live.sock")
        assert "another program listens there" in done.stderr, done.stderr
        expect(self.state("live")[0], "failed", "state")
        other.close()
        wait_until(lambda: self.state("live")[0] == "waiting", 5, "the stale socket is replaced")
        self.dial(path).close()
        self.switch.ctl("port", "delete", "acme/live")

    def stale_socket(self):
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(str(self.run / "stale.sock"))
        stale.close()
        self.add("stale", "stale.sock")
        expect(self.state("stale"), ("waiting", None), "state")
        self.switch.ctl("port", "delete", "acme/stale")

    def absolute_path(self):
        path = self.bed.dir / "elsewhere.sock"
        self.add("far", path)
        assert path.is_socket(), "a socket where it was asked for"
        self.switch.ctl("port", "delete", "acme/far")
        done = self.switch.ctl("port", "add", "acme/long", "--network", "web", "--vhost-user",
                               "/tmp/" + "x" * 200, check=False)
        expect(done.returncode, 1, "a path that no socket can have")
        done = self.switch.ctl("port", "add", "acme/own", "--network", "web", "--vhost-user",
                               "control.sock", check=False)
        assert done.returncode not in (0, 3), "a guest's socket in the place of ours"

    def one_session(self):
        """While a guest is connected others wait, and are taken in their order."""
        self.add("one", "one.sock")
        path = self.run / "one.sock"
        first = self.dial(path)
        wait_until(lambda: self.taken("one") == 1, 5, "the first guest is taken")
        second, third = self.dial(path), self.dial(path)
        time.sleep(0.2)  # for a second one to be taken, if anything took it
        expect(self.taken("one"), 1, "sessions")
        assert is_open(second) and is_open(third), "a guest that waits was turned away"
        first.close()
        wait_until(lambda: self.taken("one") == 2, 5, "the second guest is taken")
        assert is_open(third), "the third guest was turned away"
        second.close()
        third.close()
        self.switch.ctl("port", "delete", "acme/one")

    def taken(self, name):
        """How many sessions the data plane has had on the port's socket: told apart by their inode."""
        pid = self.switch.dataplane_pid()
        lines = call("ss", "-xpH", check=False).stdout.splitlines()
        path = str(self.run / f"{name}.sock")
        live = sum(path in line and f"pid={pid}," in line for line in lines)
        assert live <= 1, f"{live} sessions at once"
        self.sessions.update(line.split()[5] for line in lines
                             if path in line and f"pid={pid}," in line)
        return len(self.sessions)

    def dials(self):
        """A guest's socket is dialled soon after it appears, again and again."""
        path = self.run / "guest.sock"
        self.add("dial", "guest.sock", "--mode", "client")
        expect(self.state("dial")[0], "waiting", "state")
        took = []
        for _ in range(8):
            guest = socket.socket(socket.AF_UNIX)
            guest.settimeout(5)
            guest.bind(str(path))
            guest.listen()
            began = time.monotonic()
            connection, _ = guest.accept()
            took.append(time.monotonic() - began)
            guest.close()
            path.unlink()
            connection.close()
            time.sleep(0.3)
        took.sort()
        assert took[1] < DIAL_S, f"dialled after {took} s"
        assert took[-1] < POLLED_S, f"dialled after {took} s"
        self.switch.ctl("port", "delete", "acme/dial")

    def dials_into_nowhere(self):
        """A directory that does not exist yet, and what is there later."""
        folder = self.bed.dir / "later"
        self.add("later", folder / "g.sock", "--mode", "client")
        expect(self.state("later")[0], "waiting", "state")
        assert "No such file" in self.state("later")[1], "it says what it waits for"
        folder.mkdir()
        guest = socket.socket(socket.AF_UNIX)
        guest.settimeout(5)
        guest.bind(str(folder / "g.sock"))
        guest.listen()
        guest.accept()[0].close()
        guest.close()
        self.switch.ctl("port", "delete", "acme/later")

    def flapping_guest(self):
        """A guest that comes and goes as fast as it can is slowed down, and nobody waits for it."""
        self.add("flap", "flap.sock")
        path = self.run / "flap.sock"
        began = time.monotonic()
        rounds = 0
        while time.monotonic() - began < 2:
            try:
                self.dial(path).close()
                rounds += 1
            except BlockingIOError:  # the backlog is full: this is how it is slowed down
                time.sleep(0.01)
            with Client(self.switch) as client:
                asked = time.monotonic()
                client.call("version")
                assert time.monotonic() - asked < 1, "the daemon is slow"
        lines = self.switch.log.read_text().count("port acme/flap")
        assert lines < 200, f"{lines} lines of log for {rounds} connections"
        self.switch.ctl("port", "delete", "acme/flap")

    def path_moves(self):
        """One commit that takes a socket from one port and gives it to another."""
        self.add("old", "moved.sock")
        self.switch.ctl("apply", "--prune", "-f", "-", text=DOCUMENT.replace(
            "networks: {web: {}}",
            "networks: {web: {}}\n    ports: {new: {vhost-user: moved.sock, network: web}}"))
        expect(self.state("new")[0], "waiting", "state")
        self.dial(self.run / "moved.sock").close()
        self.switch.ctl("apply", "--prune", "-f", "-", text=DOCUMENT)
        assert not (self.run / "moved.sock").exists(), "the socket is left behind"


def is_open(guest):
    guest.setblocking(False)
    try:
        return guest.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def body(report):
    with Bed() as bed:
        test = Sockets(bed)
        report.run("a listener", test.listens)
        report.run("T40: what is no socket is left alone", test.foreign_objects)
        report.run("T40: a live socket is left alone", test.live_socket)
        report.run("T40: a stale socket is replaced", test.stale_socket)
        report.run("paths outside of the run directory, and bad ones", test.absolute_path)
        report.run("one session at a time", test.one_session)
        report.run("client mode: dialled when it appears", test.dials)
        report.run("client mode: a directory that appears later", test.dials_into_nowhere)
        report.run("a guest that comes and goes", test.flapping_guest)
        report.run("a path goes from one port to another", test.path_moves)


if __name__ == "__main__":
    main(body)
