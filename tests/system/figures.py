"""The figures of the README, measured: from clone to first ping, idle processor time, memory.

Ports are real: guests under QEMU, taps, and for the many DPDK's virtio-user.
"""

import pathlib
import subprocess
import tempfile
import time

from bed import ROOT, Bed, Skip, call, vhost_user_nic
from bed.process import become_reaper, reap_descendants

IDLE_WINDOW_S = 10
PER_PROCESS = 31  # virtio-user ports in one testpmd


def document(names, taps=()):
    ports = [f"      {n}: {{vhost-user: {n}.sock, network: web}}" for n in names]
    ports += [f"      {t}: {{tap: {t}, network: web}}" for t in taps]
    return "tenants:\n  acme:\n    networks: {web: {}}\n    ports:\n" + "\n".join(ports) + "\n"


def boot(bed, switch, names):
    """A guest on each of the ports; all of them up and with an address."""
    guests = [bed.guest(n, vhost_user_nic(switch.socket(f"{n}.sock"), f"52:54:00:00:0a:{i:02x}"),
                        memory_mib=96)
              for i, n in enumerate(names, 1)]
    for number, guest in enumerate(guests, 1):
        guest.booted().address(f"10.0.0.{number}/24")
    return guests


def idle_percent(bed, guests=4, ports=16):
    """Processor time, in percent of one core, of both processes with everything attached and quiet."""
    names = [f"g{n}" for n in range(guests)]
    taps = [bed.unique("slt") for _ in range(ports - guests)]
    switch = bed.switch(document(names, taps))
    namespace = bed.namespace()
    for tap in taps:
        namespace.adopt(tap)
    boot(bed, switch, names)
    switch.wait_up(*(f"acme/{n}" for n in names + taps))
    time.sleep(3)  # the kernels' own first words (router solicitations) are not idleness
    before = switch.cpu_seconds()
    time.sleep(IDLE_WINDOW_S)
    return 100 * (switch.cpu_seconds() - before) / IDLE_WINDOW_S


def memory_mib(bed, ports):
    """Resident memory of both processes with two guests that talk and the other ports attached."""
    names = [f"g{n}" for n in range(ports)]
    switch = bed.switch(document(names))
    a, _ = boot(bed, switch, names[:2])
    if ports > 2:
        attach(bed, switch, names[2:])
    switch.wait_up(*(f"acme/{n}" for n in names))
    if a.ping("10.0.0.2") != 3:
        raise AssertionError("the guests do not reach one another")
    return switch.memory_kib() / 1024


def attach(bed, switch, names):
    """virtio-user ports, many a process."""
    hugepages = bed.hugepages(320)
    for first in range(0, len(names), PER_PROCESS):
        vdevs = [f"path={switch.socket(f'{n}.sock')},queue_size=256"
                 for n in names[first:first + PER_PROCESS]]
        bed.testpmd(f"many{first}", vdevs, hugepages,
                    options=["--rxd=256", "--txd=256", "--no-lsc-interrupt"]).ready()


def from_clone():
    """(seconds to build, seconds in all) from a clone to the first ping between two guests."""
    with tempfile.TemporaryDirectory(prefix="sluice-clone-") as name:
        clone = pathlib.Path(name) / "sluice"
        began = time.monotonic()
        call("git", "clone", "--quiet", ROOT, clone)
        subprocess.run([clone / "run", "build"], check=True, stdout=subprocess.DEVNULL)
        built = time.monotonic() - began
        with Bed(build_dir=clone / "build") as bed:
            switch = bed.switch(document(["g0", "g1"]))
            a, _ = boot(bed, switch, ["g0", "g1"])
            if not a.ping("10.0.0.2", count=1):
                raise AssertionError("no answer to the first ping")
        return built, time.monotonic() - began


def show(name, measure):
    try:
        print(f"{name:<58} {measure()}", flush=True)
    except Skip as why:
        print(f"{name:<58} not measured: {why}", flush=True)


def in_bed(measure, *arguments, **options):
    with Bed() as bed:
        return measure(bed, *arguments, **options)


def main():
    become_reaper()
    try:
        show("clone, build, two guests, first ping",
             lambda: "{1:.0f} s ({0:.0f} s of it to build)".format(*from_clone()))
        show("idle, 16 ports attached (16 guests)",
             lambda: f"{in_bed(idle_percent, guests=16):.2f} % of a core")
        for ports in (2, 64):
            show(f"resident memory of both processes, {ports} ports",
                 lambda ports=ports: f"{in_bed(memory_mib, ports):.1f} MiB")
    finally:
        reap_descendants()


if __name__ == "__main__":
    main()
