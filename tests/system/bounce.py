"""How throughput scales with workers, without a generator that takes a processor from them.

Frames circulate: both ends of a veth are ports of one network, so what the switch writes into one
end comes in at the other, and is flooded out of the first again. Each loop keeps its frames for
as long as it stands; all the work is done by the workers and, below them, by the kernel.

    python3 tests/system/bounce.py [SECONDS]       frames a second with one worker, and with two
"""

import os
import socket
import sys
import time

from bed import Bed, Skip, call, require_root
from bed.process import become_reaper, reap_descendants

FRAMES = 32  # of one loop, each way: less than a packet socket's buffer holds
SIZE = 60
ETHERTYPE = 0x88B5  # for experiments (IEEE 802, 9.2.2)


class Loop:
    """A veth whose ends are ports l<number>a and l<number>b of a network of their own."""

    def __init__(self, bed, number):
        self.number = number
        self.ends = [bed.unique("slv"), bed.unique("slv")]
        call("ip", "link", "add", self.ends[0], "type", "veth", "peer", "name", self.ends[1])
        for end in self.ends:
            call("sysctl", "-qw", f"net.ipv6.conf.{end}.disable_ipv6=1", check=False)
            call("ip", "link", "set", end, "up")
        bed.keep(self)

    def end(self):
        call("ip", "link", "del", self.ends[0], check=False)

    def network(self):
        return f"      n{self.number}: {{learning: off}}\n"

    def ports(self):
        return "".join(f"      {name}: {{device: {end}, network: n{self.number}}}\n"
                       for name, end in zip(self.names(), self.ends))

    def names(self):
        return [f"l{self.number}a", f"l{self.number}b"]

    def start(self):
        """Throw the frames in, half of them each way."""
        for end in self.ends:
            with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
                wire.bind((end, 0))
                for number in range(FRAMES):
                    wire.send(bytes.fromhex("020000000001") + bytes.fromhex("020000000002") +
                              ETHERTYPE.to_bytes(2, "big") + bytes([number]).ljust(SIZE - 14))


def document(loops):
    return ("tenants:\n  t:\n    networks:\n" + "".join(l.network() for l in loops) +
            "    ports:\n" + "".join(l.ports() for l in loops))


def stand(bed, workers, n_loops=2, options=()):
    """A switch with @workers and @n_loops loops whose frames circulate."""
    loops = [Loop(bed, i) for i in range(n_loops)]
    switch = bed.switch(document(loops), name=f"switch{workers}",
                        options=["--workers", f"0-{workers - 1}", *options])
    switch.wait_up(*(f"t/{name}" for loop in loops for name in loop.names()))
    for loop in loops:
        loop.start()
    return switch, loops


def rates(switch, seconds):
    """Frames a second, worker by worker."""
    before, began = switch.json("worker", "list"), time.monotonic()
    time.sleep(seconds)
    after, passed = switch.json("worker", "list"), time.monotonic() - began
    return [(b["packets"] - a["packets"]) / passed for a, b in zip(before, after)]


def measure(workers, seconds):
    with Bed() as bed:
        switch, _ = stand(bed, workers)
        rates(switch, seconds)  # queues have been shared out by then
        return rates(switch, seconds)


def main():
    require_root()
    if os.cpu_count() < 2:
        raise Skip("one processor")
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3
    become_reaper()
    try:
        one, two = measure(1, seconds), measure(2, seconds)
    finally:
        reap_descendants()
    print(f"1 worker:  {sum(one) / 1e6:.3f} million frames a second")
    print(f"2 workers: {sum(two) / 1e6:.3f} ({' + '.join(f'{r / 1e6:.3f}' for r in two)}), "
          f"{sum(two) / sum(one):.2f} times as many")


if __name__ == "__main__":
    main()
