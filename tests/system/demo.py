"""The demonstration: two tenants, three guests and a namespace, and who reaches whom.

Every line behind a `$` is what a user would type; lines behind `vm1#` are typed in a guest. What
is shown was printed by the programs, just now. Ends by itself, and takes down all that it made,
also when interrupted.
"""

import os
import pathlib
import shutil
import sys
import time

from bed import Bed, vhost_user_nic
from bed.process import become_reaper, reap_descendants

HERE = pathlib.Path(__file__).resolve().parent
PLACE = pathlib.Path("/run/sluice-demo")
TAP = "sluice-demo"
MACS = {f"vm{n}": f"52:54:00:00:00:0{n}" for n in (1, 2, 3)}
ADDRESSES = {f"vm{n}": f"10.0.0.{n}" for n in (1, 2, 3)}
BOX_MAC, BOX_ADDRESS = "52:54:00:00:00:04", "10.0.0.4"


class Screen:
    """Prints the session: headings, commands behind their prompts, what they answer."""

    def __init__(self):
        self.coloured = ((sys.stdout.isatty() or "FORCE_COLOR" in os.environ)
                         and "NO_COLOR" not in os.environ)

    def paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.coloured else text

    def heading(self, text):
        print(f"\n{self.paint('1;36', text)}", flush=True)

    def command(self, text, prompt="$"):
        print(f"{self.paint('1;32', prompt)} {self.paint('1', text)}", flush=True)

    def output(self, text):
        for line in text.splitlines():
            if line.strip():
                print(f"  {line}", flush=True)

    def verdict(self, good, text):
        mark = self.paint("1;32", "✓") if good else self.paint("1;31", "✗")
        print(f"{mark} {text}", flush=True)


class Demo:
    def __init__(self, bed, screen):
        self.bed = bed
        self.screen = screen
        self.good = True
        self.switch = None
        self.guests = {}
        self.box = None

    def expect(self, condition, text):
        self.good &= bool(condition)
        self.screen.verdict(condition, text)

    def ctl(self, *arguments, check=True):
        """Show a sluicectl command and its answer."""
        self.screen.command(" ".join(["sluicectl", *(quoted(a) for a in arguments)]))
        done = self.switch.ctl(*arguments, check=check)
        self.screen.output(done.stdout + done.stderr)
        return done.stdout

    def guest_does(self, name, command):
        """Show a command in a guest and its answer."""
        self.screen.command(command, prompt=f"{name}#")
        output = self.guests[name].run(command, check=False)
        self.screen.output(output)
        return output

    def start(self):
        self.screen.heading("A switch with directories of its own, and a document for it")
        self.screen.command(f"sluiced --run-dir {PLACE}/run --state-dir {PLACE}/state &")
        self.switch = self.bed.switch(name=".")
        self.screen.output("ready")
        self.screen.command(f"export SLUICE_SOCKET={PLACE}/run/control.sock")
        self.screen.command("cat demo.yaml")
        self.screen.output((HERE / "demo.yaml").read_text())
        self.screen.command("sluicectl apply -f demo.yaml")
        self.screen.output(self.switch.ctl("apply", "-f", HERE / "demo.yaml").stdout)

    def boot(self):
        self.screen.heading("Three guests on vhost-user, a namespace on a tap")
        self.ctl("attach", "acme/vm1", "--qemu")
        for name, mac in MACS.items():
            socket = self.switch.socket(f"{name}.sock")
            self.guests[name] = self.bed.guest(name, vhost_user_nic(socket, mac))
            accelerator = "kvm" if self.guests[name].kvm else "tcg"
            self.screen.command(f"qemu-system-x86_64 -name {name} -accel {accelerator} -kernel vmlinuz "
                                "-initrd busybox.cpio ... &")
        self.box = self.bed.namespace()
        self.box.run("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6")
        self.screen.command(f"ip netns add box; ip link set {TAP} netns box ...")
        self.box.adopt(TAP, f"{BOX_ADDRESS}/24", rename="eth0")
        began = time.monotonic()
        for name, guest in self.guests.items():
            guest.booted().run("echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6")  # quieter
            guest.address(f"{ADDRESSES[name]}/24")
        self.switch.wait_up("acme/vm1", "acme/vm2", "globex/vm3", "globex/box")
        self.screen.output(f"three kernels are up after {time.monotonic() - began:.1f} s")
        self.ctl("port", "list")

    def within(self):
        self.screen.heading("Within a tenant's network: they reach one another")
        said = self.guest_does("vm1", f"ping -c 3 {ADDRESSES['vm2']}")
        self.expect("3 packets received" in said, "acme/vm1 reaches acme/vm2")
        command = f"busybox ping -c 3 {ADDRESSES['vm3']}"
        self.screen.command(command, prompt="box#")
        said = self.box.run(command, check=False)
        self.screen.output(said)
        self.expect("3 packets received" in said, "globex/box reaches globex/vm3")

    def across(self):
        self.screen.heading("Across: acme tries to reach globex")
        said = self.guest_does("vm1", f"ping -c 2 -W 1 {BOX_ADDRESS}")
        self.expect(" 0 packets received" in said,
                    "nobody answers: the question never left acme's network")
        said = self.guest_does("vm1", f"arp -s {BOX_ADDRESS} {BOX_MAC}; ping -c 2 -W 1 {BOX_ADDRESS}")
        self.expect(" 0 packets received" in said, "knowing the address does not help")
        self.guest_does("vm1", "vconfig add eth0 200; ifconfig eth0.200 10.0.0.9 up")
        said = self.guest_does("vm1", f"ping -c 2 -W 1 -I eth0.200 {BOX_ADDRESS}")
        self.expect(" 0 packets received" in said, "nor does globex's VLAN tag")
        said = self.ctl("drops", "acme/vm1")
        self.expect("unknown-unicast" in said and "tag-on-access" in said,
                    "each frame that was dropped has its reason")
        said = self.ctl("trace", "acme/vm1", f"icmp {ADDRESSES['vm1']} > {BOX_ADDRESS}",
                        "--dst-mac", BOX_MAC, check=False)
        self.expect("not delivered" in said, "and the switch tells beforehand what it would do")

    def count(self):
        self.screen.heading("What was counted")
        self.ctl("stats")


def quoted(argument):
    text = str(argument)
    return f"'{text}'" if " " in text else text


def main():
    began = time.monotonic()
    become_reaper()
    screen = Screen()
    if PLACE.exists():
        shutil.rmtree(PLACE)
    demo = None
    try:
        with Bed(PLACE) as bed:
            demo = Demo(bed, screen)
            for part in (demo.start, demo.boot, demo.within, demo.across, demo.count):
                part()
            screen.heading("Taking everything down")
    except KeyboardInterrupt:
        screen.heading("Interrupted: everything is taken down")
        sys.exit(130)
    finally:
        reap_descendants()
    took = f"{time.monotonic() - began:.0f} s"
    demo.expect(demo.good, f"two tenants, four ports, nothing across; all of it in {took}")
    sys.exit(0 if demo.good else 1)


if __name__ == "__main__":
    main()
