"""IP packets as bytes, for frames that no kernel would send. Addresses are text."""

import socket
import struct

IPV4, ARP, IPV6 = 0x0800, 0x0806, 0x86DD
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
FRAGMENT, DSTOPTS = 44, 60
FIN, SYN, RST, ACK = 1, 2, 4, 16


def ipv4(protocol, payload, source="10.0.0.66", destination="255.255.255.255", fragment=0):
    """@fragment: the word of flags and offset."""
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, fragment, 64, protocol, 0,
                       socket.inet_aton(source), socket.inet_aton(destination)) + payload


def ipv6(protocol, payload, source="fe80::1", destination="ff02::1", hops=255):
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload), protocol, hops,
                       socket.inet_pton(socket.AF_INET6, source),
                       socket.inet_pton(socket.AF_INET6, destination)) + payload


def udp(source, destination, payload=b""):
    return struct.pack("!HHHH", source, destination, 8 + len(payload), 0) + payload


def tcp(source, destination, flags, seq=1000, ack=0, payload=b"", window=1000):
    return struct.pack("!HHIIBBHHH", source, destination, seq, ack, 5 << 4, flags, window, 0,
                       0) + payload


def arp(sender_mac, sender, target, operation=1):
    return struct.pack("!HHBBH6s4s6s4s", 1, IPV4, 6, 4, operation,
                       bytes.fromhex(sender_mac.replace(":", "")), socket.inet_aton(sender),
                       bytes(6), socket.inet_aton(target))


def snap(ethertype, payload):
    """Behind a length instead of an ethertype."""
    return b"\xaa\xaa\x03\0\0\0" + struct.pack("!H", ethertype) + payload


def router_advertisement(payload=b""):
    return struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + payload
