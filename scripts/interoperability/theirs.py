"""Layouts and archives that other tools write: sound to `airbase fsck`, and `airbase inspect` sees the same digests."""

import os

from .checks import run, same, seen, sha256, sound, text
from .inputs import genuine, genuine_folder


def check(report, inputs, registry):
    place = inputs.place / "theirs"
    place.mkdir()
    sources = [("one platform", inputs.single, "app"), ("two platforms", inputs.several, "app")]
    if genuine_folder():
        # Only skopeo reads a layout whose blobs are symbolic links, so the others get what skopeo made of it.
        linked = genuine("busybox-1.37-glibc-amd64", place / "busybox")
        with report.check("skopeo and airbase see one digest in a layout with linked blobs"):
            sound(linked)
            same("digest", sha256(run("skopeo", "inspect", "--raw", f"oci:{linked}")), seen(linked))
        copied = place / "busybox-copied"
        with report.check("skopeo copies a layout with linked blobs"):
            run("skopeo", "copy", "-q", "--preserve-digests", f"oci:{linked}", f"oci:{copied}:app")
            same("digest", seen(copied, "app"), seen(linked))
            sources.append(("genuine busybox", copied, "app"))
    for number, (what, source, name) in enumerate(sources):
        wanted = seen(source, name)
        skopeo(report, what, f"oci:{source}:{name}", place / f"skopeo-{number}", wanted)
        regctl(report, what, f"ocidir://{source}:{name}", place / f"regctl-{number}", wanted)
        crane(report, what, f"ocidir://{source}:{name}", place / f"crane-{number}", wanted, registry, number)
    umoci(report, inputs, place / "umoci")


def skopeo(report, what, source, target, wanted):
    for kind in ("oci", "oci-archive"):
        out = target.with_suffix(".tar") if kind == "oci-archive" else target
        with report.check(f"skopeo copies to {kind}, {what}"):
            run("skopeo", "copy", "-q", "--all", "--preserve-digests", source, f"{kind}:{out}:app")
            sound(out)
            same("digest", seen(out, "app"), wanted)
    if what != "two platforms":
        with report.check(f"skopeo copies to docker-archive, {what}"):
            run("skopeo", "copy", "-q", source, f"docker-archive:{target}-docker.tar:site/app:1")
            sound(f"{target}-docker.tar")


def regctl(report, what, source, target, wanted):
    with report.check(f"regctl copies to a layout, {what}"):
        run("regctl", "image", "copy", source, f"ocidir://{target}:app")
        sound(target)
        same("digest", seen(target, "app"), wanted)
    with report.check(f"regctl exports an archive, {what}"):
        run("regctl", "image", "export", source, f"{target}.tar")
        sound(f"{target}.tar")
        same("digest", seen(f"{target}.tar"), wanted)
    with report.check(f"regctl modifies an image in a layout, {what}"):
        run("regctl", "image", "mod", f"ocidir://{target}:app", "--create", "labelled", "--label", "a=b")
        sound(target)
        same("digest", text("regctl", "image", "digest", f"ocidir://{target}:labelled"), seen(target, "labelled"))


def crane(report, what, source, target, wanted, registry, number):
    remote = f"{registry.address}/theirs:{number}"
    with report.check(f"crane pulls a layout, {what}"):
        run("regctl", *registry.regctl, "image", "copy", source, remote)
        run("crane", "pull", "--format=oci", remote, target)
        sound(target)
        same("digest", seen(target), wanted)
    if what != "two platforms":
        with report.check(f"crane pulls a docker-archive, {what}"):
            run("crane", "pull", remote, f"{target}.tar")
            sound(f"{target}.tar")


def umoci(report, inputs, layout):
    bundle = inputs.place / "bundle"
    with report.check("umoci unpacks, changes and repacks"):
        run("skopeo", "copy", "-q", f"oci:{inputs.single}:app", f"oci:{layout}:app")
        unpack(f"{layout}:app", bundle)
        (bundle / "rootfs" / "app" / "added").write_text("x")
        run("umoci", "repack", "--image", f"{layout}:changed", bundle)
        run("umoci", "config", "--image", f"{layout}:changed", "--config.user", "nobody")
        sound(layout)
        listed = [line for line in text("umoci", "ls", "--layout", layout).splitlines()]
        same("names", sorted(listed), ["app", "changed"])
        same("digest", sha256(run("skopeo", "inspect", "--raw", f"oci:{layout}:changed")), seen(layout, "changed"))


def unpack(image, bundle):
    """Unpacks with umoci, as root or not."""
    run("umoci", "unpack", *([] if os.geteuid() == 0 else ["--rootless"]), "--image", image, bundle)
