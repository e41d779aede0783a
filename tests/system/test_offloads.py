"""TCP between guests that have offloads and guests that lack them: 16 combinations.

Four senders (checksums left to the device or not, segmentation left to it or not) to four
receivers (partial checksums accepted or not, large frames accepted or not). What the receiver lacks
the switch completes; the receiver's own TCP checks every sum, the test every byte.
"""

from bed import Bed, main, vhost_user_nic
from bed.traffic import transfer

OFF = {
    "sends": {"csum": "csum=off", "tso": "host_tso4=off,host_tso6=off,host_ecn=off"},
    "takes": {"csum": "guest_csum=off", "tso": "guest_tso4=off,guest_tso6=off,guest_ecn=off"},
}
COMBINATIONS = [(csum, tso) for csum in (True, False) for tso in (True, False)]


def name_of(role, csum, tso):
    return f"{role}-{'csum' if csum else 'plain'}-{'tso' if tso else 'small'}"


def features(role, csum, tso):
    lacking = ([] if csum else [OFF[role]["csum"]]) + ([] if tso else [OFF[role]["tso"]])
    return ",".join(lacking)


class Matrix:
    def __init__(self, bed):
        names = [name_of(role, *c) for role in OFF for c in COMBINATIONS]
        ports = "".join(f"      {n}: {{vhost-user: {n}.sock, network: web}}\n" for n in names)
        switch = bed.switch("tenants:\n  acme:\n    networks: {web: {}}\n    ports:\n" + ports)
        self.guests = {}
        for number, name in enumerate(names):
            role, csum, tso = name.split("-")
            nic = vhost_user_nic(switch.socket(f"{name}.sock"), f"52:54:00:00:02:{number:02x}",
                                 features=features(role, csum == "csum", tso == "tso"))
            self.guests[name] = bed.guest(name, nic, memory_mib=112)
        for number, name in enumerate(names):
            guest = self.guests[name].booted().address(f"10.0.0.{number + 1}/24")
            guest.run(f"ip addr add fd00::{number + 1}/64 dev eth0")
            guest.number = number + 1

    def try_pair(self, source, target):
        address = self.guests[target].number
        transfer(self.guests[source], self.guests[target], f"10.0.0.{address}", kib=1024)
        transfer(self.guests[source], self.guests[target], f"fd00::{address}", kib=1024)


def body(report):
    with Bed() as bed:
        matrix = Matrix(bed)
        for sends in COMBINATIONS:
            for takes in COMBINATIONS:
                source, target = name_of("sends", *sends), name_of("takes", *takes)
                report.run(f"{source} to {target}", matrix.try_pair, source, target)


if __name__ == "__main__":
    main(body)
