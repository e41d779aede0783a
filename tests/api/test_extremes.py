"""Too much of everything: ten thousand connections, a document of 100 MB, a request that swells in
memory, clocks that jump. It says so, keeps its bounds, and serves the others meanwhile."""

import contextlib
import fcntl
import json
import os
import resource
import socket
import struct
import termios
import threading
import time

from api import Bed, Client, call, expect, main, require_root, wait_until
from bed.frame import frame

CONNECTIONS = 10000
DESCRIPTORS = 400  # of sluiced: fewer than there are connections
PROMPT_S = 3.0  # an idle daemon answers in a millisecond; a shared machine may be slow
MIB = 1 << 20

CONVERSATIONS = 25000
ANSWER = 10000  # sessions that are looked at for one

SESSIONS = """
tenants:
  acme:
    groups: {{open: [allow in udp, allow out udp]}}
    networks: {{web: {{}}}}
    ports:
      a: {{tap: {a}, network: web, groups: [open], macs: ["52:54:00:00:0c:01"]}}
      b: {{tap: {b}, network: web, groups: [open], macs: ["52:54:00:00:0c:02"]}}
"""

DOCUMENT = """
tenants:
  acme:
    users: ["nobody"]
    networks: {web: {}}
    ports:
      vm1: {vhost-user: vm1.sock, network: web}
"""


class Asker:
    """Somebody who asks for the status again and again, and remembers the longest wait."""

    def __init__(self, switch):
        self.switch = switch
        self.longest = 0.0
        self.asked = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def run(self):
        with Client(self.switch) as client:
            while not self.stopping.wait(0.02):
                began = time.monotonic()
                client.call("status")
                self.longest = max(self.longest, time.monotonic() - began)
                self.asked += 1


def datagram(source, destination):
    """Of IPv4 and UDP, from 10.0.0.1 to 10.0.0.2, empty."""
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, 17, 0, bytes([10, 0, 0, 1]),
                       bytes([10, 0, 0, 2]))
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xffff) + (total >> 16)
    return (head[:10] + struct.pack("!H", ~total & 0xffff) + head[12:]
            + struct.pack("!HHHH", source, destination, 8, 0))


def unread(stream):
    """Bytes that the other side has not read yet: SIOCOUTQ."""
    return struct.unpack("i", fcntl.ioctl(stream, termios.TIOCOUTQ, bytes(4)))[0]


