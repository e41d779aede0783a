"""A guest: QEMU with Debian's kernel, and a way to run commands in it.

Where KVM boots a stock kernel it is used; elsewhere the processor is emulated (TCG), which
proves function, not speed. The console goes to a file; commands travel over a virtio-serial port to
the init of image.py (an emulated UART loses bytes on a busy host).
"""

import base64
import json
import os
import pathlib
import re
import socket
import subprocess
import time

from . import image
from .process import call, spawn, stop, wait_until
from .report import Skip

BOOT_S = 120


class Guest:
    """One QEMU process. Made by Bed.guest()."""

    scratch = "/tmp"

    def __init__(self, bed, name, nics, memory_mib=128, cpus=1, incoming=None, kvm=None):
        """@nics: QEMU arguments of its devices, from vhost_user_nic() or of one's own."""
        self.bed = bed
        self.name = name
        self.memory_mib = memory_mib
        self.cpus = cpus
        self.nics = nics
        self.dir = bed.dir / f"guest-{name}"
        self.dir.mkdir()
        self.incoming = incoming
        self.kvm = kvm_works(bed.build_dir) if kvm is None else kvm
        self.process = None
        self.listener = None  # QEMU dials: what the guest says before anybody listens is kept
        self.channel = None
        self.received = b""
        self.sequence = 0

    def arguments(self):
        kernel, _ = image.kernel()
        size = f"{self.memory_mib}M"
        arguments = [
            "qemu-system-x86_64", "-name", self.name, "-nodefaults", "-display", "none",
            "-machine", "q35,memory-backend=mem", "-m", size, "-smp", self.cpus,
            "-object", f"memory-backend-memfd,id=mem,size={size},share=on",
            "-accel", "kvm" if self.kvm else "tcg", "-cpu", "host" if self.kvm else "max",
            "-kernel", kernel, "-initrd", image.initramfs(self.bed.build_dir),
            "-append", image.COMMAND_LINE,
            "-serial", f"file:{self.dir}/console",
            "-chardev", f"socket,id=channel,path={self.dir}/channel",
            "-device", "virtio-serial-pci", "-device", "virtserialport,chardev=channel",
            "-qmp", f"unix:{self.dir}/qmp,server=on,wait=off",
        ]
        for nic in self.nics:
            arguments += nic(self.kvm)
        if self.incoming:
            arguments += ["-incoming", f"unix:{self.incoming}"]
        return arguments

    def start(self):
        """Start QEMU and return at once; booted() waits."""
        if not os.path.exists("/usr/bin/qemu-system-x86_64"):
            raise Skip("no QEMU: install qemu-system-x86")
        self.listen()
        self.process = spawn(self.arguments(), stdout=open(self.dir / "qemu.log", "wb"),
                             stderr=subprocess.STDOUT)
        return self

    def listen(self):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(self.dir / "channel"))
        self.listener.listen(1)

    def booted(self, timeout_s=BOOT_S):
        """Wait until the guest takes commands."""
        self.connect(timeout_s)
        self.read_line(timeout_s, lambda line: line == "ready")
        return self

    def connect(self, timeout_s=BOOT_S):
        """Take QEMU's call on the command channel."""
        self.listener.settimeout(1)

        def answered():
            try:
                return self.listener.accept()[0]
            except TimeoutError:
                if self.process.poll() is not None:
                    raise AssertionError(
                        f"guest {self.name}: QEMU ended: {self.log_tail()}") from None
                return None

        self.channel = wait_until(answered, timeout_s, f"guest {self.name}: QEMU's call")
        return self

    def read_line(self, timeout_s, wanted):
        deadline = time.monotonic() + timeout_s
        while True:
            while b"\n" in self.received:
                line, self.received = self.received.split(b"\n", 1)
                text = line.decode(errors="replace").strip()
                if wanted(text):
                    return text
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"guest {self.name}: no answer: {self.log_tail()}")
            self.channel.settimeout(left)
            try:
                piece = self.channel.recv(65536)
            except TimeoutError:
                continue
            if not piece:
                raise AssertionError(f"guest {self.name}: channel closed: {self.log_tail()}")
            self.received += piece

    def send(self, command):
        """Begin a command; finish() with the returned number waits for it."""
        self.sequence += 1
        encoded = base64.b64encode(command.encode()).decode()
        self.channel.sendall(f"{self.sequence} {encoded}\n".encode())
        return self.sequence

    def finish(self, sequence, timeout_s=60):
        """The (status, output) of a command that was begun."""
        words = self.read_line(timeout_s, lambda t: t.startswith(f"{sequence} ")).split(" ")
        output = base64.b64decode(words[2]).decode(errors="replace") if len(words) > 2 else ""
        return int(words[1]), output

    def run(self, command, check=True, timeout_s=60):
        """Run a shell command in the guest; its output."""
        status, output = self.finish(self.send(command), timeout_s)
        if check and status != 0:
            raise AssertionError(f"guest {self.name}: {command}: exit {status}: {output.strip()}")
        return output

    def address(self, address, device="eth0"):
        """Give a device an address (with its prefix length) and bring it up."""
        self.run(f"ip addr add {address} dev {device} && ip link set {device} up")
        return self

    def ping(self, address, count=3, interval_s=0.2, wait_s=2):
        """How many of @count echo requests were answered."""
        output = self.run(f"ping -c {count} -i {interval_s} -W {wait_s} {address}", check=False)
        found = re.search(r"(\d+) packets received", output)
        return int(found.group(1)) if found else 0

    def monitor(self, command, **arguments):
        """One QMP command; its answer."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as qmp:
            qmp.settimeout(10)
            qmp.connect(str(self.dir / "qmp"))
            with qmp.makefile("rw", encoding="utf-8") as stream:
                stream.readline()
                for request in ({"execute": "qmp_capabilities"},
                                {"execute": command, "arguments": arguments}):
                    stream.write(json.dumps(request) + "\n")
                    stream.flush()
                    answer = json.loads(stream.readline())
                    while "event" in answer:
                        answer = json.loads(stream.readline())
        if "error" in answer:
            raise AssertionError(f"guest {self.name}: {command}: {answer['error']['desc']}")
        return answer["return"]

    def migrate(self, target, timeout_s=60):
        """Move to @target, a Guest that was started with incoming; returns QEMU's account of it."""
        wait_until(lambda: os.path.exists(target.incoming), BOOT_S, "a target that listens")
        self.monitor("migrate", uri=f"unix:{target.incoming}")

        def over():
            state = self.monitor("query-migrate")
            if state["status"] in ("failed", "cancelled"):
                raise AssertionError(f"migration {state['status']}: {state.get('error-desc', '')}")
            return state if state["status"] == "completed" else None

        account = wait_until(over, timeout_s, "migration completed")
        target.connect()
        target.sequence = self.sequence
        return account

    def log_tail(self):
        tails = []
        for log in ("qemu.log", "console"):
            path = self.dir / log
            if path.exists():
                tails += path.read_text(errors="replace").splitlines()[-8:]
        return " | ".join(tails)

    def end(self):
        for end in (self.listener, self.channel):
            if end:
                end.close()
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


