"""Where `regctl image mod --rebase-ref` accepts a pair of bases, its layers and diffIDs are those of airbase."""

import json
import shutil

from .checks import airbase, run, same
from .inputs import alpine, busybox, genuine, genuine_folder


def check(report, inputs):
    place = inputs.place / "agreement"
    place.mkdir()
    agree(report, "one platform", shutil.copytree(inputs.single, place / "single"), "app", "old", "new")
    agree(report, "two platforms", shutil.copytree(inputs.several, place / "several"), "app", "old", "new")
    if not genuine_folder():
        report.miss("regctl agrees on genuine images", "AIRBASE_REAL_IMAGES names no folder")
        return
    for made in (busybox(place, "glibc"), busybox(place, "musl"), alpine(place)):
        together = place / f"{made.name}-together"
        for name in ("app", "old", "new"):
            # Without links, which regctl does not follow.
            run("skopeo", "copy", "-q", "--preserve-digests", f"oci:{getattr(made, name)}", f"oci:{together}:{name}")
        agree(report, made.name, together, "app", "old", "new")
    repository = genuine("regclient-testrepo", place / "testrepo")
    # These two bases differ in their configs only.
    agree(report, "regclient's test repository, v2", repository, "v2", "b1", "b2", moves=False)
    agree(report, "regclient's test repository, v3", repository, "v3", "b1", "b3")


def agree(report, what, layout, app, old, new, moves=True):
    with report.check(f"regctl and airbase agree on layers and diffIDs: {what}"):
        bases = f"ocidir://{layout}:{old},ocidir://{layout}:{new}"
        run("regctl", "image", "mod", f"ocidir://{layout}:{app}", "--create", "theirs", "--rebase-ref", bases)
        airbase("rebase", f"{layout}:{app}", "--from", f"{layout}:{old}", "--onto", f"{layout}:{new}", "--tag", "ours")
        theirs, ours, before = (stacks(layout, name) for name in ("theirs", "ours", app))
        same("layers and diffIDs", ours, theirs)
        same("whether layers changed", str(ours != before), str(moves))


def stacks(layout, name):
    """Layers and diffIDs of every platform, read from the blobs themselves."""

    def blob(digest):
        return json.loads((layout / "blobs" / digest.replace(":", "/")).read_bytes())

    def below(digest):
        document = blob(digest)
        if "manifests" in document:
            return [stack for child in document["manifests"] for stack in below(child["digest"])]
        config = blob(document["config"]["digest"])
        if "rootfs" not in config:
            return []
        return [([each["digest"] for each in document["layers"]], config["rootfs"]["diff_ids"])]

    index = json.loads((layout / "index.json").read_bytes())
    entries = [entry for entry in index["manifests"] if name == entry.get("annotations", {}).get("org.opencontainers.image.ref.name")]
    return below(entries[-1]["digest"])