class Extremes:
    def __init__(self, bed):
        self.bed = bed
        self.switch = bed.switch(DOCUMENT, limit=DESCRIPTORS)

    def peak_mib(self):
        with open(f"/proc/{self.switch.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status
                        if line.startswith("VmHWM")) / 1024

    @contextlib.contextmanager
    def bounded(self, mib):
        """Meanwhile others are served, and sluiced grows by at most @mib."""
        before = self.peak_mib()
        with Asker(self.switch) as asker:
            wait_until(lambda: asker.asked, 5, "an answer")
            yield
        grown = self.peak_mib() - before
        assert asker.longest < PROMPT_S, f"somebody waited for {asker.longest:.1f} s"
        assert grown < mib, f"sluiced grew by {grown:.0f} MiB"

    def dial(self):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(self.switch.run_dir / "control.sock"))
        return client

    def crowd(self):
        """
        All of them are somebody's own: who is too many is told, the operator gets in among them,
        and so does a guest.
        """
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        assert most > CONNECTIONS + 500, f"this test may open {most} files only"
        with self.bounded(mib=16):
            crowd = [self.dial() for _ in range(CONNECTIONS)]
        told = 0
        for client in crowd:
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                answer = client.recv(4096)
                told += b"too-many-connections" in answer
        assert told >= CONNECTIONS - 128, f"{told} of {CONNECTIONS} were told"

        # those that are left say nothing: they give way
        def served():
            with Client(self.switch) as client:
                with contextlib.suppress(AssertionError, ConnectionError):
                    return client.call("status")

        wait_until(served, 5, "an answer among idle connections")
        for _ in range(40):
            self.switch.ctl("status")
        with socket.socket(socket.AF_UNIX) as guest:
            guest.connect(str(self.switch.socket("vm1.sock")))
            taken = f"pid={self.switch.dataplane_pid()},"
            wait_until(lambda: any("vm1.sock" in line and taken in line
                                   for line in call("ss", "-xpH").stdout.splitlines()),
                       5, "a guest is taken")
        for client in crowd:
            client.close()

    def document(self):
        """100 MB, by the API, by sluicectl, and as the configuration file."""
        text = b"# " + b"x" * 99 + b"\n"
        text *= 100 * MIB // len(text)
        with self.bounded(mib=64), Client(self.switch) as client:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.send(b'{"jsonrpc": "2.0", "id": 1, "method": "apply", "params": '
                            b'{"files": [{"name": "huge", "text": "')
                client.send(text.replace(b"\n", b"\\n"))
            expect(client.answer()["error"]["data"]["reason"], "request-too-long", "reason")
        path = self.bed.dir / "huge.yaml"
        path.write_bytes(text)
        with self.bounded(mib=64):
            done = self.switch.ctl("apply", "-f", path, check=False)
            expect(done.returncode, 1, "apply")
            assert "too large" in done.stderr, done.stderr
            configured = self.switch.config_dir / "huge.yaml"
            path.rename(configured)
            self.switch.process.send_signal(1)
            wait_until(lambda: "larger than 16 MiB" in self.switch.log_tail(), 5, "the reason")
        configured.unlink()

    def swelling(self):
        """A request of 2 bytes a value: what it becomes in memory is bounded."""
        with self.bounded(mib=256), Client(self.switch) as client:
            answer = client.ask(b'{"jsonrpc": "2.0", "id": 1, "method": "status", "params": {"a": ['
                                + b"0," * (10 * MIB) + b"0]}}")
            assert "memory" in answer["error"]["message"], answer
        with self.bounded(mib=64), Client(self.switch) as client:
            answer = client.ask(b"[" * (10 * MIB))
            expect(answer["error"]["data"]["reason"], "parse-error", "reason")

    def half_requests(self):
        """One user's unfinished requests have a bound together; others' are not its concern."""
        with self.bounded(mib=160):
            clients = [Client(self.switch) for _ in range(12)]
            refused = 0
            for client in clients:
                try:
                    client.send(b" " * (16 * MIB))
                except (BrokenPipeError, ConnectionResetError):
                    answer = client.answer()
                    expect(answer["error"]["data"]["reason"], "too-much-at-once", "reason")
                    refused += 1
            assert 0 < refused < len(clients), f"{refused} of {len(clients)} were refused"
            for client in clients:
                client.close()

    def crumbs(self):
        """Where all that may wait is taken by unfinished requests, a short one is answered."""
        sizes = [16 * MIB] * 5 + [3 * MIB, 3 * MIB // 2, 700 << 10, 300 << 10] + [1] * 20
        clients = [Client(self.switch) for _ in sizes]
        for client, size in zip(clients, sizes):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.send(b" " * size)
        for client in clients:
            wait_until(lambda: not unread(client.socket), 5, "all is read")
        with Client(self.switch) as client:
            client.call("status")
        for client in clients:
            client.close()

    def sessions(self):
        """A list that one answer cannot hold: it comes in pieces, and others between them."""
        names = self.bed.unique("slt"), self.bed.unique("slt")
        self.switch.apply(SESSIONS.format(a=names[0], b=names[1]))
        a, b = self.bed.namespace(), self.bed.namespace()
        a.adopt(names[0], rename="eth0")
        b.adopt(names[1], rename="eth0")
        self.switch.wait_up("acme/a", "acme/b")
        wire = a.wire("eth0")

        for first in range(0, CONVERSATIONS, 250):
            for number in range(first, first + 250):
                wire.send(frame("52:54:00:00:0c:02", "52:54:00:00:0c:01",
                                datagram(1024 + number % 60000, 1024 + number // 60000),
                                ethertype=0x0800))
            time.sleep(0.01)
        with self.bounded(mib=64):
            listed = self.switch.json("session", "list", "acme/web", "--limit", "100000")
            ports = {row["src"].split(":")[1] for row in listed}
            assert len(listed) > 2 * ANSWER, f"{len(listed)} sessions"
            expect(len(ports), len(listed), "sessions, each once")
            short = self.switch.ctl("-o", "json", "session", "list", "--limit", "7")
            expect(len(json.loads(short.stdout)), 7, "as many as were wanted")
            assert "--limit" in short.stderr, short.stderr
        with Client(self.switch) as client:
            piece = client.call("session.list")
            assert len(piece["sessions"]) <= ANSWER and piece["next"], "a piece of them"
            client.fails("session.list", **{"from": -1})
        expect(self.switch.ctl("session", "list", "--limit", "x", check=False).returncode, 2,
               "no number")

    def clocks(self):
        """The time of day jumps by years with every look at it: nothing notices."""
        self.switch.stop()
        self.switch.become.insert(0, f"LD_PRELOAD={os.environ['SLUICE_CLOCKS_LIB']}")
        self.switch.become.insert(0, "env")
        self.switch.start()
        uptime = self.switch.status()["uptime_s"]
        assert 0 <= uptime < 60, f"up for {uptime} s"
        self.switch.ctl("network", "add", "acme/more")
        self.switch.ctl("network", "delete", "acme/more")
        self.switch.kill_dataplane()
        self.switch.kill()
        self.switch.start()
        expect(self.switch.status()["dataplane"]["state"], "running", "the data plane")
        with Asker(self.switch) as asker:
            wait_until(lambda: asker.asked > 10, 10, "answers")


def body(report):
    require_root()
    with Bed() as bed:
        test = Extremes(bed)
        report.run("ten thousand connections", test.crowd)
        report.run("a document of 100 MB", test.document)
        report.run("a request that swells", test.swelling)
        report.run("half requests without end", test.half_requests)
        report.run("short requests among them", test.crumbs)
        report.run("more sessions than an answer holds", test.sessions)
        report.run("clocks that jump", test.clocks)


if __name__ == "__main__":
    main(body)
