"""A registry on the loopback interface, for as long as the checks last."""

import re
import subprocess


class Registry:
    """`crane registry serve` on a free port."""

    def __enter__(self):
        self.process = subprocess.Popen(
            ["crane", "registry", "serve", "--address", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        # The first line that it prints says the port.
        first = self.process.stderr.readline()
        port = re.search(r"serving on port (\d+)", first)
        if not port:
            self.__exit__()
            raise SystemExit(f"the registry did not start: {first}")
        self.address = f"localhost:{port[1]}"
        self.regctl = ["--host", f"reg={self.address},tls=disabled"]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stderr.close()
