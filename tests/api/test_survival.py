"""Frames go on while the control process dies, and after the data plane has died.

    namespaces a and b, each on a tap of one network; numbered frames from a to b
"""

import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

from api import Bed, call, expect, main, wait_until
from bed import Skip
from bed.frame import frame

MAC_A, MAC_B = "52:54:00:00:0a:01", "52:54:00:00:0a:02"
PER_SECOND = 1000
# CAP_CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID, SETUID, SETPCAP, NET_ADMIN, NET_RAW, SYS_ADMIN, SYS_RESOURCE
KEPT = sum(1 << bit for bit in (0, 1, 3, 5, 6, 7, 8, 12, 13, 21, 24))
SO_RCVBUFFORCE = 33

DOCUMENT = """
tenants:
  acme:
    networks: {{web: {{}}}}
    ports:
      a: {{tap: {a}, network: web, macs: ["%s"]}}
      b: {{tap: {b}, network: web, macs: ["%s"]}}
""" % (MAC_A, MAC_B)


class Stream:
    """Numbered frames from one wire to another, at a steady pace, until it is told to stop."""

    def __init__(self, source, sink):
        self.source, self.sink = source, sink
        # this catcher may be kept waiting for longer than a socket's ordinary buffer lasts
        sink.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.sent = 0
        self.caught = []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.send), threading.Thread(target=self.catch)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def send(self):
        began = time.monotonic()
        while not self.stopping.is_set():
            number = b"number %08d." % self.sent
            self.source.send(frame(MAC_B, MAC_A, number))
            self.sent += 1
            time.sleep(max(0, began + self.sent / PER_SECOND - time.monotonic()))

    def catch(self):
        quiet = 0
        while quiet < 2:
            caught = self.sink.catch(b"number ", 0.5, 500)
            self.caught += [int(re.search(rb"number (\d+)\.", c).group(1)) for c in caught]
            quiet = quiet + 1 if not caught and self.stopping.is_set() else 0

    def flow(self):
        """Let some traffic pass."""
        enough = self.sent + PER_SECOND // 5
        wait_until(lambda: self.sent >= enough, 10, "traffic")

    def missing(self):
        return sorted(set(range(self.sent)) - set(self.caught))


