"""Archives that describe their images twice: what skopeo takes out of them by `index.json` and by `manifest.json`, what podman loads of
them, and what airbase says.

An archive from which the two readers take different images is refused, unless one of them takes all that the other takes: then each is
an image of its own. The same archives are in the tests (tests/it/views.rs), with what is expected here.
"""

import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile

from support.oci import INDEX, REF_NAME, Image, dump, layer, sha256

from .checks import Unavailable, airbase, run, same

A = Image([layer({"a": b"1"})])
B = Image([layer({"b": b"1"})])
ARM = Image([layer({"a": b"2"})], architecture="arm64")
LETTERS = {sha256(image.config()): letter for letter, image in (("A", A), ("B", B), ("ARM", ARM))}


def blob(digest):
    return "blobs/" + digest.replace(":", "/")


def item(image, tags, **changes):
    layers = [blob(each.digest) for each in image.layers]
    return {"Config": blob(sha256(image.config())), "RepoTags": tags, "Layers": layers, **changes}


def entry(image, name):
    manifest = image.manifest()
    descriptor = {"mediaType": json.loads(manifest)["mediaType"], "digest": sha256(manifest), "size": len(manifest)}
    return {**descriptor, "annotations": {REF_NAME: name}} if name else descriptor


def files(listed, items, more=(), images=(A, B), null=False):
    """The members of an archive with the blobs of some images."""
    found = {}
    for image in images:
        for content in (image.config(), image.manifest(), *(each.content for each in image.layers)):
            found[blob(sha256(content))] = content
    found.update(more)
    found["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
    found["index.json"] = dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": None if null else listed})
    found["manifest.json"] = dump(items)
    return found


def archives():
    """Each archive with what skopeo's two readers take out of it, and what airbase takes; None is refused."""
    odd = B.config()
    own_name = sha256(A.config())[7:] + ".json"
    twice, other_case = (odd.replace(b'"os":', member + b',"os":', 1) for member in (b'"os":"plan9"', b'"OS":"plan9"'))
    children = [{**entry(image, None), "platform": image.platform} for image in (A, ARM)]
    index = dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": children})
    several = {"mediaType": INDEX, "digest": sha256(index), "size": len(index), "annotations": {REF_NAME: "app:1"}}
    named = [entry(A, "app:1")]
    no_marker = files(named, [item(B, ["app:1"])])
    del no_marker["oci-layout"]
    yield "no oci-layout", no_marker, "A", "B", None
    yield "a config under the digest of another", files(named, [item(B, ["other:1"], Config=own_name)], {own_name: odd}), "A", "B", None
    yield "a key twice", files(named, [item(B, ["app:1"], Config="c.json")], {"c.json": twice}), "A", "?", None
    yield "a key in other letters", files(named, [item(B, ["app:1"], Config="c.json")], {"c.json": other_case}), "A", "?", None
    yield "no tags", files(named, [item(B, None)]), "A", "B", None
    yield "another tag", files(named, [item(B, ["other:1"])]), "A", "B", None
    yield "an entry without a name", files([entry(A, None)], [item(B, ["app:1"])]), "A", "B", None
    yield "one name", files([entry(A, "docker.io/library/app:1")], [item(B, ["app:1"])]), "A", "B", None
    yield "saved by its ID", files(named, [item(A, ["app:1"]), item(B, None)]), "A", "A B", "A B"
    yield "nothing tagged, docker 25.0", files([], [item(A, None)], images=[A], null=True), "", "A", "A"
    yield "one platform for docker", files([several], [item(A, ["app:1"])], {blob(sha256(index)): index}, [A, ARM]), "A ARM", "A", "A ARM"
    yield "another name", files(named, [item(A, ["other:1"])], images=[A]), "A", "A", "A"
    yield "more for OCI readers", files([*named, entry(B, "app:2")], [item(A, ["app:1"])]), "A B", "A", "A B"


def check(report, inputs):
    place = inputs.place / "views"
    place.mkdir()
    for number, (what, members, oci, docker, ours) in enumerate(archives()):
        path = place / f"{number}.tar"
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        with report.check(f"two views: {what}"):
            same("index.json", letters(by_index(path, members)) or "nothing", oci or "nothing")
            same("manifest.json", letters(by_docker(path)), docker)
            same("airbase", judged(path), ours or "refused")
        with report.check(f"two views, podman: {what}"):
            # `podman load` reads the layout where there is one, and of several images the first. What airbase accepts, it says of podman
            # too: that image is among those that airbase takes.
            loaded = by_podman(path)
            same("podman load", loaded, "A")
            same("airbase", ours is None or set(loaded.split()) <= set(ours.split()), True)


def letters(configs):
    return " ".join(sorted(LETTERS.get(config, "?") for config in configs))


def config_of(reference, *options):
    """The digest of the config that skopeo takes out of an archive, if it takes any."""
    done = subprocess.run(["skopeo", *options, "inspect", "--raw", reference], stdin=subprocess.DEVNULL, capture_output=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def by_index(path, members):
    found = []
    for listed in json.loads(members["index.json"])["manifests"] or []:
        name = listed.get("annotations", {}).get(REF_NAME)
        document = config_of(f"oci-archive:{path}:{name}" if name else f"oci-archive:{path}")
        for child in document.get("manifests", []):
            found.append(json.loads(members[blob(child["digest"])])["config"]["digest"])
        if "config" in document:
            found.append(document["config"]["digest"])
    return found


def by_docker(path):
    found = []
    while document := config_of(f"docker-archive:{path}:@{len(found)}"):
        found.append(document["config"]["digest"])
    return found


def by_podman(path):
    """The images that `podman load` has then, in a store of its own."""
    if not shutil.which("podman"):
        raise Unavailable("podman is not installed")
    # podman wants its directories near the root.
    with tempfile.TemporaryDirectory(prefix="airbase-podman-") as store:
        podman = ["podman", "--root", f"{store}/root", "--runroot", f"{store}/run", "--storage-driver", "vfs"]
        works = subprocess.run([*podman, "info"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if works.returncode != 0:
            raise Unavailable(f"podman does not run here: {works.stderr.strip()[-200:]}")
        run(*podman, "load", "-q", "-i", path)
        return letters(set(run(*podman, "images", "-a", "--no-trunc", "--format", "{{.ID}}").decode().split()))


def judged(path):
    """The images that airbase takes out of an archive, or that it refuses it."""
    done = subprocess.run([os.environ["AIRBASE"], "fsck", path], stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode == 3:
        run(os.environ["AIRBASE"], "inspect", path, expect=(3,))
        return "refused"
    entries = [entry for source in airbase("inspect", "--all", path, expect=(0, 1))["sources"] for entry in source["entries"]]
    return letters({image["config"] for entry in entries for image in entry["images"]})
