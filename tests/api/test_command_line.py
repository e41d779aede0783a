"""sluicectl as people and scripts use it: help, formats, colour, completion, attach and trace."""

import json
import os
import pty
import re
import shlex
import socket
import subprocess

from api import ROOT, Bed, call, expect, main, wait_until

USAGE, NO_DAEMON, TIMEOUT = 2, 7, 8

DOCUMENT = """
tenants:
  acme:
    networks:
      web: {vlan: 100}
      db: {vlan: 101}
    ports:
      vm1: {vhost-user: vm1.sock, network: web, macs: ["52:54:00:00:00:01"], addresses: [10.0.0.1]}
      vm2: {tap: %(tap)s, network: web, macs: ["52:54:00:00:00:02"], addresses: [10.0.0.2]}
      fw: {vhost-user: fw.sock, mode: client, queues: 2, trunk: {native: web, allow: [db]}}
"""

# What INTERFACE promises of each list.
FIELDS = {
    ("port", "list"): "name tenant type network vlan mode state mac addresses groups queues "
                      "rx_packets rx_bytes tx_packets tx_bytes drops",
    ("network", "list"): "name tenant vlan ports macs",
    ("fdb", "list"): "network mac port age_s static",
    ("drops",): "port reason explanation packets last_s",
    ("worker", "list"): "worker cpu busy_percent cycles_per_packet packets ports",
    ("stats",): "port rx tx",
    ("tenant", "list"): "name",
}


