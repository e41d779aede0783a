"""A guest's machine is reset, its driver is unbound and bound again, its process is killed.

    guest a, and namespace n on a tap
"""

from bed import Bed, main, vhost_user_nic, wait_until

DOCUMENT = """
tenants:
  acme:
    networks: {{web: {{}}}}
    ports:
      a: {{vhost-user: a.sock, network: web}}
      n: {{tap: {tap}, network: web}}
"""


class Reboot:
    def __init__(self, bed):
        self.bed = bed
        tap = bed.unique("slt")
        self.switch = bed.switch(DOCUMENT.format(tap=tap))
        self.nic = vhost_user_nic(self.switch.socket("a.sock"), "52:54:00:00:04:01")
        self.a = bed.guest("a", self.nic)
        self.n = bed.namespace().adopt(tap, "10.0.0.2/24", rename="eth0")
        self.come_up()

    def come_up(self):
        self.a.booted().address("10.0.0.1/24")
        assert self.a.ping("10.0.0.2") == 3, "the guest does not reach the namespace"

    def reset(self):
        """The machine is reset under traffic: memory that was a ring is not one any more."""
        self.a.send("ping -c 100 -i 0.01 10.0.0.2")
        self.a.monitor("system_reset")
        self.a.read_line(60, lambda line: line == "ready")
        self.a.address("10.0.0.1/24")
        assert self.a.ping("10.0.0.2") == 3, "after the reset nothing goes through"

    def rebind(self):
        for _ in range(3):
            self.a.run("cd /sys/bus/virtio/drivers/virtio_net; d=$(ls -d virtio*); "
                       "echo $d >unbind; echo $d >bind")
            self.a.address("10.0.0.1/24")
            assert self.a.ping("10.0.0.2") == 3, "after the driver came back nothing goes through"

    def process_killed(self):
        self.a.end()
        wait_until(lambda: self.switch.port("acme/a")["state"] == "waiting", 5,
                   "the port waits for a guest")
        self.a = self.bed.guest("a2", self.nic)
        self.come_up()


def body(report):
    with Bed() as bed:
        test = Reboot(bed)
        report.run("a machine reset under traffic", test.reset)
        report.run("a driver unbound and bound again", test.rebind)
        report.run("QEMU killed, another one in its place", test.process_killed)


if __name__ == "__main__":
    main(body)