class Survival:
    def __init__(self, bed):
        self.bed = bed
        self.taps = bed.unique("slt"), bed.unique("slt")
        self.a, self.b = bed.namespace(), bed.namespace()
        self.switch = bed.switch(DOCUMENT.format(a=self.taps[0], b=self.taps[1]))
        self.a.adopt(self.taps[0], "10.0.0.1/24", rename="eth0")
        self.b.adopt(self.taps[1], "10.0.0.2/24", rename="eth0")
        self.wires = self.a.wire("eth0"), self.b.wire("eth0")

    def nothing_lost(self, strike):
        """Each frame arrives once and in order, while @strike happens."""
        pid = self.switch.dataplane_pid()
        with Stream(*self.wires) as stream:
            stream.flow()
            strike()
            stream.flow()
        self.complete(stream)
        expect(self.switch.dataplane_pid(), pid, "the data plane")
        expect({p["state"] for p in self.switch.json("port", "list")}, {"up"}, "states")

    def complete(self, stream):
        """All numbers, in their order."""
        expect(stream.missing(), [], f"numbers missing, of {stream.sent}; ports: {self.ledgers()}")
        expect(stream.caught, sorted(set(stream.caught)), "order")

    def ledgers(self):
        return {port: self.switch.json("port", "show", f"acme/{port}")["ledger"]
                for port in ("a", "b")}

    def kill_and_start(self):
        for _ in range(5):
            self.switch.kill()
            time.sleep(0.05)  # the time in which there is none
            self.switch.start()

    def leave_and_start(self):
        self.switch.process.send_signal(signal.SIGQUIT)
        expect(self.switch.process.wait(10), 0, "exit status")
        self.switch.start()

    def change(self):
        """Commits that do not touch the two ports, a hundred of them."""
        for i in range(50):
            self.switch.ctl("network", "add", f"acme/n{i}")
            self.switch.ctl("network", "delete", f"acme/n{i}")

    def hang(self):
        """A control process that hangs holds up nobody."""
        self.switch.process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        self.switch.process.send_signal(signal.SIGCONT)

    def still_configured(self):
        """What was changed while it was away, and what it took over, are one configuration."""
        self.switch.ctl("port", "set", "acme/b", "--network", "other", check=False)
        self.switch.ctl("network", "add", "acme/other")
        self.switch.ctl("port", "set", "acme/b", "--network", "other")
        expect(self.a.ping("10.0.0.2", count=1, wait_s=1), 0, "ping into another network")
        self.switch.ctl("port", "set", "acme/b", "--network", "web")
        expect(self.a.ping("10.0.0.2", count=1), 1, "ping in one network")

    def removed_meanwhile(self):
        """A port that is gone when the control process comes back is gone in the data plane, too."""
        extra = self.bed.unique("slt")
        self.switch.ctl("port", "add", "acme/c", "--tap", extra, "--network", "web")
        self.switch.kill()
        state = self.switch.state_dir
        call("sh", "-c", f"rm {state}/*")
        self.switch.config_dir.joinpath("site.yaml").write_text(
            DOCUMENT.format(a=self.taps[0], b=self.taps[1]))
        with Stream(*self.wires) as stream:
            stream.flow()
            self.switch.start()
            stream.flow()
        self.complete(stream)
        wait_until(lambda: extra not in call("ip", "-br", "link").stdout, 5, "the tap is gone")

    def dataplane_killed(self):
        """Another one starts at once; taps stay where they were moved to, with what they queue."""
        with Stream(*self.wires) as stream:
            stream.flow()
            before = self.switch.port("acme/a")["rx_packets"]
            began = time.monotonic()
            self.switch.kill_dataplane()
            took = time.monotonic() - began
            after = self.switch.port("acme/a")["rx_packets"]
            stream.flow()
        assert after < before, f"counters begin at zero: {before} packets before, {after} after"
        assert took < 5, f"{took:.1f} s without a data plane"
        lost = len(stream.missing())
        assert lost < PER_SECOND * took, f"{lost} frames lost"
        expect(self.a.ping("10.0.0.2"), 3, "ping")
        expect(self.switch.status()["dataplane"]["restarts"], 1, "restarts")
        assert self.switch.status()["dataplane"]["trouble"], "the cause is told"

    def dataplane_hangs(self):
        """One that does not answer is replaced after two seconds."""
        pid = self.switch.dataplane_pid()
        os.kill(pid, signal.SIGSTOP)
        done = self.switch.ctl("fdb", "flush", check=False)
        assert done.returncode in (1, 8), done.stdout
        wait_until(lambda: self.switch.dataplane_pid() not in (0, pid), 5, "another data plane")
        wait_until(lambda: self.a.ping("10.0.0.2", count=1, wait_s=1), 5, "ping")

    def dataplane_dies_and_dies(self):
        """It is not started without end: after five deaths in ten seconds there is a pause."""
        began = time.monotonic()
        for _ in range(7):
            self.switch.kill_dataplane()
        took = time.monotonic() - began
        assert took > 1, "seven deaths without a pause"
        wait_until(lambda: self.a.ping("10.0.0.2", count=1, wait_s=1), 5, "ping")

    def both_killed(self):
        """Control process and data plane at once: the next one starts from what is stored."""
        dataplane = self.switch.dataplane_pid()
        self.switch.kill()
        os.kill(dataplane, signal.SIGKILL)
        self.switch.start()
        expect(sorted(p["name"] for p in self.switch.json("port", "list")), ["acme/a", "acme/b"],
               "ports")
        # the taps went with their last descriptor; they are made again, on the host
        links = call("ip", "-br", "link").stdout
        assert all(tap in links for tap in self.taps), links

    def keeps_no_more(self):
        """What sluiced cannot do any more; and the data plane that it starts so, nothing at all."""
        if os.geteuid() != 0:
            raise Skip("only root has something to give up")
        self.switch.kill_dataplane()
        control = status_of(self.switch.process.pid)
        for kind in ("CapEff", "CapPrm", "CapBnd"):
            expect(int(control[kind], 16) & ~KEPT, 0, f"{kind} beyond what is needed")
        expect((control["NoNewPrivs"], control["CapInh"].strip("0")), ("1", ""), "privileges")
        dataplane = status_of(self.switch.dataplane_pid())
        for kind in ("CapEff", "CapPrm", "CapInh", "CapBnd"):
            expect(int(dataplane[kind], 16), 0, f"{kind} of the data plane")
        root = pathlib.Path(f"/proc/{self.switch.dataplane_pid()}/root")
        if not sanitized(self.switch):
            expect((control["Seccomp"], list(root.iterdir())), ("2", []), "calls, and the root")
        states = {port["state"] for port in self.switch.json("port", "list")}
        assert "failed" not in states, f"ports of a data plane that was started so: {states}"

    def stops(self):
        """SIGTERM takes all of it down."""
        pid = self.switch.dataplane_pid()
        self.switch.process.terminate()
        expect(self.switch.process.wait(10), 0, "exit status")
        wait_until(lambda: not is_running(pid), 5, "the data plane is gone")
        left = {p.name for p in self.switch.run_dir.iterdir()}
        expect(left, set(), "what is left in the run directory")
        links = call("ip", "-br", "link").stdout
        assert not any(tap in links for tap in self.taps), links


def status_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return dict(line.split(":\t") for line in lines if ":\t" in line)


def sanitized(switch):
    return b"libasan" in pathlib.Path(f"/proc/{switch.process.pid}/maps").read_bytes()


def is_running(pid):
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True,
                          check=False)
    return done.stdout.strip() not in ("", "Z", "Zs")


def body(report):
    with Bed() as bed:
        test = Survival(bed)
        report.run("nothing is lost while sluiced is killed, five times", test.nothing_lost,
                   test.kill_and_start)
        report.run("nothing is lost while sluiced leaves (SIGQUIT)", test.nothing_lost,
                   test.leave_and_start)
        report.run("nothing is lost while the configuration changes", test.nothing_lost,
                   test.change)
        report.run("nothing is lost while sluiced hangs", test.nothing_lost, test.hang)
        report.run("what was taken over is configured", test.still_configured)
        report.run("a port that left while sluiced was away", test.removed_meanwhile)
        report.run("the data plane is killed", test.dataplane_killed)
        report.run("the data plane hangs", test.dataplane_hangs)
        report.run("the data plane dies again and again", test.dataplane_dies_and_dies)
        report.run("both are killed", test.both_killed)
        report.run("sluiced keeps only what it needs", test.keeps_no_more)
        report.run("SIGTERM stops the switch", test.stops)


if __name__ == "__main__":
    main(body)
