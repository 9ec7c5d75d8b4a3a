"""Runs one command and tells what it cost."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass


@dataclass
class Run:
    seconds: float
    cpu: float
    rss: int
    written: int
    flush: float


def measure(command, environment=None):
    """Runs `command`, which must succeed. Children that it waits for count as part of it.

    Bytes written are those of its write calls, whether or not they reached a disk; the kernel's account of a process can be
    read until it is waited for. If it prints a JSON document, the time that airbase says it spent on flushing is taken from it.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment, close_fds=False)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        seconds = time.perf_counter() - start
        account = dict(line.split(": ") for line in open(f"/proc/{process.pid}/io").read().splitlines())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        printed = out.read()
        if process.returncode != 0:
            err.seek(0)
            raise SystemExit(f"{command} failed with {process.returncode}:\n{printed.decode()[-2000:]}\n{err.read().decode()[-2000:]}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, int(account["wchar"]), flush(printed))


def flush(printed):
    """The seconds that a report of airbase gives for flushing."""
    if not printed.startswith(b"{"):
        return 0.0
    try:
        report = json.loads(printed)
        return ((report.get("written") or report).get("flushMilliseconds") or 0) / 1000
    except ValueError:
        return 0.0


def version(name):
    """The first line that a program says about itself."""
    if not shutil.which(name):
        return ""
    for arguments in (["--version"], ["version", "--format", "regctl {{.VCSTag}}"], ["version"]):
        said = subprocess.run([name, *arguments], capture_output=True, text=True)
        if said.returncode == 0 and said.stdout.strip():
            return said.stdout.strip().splitlines()[0].split("(")[0].strip()
    return name
