"""Children of a test: started so that none outlives it, waited for with a limit.

A test is made the reaper of its descendants (PR_SET_CHILD_SUBREAPER), so a data plane whose
control process was killed on purpose comes back to the test and is ended with the rest.
"""

import ctypes
import os
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

libc = ctypes.CDLL(None, use_errno=True)


def become_reaper():
    """Adopt orphaned descendants, and turn a runner's SIGTERM into an orderly end."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: raise_exit())


def raise_exit():
    raise SystemExit("ended by SIGTERM")


def prepare_child():
    """To die with its parent, and to hear Ctrl-C even if who started the tests does not."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def spawn(arguments, **options):
    """Start a program that dies with the test."""
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen([str(a) for a in arguments], preexec_fn=prepare_child, **options)


def call(*arguments, check=True, timeout=60, **options):
    """Run a program to its end; its output as text. With check, a failure is an error that shows it."""
    options.setdefault("stdin", subprocess.DEVNULL if "input" not in options else None)
    if options["stdin"] is None:
        del options["stdin"]
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True,
                          timeout=timeout, **options)
    if check and done.returncode != 0:
        said = (done.stdout + done.stderr).strip()
        raise AssertionError(f"{' '.join(str(a) for a in arguments)}: "
                             f"exit {done.returncode}: {said}")
    return done


def stop(process, grace_s=5):
    """End a child: SIGTERM, and SIGKILL for one that does not listen."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def reap_descendants():
    """Kill what is left of the children, adopted ones included."""
    while True:
        with open(f"/proc/{os.getpid()}/task/{os.getpid()}/children", encoding="ascii") as f:
            children = [int(pid) for pid in f.read().split()]
        if not children:
            return
        for pid in children:
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass


def wait_until(question, timeout_s, what):
    """Ask until the answer is true, and return it; an error that names what was awaited otherwise."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        time.sleep(0.05)
