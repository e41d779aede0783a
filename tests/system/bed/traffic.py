"""Traffic whose content is checked, between guests and namespaces alike.

Both have run(), ping() and `scratch`, a directory of their own; both have busybox.
"""

import re

from .process import wait_until

LISTENING = "0A"  # TCP_LISTEN in /proc/net/tcp


def transfer(source, target, address, kib=2048, port=5001, timeout_s=60):
    """Send random bytes over TCP from @source to @target at @address; both must see the same."""
    there, here = target.scratch, source.scratch
    # nc -e gives the connection to a program: no end of nc's own input can cut it short.
    target.run(f"rm -f {there}/sum; echo 'sha256sum >{there}/part; mv {there}/part {there}/sum' "
               f">{there}/take; busybox nc -l -p {port} -e sh {there}/take >/dev/null 2>&1 &")
    wait_until(lambda: is_listening(target, port), 10, f"a listener on port {port}")
    said = source.run(f"head -c {kib * 1024} /dev/urandom >{here}/sent; sha256sum <{here}/sent; "
                      f"busybox nc {address} {port} -e cat {here}/sent; rm {here}/sent",
                      timeout_s=timeout_s)
    sent = said.split()[0]
    got = wait_until(lambda: target.run(f"cat {there}/sum 2>/dev/null", check=False).split(),
                     timeout_s, f"{kib} KiB received")[0]
    if got != sent:
        raise AssertionError(f"sent {sent}, received {got}")


def is_listening(where, port):
    sockets = where.run("cat /proc/net/tcp /proc/net/tcp6")
    return re.search(rf":{port:04X} \S+ {LISTENING} ", sockets) is not None


def begin_ping(source, address, count, interval_s):
    """Ping in the background; end_ping() tells how it went."""
    source.run(f"(busybox ping -c {count} -i {interval_s} -W 2 {address} >{source.scratch}/ping 2>&1; "
               f"touch {source.scratch}/pinged) >/dev/null 2>&1 &")


def end_ping(source, timeout_s=60):
    """(sent, received) of begin_ping()."""
    here = source.scratch
    wait_until(lambda: source.run(f"ls {here}/pinged 2>/dev/null", check=False), timeout_s,
               "the end of a ping")
    said = source.run(f"cat {here}/ping; rm {here}/ping {here}/pinged")
    found = re.search(r"(\d+) packets transmitted, (\d+) packets received", said)
    if not found:
        raise AssertionError(f"ping says: {said.strip()}")
    return int(found.group(1)), int(found.group(2))
