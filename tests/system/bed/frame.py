"""Ethernet frames as bytes, made, sent and caught on raw sockets.

The kernel of a test machine may lack 802.1Q: tags are made here, and found again here. A packet
socket reports a tag beside the frame (PACKET_AUXDATA); catch() puts it back where it was.
"""

import socket
import struct
import time

SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP = 1
PACKET_MR_PROMISC = 1
PACKET_AUXDATA = 8
PACKET_OUTGOING = 4
TP_STATUS_VLAN_VALID = 1 << 4
TP_STATUS_VLAN_TPID_VALID = 1 << 6
ETH_P_ALL = 3

BROADCAST = "ff:ff:ff:ff:ff:ff"
DOT1Q = 0x8100
# IEEE Std 802, local experimental EtherType 1: nobody else's frames look like the tests' own.
EXPERIMENTAL = 0x88B5


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def frame(destination, source, payload, tags=(), ethertype=EXPERIMENTAL):
    """A frame of at least 60 bytes. @tags: VLAN numbers, or (tpid, tci) pairs, the outer first."""
    head = mac(destination) + mac(source)
    for tag in tags:
        tpid, tci = tag if isinstance(tag, tuple) else (DOT1Q, tag)
        head += struct.pack("!HH", tpid, tci)
    return (head + struct.pack("!H", ethertype) + payload).ljust(60, b"\0")


class Wire:
    """A raw socket on one device: Namespace.wire()."""

    def __init__(self, device):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.socket.bind((device, ETH_P_ALL))
        membership = struct.pack("iHH8s", socket.if_nametoindex(device), PACKET_MR_PROMISC, 0, b"")
        self.socket.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership)

    def send(self, data):
        self.socket.send(data)

    def catch(self, marker, timeout_s=2.0, count=1):
        """The frames that come in within the time and hold @marker, at most @count."""
        caught = []
        deadline = time.monotonic() + timeout_s
        while len(caught) < count:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            self.socket.settimeout(left)
            try:
                data, ancillary, _, address = self.socket.recvmsg(70000, 256)
            except TimeoutError:
                break
            if address[2] != PACKET_OUTGOING and marker in data:
                caught.append(with_tag(data, ancillary))
        return caught

    def close(self):
        self.socket.close()


def with_tag(data, ancillary):
    """The frame as it was on the wire."""
    for level, kind, value in ancillary:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            # struct tpacket_auxdata
            status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", value[:20])
            if status & TP_STATUS_VLAN_VALID:
                tpid = tpid if status & TP_STATUS_VLAN_TPID_VALID else DOT1Q
                return data[:12] + struct.pack("!HH", tpid, tci) + data[12:]
    return data


def tags_of(data):
    """The tags of a frame as (tpid, tci) pairs, the outer first."""
    tags = []
    at = 12
    while len(data) >= at + 4:
        tpid, tci = struct.unpack_from("!HH", data, at)
        if tpid not in (DOT1Q, 0x88A8, 0x9100):
            break
        tags.append((tpid, tci))
        at += 4
    return tags
