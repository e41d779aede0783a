"""Guests that libvirt starts, with the XML that users write: Sluice listens, and Sluice dials.

virtlogd and libvirtd are started by hand in mount and process namespaces of their own, where /run
and libvirt's directories are empty file systems: a libvirt of the machine is neither seen nor
touched, and nothing of this one is left.

    domain d1 (mode client: QEMU dials), domain d2 (mode server: QEMU listens), namespace n on a tap
"""

import shutil
import subprocess

from bed import Bed, Skip, call, main, require_root, wait_until
from bed import image
from bed.guest import Guest
from bed.process import spawn, stop
from bed.traffic import transfer

DOCUMENT = """
tenants:
  acme:
    networks: {{web: {{}}}}
    ports:
      d1: {{vhost-user: d1.sock, network: web}}
      d2: {{vhost-user: d2.sock, mode: client, network: web}}
      n:  {{tap: {tap}, network: web}}
"""
DOMAIN = """
<domain type='{kind}' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{name}</name>
  <memory unit='MiB'>128</memory>
  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>{kernel}</kernel>
    <initrd>{initrd}</initrd>
    <cmdline>{command_line}</cmdline>
  </os>
  <devices>
    <interface type='vhostuser'>
      <mac address='{mac}'/>
      <source type='unix' path='{socket}' mode='{mode}'>{reconnect}</source>
      <model type='virtio'/>
    </interface>
    <serial type='file'><source path='{directory}/console'/></serial>
    <channel type='unix'>
      <source mode='connect' path='{directory}/channel'/><target type='virtio' name='sluice'/>
    </channel>
  </devices>
  {override}
</domain>
"""
RECONNECT = "<reconnect enabled='yes' timeout='1'/>"
# QEMU 7.2 under TCG dies with MSI-X and vhost-user: INTx there.
NO_MSI = """<qemu:override><qemu:device alias='net0'><qemu:frontend>
    <qemu:property name='vectors' type='unsigned' value='0'/>
  </qemu:frontend></qemu:device></qemu:override>"""
PRIVATE = """
set -e
for d in /run /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do
    mkdir -p $d
    mount -t tmpfs none $d
done
cd {directory}
cp /etc/passwd /etc/group .
echo 'libvirt-qemu:x:64055:64055::/nonexistent:/usr/sbin/nologin' >>passwd
printf 'kvm:x:64056:\\nlibvirt-qemu:x:64055:\\n' >>group
mount --bind passwd /etc/passwd
mount --bind group /etc/group
cat >/etc/libvirt/qemu.conf <<END
user = "root"
group = "root"
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
END
printf 'auth_unix_rw = "none"\\nunix_sock_group = "root"\\n' >libvirtd.conf
virtlogd &
libvirtd --config libvirtd.conf &
wait
"""


class Libvirt:
    def __init__(self, bed):
        self.directory = bed.dir / "libvirt"
        self.directory.mkdir()
        self.process = spawn(
            ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
             "--mount-proc", "sh", "-c", PRIVATE.format(directory=self.directory)],
            stdout=open(self.directory / "log", "wb"), stderr=subprocess.STDOUT)
        wait_until(lambda: self.virsh("version", check=False).returncode == 0, 30,
                   f"libvirtd: {self.log()}")

    def virsh(self, *arguments, check=True):
        return call("nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt", "virsh",
                    "--connect", "qemu:///system", *arguments, check=check)

    def log(self):
        return (self.directory / "log").read_text(errors="replace")[-400:]

    def end(self):
        for domain in self.virsh("list", "--name", check=False).stdout.split():
            self.virsh("destroy", domain, check=False)
        stop(self.process)


class Domain(Guest):
    """A guest whose QEMU libvirt starts; its commands travel as those of all guests."""

    def begin(self, libvirt, mac, socket, mode):
        self.listen()
        self.process = libvirt.process
        xml = self.dir / "domain.xml"
        xml.write_text(DOMAIN.format(
            kind="kvm" if self.kvm else "qemu", name=self.name, kernel=image.kernel()[0],
            initrd=image.initramfs(self.bed.build_dir),
            command_line=image.COMMAND_LINE, mac=mac, socket=socket, mode=mode,
            reconnect=RECONNECT if mode == "client" else "", directory=self.dir,
            override="" if self.kvm else NO_MSI))
        libvirt.virsh("create", xml)
        return self

    def end(self):
        self.process = None  # libvirt's own end sees to QEMU
        super().end()


class Domains:
    def __init__(self, bed):
        tap = bed.unique("slt")
        self.switch = bed.switch(DOCUMENT.format(tap=tap))
        self.libvirt = bed.keep(Libvirt(bed))
        self.n = bed.namespace().adopt(tap, "10.0.0.3/24", rename="eth0")
        self.d1, self.d2 = (
            bed.keep(Domain(bed, f"d{number}", [])).begin(
                self.libvirt, f"52:54:00:00:0b:0{number}",
                self.switch.socket(f"d{number}.sock"), mode)
            for number, mode in ((1, "client"), (2, "server")))
        self.d1.booted().address("10.0.0.1/24")
        self.d2.booted().address("10.0.0.2/24")
        self.switch.wait_up("acme/d1", "acme/d2")

    def reach(self):
        assert self.d1.ping("10.0.0.2") == 3, "d1 does not reach d2"
        assert self.n.ping("10.0.0.1") == 3, "n does not reach d1"
        transfer(self.d1, self.d2, "10.0.0.2")
        transfer(self.n, self.d2, "10.0.0.2")

    def reconnect(self):
        """Another data plane: libvirt's guests come back by themselves, in both modes."""
        self.switch.kill_dataplane()
        self.switch.wait_up("acme/d1", "acme/d2")
        wait_until(lambda: self.d1.ping("10.0.0.2", count=1, wait_s=1), 15, "d1 reaches d2 again")


def body(report):
    require_root()
    for program in ("libvirtd", "virtlogd", "virsh"):
        if not shutil.which(program, path="/usr/sbin:/usr/bin"):
            raise Skip("libvirt-daemon-driver-qemu and libvirt-clients are not installed")
    with Bed() as bed:
        domains = Domains(bed)
        report.run("domains in both modes, and a namespace", domains.reach)
        report.run("domains come back after the data plane", domains.reconnect)


if __name__ == "__main__":
    main(body)
