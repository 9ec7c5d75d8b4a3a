"""containerd takes the archives that airbase writes: its `ctr` imports them into a daemon that lives as long as the checks last."""

import json
import os
import shutil
import subprocess
import tarfile
import time

from .checks import Failed, Unavailable, airbase, run, same
from .others import message

SETTINGS = """version = 3
root = "{place}/root"
state = "{place}/state"
# Nothing is run, so Kubernetes' side and what watches containers stay away.
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.nri.v1.nri"]
[grpc]
  address = "{place}/socket"
[ttrpc]
  address = "{place}/ttrpc"
[plugins."io.containerd.transfer.v1.local"]
  [[plugins."io.containerd.transfer.v1.local".unpack_config]]
    platform = "linux/amd64"
    snapshotter = "native"
"""

# How long the daemon may take to answer, in seconds.
PATIENCE = 30


class Containerd:
    """A daemon with directories, settings and a socket of its own."""

    def __init__(self, place, messages):
        self.place, self.messages = place, messages

    def __enter__(self):
        for name in ("ctr", "containerd"):
            if not shutil.which(name):
                raise Unavailable(f"{name}: {message(self.messages, name)}")
        if os.geteuid() != 0:
            raise Unavailable("containerd wants to be root")
        self.place.mkdir()
        settings = self.place / "config.toml"
        settings.write_text(SETTINGS.format(place=self.place))
        with open(self.place / "log", "wb") as log:
            command = ["containerd", "--config", str(settings), "--log-level", "error"]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self.ctr("version")
                return self
            except Failed as reason:
                if time.monotonic() > until or self.process.poll() is not None:
                    said = (self.place / "log").read_text(errors="replace").strip().splitlines()[-1:]
                    self.__exit__()
                    raise Unavailable(f"the daemon does not answer: {(said or [reason])[0]}") from None
                time.sleep(0.2)

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def ctr(self, *arguments):
        return run("ctr", "--address", self.place / "socket", "--namespace", "interop", *arguments).decode()

    def images(self):
        """Names and digests of what it has."""
        rows = [line.split() for line in self.ctr("images", "ls").splitlines()[1:]]
        return {row[0]: row[2] for row in rows}


def check(report, inputs, messages):
    place = inputs.place / "containerd"
    place.mkdir()
    cases = [
        (f"{what} as {form} in {ending}", layout, form, ending, options)
        for what, layout, forms, options in (
            ("one platform", inputs.single, ("oci-archive", "docker-archive"), ["--platform", "linux/amd64", "--snapshotter", "native"]),
            ("two platforms", inputs.several, ("oci-archive",), ["--all-platforms", "--no-unpack"]),
        )
        for form in forms
        for ending in ("tar", "tar.gz", "tar.zst")
    ]
    try:
        daemon = Containerd(place / "daemon", messages).__enter__()
    except Unavailable as reason:
        report.miss(f"containerd imports what airbase writes ({len(cases) + 1} checks)", reason)
        return
    try:
        for number, (what, layout, form, ending, options) in enumerate(cases):
            with report.check(f"containerd imports: {what}"):
                archive, name = place / f"{number}.{ending}", f"airbase.example/moved:{number}"
                where = ["--from", f"{layout}:old", "--onto", f"{layout}:new"]
                digest = airbase("rebase", f"{layout}:app", *where, "-o", f"{form}:{archive}:{name}")["result"]["digest"]
                # Where it unpacks, it compares what the layers inflate to with the diffIDs.
                daemon.ctr("images", "import", *options, archive)
                same("digest", daemon.images().get(name), digest)
                state = [line.split() for line in daemon.ctr("images", "check", "--snapshotter", "native", f"name=={name}").splitlines()[1:]]
                same("whether all of it is there", [row[3] for row in state if row[0] == name], ["complete"])
                if "--no-unpack" not in options:
                    same("whether it is unpacked", state[0][-1], "true")
        for ending in ("tar", "tar.zst"):
            with report.check(f"containerd imports a bundle for a node: images of many registries in {ending}"):
                names = ["docker.io/library/nginx:1.25", "registry.k8s.io/pause:3.9", "quay.io/team/app:1"]
                for name in ("nginx:1.25", *names[1:]):
                    airbase("copy", f"{inputs.single}:app", f"{place / ending}.d:{name}")
                bundle = place / f"node.{ending}"
                plan = airbase("prepare", f"{place / ending}.d", "--profile", "runtime", "-o", bundle)
                command = next(load["command"] for load in plan["loads"] if load["client"] == "ctr")
                # The same command in a namespace that is taken away afterwards.
                daemon.ctr(*command[3:])
                images = daemon.images()
                same("names", [name in images for name in names], [True] * len(names))
        with report.check("containerd imports an image with its referrers: a referrer is no image"):
            layout, name = place / "layout", "airbase.example/with:referrers"
            airbase("copy", f"{inputs.single}:app", f"{layout}:{name}")
            attached = airbase("attach", f"{layout}:{name}", "--type", "application/x-report")["attached"][0]
            same("images of the referrer", str(imported(daemon, layout, place / "hinted.tar", name, attached)), "[]")
            # Without the hint every entry gets a name.
            document = json.loads((layout / "index.json").read_bytes())
            for entry in document["manifests"]:
                entry.get("annotations", {}).pop("io.containerd.manifest.subject", None)
            (layout / "index.json").write_text(json.dumps(document))
            same("images of the referrer without the hint", len(imported(daemon, layout, place / "bare.tar", name, attached)), 1)
    finally:
        daemon.__exit__()


def imported(daemon, layout, archive, name, attached):
    """The images that stand for a referrer after the client's own import of its layout, which gives names to entries without one."""
    with tarfile.open(archive, "w") as packed:
        packed.add(layout, ".")
    daemon.ctr("images", "import", "--local", "--digests", "--no-unpack", archive)
    images = daemon.images()
    same("digest", images.get(name), attached["subject"])
    return [each for each, digest in images.items() if digest == attached["digest"]]
