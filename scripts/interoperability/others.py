"""Clients that are witnesses where they are installed and able to work; nobody fails for lack of them."""

import json
import shutil
from pathlib import Path

from .checks import Unavailable, airbase, run, same, sha256, sound, text

from support.oci import Image, Layout, layer


def check(report, inputs, messages):
    place = inputs.place / "others"
    place.mkdir()
    layout, archive = place / "layout", place / "image.tar"
    digest = None
    with report.check("airbase writes what the others are asked to take"):
        where = ["--from", f"{inputs.single}:old", "--onto", f"{inputs.single}:new"]
        digest = airbase("rebase", f"{inputs.single}:app", *where, "-o", f"{layout}:moved")["result"]["digest"]
        airbase("copy", f"{layout}:moved", f"{archive}:moved")
    ways = {"buildah": buildah, "podman": podman, "oras": oras, "cosign": nothing, "docker": docker}
    for name, way in ways.items():
        with report.check(f"{name} takes the rebased image"):
            if not shutil.which(name):
                raise Unavailable(message(messages, name))
            way(place, layout, archive, digest)


def message(messages, name):
    """What the installer said, where it was asked."""
    said = Path(messages) / name
    return said.read_text().strip() if said.is_file() else "not installed"


def stored(place, name):
    """A storage of its own, that needs neither overlay nor a user's settings."""
    return ["--root", place / name, "--runroot", place / f"{name}-run", "--storage-driver", "vfs"]


def buildah(place, layout, archive, digest):
    storage = stored(place, "buildah")
    run("buildah", *storage, "pull", "-q", f"oci:{layout}:moved")
    run("buildah", *storage, "pull", "-q", f"oci-archive:{archive}:moved")


def podman(place, layout, archive, digest):
    storage = stored(place, "podman")
    run("podman", *storage, "pull", "-q", f"oci:{layout}:moved")
    same("digest", digest in text("podman", *storage, "images", "--digests", "--format", "{{.Digest}}").split(), True)
    run("podman", *storage, "load", "-q", "-i", archive)
    # For docker: the layout with manifest.json beside it. What podman saves of it, in docker's form and in OCI's, is sound.
    docker_archive = place / "docker.tar"
    airbase("copy", f"{layout}:moved", f"docker-archive:{docker_archive}:airbase.example/moved:1")
    run("podman", *storage, "load", "-q", "-i", docker_archive)
    for ending in ("tar.gz", "tar.zst"):
        compressed = place / f"docker.{ending}"
        airbase("copy", f"{layout}:moved", f"docker-archive:{compressed}:airbase.example/{ending[4:]}:1")
        run("podman", *storage, "load", "-q", "-i", compressed)
        same("image", *(text("podman", *storage, "images", "-q", f"airbase.example/{name}:1") for name in ("moved", ending[4:])))
    for form in ("docker-archive", "oci-archive"):
        saved = place / f"podman-{form}.tar"
        run("podman", *storage, "save", "-q", "--format", form, "-o", saved, "airbase.example/moved:1")
        sound(saved)
        same("diffIDs", diff_ids(saved), diff_ids(layout))
    keeps_healthcheck(place, storage)


def keeps_healthcheck(place, storage):
    """Docker's format alone has HEALTHCHECK, and podman reads it of a Docker manifest alone: an archive for docker has one then."""
    healthcheck = {"Test": ["CMD-SHELL", "check"], "Interval": 30000000000}
    old, new = (Image([layer({"etc/release": name})], {}) for name in (b"1", b"2"))
    app = old.and_layers(layer({"app": b"1"}), settings={"Healthcheck": healthcheck, "Shell": ["/bin/ash", "-c"]})
    source = place / "healthy"
    made = Layout(source)
    for name, image in (("old", old), ("new", new), ("app", app)):
        made.image(name, image)
    made.write()
    archives = {name: f"docker-archive:{place / name}.tar:airbase.example/healthy:{name}" for name in ("copied", "rebased")}
    airbase("copy", f"{source}:app", archives["copied"])
    airbase("rebase", f"{source}:app", "--from", f"{source}:old", "--onto", f"{source}:new", "-o", archives["rebased"])
    for name in archives:
        run("podman", *storage, "load", "-q", "-i", place / f"{name}.tar")
        kept = text("podman", *storage, "image", "inspect", "--format", "{{json .HealthCheck}}", f"airbase.example/healthy:{name}")
        same(f"HEALTHCHECK of the image that was {name}", json.loads(kept), healthcheck)


def diff_ids(source):
    """What the layers of the only image of a source inflate to, as its config says."""
    return [layer["diffId"] for layer in airbase("inspect", source)["sources"][0]["entries"][0]["images"][0]["layers"]]


def oras(place, layout, archive, digest):
    same("digest", text("oras", "resolve", "--oci-layout", f"{layout}:moved"), digest)
    run("oras", "cp", "--from-oci-layout", f"{layout}:moved", "--to-oci-layout", f"{place / 'oras'}:copy")
    same("digest", sha256(run("oras", "manifest", "fetch", "--oci-layout", f"{place / 'oras'}:copy")), digest)
    same("digest", text("oras", "resolve", "--oci-layout", f"{archive}:moved"), digest)


def nothing(place, layout, archive, digest):
    raise Unavailable("it has nothing to ask about an image that nobody signed")


def docker(place, layout, archive, digest):
    daemon("docker", "version")
    run("docker", "load", "-q", "-i", archive)


def daemon(*question):
    """Its daemon must answer."""
    try:
        run(*question)
    except Exception as reason:
        raise Unavailable(str(reason).splitlines()[-1]) from None
