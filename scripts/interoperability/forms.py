"""The same image in every form that tools give it: each is sound and shows the same diffIDs, and a rebase of it gives the same.

Where a form keeps the manifest, the rebase of it has one digest, whatever the form; where it does not, the diffIDs of the result are
the same.
"""

import shutil

from .agreement import stacks
from .checks import Unavailable, airbase, run, same, seen, text
from .others import message, stored


def check(report, inputs, registry, messages):
    place = inputs.place / "forms"
    place.mkdir()
    for what, layout in (("one platform", inputs.single), ("two platforms", inputs.several)):
        here = place / what.split()[0]
        here.mkdir()
        judge = Judge(here, layout)
        remote = f"{registry.address}/forms:{here.name}"
        for name, program, make in keeping(here, layout, remote, registry):
            with report.check(f"kept by {name}, {what}"):
                needed(program, messages)
                judge.same_manifest(make())
        if what == "one platform":
            for name, program, make in changing(here, layout, remote):
                with report.check(f"diffIDs kept by {name}"):
                    needed(program, messages)
                    judge.same_content(make())


def needed(program, messages):
    if not shutil.which(program):
        raise Unavailable(message(messages, program))


class Judge:
    """Knows what has to come out: from the blobs of the layout that the images began in, and from a rebase in that layout."""

    def __init__(self, place, layout):
        self.place, self.layout, self.number = place, layout, 0
        self.wanted = seen(layout, "app")
        self.app, old, new = (stacks(layout, name) for name in ("app", "old", "new"))
        # The diffIDs of the new base, and above them those of the app that are not of the old base.
        self.moved = [after[1] + app[1][len(before[1]) :] for app, before, after in zip(self.app, old, new)]
        self.digest, out = self.rebased(f"{layout}:app")
        same("diffIDs", self.diff_ids(out), self.moved)

    def rebased(self, image):
        self.number += 1
        out = self.place / f"out-{self.number}"
        where = ["--from", f"{self.layout}:old", "--onto", f"{self.layout}:new"]
        return airbase("rebase", image, *where, "-o", f"{out}:moved")["result"]["digest"], out

    @staticmethod
    def diff_ids(layout):
        return [diff_ids for _, diff_ids in stacks(layout, "moved")]

    def sound(self, path):
        """Nothing is wrong with it at any level, and it shows the diffIDs of the app, whose digest in this form this gives."""
        airbase("fsck", "--level", "4", path)
        entries = [entry for source in airbase("inspect", path)["sources"] for entry in source["entries"]]
        same("entries", len(entries), 1)
        shown = [[layer["diffId"] for layer in image["layers"]] for image in entries[0]["images"]]
        same("diffIDs", shown, [diff_ids for _, diff_ids in self.app])
        return entries[0]["digest"]

    def same_manifest(self, path):
        same("digest", self.sound(path), self.wanted)
        digest, _ = self.rebased(path)
        same("digest of the rebased image", digest, self.digest)

    def same_content(self, path):
        self.sound(path)
        _, out = self.rebased(path)
        same("diffIDs of the rebased image", self.diff_ids(out), self.moved)


def keeping(here, layout, remote, registry):
    """Forms that keep the manifest: what it is, who makes it, how."""

    def skopeo(kind, name):
        run("skopeo", "copy", "-q", "--all", "--preserve-digests", f"oci:{layout}:app", f"{kind}:{here / name}:app")
        return here / name

    def skopeo_directory():
        run("skopeo", "copy", "-q", "--all", "--preserve-digests", f"oci:{layout}:app", f"dir:{here / 'skopeo-dir'}")
        return here / "skopeo-dir"

    def regctl_layout():
        run("regctl", "image", "copy", f"ocidir://{layout}:app", f"ocidir://{here / 'regctl'}:app")
        return here / "regctl"

    def regctl_export(name, *options):
        run("regctl", "image", "export", *options, f"ocidir://{layout}:app", here / name)
        return here / name

    def crane():
        run("regctl", *registry.regctl, "image", "copy", f"ocidir://{layout}:app", remote)
        run("crane", "pull", "--format=oci", remote, here / "crane")
        return here / "crane"

    def compressed(program, ending):
        target = here / f"by-{program}.tar.{ending}"
        target.write_bytes(run(program, "-c", regctl_export("plain.tar")))
        return target

    def ours(name):
        airbase("copy", f"{layout}:app", f"{here / name}:app")
        return here / name

    return [
        ("skopeo as a layout", "skopeo", lambda: skopeo("oci", "skopeo")),
        ("skopeo as an oci-archive", "skopeo", lambda: skopeo("oci-archive", "skopeo.tar")),
        ("skopeo as its own directory", "skopeo", skopeo_directory),
        ("regctl as a layout", "regctl", regctl_layout),
        ("regctl's export", "regctl", lambda: regctl_export("regctl.tar")),
        ("regctl's compressed export", "regctl", lambda: regctl_export("regctl.tar.gz", "--compress")),
        ("crane pull --format=oci", "crane", crane),
        ("gzip of an archive", "gzip", lambda: compressed("gzip", "gz")),
        ("zstd of an archive", "zstd", lambda: compressed("zstd", "zst")),
        ("airbase as an archive in gzip", "gzip", lambda: ours("airbase.tar.gz")),
        ("airbase as an archive in zstd", "zstd", lambda: ours("airbase.tar.zst")),
    ]


def changing(here, layout, remote):
    """Forms that have no manifest, or one of their own. They hold one platform."""

    def skopeo():
        run("skopeo", "copy", "-q", f"oci:{layout}:app", f"docker-archive:{here / 'skopeo-docker.tar'}:site/app:1")
        return here / "skopeo-docker.tar"

    def crane(form):
        # What `crane pull --format=oci` pulled lies in the registry.
        run("crane", "pull", f"--format={form}", remote, here / f"crane-{form}.tar")
        return here / f"crane-{form}.tar"

    def podman(form):
        # podman wants its directories near the root.
        storage = stored(here.parent.parent, "saved")
        run("podman", *storage, "pull", "-q", f"oci:{layout}:app")
        (image,) = set(text("podman", *storage, "images", "-q", "--no-trunc").split())
        out = here / f"podman-{form}"
        run("podman", *storage, "save", "-q", "--format", form, "-o", out, image.removeprefix("sha256:"))
        return out

    def buildah(kind):
        storage = stored(here, "buildah")
        image = text("buildah", *storage, "pull", "-q", f"oci:{layout}:app")
        out = here / f"buildah-{kind}"
        run("buildah", *storage, "push", "-q", image, f"{kind}:{out}:site/app:1")
        return out

    return [
        ("skopeo as a docker-archive", "skopeo", skopeo),
        ("crane pull --format=tarball", "crane", lambda: crane("tarball")),
        ("crane pull --format=legacy", "crane", lambda: crane("legacy")),
        *((f"podman save --format={form}", "podman", lambda form=form: podman(form)) for form in ("docker-archive", "oci-archive", "oci-dir")),
        *((f"buildah push to {kind}", "buildah", lambda kind=kind: buildah(kind)) for kind in ("docker-archive", "oci-archive", "oci")),
    ]