class CommandLine:
    def __init__(self, bed):
        self.bed = bed
        self.tap = bed.unique("slt")
        self.switch = bed.switch(DOCUMENT % {"tap": self.tap})
        self.ctl = self.switch.ctl

    def commands(self):
        """Every command, as the help lists them."""
        listed = re.findall(r"^  ([a-z]+(?: [a-z]+)?)(?: +[A-Z\[].*?)?  +\S", self.ctl("--help").stdout,
                            re.MULTILINE)
        assert len(listed) > 25, listed
        return listed

    def help(self):
        """Help at every level, on stdout; a group's help lists the group."""
        for command in self.commands():
            words = command.split()
            text = self.ctl(*words, "--help").stdout
            assert text.startswith(f"Usage: sluicectl {command}"), text
            group = self.ctl(words[0], "-h").stdout
            assert command in group, f"{command} is not in its group's help"
        expect(self.ctl("help", "port", "add").stdout, self.ctl("port", "add", "--help").stdout,
               "the other way to ask")
        done = self.ctl("port", check=False)
        expect((done.returncode, done.stdout), (USAGE, ""), "an unfinished command")
        assert "port add" in done.stderr, done.stderr

    def manual(self):
        """The manual page has every command."""
        page = (ROOT / "control/man/sluicectl.1").read_text()
        for command in self.commands():
            assert re.search(rf"Ic {command}\b", page), f"{command} is not in the manual"

    def examples(self):
        """The examples of the help are commands that work, in the order in which they are told."""
        self.switch.ctl("apply", "--prune", "-f", "-", text="{}")
        site = self.bed.dir / "site.yaml"
        site.write_text("tenants: {}\n")
        names = {"site.yaml": str(site), "tap-vm2": self.bed.unique("slt"), "eth1": self.bed.unique("slt"),
                 "alice": "root", "/etc/sluice": str(self.bed.dir), "eth0": "lo",
                 "/etc/bash_completion.d/sluicectl": str(self.bed.dir / "completion")}
        before = [("network", "add", "acme/db", "--vlan", "7"),
                  ("port", "add", "acme/fw", "--vhost-user", "fw.sock", "--network", "web")]
        ran = 0
        for command in self.commands():
            text = self.ctl(*command.split(), "--help").stdout
            for line in text.partition("Examples")[2].splitlines()[1:]:
                words = [names.get(w, w) for w in shlex.split(line)]
                if words[:2] == ["port", "set"]:
                    for step in before:
                        self.ctl(*step)
                if words[-1] in ("--watch", "watch"):
                    continue
                if ">" in words and words[0] != "trace":
                    words = words[:words.index(">")]
                done = self.ctl(*words, check=False)
                assert done.returncode in (0, 1), f"{line}: {done.returncode} {done.stderr}"
                assert not done.stderr.startswith("sluicectl: there is no"), f"{line}: {done.stderr}"
                ran += 1
        assert ran >= 15, f"only {ran} examples"
        self.ctl("apply", "--prune", "-f", "-", text=DOCUMENT % {"tap": self.tap})

    def every_key(self):
        """What the document can say of an object, an option of `add` and `set` can."""
        tables = {"port": ("model_port.c", "port_keys"), "uplink": ("model_port.c", "uplink_keys"),
                  "network": ("model_tenant.c", "network_keys"),
                  "tenant": ("model_tenant.c", "tenant_keys")}
        names = {"macs": "mac", "addresses": "address", "groups": "group", "acl": "acl-in",
                 "users": "user"}
        elsewhere = {"networks", "sets", "groups", "acls", "ports"}  # objects of a tenant
        for noun, (file, table) in tables.items():
            text = (ROOT / "control" / file).read_text()
            body = re.search(rf"{table}\[\] = {{(.*?)}};", text, re.DOTALL).group(1)
            keys = re.findall(r'{"([a-z-]+)"', body)
            assert len(keys) >= 3, table
            for verb in ("add", "set"):
                help_text = self.ctl(noun, verb, "--help").stdout
                for key in keys:
                    # model_future.c: refused as "not built yet"
                    if (noun == "tenant" and key in elsewhere) or key in ("pcap", "qinq"):
                        continue
                    option = names.get(key, key) if noun != "network" else key
                    assert f"--{option} " in help_text, f"{noun} {verb} has no --{option}"
        self.ctl("port", "add", "acme/stormy", "--vhost-user", "stormy.sock", "--storm",
                 "broadcast=100pps,multicast=1kpps")
        expect(self.switch.json("port", "show", "acme/stormy")["configuration"]["storm"],
               {"broadcast": "100pps", "multicast": "1kpps"}, "kinds of storm")
        self.ctl("port", "set", "acme/stormy", "--storm", "2kpps")
        expect(self.switch.json("port", "show", "acme/stormy")["configuration"]["storm"], "2kpps",
               "all kinds")
        self.ctl("port", "delete", "acme/stormy")

    def fields(self):
        for command, names in FIELDS.items():
            rows = self.switch.json(*command)
            assert isinstance(rows, list), command
            if command != ("drops",):
                assert rows, f"{command} is empty"
            for row in rows:
                missing = set(names.split()) - set(row)
                assert not missing, f"{command} lacks {missing}"
        status = self.switch.status()
        assert set(status) >= {"version", "generation", "uptime_s", "dataplane", "ports"}, status
        assert set(status["dataplane"]) >= {"pid", "state", "since_s", "restarts"}, status
        expect(set(status["ports"]), {"up", "waiting", "down", "failed"}, "ports by state")
        ports = {p["name"]: p for p in self.switch.json("port", "list")}
        expect([ports[f"acme/{n}"]["type"] for n in ("vm1", "vm2", "fw")],
               ["vhost-user", "tap", "vhost-user"], "types")
        expect((ports["acme/vm1"]["network"], ports["acme/vm1"]["vlan"], ports["acme/fw"]["mode"],
                ports["acme/fw"]["queues"], ports["acme/vm1"]["addresses"]),
               ("acme/web", 100, "trunk", 2, ["10.0.0.1"]), "fields")
        show = self.switch.json("port", "show", "acme/fw")
        expect([t["network"] for t in show["trunk"]], ["acme/db"], "trunk")
        assert show["ledger"]["received"] == 0 and "features" in show, show
        expect(show["configuration"]["mode"], "client", "configuration")

    def tables(self):
        """Columns stand under their titles, numbers to the right."""
        lines = self.ctl("port", "list").stdout.splitlines()
        expect(len(lines), 4, "lines")
        start = lines[0].index("STATE")
        for line in lines[1:]:
            assert line[start - 1] == " " and line[start] != " ", lines
        end = lines[0].index("VLAN") + 4
        expect([line[end - 3:end] for line in lines[1:]], ["100"] * 3, "vlans")
        assert "\033" not in "\n".join(lines), "colour in a pipe"

    def on_terminal(self, *arguments, **environment):
        """What a command says to a terminal."""
        control, terminal = pty.openpty()
        env = {**os.environ, "TERM": "xterm", **environment}
        env.pop("NO_COLOR", None) if "NO_COLOR" not in environment else None
        subprocess.run([self.bed.build_dir / "sluicectl", "--socket",
                        self.switch.run_dir / "control.sock", *arguments], stdout=terminal,
                       env=env, check=True)
        os.close(terminal)
        text = b""
        try:
            while piece := os.read(control, 65536):
                text += piece
        except OSError:  # EIO: the other end is closed
            pass
        os.close(control)
        return text.decode()

    def colour(self):
        assert "\033[32mup\033[0m" in self.on_terminal("port", "list"), "no colour on a terminal"
        for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            assert "\033" not in self.on_terminal("port", "list", **environment), environment
        assert "\033" not in self.on_terminal("-o", "json", "port", "list"), "colour in JSON"
        plain = re.sub("\033[^m]*m", "", self.on_terminal("port", "list")).replace("\r", "")
        # the host's own tap may speak between the two: numbers aside
        without = [re.sub(r"\d+ *", "# ", text)
                   for text in (plain, self.ctl("port", "list").stdout)]
        expect(without[0], without[1], "the table without its colours")

    def formats(self):
        text = self.ctl("port", "list", "-o", "yaml").stdout
        assert text.startswith("- "), text[:100]
        assert json.loads(self.ctl("-o=json", "export").stdout)["tenants"]["acme"], "export as JSON"
        assert self.ctl("export").stdout.startswith("tenants:\n"), "export is YAML"

    def suggestions(self):
        for typed, meant in ((("prot", "list"), "port"), (("port", "lst"), "port list"),
                             (("exprot",), "export"), (("port", "list", "--scoket", "x"), "--socket"),
                             (("port", "add", "acme/x", "--netwrok", "web"), "--network")):
            done = self.ctl(*typed, check=False)
            expect(done.returncode, USAGE, typed)
            assert f"did you mean `{meant}`" in done.stderr, f"{typed}: {done.stderr}"
        for typed in (("capture", "acme/vm1"), ("rollback",), ("apply", "-f", "-", "--confirm", "60s")):
            done = self.ctl(*typed, check=False)
            expect(done.returncode, USAGE, typed)
            assert "is not built yet" in done.stderr, f"{typed}: {done.stderr}"

    def complete(self, *words):
        env = {**os.environ, "SLUICE_SOCKET": str(self.switch.run_dir / "control.sock")}
        return call(self.bed.build_dir / "sluicectl", "__complete", *words,
                    env=env).stdout.splitlines()

    def completion(self):
        assert {"port", "apply", "fdb"} <= set(self.complete("")), self.complete("")
        expect(set(self.complete("port", "")), {"list", "show", "add", "set", "delete"}, "verbs")
        assert {"--network", "--tap", "--socket"} <= set(self.complete("port", "add", "x", "--"))
        expect(self.complete("port", "show", ""), ["acme/fw", "acme/vm1", "acme/vm2"], "names")
        expect(self.complete("trace", ""), ["acme/fw", "acme/vm1", "acme/vm2"], "names")
        expect(self.complete("fdb", "list", ""), ["acme/db", "acme/web"], "networks")
        expect(self.complete("port", "set", "acme/vm1", "--bpdu", ""), ["deny", "allow"], "words")
        expect(self.complete("network", "set", "acme/web", "--service-tag", ""), ["802.1ad", "802.1q"],
               "words that begin with a number")
        expect(self.complete("port", "list", "-o", ""), ["table", "json", "yaml"], "formats")
        expect(self.complete("port", "set", "acme/vm1", "--pcp", ""), ["keep"], "no numbers")
        expect(self.complete("port", "set", "acme/vm1", "--tap", ""), [], "no ports for an interface")
        env = {**os.environ, "PATH": f"{self.bed.build_dir}:{os.environ['PATH']}",
               "SLUICE_SOCKET": str(self.switch.run_dir / "control.sock")}
        script = ('source <(sluicectl completion bash); COMP_WORDS=(sluicectl port sh); '
                  'COMP_CWORD=2; _sluicectl; echo "${COMPREPLY[@]}"')
        expect(call("bash", "-c", script, env=env).stdout, "show\n", "bash completes")
        assert "compdef sluicectl" in self.ctl("completion", "zsh").stdout
        expect(self.ctl("completion", "fish", check=False).returncode, USAGE, "fish")

    def daemons(self):
        """No daemon, another daemon, one that never answers, one that is named by the environment."""
        def run(*arguments, **options):
            return call(self.bed.build_dir / "sluicectl", *arguments, check=False, **options)

        expect(run("--socket", self.bed.dir / "none", "status").returncode, NO_DAEMON, "no socket")
        stale = self.bed.dir / "stale.sock"
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(str(stale))
        expect(run("--socket", stale, "status").returncode, NO_DAEMON, "nobody listens")
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(str(self.bed.dir / "mute.sock"))
            s.listen()
            done = run("--socket", self.bed.dir / "mute.sock", "--timeout", "1", "status")
            expect(done.returncode, TIMEOUT, done.stderr)
        env = {**os.environ, "SLUICE_SOCKET": str(self.switch.run_dir / "control.sock")}
        expect(run("status", env=env).returncode, 0, "SLUICE_SOCKET")
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([self.bed.build_dir / "sluicectl", "port", "list"], env=env,
                                  stdout=full, stderr=subprocess.PIPE, check=False)
            expect(done.returncode, 1, "standard output is full")

    def names(self):
        """Names as lists show them and as documents write them."""
        self.ctl("port", "add", "acme/x1", "--network", "acme/db", "--vhost-user", "x1.sock")
        self.ctl("port", "set", "acme/x1", "--native", "acme/web", "--trunk", "db")
        show = self.switch.json("port", "show", "acme/x1")
        expect((show["network"], [t["network"] for t in show["trunk"]]), ("acme/web", ["acme/db"]),
               "networks")
        self.ctl("port", "set", "acme/x1", "--mac", "52:54:00:00:00:77,52:54:00:00:00:78",
                 "--address", "10.7.0.1", "--address", "fd00::1")
        show = self.switch.json("port", "show", "acme/x1")
        expect((len(show["macs"]), show["addresses"]), (2, ["10.7.0.1", "fd00::1"]), "bindings")
        self.ctl("port", "set", "acme/x1", "--unset", "macs,addresses")
        expect(self.switch.json("port", "show", "acme/x1")["macs"], [], "unset")
        done = self.ctl("port", "set", "acme/x1", "--unset", "adresses", check=False)
        assert done.returncode == USAGE and "`addresses`" in done.stderr, done.stderr
        self.ctl("port", "set", "acme/x1", "--unset", "acl,groups")  # it has none
        done = self.ctl("port", "set", "acme/vm1", "--unset", "native", check=False)
        expect(self.switch.json("port", "show", "acme/vm1")["network"], "acme/web", "no trunk")
        assert done.returncode, "an access port has no native network"
        self.ctl("port", "delete", "acme/x1")

    def lists(self):
        """Lists of rules: one below the other, what changed in them, and what still names them."""
        self.ctl("address-set", "add", "acme/s", "10.0.0.0/8")
        change = self.ctl("address-set", "set", "acme/s", "10.0.0.1").stdout
        expect("addresses" in change, True, "what changed in a set")
        self.ctl("group", "add", "acme/g", "allow in tcp 80,443 from set:s", "allow out any")
        show = self.ctl("group", "show", "acme/g").stdout
        expect([line.split("  ")[-1].strip() for line in show.splitlines()[-2:]],
               ["allow in tcp 80,443 from set:s", "allow out any"], "a rule a line")
        done = self.ctl("address-set", "delete", "acme/s", check=False)
        assert done.returncode == 5 and "still named here" in done.stderr, done.stderr
        self.ctl("group", "delete", "acme/g")
        self.ctl("address-set", "delete", "acme/s")
        show = self.ctl("port", "show", "acme/vm1").stdout
        assert re.search(r"^faults +-$", show, re.MULTILINE), show
        assert re.search(r"^name +acme/vm1$", show, re.MULTILINE), show

    def attach(self):
        qemu = self.ctl("attach", "acme/vm1", "--qemu").stdout
        for piece in ("share=on", f"path={self.switch.run_dir}/vm1.sock,reconnect=1",
                      "mac=52:54:00:00:00:01"):
            assert piece in qemu, qemu
        qemu = self.ctl("attach", "acme/fw", "--qemu").stdout
        assert "server=on" in qemu and "queues=2" in qemu and "mq=on" in qemu, qemu
        xml = self.ctl("attach", "acme/fw", "--libvirt").stdout
        assert "mode='server'" in xml and "queues='2'" in xml, xml
        done = self.ctl("attach", "acme/vm2", "--qemu", check=False)
        assert done.returncode == USAGE and self.tap in done.stderr, done.stderr

    def trace(self):
        """Each stage in words; exit 0 only if the frame arrives."""
        wait_until(lambda: self.switch.port("acme/vm2")["state"] == "up", 5, "the tap is up")
        cases = [
            # port, frame, delivered, what is said
            ("acme/vm1", "tcp 10.0.0.1:4000 > 10.0.0.2:80", 0, "is bound to port acme/vm2"),
            ("acme/vm1", "udp 10.0.0.1:4000 > 10.0.0.2:53", 0, "to acme/vm2, untagged"),
            ("acme/vm1", "arp who-has 10.0.0.2 tell 10.0.0.1", 0, "group address"),
            ("acme/vm1", "icmp 10.0.0.9 > 10.0.0.2", 1, "spoofed-address"),
            ("acme/vm1", "icmp 10.0.0.1 > 10.0.0.2 src-mac 52:54:00:00:00:99", 1, "spoofed-mac"),
            ("acme/vm1", "udp 10.0.0.1:67 > 10.0.0.2:68", 1, "dhcp-server"),
            ("acme/vm1", "icmp 10.0.0.1 > 10.0.0.2 vlan 100", 1, "tag-on-access"),
            ("acme/vm2", "icmp 10.0.0.2 > 10.0.0.1", 1, "port-down"),
            ("acme/fw", "icmp 10.1.0.1 > 10.1.0.2 vlan 101", 1, "no-receiver"),
            ("acme/fw", "icmp 10.1.0.1 > 10.1.0.2 vlan 102", 1, "vlan-not-allowed"),
            ("acme/fw", "icmp fd00::1 > fd00::2", 0, "flooded"),
            ("acme/fw", "tcp [fd00::1]:4 > [fd00::2]:5", 0, "IPv6"),
            ("acme/fw", "eth 0x88cc dst-mac 01:80:c2:00:00:0e", 1, "reserved-group"),
        ]
        for port, frame, code, words in cases:
            for arguments in ((frame,), frame.split()):
                done = self.ctl("trace", port, *arguments, check=False)
                expect(done.returncode, code, f"{port}: {frame}: {done.stdout}{done.stderr}")
                assert words in done.stdout, f"{frame}: {done.stdout}"
        options = self.ctl("trace", "acme/fw", "icmp 10.1.0.1 > 10.1.0.2", "--vlan", "102",
                           check=False)
        assert "vlan-not-allowed" in options.stdout, "--vlan"
        hexed = self.switch.json("trace", "acme/vm1", cases[0][1])["frame"]
        expect(self.ctl("trace", "acme/vm1", "--hex", hexed).returncode, 0, "the same as hex")
        for wrong in ("", "tcp", "tcp 10.0.0.1 10.0.0.2", "tcp 10.0.0.1:99999 > 10.0.0.2:1",
                      "icmp 10.0.0.1 > fd00::1", "arp who-has fd00::1 tell fd00::2",
                      "udp 10.0.0.1:1 > 10.0.0.2:2 vlan", "icmp 10.0.0.0/8 > 10.0.0.1",
                      "icmp [fd00::1 > fd00::2", "udp 10.0.0.1:1 > 10.0.0.2:2 tos 3", "x" * 400):
            done = self.ctl("trace", "acme/vm1", wrong, check=False)
            expect((done.returncode, done.stdout), (USAGE, ""), wrong)
        for wrong in ("0", "xy", "00" * 2000):
            expect(self.ctl("trace", "acme/vm1", "--hex", wrong, check=False).returncode, USAGE, wrong)

    def watch(self):
        watcher = subprocess.Popen([self.bed.build_dir / "sluicectl", "--socket",
                                    self.switch.run_dir / "control.sock", "watch"],
                                   stdout=subprocess.PIPE, text=True)
        expect("generation" in watcher.stdout.readline(), True, "where it begins")
        self.ctl("network", "add", "acme/seen")
        expect(json.loads(watcher.stdout.readline())["event"], "generation", "an event")
        watcher.terminate()
        watcher.wait()


def body(report):
    with Bed() as bed:
        test = CommandLine(bed)
        report.run("help at every level", test.help)
        report.run("the manual page", test.manual)
        report.run("the examples of the help", test.examples)
        report.run("an option for every key", test.every_key)
        report.run("fields of the lists", test.fields)
        report.run("tables", test.tables)
        report.run("colour", test.colour)
        report.run("formats", test.formats)
        report.run("did you mean", test.suggestions)
        report.run("completion", test.completion)
        report.run("which daemon", test.daemons)
        report.run("names, lists and --unset", test.names)
        report.run("lists of rules", test.lists)
        report.run("attach", test.attach)
        report.run("trace", test.trace)
        report.run("watch", test.watch)


if __name__ == "__main__":
    main(body)
