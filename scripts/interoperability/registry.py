"""Registries on the loopback interface, for as long as the checks last."""

import os
import re
import shutil
import subprocess
import threading

from .checks import Unavailable
from .others import message

# How long a registry may take to say where it listens, in seconds.
PATIENCE = 30


class Server:
    """A program that serves on a free port and says on which in one of its first lines."""

    # Whether it answers the referrers API; without it clients keep lists under fallback tags.
    has_api = False
    # What it prints the port after.
    port = None
    stream = "stderr"

    def command(self):
        raise NotImplementedError

    def __enter__(self):
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, self.stream: subprocess.PIPE}
        # Some end when their input ends: so they end whatever happens to this script.
        self.process = subprocess.Popen(self.command(), stdin=subprocess.PIPE, text=True, env=self.environment(), **streams)
        self.said = getattr(self.process, self.stream)
        late = threading.Timer(PATIENCE, self.process.kill)
        late.start()
        lines = []
        for line in self.said:
            lines.append(line.strip())
            if found := re.search(self.port, line):
                break
        late.cancel()
        if not lines or not found:
            self.__exit__()
            raise Unavailable(f"the registry did not start: {' | '.join(lines[-3:])}")
        # Whoever logs must not wait for a reader.
        threading.Thread(target=self.said.read, daemon=True).start()
        self.address = f"localhost:{found[1]}"
        self.regctl = ["--host", f"reg={self.address},tls=disabled"]
        return self

    def environment(self):
        return dict(os.environ)

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()


class Registry(Server):
    """`crane registry serve`."""

    port = r"serving on port (\d+)"

    def command(self):
        return ["crane", "registry", "serve", "--address", "127.0.0.1:0"]


class WithReferrers(Server):
    """The same registry with its referrers API, as the witness serves it."""

    name = "a registry with the referrers API"
    has_api = True
    port = r"^127\.0\.0\.1:(\d+)$"
    stream = "stdout"

    def __init__(self, messages):
        if not shutil.which("witness"):
            raise Unavailable(message(messages, "witness"))

    def command(self):
        return ["witness", "registry"]


class Distribution(Server):
    """distribution, which keeps lists of referrers under fallback tags only. Debian calls it docker-registry."""

    name = "distribution"
    port = r"listening on 127\.0\.0\.1:(\d+)"

    def __init__(self, messages, place):
        self.program = shutil.which("registry") or shutil.which("docker-registry")
        if not self.program:
            raise Unavailable(message(messages, "registry"))
        self.place = place

    def command(self):
        self.place.mkdir()
        settings = self.place / "config.yml"
        settings.write_text(
            "version: 0.1\n"
            f"storage: {{filesystem: {{rootdirectory: {self.place / 'data'}}}, delete: {{enabled: true}}}}\n"
            "http: {addr: '127.0.0.1:0'}\n"
        )
        return [self.program, "serve", str(settings)]

    def environment(self):
        return {**os.environ, "OTEL_TRACES_EXPORTER": "none"}
