"""The control socket against clients of all sorts: what a line may be, and that nobody waits for
a client that is slow, silent, greedy or mad."""

import json
import os
import random
import socket
import time

from api import Bed, Client, expect, main, wait_until

PARSE_ERROR, INVALID_REQUEST, NO_SUCH_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602
LINE_MAX = 24 << 20
PROMPT_S = 3.0  # an idle daemon answers in a millisecond; a shared machine may be slow

DOCUMENT = """
tenants:
  acme:
    networks: {web: {}}
    ports:
""" + "".join(f"      p{i}: {{vhost-user: p{i}.sock, network: web}}\n" for i in range(100))


class Protocol:
    def __init__(self, bed):
        self.switch = bed.switch(DOCUMENT)
        self.at_rest = self.descriptors()

    def client(self):
        return Client(self.switch)

    def is_prompt(self):
        """Somebody else is served, and at once."""
        began = time.monotonic()
        with self.client() as client:
            client.call("status")
        took = time.monotonic() - began
        assert took < PROMPT_S, f"a status took {took:.2f} s"

    def lines(self):
        """Lines that are no request, each with its error, on one connection that goes on."""
        cases = [
            (b"{", PARSE_ERROR), (b"nonsense", PARSE_ERROR), (b"\x00\x01\xff", PARSE_ERROR),
            (b'{"a": 1, "a": 2}', PARSE_ERROR), (b'"\xff\xfe"', PARSE_ERROR),
            (b"[" * 100000, PARSE_ERROR),
            (b"[]", INVALID_REQUEST), (b"{}", None), (b'{"id": 1}', INVALID_REQUEST),
            (b'{"jsonrpc": "1.0", "id": 1, "method": "status"}', INVALID_REQUEST),
            (b'{"jsonrpc": "2.0", "id": {}, "method": "status"}', INVALID_REQUEST),
            (b'{"jsonrpc": "2.0", "id": 1, "method": 7}', INVALID_REQUEST),
            (b'{"jsonrpc": "2.0", "id": 1, "method": "no.such"}', NO_SUCH_METHOD),
            (b'{"jsonrpc": "2.0", "id": 1, "method": "status", "params": []}', INVALID_PARAMS),
            (b'{"jsonrpc": "2.0", "id": 1, "method": "status", "params": {"x": 1}}',
             INVALID_PARAMS),
            (b'{"jsonrpc": "2.0", "id": 1, "method": "port.show"}', INVALID_PARAMS),
            (b'{"jsonrpc": "2.0", "id": 1, "method": "port.show", "params": {"name": 1}}',
             INVALID_PARAMS),
            (b'{"jsonrpc": "2.0", "id": 1, "method": "apply", "params": {"files": [1]}}',
             INVALID_PARAMS),
        ]
        with self.client() as client:
            for line, code in cases:
                if code is None:  # without an id it is a notification: no answer
                    client.send(line + b"\n")
                    continue
                answer = client.ask(line)
                expect(answer["error"]["code"], code, line[:60])
                assert answer["error"]["data"]["reason"], f"{line[:60]}: no reason"
            client.call("status")

    def ids(self):
        with self.client() as client:
            for identifier in (0, -5, 3.5, "seven", None):
                line = json.dumps({"jsonrpc": "2.0", "id": identifier, "method": "version"})
                expect(client.ask(line.encode())["id"], identifier, "id")
            # a notification has no answer: the next answer is the next request's
            client.send(b'{"jsonrpc": "2.0", "method": "version"}\n')
            client.call("status")

    def many_in_one(self):
        """A hundred requests in one write, with empty lines between: answers in order, all of them."""
        with self.client() as client:
            client.send(b"\n".join(client.request("version") for _ in range(100)))
            expect([client.answer()["id"] for _ in range(100)], list(range(1, 101)), "ids")

    def half_closed(self):
        """A client that says all it has to say and shuts its end (nc -N) gets its answers."""
        with self.client() as client:
            client.send(client.request("status") + client.request("version"))
            client.socket.shutdown(socket.SHUT_WR)
            expect([client.answer()["id"], client.answer()["id"], client.answer()], [1, 2, None],
                   "answers, then the end")

    def bytewise(self):
        with self.client() as client:
            for byte in client.request("version"):
                client.send(bytes([byte]))
            expect(client.answer()["id"], 1, "id")

    def too_long(self):
        """A line without an end: an error, and the end of the connection."""
        with self.client() as client:
            try:
                client.send(b"x" * (LINE_MAX + (1 << 20)))
            except (BrokenPipeError, ConnectionResetError):
                pass
            answer = client.answer()
            expect(answer["error"]["data"]["reason"], "request-too-long", "reason")
            try:
                expect(client.answer(), None, "the end")
            except ConnectionResetError:
                pass
        # as long as it may be, it is an ordinary line
        with self.client() as client:
            request = client.request("status")[:-2] + b" " * (LINE_MAX - 100) + b"}\n"
            client.send(request)
            expect(client.answer()["id"], 1, "a line of 24 MiB")
        self.is_prompt()

    def noise(self):
        """Lines of noise, and requests with a few bytes changed, from a fixed seed."""
        rng = random.Random(1)
        with self.client() as client:
            for i in range(2000):
                line = bytearray(client.request("port.list" if i % 2 else "apply",
                                                **({} if i % 2 else {"files": []}))[:-1])
                for _ in range(rng.randrange(1, 6)):
                    line[rng.randrange(len(line))] = rng.randrange(256)
                line = bytes(line).replace(b"\n", b" ")
                # behind each, one whose answer must come: whatever the noise was, it is over
                client.send(line + b'\n{"jsonrpc": "2.0", "id": "after", "method": "version"}\n')
                while client.answer()["id"] != "after":
                    pass
        self.is_prompt()

    def half_requests(self):
        """Clients that stop in the middle, stay, and others that go: nobody notices."""
        stay = []
        for _ in range(20):
            client = self.client()
            client.send(client.request("status")[:20])
            stay.append(client)
            with self.client() as gone:
                gone.send(gone.request("apply", files=[])[:30])
        self.is_prompt()
        for client in stay:
            client.send(client.request("status")[20:])
            client.answer()
            client.close()

    def never_reads(self):
        """One who asks and asks and never reads costs a bounded piece of memory, and nobody waits."""
        before = self.memory_kib()
        deaf = self.client()
        deaf.socket.setblocking(False)
        requests = b"".join(deaf.request("port.list") for _ in range(1000))
        sent = 0
        try:
            while True:
                sent += deaf.socket.send(requests)
        except BlockingIOError:
            pass
        self.is_prompt()
        assert sent < 64 << 20, f"{sent >> 20} MiB of requests were taken from one who never reads"
        grown = self.memory_kib() - before
        assert grown < 16 << 10, f"sluiced grew by {grown} KiB"
        self.is_prompt()
        deaf.close()
        self.is_prompt()

    def memory_kib(self):
        with open(f"/proc/{self.switch.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def crowd(self):
        """More connections than there are places: the last ones are told, the first ones served."""
        crowd = [self.client() for _ in range(140)]
        told = 0
        for client in crowd:
            try:
                client.send(client.request("version"))
                answer = client.answer()
            except (BrokenPipeError, ConnectionResetError):
                answer = None
            if answer is None or "error" in answer:
                told += 1
        assert 0 < told < 40, f"{told} of {len(crowd)} were turned away"
        for client in crowd:
            client.close()
        wait_until(self.is_served, 5, "a place is free again")

    def is_served(self):
        with self.client() as client:
            try:
                return client.call("version")
            except (AssertionError, ConnectionError):
                return False

    def two_at_once(self):
        """Two clients change the configuration at the same time: every change happened once."""
        with self.client() as a, self.client() as b:
            generation = a.call("status")["generation"]
            for i in range(20):
                a.send(a.request("network.add", name=f"acme/a{i}", fields={}))
                b.send(b.request("network.add", name=f"acme/b{i}", fields={}))
            generations = [c.answer()["result"]["generation"] for _ in range(20) for c in (a, b)]
            expect(sorted(generations), list(range(generation + 1, generation + 41)), "generations")
            names = {n["name"] for n in a.call("network.list")}
            assert names >= {f"acme/{c}{i}" for c in "ab" for i in range(20)}, "a network is missing"

    def events(self):
        """A watcher hears of generations and ports; one that does not read is dropped."""
        with self.client() as watcher, self.client() as client:
            watcher.call("watch")
            client.call("network.add", name="acme/seen", fields={})
            event = watcher.answer()
            expect((event["method"], event["params"]["event"]), ("event", "generation"), "event")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.switch.process.pid}/fd"))

    def all_closed(self):
        """What came and went left no descriptor behind."""
        wait_until(lambda: self.descriptors() <= self.at_rest, 5, "as many descriptors as before")


def body(report):
    with Bed() as bed:
        test = Protocol(bed)
        report.run("lines that are no request", test.lines)
        report.run("ids and notifications", test.ids)
        report.run("many requests in one write", test.many_in_one)
        report.run("a client that shuts its end", test.half_closed)
        report.run("a request byte by byte", test.bytewise)
        report.run("a line that is too long", test.too_long)
        report.run("noise", test.noise)
        report.run("half requests", test.half_requests)
        report.run("a client that never reads", test.never_reads)
        report.run("more clients than places", test.crowd)
        report.run("two clients at once", test.two_at_once)
        report.run("events", test.events)
        report.run("no descriptor is left behind", test.all_closed)


if __name__ == "__main__":
    main(body)
