"""What airbase writes: other tools inspect it, copy it with its digests, serve it and unpack it."""

import shutil
import tarfile

from .checks import Unavailable, airbase, run, same, seen, sha256, sound, text
from .theirs import unpack


def check(report, inputs, registry):
    place = inputs.place / "ours"
    place.mkdir()
    for number, (what, path, digest) in enumerate(written(report, inputs, place)):
        archive = path.suffix == ".tar"
        skopeo(report, what, f"{'oci-archive' if archive else 'oci'}:{path}:moved", place / f"skopeo-{number}", digest)
        regctl(report, what, path, place / f"regctl-{number}", digest)
        crane(report, what, path, place / f"crane-{number}", digest, registry, number)
        if "two platforms" not in what and not archive:
            umoci(report, what, path, place / f"bundle-{number}")


    compressed(report, inputs, place)


def compressed(report, inputs, place):
    """Archives in gzip and zstd. skopeo 1.9 reads no docker-archive in gzip, whoever wrote it, so it is not asked for that."""
    for number, (program, ending) in enumerate((("gzip", "tar.gz"), ("zstd", "tar.zst"))):
        archive, plain, docker = (place / f"compressed.{kind}" for kind in (ending, "tar", f"docker.{ending}"))
        with report.check(f"{program} tests and inflates what airbase compresses"):
            digest = airbase("copy", f"{inputs.single}:app", f"{archive}:moved")["images"][0]["digest"]
            airbase("copy", f"{inputs.single}:app", f"{plain}:moved", "--overwrite")
            airbase("copy", f"{inputs.single}:app", f"docker-archive:{docker}:site/app:1")
            if not shutil.which(program):
                raise Unavailable("not installed")
            run(program, "-t", archive)
            same("whether the archive is inside", run(program, "-dc", archive) == plain.read_bytes(), True)
        skopeo(report, f"an oci-archive in {program}", f"oci-archive:{archive}:moved", place / f"skopeo-{program}", digest)
        regctl(report, f"an oci-archive in {program}", archive, place / f"regctl-{program}", digest)
        if program == "zstd":
            with report.check("skopeo inspects: a docker-archive in zstd"):
                run("skopeo", "inspect", f"docker-archive:{docker}")


def written(report, inputs, place):
    """Results of each kind: what it is, where it is, its digest."""
    results = []
    for what, layout in (("one platform", inputs.single), ("two platforms", inputs.several)):
        stem = what.split()[0]
        rebase = ["rebase", f"{layout}:app", "--from", f"{layout}:old", "--onto", f"{layout}:new"]
        existing = place / f"existing-{stem}"
        run("skopeo", "copy", "-q", "--all", f"oci:{layout}:old", f"oci:{existing}:old")
        outputs = [
            ("rebased into a new layout", place / f"new-{stem}"),
            ("rebased into a layout of skopeo", existing),
            ("rebased into an archive", place / f"rebased-{stem}.tar"),
        ]
        for how, out in outputs:
            with report.check(f"airbase: {how}, {what}"):
                digest = airbase(*rebase, "-o", f"{out}:moved")["result"]["digest"]
                sound(out)
                same("digest", seen(out, "moved"), digest)
                results.append((f"{how}, {what}", out, digest))
        copies = [
            ("copied from archive to layout", outputs[2][1], place / f"copied-{stem}"),
            ("copied from layout to archive", outputs[0][1], place / f"copied-{stem}.tar"),
        ]
        for how, source, out in copies:
            with report.check(f"airbase: {how}, {what}"):
                airbase("copy", f"{source}:moved", f"{out}:moved")
                sound(out)
                digest = seen(out, "moved")
                same("digest", digest, seen(source, "moved"))
                results.append((f"{how}, {what}", out, digest))
    return results


def skopeo(report, what, source, target, digest):
    with report.check(f"skopeo inspects: {what}"):
        same("digest", sha256(run("skopeo", "inspect", "--raw", source)), digest)
        run("skopeo", "inspect", source)
    with report.check(f"skopeo copies with all digests: {what}"):
        run("skopeo", "copy", "-q", "--all", "--preserve-digests", source, f"oci:{target}:copy")
        same("digest", seen(target, "copy"), digest)
        sound(target)


def regctl(report, what, path, target, digest):
    with report.check(f"regctl copies: {what}"):
        if not path.is_dir():
            run("regctl", "image", "import", f"ocidir://{target}:copy", path)
        else:
            same("digest", text("regctl", "image", "digest", f"ocidir://{path}:moved"), digest)
            run("regctl", "image", "copy", f"ocidir://{path}:moved", f"ocidir://{target}:copy")
        same("digest", text("regctl", "image", "digest", f"ocidir://{target}:copy"), digest)
        sound(target)


def crane(report, what, path, unpacked, digest, registry, number):
    """crane reads layout directories with one entry, and checks what a registry serves."""
    remote = f"{registry.address}/ours:{number}"
    with report.check(f"crane pushes, validates and reads back: {what}"):
        if path.suffix == ".tar":
            with tarfile.open(path) as archive:
                archive.extractall(unpacked)
            run("crane", "push", unpacked, remote)
        elif path.name.startswith("existing"):
            run("regctl", *registry.regctl, "image", "copy", f"ocidir://{path}:moved", remote)
        else:
            run("crane", "push", path, remote)
        run("crane", "validate", "--remote", remote)
        same("digest", text("crane", "digest", remote), digest)
        same("digest", sha256(run("crane", "manifest", remote)), digest)


def umoci(report, what, path, bundle):
    with report.check(f"umoci unpacks: {what}"):
        unpack(f"{path}:moved", bundle)
        root = bundle / "rootfs"
        same("the file of the new base", (root / "etc/release").read_bytes(), b"2 amd64")
        same("the file of the app", (root / "app/version").read_bytes(), b"7\n")
        same("a file of the old base", (root / "lib").exists() and not (root / "lib/a").exists(), True)
