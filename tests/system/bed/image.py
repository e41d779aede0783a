"""What a guest boots: Debian's own kernel, and an initramfs made of Debian's own busybox.

The initramfs holds busybox, the modules that a virtio-net guest needs, iperf3 with its libraries,
and an init that takes commands from a virtio-serial port (see guest.py for its other end). It is made once and kept in the build directory until one of its parts changes.
"""

import glob
import gzip
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from .process import call
from .report import Skip

MODULES = ("virtio_pci", "virtio_net", "virtio_console", "8021q")
# A starved emulator fails the kernel's check of its timer, which is right all the same.
COMMAND_LINE = "console=ttyS0 panic=1 quiet mitigations=off no_timer_check"
PROGRAMS = ("/usr/bin/iperf3",)

# A port that nobody holds at the other end reads as ended: so it is for a moment in a migration.
# Commands come as lines `ID BASE64`, answers go as lines `ID STATUS BASE64`.
INIT = """#!/bin/sh
export PATH=/bin:/usr/bin HOME=/
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
while read -r module; do insmod $module; done </modules.order
ip link set lo up
until port=$(ls /dev/vport*p1 2>/dev/null); do usleep 10000; done
exec 3<>$port
echo ready >&3
while :; do
    if ! read -r id command <&3; then
        usleep 20000
        continue
    fi
    echo "$command" | base64 -d >/tmp/command.$id
    sh /tmp/command.$id >/tmp/output.$id 2>&1 </dev/null 3<&-
    echo "$id $? $(base64 -w 0 /tmp/output.$id)" >&3
    rm -f /tmp/command.$id /tmp/output.$id
done
"""


def kernel():
    """The newest installed kernel that has its modules: (image, release)."""
    found = []
    for image in glob.glob("/boot/vmlinuz-*"):
        release = image.removeprefix("/boot/vmlinuz-")
        if os.path.isdir(f"/lib/modules/{release}") and os.access(image, os.R_OK):
            numbers = tuple(int(n) for n in re.findall(r"\d+", release))
            found.append(("cloud" in release, numbers, image, release))
    if not found:
        raise Skip("no guest kernel: install linux-image-cloud-amd64")
    return max(found)[2:]


def module_files(release):
    """The .ko files behind MODULES, in the order in which they load."""
    files = []
    for module in MODULES:
        shown = call("/sbin/modprobe", "--set-version", release, "--show-depends", module)
        for line in shown.stdout.splitlines():
            words = line.split()
            if words and words[0] == "insmod" and words[1] not in files:
                files.append(words[1])
    return files


def libraries(program):
    """The shared objects that a program loads, its loader included."""
    return re.findall(r"(/\S+) \(0x", call("ldd", program).stdout)


def initramfs(build_dir):
    """The path of the initramfs for kernel(), made anew if its recipe changed."""
    release = kernel()[1]
    for program in ("/bin/busybox", *PROGRAMS):
        if not os.path.exists(program):
            raise Skip(f"{program} is missing: install busybox-static and iperf3")
    modules = module_files(release)
    parts = ["/bin/busybox", *PROGRAMS, *modules]
    recipe = INIT + "".join(f"{p} {os.stat(p).st_mtime_ns}" for p in parts)
    digest = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    image = pathlib.Path(build_dir) / f"initramfs-{digest}.cpio"
    if not image.exists():
        image.parent.mkdir(parents=True, exist_ok=True)
        for old in image.parent.glob("initramfs-*.cpio"):
            old.unlink(missing_ok=True)
        make(image, modules)
    return image


def make(image, modules):
    with tempfile.TemporaryDirectory(prefix="sluice-image-") as name:
        root = pathlib.Path(name)
        for folder in ("bin", "proc", "sys", "dev", "tmp", "lib/modules"):
            (root / folder).mkdir(parents=True)
        shutil.copy("/bin/busybox", root / "bin")
        for applet in call("/bin/busybox", "--list").stdout.split():
            if applet != "busybox":
                (root / "bin" / applet).symlink_to("busybox")
        for program in PROGRAMS:
            for source in (program, *libraries(program)):
                target = root / source.lstrip("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(os.path.realpath(source), target)
        order = []
        for module in modules:
            target = f"lib/modules/{os.path.basename(module).split('.ko')[0]}.ko"
            unpack(module, root / target)
            order.append(f"/{target}\n")
        (root / "modules.order").write_text("".join(order))
        (root / "init").write_text(INIT)
        (root / "init").chmod(0o755)
        partial = image.with_suffix(f".{os.getpid()}")
        with open(partial, "wb") as out:
            subprocess.run("find . -print0 | cpio --null --create --format=newc --quiet",
                           shell=True, cwd=root, stdout=out, check=True)
        partial.rename(image)


def unpack(module, target):
    if module.endswith(".gz"):
        target.write_bytes(gzip.decompress(pathlib.Path(module).read_bytes()))
    elif module.endswith(".xz"):
        target.write_bytes(subprocess.run(["xz", "-dc", module], capture_output=True,
                                          check=True).stdout)
    else:
        shutil.copy(module, target)
