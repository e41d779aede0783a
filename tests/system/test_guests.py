"""What a guest's driver may negotiate: one guest a variant, all on one network with a namespace.

Each must ping and carry TCP content both ways, and what QEMU offered must be what the driver got.
A worker runs on each processor.
"""

import os

from bed import Bed, main, vhost_user_nic
from bed.traffic import transfer

# Feature bits of virtio 1.3, sections 5.1.3 and 6.
CSUM, GUEST_CSUM, HOST_TSO4, MRG_RXBUF, MQ, INDIRECT, EVENT_IDX, VERSION_1, PACKED = (
    0, 1, 11, 15, 22, 28, 29, 32, 34)

# name: (device properties, options of vhost_user_nic, bits that are set, bits that are not)
VARIANTS = {
    "as QEMU comes": ("", {}, (CSUM, GUEST_CSUM, HOST_TSO4, MRG_RXBUF, INDIRECT, EVENT_IDX,
                               VERSION_1), (PACKED,)),
    "no mergeable buffers": ("mrg_rxbuf=off", {}, (VERSION_1,), (MRG_RXBUF,)),
    "no event index": ("event_idx=off", {}, (VERSION_1,), (EVENT_IDX,)),
    "no indirect descriptors": ("indirect_desc=off", {}, (VERSION_1,), (INDIRECT,)),
    "no checksum offload": ("csum=off,guest_csum=off,host_tso4=off,host_tso6=off,guest_tso4=off,"
                            "guest_tso6=off,guest_ecn=off,host_ecn=off,gso=off", {},
                            (VERSION_1,), (CSUM, GUEST_CSUM, HOST_TSO4)),
    "none of it": ("mrg_rxbuf=off,event_idx=off,indirect_desc=off,csum=off,guest_csum=off,"
                   "host_tso4=off,host_tso6=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,"
                   "host_ecn=off,gso=off", {}, (VERSION_1,),
                   (MRG_RXBUF, EVENT_IDX, INDIRECT, CSUM)),
    "packed rings": ("packed=on", {}, (VERSION_1, PACKED), ()),
    "packed rings, none of it": ("packed=on,mrg_rxbuf=off,event_idx=off,indirect_desc=off", {},
                                 (VERSION_1, PACKED), (MRG_RXBUF, EVENT_IDX, INDIRECT)),
    "two queue pairs": ("", {"queues": 2}, (MQ, VERSION_1), ()),
    "long rings": ("rx_queue_size=1024,tx_queue_size=1024", {}, (VERSION_1,), ()),
    "Sluice dials": ("", {"mode": "client"}, (VERSION_1,), ()),
}


def document(tap):
    ports = [f"      n: {{tap: {tap}, network: web}}"]
    for number, (_, options, _, _) in enumerate(VARIANTS.values()):
        mode = f", mode: {options['mode']}" if "mode" in options else ""
        queues = f", queues: {options['queues']}" if "queues" in options else ""
        ports.append(f"      v{number}: {{vhost-user: v{number}.sock, network: web{mode}{queues}}}")
    return "tenants:\n  acme:\n    networks: {web: {}}\n    ports:\n" + "\n".join(ports) + "\n"


def start(bed, switch, number, variant):
    properties, options, _, _ = variant
    nic = vhost_user_nic(switch.socket(f"v{number}.sock"), f"52:54:00:00:01:{number:02x}",
                         features=properties, **options)
    return bed.guest(f"v{number}", nic, cpus=options.get("queues", 1))


def try_variant(guest, namespace, number, variant):
    _, options, present, absent = variant
    guest.booted().address(f"10.0.0.{number + 10}/24")
    bits = guest.run("cat /sys/class/net/eth0/device/features").strip()
    for bit in present:
        assert bits[bit] == "1", f"feature {bit} was not negotiated: {bits}"
    for bit in absent:
        assert bits[bit] == "0", f"feature {bit} was negotiated: {bits}"
    if options.get("queues", 1) > 1:
        queues = guest.run("ls -d /sys/class/net/eth0/queues/rx-*").split()
        assert len(queues) == options["queues"], f"queues: {queues}"
    assert guest.ping("10.0.0.1") == 3, "the guest does not reach the namespace"
    assert namespace.ping(f"10.0.0.{number + 10}") == 3, "the namespace does not reach the guest"
    for _ in range(options.get("queues", 1) * 2):
        transfer(guest, namespace, "10.0.0.1")
        transfer(namespace, guest, f"10.0.0.{number + 10}")


def body(report):
    with Bed() as bed:
        tap = bed.unique("slt")
        switch = bed.switch(document(tap), options=["--workers", f"0-{os.cpu_count() - 1}"])
        namespace = bed.namespace().adopt(tap, "10.0.0.1/24", rename="eth0")
        variants = list(VARIANTS.items())
        waiting = start(bed, switch, 0, variants[0][1])
        for number, (name, variant) in enumerate(variants):
            guest = waiting
            if number + 1 < len(variants):  # boots while this one is tried
                waiting = start(bed, switch, number + 1, variants[number + 1][1])
            report.run(name, try_variant, guest, namespace, number, variant)
            guest.end()


if __name__ == "__main__":
    main(body)
