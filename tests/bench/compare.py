"""Commands that start switches: they run to the end, and their reports have what was asked for.

SLUICE_BENCH names the program; Sluice's lie beside it. How fast anything is decides nothing here.
"""

import json
import os
import subprocess
import sys

BENCH = os.environ["SLUICE_BENCH"]
SHORT = ["--windows", "2", "--seconds", "0.02", "--warmup", "0.05", "--json"]


def report(*arguments):
    """What a command prints with --json."""
    done = subprocess.run([BENCH, *arguments, *SHORT], capture_output=True, text=True, timeout=100)
    if done.returncode:
        raise AssertionError(f"status {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def compare_measures_all():
    found = report("compare", "--switches", "sluice,wire,memcpy", "--workloads", "64,64-packed,tso")
    assert set(found["switches"]) == {"sluice", "wire", "memcpy"}, found["switches"]
    assert len(found["workloads"]["tso"]["memcpy"]["windows"]) == 2, found["workloads"]["tso"]
    for workload in ("64", "64-packed", "tso"):
        for switch in ("sluice", "wire"):
            cell = found["workloads"][workload][switch]
            assert len(cell["windows"]) + cell["silent"] == 2, (workload, switch, cell)
            assert all(w["corrupt"] == w["foreign"] == w["late"] == 0 for w in cell["windows"])


def compare_decides_by_rules():
    found = report("compare", "--policy", "--switches", "sluice-both")["workloads"]["64-1k"]
    assert sum(w["received"] for w in found["sluice-both"]["windows"]) > 0, found


def compare_reaches_devices():
    if os.geteuid():
        return
    found = report("compare", "--taps", "--workloads", "64")["workloads"]["64"]
    assert set(found) == {"sluice-taps", "bridge-taps", "bridge-veths"}, found
    for switch, cell in found.items():
        assert sum(w["received"] for w in cell["windows"]) > 0, (switch, cell)
        assert all(w["corrupt"] == w["foreign"] == 0 for w in cell["windows"]), (switch, cell)


def scale_measures_each_size():
    found = report("scale", "--sweeps", "networks")
    assert [point["size"] for point in found["networks"]] == [1, 100, 4094], found


def noisy_measures_each_flood():
    """Whether the bar was met is the machine's business; that it was looked at is ours."""
    done = subprocess.run([BENCH, "noisy", "--floods", "macs,memory", *SHORT], capture_output=True,
                          text=True, timeout=100)
    found = json.loads(done.stdout)
    assert set(found) == {"macs", "memory"}, done
    assert done.returncode == (0 if all(row["met"] for row in found.values()) else 1), done
    assert all(row["flood-pps"] > 0 for row in found.values() if row["windows"]), found


def an_unknown_switch_is_refused():
    done = subprocess.run([BENCH, "ndr", "--switches", "nosuch"], capture_output=True, text=True,
                          timeout=20)
    assert done.returncode == 2 and "nosuch" in done.stderr, done


def main():
    tests = [compare_measures_all, compare_decides_by_rules, compare_reaches_devices,
             scale_measures_each_size, noisy_measures_each_flood, an_unknown_switch_is_refused]
    failed = 0
    for number, test in enumerate(tests, 1):
        name = test.__name__.replace("_", " ")
        if len(os.sched_getaffinity(0)) < 2:
            print(f"ok {number} - {name} # SKIP two processors are needed")
            continue
        try:
            test()
            print(f"ok {number} - {name}", flush=True)
        except (AssertionError, subprocess.TimeoutExpired) as why:
            print(f"not ok {number} - {name}\n# {why}", flush=True)
            failed += 1
    print(f"1..{len(tests)}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
