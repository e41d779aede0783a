"""What the API tests share: the bed of the system tests, and a client that may misbehave."""

import json
import pathlib
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

from bed import ROOT, Bed, call, main, require_root, wait_until  # noqa: E402

__all__ = ["ROOT", "Bed", "Client", "call", "expect", "main", "require_root", "wait_until"]

ANSWER_S = 10


class Client:
    """A connection to the control socket, line by line and byte by byte."""

    def __init__(self, switch):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(switch.run_dir / "control.sock"))
        self.socket.settimeout(ANSWER_S)
        self.stream = self.socket.makefile("rb")
        self.number = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stream.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def answer(self):
        """The next answer; None when the connection has ended."""
        line = self.stream.readline()
        return json.loads(line) if line else None

    def ask(self, line):
        """The answer to a line of whatever content."""
        self.send(line + b"\n")
        return self.answer()

    def request(self, method, **params):
        """An ordinary request's line."""
        self.number += 1
        return json.dumps({"jsonrpc": "2.0", "id": self.number, "method": method,
                           "params": params}).encode() + b"\n"

    def call(self, method, **params):
        """The result of a method, or an AssertionError with its error."""
        answer = self.fails_or_not(method, **params)
        assert "result" in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def fails(self, method, **params):
        """The error of a method that shall fail."""
        answer = self.fails_or_not(method, **params)
        assert "error" in answer, f"{method} did not fail: {answer}"
        return answer["error"]

    def fails_or_not(self, method, **params):
        self.send(self.request(method, **params))
        answer = self.answer()
        assert answer and answer["id"] == self.number, f"{method}: {answer}"
        return answer


def expect(seen, wanted, what):
    assert seen == wanted, f"{what}: expected {wanted!r}, saw {seen!r}"
