"""What a worker's processor time costs at which load, and what a frame waits: the curve.

    python3 tests/system/curve.py [LATENCY...]     e.g. 50us 200us 0

A generator offers frames of 64 bytes at a fixed rate between two ports of one worker; its processor
time is the thread's own, by the kernel's account.
"""

import json
import os
import pathlib
import sys

from bed import Bed, Skip, call
from bed.process import become_reaper, reap_descendants

RATES = ("1k", "10k", "100k", "300k", "1M", "3M", "6M")
DOCUMENT = """
tenants:
  t:
    networks: {n: {}}
    ports:
      a: {vhost-user: a.sock, network: n}
      b: {vhost-user: b.sock, network: n}
"""


def worker_ns(pid):
    """Processor time of the worker, the second thread of the data plane."""
    worker = sorted(int(t) for t in os.listdir(f"/proc/{pid}/task"))[1]
    return int(pathlib.Path(f"/proc/{pid}/task/{worker}/schedstat").read_text().split()[0])


def offer(bed, switch, rate):
    """(percent of a processor, p50 and p99 of the latency in us) at @rate."""
    pid = switch.dataplane_pid()
    busy = worker_ns(pid)
    done = call(bed.build_dir / "sluice-bench", "pair", switch.socket("a.sock"),
                switch.socket("b.sock"), "--rate", rate, "--warmup", "0.01", "--windows", "4",
                "--cpu", "1", "--json")
    busy = worker_ns(pid) - busy
    latency = json.loads(done.stdout)["latency"]
    # four windows of 0.25 s are all the time that frames were offered
    return busy / 1e7, latency["p50-ns"] / 1000, latency["p99-ns"] / 1000


def draw(latency):
    print(f"--latency {latency}\n  frames/s   processor   p50 us   p99 us")
    with Bed() as bed:
        switch = bed.switch(DOCUMENT, options=["--workers", "0", "--latency", latency])
        for rate in RATES:
            percent, p50, p99 = offer(bed, switch, rate)
            print(f"  {rate:>8}   {percent:7.1f} %  {p50:7.1f}  {p99:7.1f}", flush=True)


def main():
    if os.cpu_count() < 2:
        raise Skip("one processor")
    become_reaper()
    try:
        for latency in sys.argv[1:] or ["50us"]:
            draw(latency)
    finally:
        reap_descendants()


if __name__ == "__main__":
    main()
