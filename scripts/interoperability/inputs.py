"""What the checks work on: small images of our own, and genuine ones where the folder of them is there."""

import json
import os
import shutil
from pathlib import Path

from support.oci import Image, Layer, Layout, layer, layer_of_file

SCRIPT = b"#!/bin/sh\necho app $(cat /app/version)\ncat /app/words\n%s\n"


def app_layer(base_version):
    """A small app: a script that says something of its own, and last what its base is."""
    files = {"app/run": SCRIPT % base_version, "app/version": b"7\n", "app/words": b"one\ntwo\n"}
    return layer(files, executable=["app/run"])


class Inputs:
    """Layouts `single` and `several` (two platforms), each with the images old, new and app."""

    def __init__(self, place):
        self.place = place
        self.single, self.several = place / "single", place / "several"
        self.made = [self._image(architecture) for architecture in ("amd64", "arm64")]
        single, several = Layout(self.single), Layout(self.several)
        for position, name in enumerate(("old", "new", "app")):
            single.image(name, self.made[0][position])
            several.index(name, [images[position] for images in self.made])
        single.write()
        several.write()

    def _image(self, architecture):
        here = architecture.encode()
        settings = {"Env": ["PATH=/bin"]}
        old = Image([layer({"etc/release": b"1 " + here}), layer({"lib/a": b"1"})], settings, architecture=architecture)
        new_layers = [layer({"etc/release": b"2 " + here}), layer({"lib/b": b"2"}), layer({"lib/c": b"2"})]
        new = Image(new_layers, settings, architecture=architecture, created="2024-03-03T00:00:00Z")
        app = old.and_layers(app_layer(b"cat /etc/release"), layer({"app/more": here}), settings={"Cmd": ["/app/run"]})
        return old, new, app


def genuine_folder():
    """The folder of genuine images, if there is one."""
    named = os.environ.get("AIRBASE_REAL_IMAGES")
    return Path(named) if named and Path(named).is_dir() else None


def genuine(name, target):
    """Copies a genuine layout, writable. Blobs that are symbolic links may lie there as files with the text of the link, as a
    checkout without links has them; they become links again."""
    shutil.copytree(genuine_folder() / name, target, symlinks=True, copy_function=shutil.copyfile)
    for path in [target, *target.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    for blob in (target / "blobs" / "sha256").iterdir():
        if not blob.is_symlink() and blob.stat().st_size < 200 and (content := blob.read_bytes()).startswith(b"../../"):
            blob.unlink()
            blob.symlink_to(content.decode())
    return target


def stacked(path):
    """The only image of a layout, as something that layers can be put on. Its documents are not the genuine ones."""

    def blob(digest):
        return (path / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()

    entry = json.loads((path / "index.json").read_bytes())["manifests"][0]
    manifest = json.loads(blob(entry["digest"]))
    config = json.loads(blob(manifest["config"]["digest"]))
    layers = [
        Layer(each["digest"], each["size"], diff_id, blob(each["digest"]))
        for each, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"])
    ]
    return Image(layers, config.get("config") or {}, {}, config["architecture"], config["created"], config.get("history") or [])


class Runnable:
    """Two genuine bases, old and new, and an app on the old one that tells which base it runs on."""

    def __init__(self, name, place, versions, ask):
        self.name, self.versions = name, versions
        self.app, self.old, self.new = place / f"{name}-app", place / f"{name}-old", place / f"{name}-new"
        self._ask = ask

    def with_app(self):
        app = stacked(self.old).and_layers(app_layer(self._ask), settings={"Cmd": ["/app/run"]})
        Layout(self.app).image("app", app).write()
        return self


def busybox(place, library):
    """busybox 1.37 and 1.38, built with this C library, for amd64."""
    made = Runnable(f"busybox-{library}", place, ("v1.37", "v1.38"), b"busybox | head -n 1")
    genuine(f"busybox-1.37-{library}-amd64", made.old)
    genuine(f"busybox-1.38-{library}-amd64", made.new)
    return made.with_app()


def alpine(place):
    """Images from two root file systems of alpine."""
    made = Runnable("alpine", place, ("3.19", "3.20"), b"cat /etc/alpine-release")
    for version, target in zip(made.versions, (made.old, made.new)):
        (root,) = (genuine_folder() / "alpine").glob(f"alpine-minirootfs-{version}.*-x86_64.tar.gz")
        image = Image([layer_of_file(root)], {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["/bin/sh"]})
        Layout(target).image(version, image).write()
    return made.with_app()
