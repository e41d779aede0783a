"""sluice-bench as it is typed: help of each command, mistakes, completion. Nothing is measured.

SLUICE_BENCH names the program.
"""

import os
import subprocess
import sys

BENCH = os.environ["SLUICE_BENCH"]
OK, USAGE = 0, 2


def bench(*arguments, status=OK):
    """What a command prints, on both streams."""
    done = subprocess.run([BENCH, *arguments], capture_output=True, text=True, timeout=20)
    assert done.returncode == status, (arguments, done)
    return done.stdout + done.stderr


def commands():
    return [line.split()[0] for line in bench("--help").splitlines()[1:]
            if line.startswith("  ") and "completion" not in line]


def help_of_each_command_has_an_example():
    assert len(commands()) >= 7, commands()
    for command in commands():
        told = bench(command, "--help")
        assert told.startswith(f"usage: sluice-bench {command} "), told
        assert f"\n  sluice-bench {command} " in told or f"\n  sluice-bench {command}\n" in told, told


def help_tells_the_options_of_its_command_only():
    assert "--sweeps" in bench("scale", "--help")
    assert "--sweeps" not in bench("pair", "--help")
    assert "--rate" in bench("pair", "--help")
    assert "--rate" not in bench("wire", "--help")


def mistakes_are_named():
    for arguments in (["nosuch"], ["pair", "--sweeps", "ports", "a", "b"], ["wire", "--nosuch"],
                      ["pair", "--ring", "3", "a", "b"], ["pair", "--vary=colour", "a", "b"],
                      ["noisy", "--floods", "tso,nosuch"], ["scale", "--sweeps", "nosuch"],
                      ["compare", "--workloads", "64,"], ["ndr", "--switches", "slu"]):
        wrong = arguments[-1] if len(arguments) < 3 else arguments[1].split("=")[0]
        assert wrong in bench(*arguments, status=USAGE), arguments
    assert "pair takes A.sock B.sock" in bench("pair", "only-one.sock", status=USAGE)
    bench("compare", "no", "sockets", status=USAGE)


def every_option_is_completed():
    for command in commands():
        told = bench(command, "--help")
        for option in bench("__complete", command, "--").split():
            assert option in told or option == "--help", (command, option)
    assert "ports" in bench("__complete", "scale", "--sweeps", "").split()
    assert bench("__complete", "pair", "--packed", "") == ""


def the_shell_completes():
    script = (f'PATH={os.path.dirname(BENCH)}:$PATH; source <(sluice-bench completion bash); '
              'COMP_WORDS=(sluice-bench sca); COMP_CWORD=1; _sluice_bench; echo "${COMPREPLY[*]}"')
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=20)
    assert done.stdout.strip() == "scale", done
    bench("completion", "fish", status=USAGE)


def main():
    tests = [help_of_each_command_has_an_example, help_tells_the_options_of_its_command_only,
             mistakes_are_named, every_option_is_completed, the_shell_completes]
    failed = 0
    for number, test in enumerate(tests, 1):
        name = test.__name__.replace("_", " ")
        try:
            test()
            print(f"ok {number} - {name}", flush=True)
        except (AssertionError, subprocess.TimeoutExpired) as why:
            print(f"not ok {number} - {name}\n# {why}", flush=True)
            failed += 1
    print(f"1..{len(tests)}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
