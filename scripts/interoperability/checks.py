"""One line for each check, and the sum of them."""

import contextlib
import hashlib
import json
import os
import subprocess


class Failed(Exception):
    """A check did not hold."""


class Unavailable(Exception):
    """A check cannot be made here."""


class Report:
    """Prints a line for each check and counts them."""

    def __init__(self):
        self.passed = self.failed = self.unavailable = 0

    @contextlib.contextmanager
    def check(self, name):
        """What runs inside is one check."""
        try:
            yield
        except Unavailable as reason:
            self.miss(name, reason)
        except Exception as reason:  # whatever went wrong, the other checks are still worth making
            self.failed += 1
            print(f"FAIL {name}: {type(reason).__name__ if not isinstance(reason, Failed) else ''} {reason}", flush=True)
        else:
            self.passed += 1
            print(f"ok {name}", flush=True)

    def group(self, module, *inputs):
        """All checks of a module. If even what they start from cannot be made, that is one failure, and the next module goes on."""
        try:
            module.check(self, *inputs)
        except Exception as reason:
            self.failed += 1
            print(f"FAIL {module.__name__.split('.')[-1]} stopped: {type(reason).__name__} {reason}", flush=True)

    def miss(self, name, reason):
        self.unavailable += 1
        print(f"unavailable {name}: {reason}", flush=True)

    def summary(self):
        return f"{self.passed} passed, {self.failed} failed, {self.unavailable} unavailable"


def run(*command, expect=(0,), cwd=None):
    """Runs a command and gives what it printed; another exit status than those expected fails the check."""
    command = [str(part) for part in command]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, cwd=cwd)
    if done.returncode not in expect:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()[-8:]
        raise Failed(f"`{' '.join(command)}` gave {done.returncode}: " + " | ".join(said))
    return done.stdout


def text(*command, **options):
    return run(*command, **options).decode().strip()


def airbase(*arguments, expect=(0,)):
    """Runs airbase and gives the document that it prints."""
    return json.loads(run(os.environ["AIRBASE"], *arguments, "--format", "json", expect=expect))


def sha256(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def same(what, one, other):
    """Fails unless both are equal and there is something to compare."""
    if one != other:
        raise Failed(f"{what}: {one} and {other}")
    if not one:
        raise Failed(f"{what}: there is nothing to compare")


def sound(path):
    """`airbase fsck` finds nothing wrong."""
    run(os.environ["AIRBASE"], "fsck", path)


def seen(path, name=None):
    """The digest that `airbase inspect` shows for the entry called `name`, or for the only one."""
    entries = [entry for source in airbase("inspect", path)["sources"] for entry in source["entries"]]
    if name is not None:
        entries = [entry for entry in entries if name in entry["names"]]
    if len(entries) != 1:
        raise Failed(f"{len(entries)} entries called {name} in {path}")
    return entries[0]["digest"]
