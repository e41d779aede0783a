"""Whatever fails in sluiced once, while a document is applied: the old one runs or the new one, nothing
between, and the answer says which. And while it starts: it says why it does not, or it does."""

import mmap
import os
import struct

from api import Bed, Client, expect, main, require_root

OLD, NEW = ("""
tenants:
  acme:
    networks: {web: {vlan: 100}}
    ports:
      vm1: {vhost-user: vm1.sock, network: web}
""", """
tenants:
  acme:
    networks: {web: {vlan: 100}, db: {vlan: 101}}
    ports:
      vm2: {vhost-user: vm2.sock, network: db, macs: ["52:54:00:00:00:02"]}
""")
ALLOCATION, CALL = 1, 2
ORDER = struct.Struct("ii56s")
START_STEP = {ALLOCATION: 31, CALL: 1}  # a start takes longer
TRIES_MAX = 100000


class Faults:
    def __init__(self, bed):
        self.path = bed.dir / "faults"
        self.path.write_bytes(bytes(ORDER.size))
        with open(self.path, "r+b") as file:
            self.order = mmap.mmap(file.fileno(), ORDER.size)
        self.switch = bed.switch()
        self.switch.stop()
        self.switch.become = ["env", f"LD_PRELOAD={os.environ['SLUICE_FAULTS_LIB']}",
                              f"SLUICE_FAULTS={self.path}"]
        self.switch.start()
        self.exports = {}
        for document in (OLD, NEW):
            self.apply(document)
            self.exports[document] = self.export()

    def apply(self, document):
        """The answer; None: the connection ended without one."""
        with Client(self.switch) as client:
            try:
                return client.fails_or_not(
                    "apply", files=[{"name": "d.yaml", "text": document}], prune=True)
            except (AssertionError, ConnectionError, TimeoutError):
                return None

    def export(self):
        with Client(self.switch) as client:
            return client.call("export")

    def arm(self, kind, number):
        self.order[:] = ORDER.pack(kind, number, b"")

    def disarm(self):
        """What failed, or None."""
        what = ORDER.unpack(self.order[:])[2].rstrip(b"\0").decode()
        self.arm(0, 0)
        return what or None

    def each(self, kind):
        running, tried = NEW, 0
        for number in range(1, TRIES_MAX):
            wanted = OLD if running == NEW else NEW
            self.arm(kind, number)
            answer = self.apply(wanted)
            what = self.disarm()
            place = f"{what} {number}"
            expect(self.switch.process.poll(), None, f"{place}: sluiced ended")
            seen = self.export()
            if answer and ("result" in answer or answer["error"]["data"]["reason"] == "no-answer"):
                expect(seen, self.exports[wanted], f"{place}: applied")
            elif answer:
                assert answer["error"]["message"], f"{place}: an error without words"
                expect(seen, self.exports[running], f"{place}: refused")
            assert seen in self.exports.values(), f"{place}: neither old nor new: {seen}"
            running = next(document for document in self.exports if self.exports[document] == seen)
            tried += 1
            if what is None:
                break
        else:
            raise AssertionError("there is no end of calls")
        assert tried > 10, f"only {tried} calls were made to fail"

    def start(self, kind):
        before = self.export()
        for number in range(1, TRIES_MAX, START_STEP[kind]):
            self.switch.leave()
            self.arm(kind, number)
            try:
                self.switch.start()
                what = self.disarm()
            except AssertionError as error:
                what = self.disarm()
                said = str(error).partition("): ")[2]
                assert said.strip(), f"{what} {number}: {error}"
                self.switch.start()
            expect(self.export(), before, f"{what} {number}: the document")
            if what is None:
                break
        else:
            raise AssertionError("there is no end of calls")


def body(report):
    require_root()
    with Bed() as bed:
        faults = Faults(bed)
        report.run("every system call fails once", lambda: faults.each(CALL))
        report.run("every allocation fails once", lambda: faults.each(ALLOCATION))
        report.run("every system call of a start fails once", lambda: faults.start(CALL))
        report.run("allocations of a start fail", lambda: faults.start(ALLOCATION))


if __name__ == "__main__":
    main(body)