def vhost_user_nic(path, mac, mode="server", queues=1, features=""):
    """
    A virtio-net device on a vhost-user socket. @mode is Sluice's part: `server` listens, and
    QEMU dials; `client` dials, and QEMU listens. @features: more device properties.
    """
    role = "server=on,wait=off" if mode == "client" else "reconnect=1"

    def arguments(kvm):
        tag = mac.replace(":", "")
        # QEMU 7.2 under TCG dies with MSI-X and vhost-user: INTx there.
        vectors = 2 * queues + 2 if kvm else 0
        return [
            "-chardev", f"socket,id=c{tag},path={path},{role}",
            "-netdev", f"vhost-user,id=n{tag},chardev=c{tag},queues={queues}",
            "-device", f"virtio-net-pci,netdev=n{tag},mac={mac},romfile=,vectors={vectors}"
            + (",mq=on" if queues > 1 else "") + (f",{features}" if features else ""),
        ]

    return arguments


def kvm_works(build_dir):
    """
    Does a stock kernel boot under KVM here? Asked once per boot of the host, by booting one: a
    /dev/kvm that opens proves nothing.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    answer = pathlib.Path(build_dir) / "kvm-works"
    if answer.exists():
        words = answer.read_text().split()
        if words[0] == boot:
            return words[1] == "yes"
    works = kvm_boots(build_dir)
    answer.write_text(f"{boot} {'yes' if works else 'no'}\n")
    return works


def kvm_boots(build_dir, limit_s=8):
    kernel, _ = image.kernel()
    process = spawn(
        ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-accel", "kvm", "-cpu", "host",
         "-m", "128M", "-kernel", kernel, "-initrd", image.initramfs(build_dir),
         "-append", image.COMMAND_LINE, "-chardev", "stdio,id=channel",
         "-device", "virtio-serial-pci", "-device", "virtserialport,chardev=channel"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        os.set_blocking(process.stdout.fileno(), False)
        wait_until(lambda: b"ready" in (process.stdout.read() or b""), limit_s, "a guest under KVM")
        return True
    except AssertionError:
        return False
    finally:
        process.kill()
        process.wait()
