"""Several workers: who serves which port, how queues move, and what is said of it."""

import os
import pathlib
import subprocess

from bed import Bed, Skip, main, require_root, wait_until
from bounce import rates, stand

BALANCED_S = 15  # it looks once a second, on a machine that may be busy


class Workers:
    def __init__(self, bed):
        require_root()
        if os.cpu_count() < 2:
            raise Skip("one processor")
        self.bed = bed
        self.switch, self.loops = stand(bed, 2, options=["--latency", "100us"])
        self.names = [f"t/{n}" for loop in self.loops for n in loop.names()]

    def serving(self, port):
        return self.switch.json("port", "show", port)["workers"]

    def await_served(self, wanted):
        wait_until(lambda: all(self.serving(p) == w for p, w in wanted.items()), BALANCED_S,
                   f"served by {wanted}")

    def all_circulate(self):
        """Frames go round in every loop."""
        counts = [self.switch.port(n)["rx_packets"] for n in self.names]
        wait_until(lambda: all(self.switch.port(n)["rx_packets"] > c + 1000
                               for n, c in zip(self.names, counts)), 10, "frames go round")

    def both_work(self):
        assert all(rate > 1000 for rate in rates(self.switch, 2)), "a worker that does nothing"
        for row in self.switch.json("worker", "list"):
            assert row["busy_percent"] > 1 and row["cycles_per_packet"] > 0, row
            assert row["cpu"] == row["worker"], row
        self.all_circulate()

    def port_names_its_worker(self):
        for worker in (1, 0, 1):
            for name in self.names:
                self.switch.ctl("port", "set", name, "--worker", str(worker))
            self.await_served({n: [worker] for n in self.names})
            self.all_circulate()
        assert sum(r["ports"] for r in self.switch.json("worker", "list")) == len(self.names)

    def balances(self):
        """All on one worker; when they need not any more, some move, and then stay."""
        for name in self.names:
            self.switch.ctl("port", "set", name, "--unset", "worker")
        wait_until(lambda: {tuple(self.serving(n)) for n in self.names} == {(0,), (1,)},
                   BALANCED_S, "both workers serve")
        self.all_circulate()

    def survives(self):
        """Another control process finds who serves what, and holds ports to their workers."""
        self.switch.ctl("port", "set", self.names[0], "--worker", "0")
        self.await_served({self.names[0]: [0]})
        self.switch.leave()
        self.switch.start()
        self.await_served({self.names[0]: [0]})
        self.switch.ctl("port", "set", self.names[0], "--worker", "1")
        self.await_served({self.names[0]: [1]})
        self.all_circulate()

    def options_arrive(self):
        command = pathlib.Path(f"/proc/{self.switch.dataplane_pid()}/cmdline").read_bytes()
        assert b"--latency\x00100\x00" in command, command


def workers_are_checked(bed):
    for text in ("x", "1,", "3-2", "0-16", "1;2", ""):
        done = subprocess.run([bed.build_dir / "sluiced", "--workers", text],
                              capture_output=True, text=True, timeout=10)
        assert done.returncode == 2 and "--workers" in done.stderr, (text, done)


def latency_is_checked(bed):
    for text in ("50", "1s", "11ms", "-1us", "us", "5 us"):
        done = subprocess.run([bed.build_dir / "sluiced", "--latency", text],
                              capture_output=True, text=True, timeout=10)
        assert done.returncode == 2 and "--latency" in done.stderr, (text, done)


def too_many_ports_are_told(bed):
    """What cannot be had is said when it is configured, not when guests come."""
    ports = "".join(f"      p{i}: {{vhost-user: p{i}.sock, network: n}}\n" for i in range(40))
    switch = bed.switch(name="few", options=[], limit=200)
    switch.apply(f"tenants:\n  t:\n    networks: {{n: {{}}}}\n    ports:\n{ports}")
    assert "40 ports need up to" in switch.log.read_text(), switch.log_tail()


def body(report):
    with Bed() as bed:
        report.run("workers are checked", workers_are_checked, bed)
        report.run("a latency is a time with its unit", latency_is_checked, bed)
        report.run("more ports than file descriptors", too_many_ports_are_told, bed)
        test = Workers(bed)
        report.run("options reach the data plane", test.options_arrive)
        report.run("a port names its worker", test.port_names_its_worker)
        report.run("queues move to the worker with less to do", test.balances)
        report.run("both workers move frames", test.both_work)
        report.run("another control process", test.survives)


if __name__ == "__main__":
    main(body)
