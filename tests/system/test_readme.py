"""The README's commands do what it says: they are run, block by block, as they stand there.

The reader is root, in mount and network namespaces of the test's own, where Sluice's default
places are empty. Documents are written to the file that their first line names. What is not run is
listed below with its reason; a command that is neither run nor listed fails.
"""

import re
import subprocess

from bed import ROOT, Bed, main, require_root, wait_until
from bed.process import spawn

NOT_RUN = {
    "./run build": "the programs of this test come from it",
    "./run demo": "test_demo.py runs it",
    "./run test": "this is a part of it",
    "./run figures": "test_footprint.py runs its parts",
    "./run bench": "tests/bench/compare.py runs a short one",
    "./run bench": "it takes minutes, and the machine for itself; tests/bench runs its parts",
}
MAY_SAY_NO = ("sluicectl trace",)  # its exit status is its answer
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DONE = "this-block-is-done"


class Reader:
    """One shell for the whole README, as a reader has one."""

    def __init__(self, bed):
        self.place = bed.dir / "reader"
        self.place.mkdir()
        (self.place / "build").symlink_to(bed.build_dir)
        with open(self.place / "disk.img", "wb") as disk:
            disk.truncate(1 << 20)
        script = ("mkdir -p /run /var/lib && mount -t tmpfs none /run && "
                  "mount -t tmpfs none /var/lib && ip link set lo up && exec bash")
        self.process = spawn(
            ["unshare", "--mount", "--net", "--propagation", "private", "sh", "-c", script],
            cwd=self.place, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)

    def run(self, block):
        """Each command of the block must succeed; what they printed."""
        self.process.stdin.write(f"set -e\n{block}\nset +e\necho {DONE}\n")
        self.process.stdin.flush()
        said = ""
        for line in self.process.stdout:
            if line.strip() == DONE:
                return said
            said += line
        raise AssertionError(f"stopped in:\n{block}\n{said}")

    def run_commands(self, commands):
        tolerant = [f"{c} || true" if c.startswith(MAY_SAY_NO) else c for c in commands]
        said = self.run("\n".join(tolerant))
        if any(c.startswith("sluiced") for c in commands):
            wait_until(lambda: self.run("test -S /run/sluice/control.sock && echo there || true"),
                       10, "sluiced's socket")
        return said

    def write(self, document):
        """A document whose first line is a comment with its file's name."""
        name = document.splitlines()[0].removeprefix("# ")
        (self.place / name).write_text(document)

    def end(self):
        self.process.kill()
        self.process.wait()


def commands_of(block):
    """The commands of a block that are to be run."""
    return [c for c in block.replace("\\\n", " ").splitlines() if c and c not in NOT_RUN]


def listed_are_there(text):
    missing = [command for command in NOT_RUN if command not in text]
    assert not missing, f"the README does not have: {missing}"


def body(report):
    require_root()
    text = (ROOT / "README.md").read_text()
    with Bed() as bed:
        reader = bed.keep(Reader(bed))
        for language, block in BLOCK.findall(text):
            if language == "yaml":
                reader.write(block)
            elif language == "sh" and (commands := commands_of(block)):
                report.run(f"{commands[0][:40]} ...", reader.run_commands, commands)
        report.run("what is not run here stands in the README", listed_are_there, text)


if __name__ == "__main__":
    main(body)
