"""The rebased image runs: what the app prints stays, what it reads from its base is new."""

import os
import platform

from .checks import Unavailable, airbase, run, same
from .inputs import alpine, busybox, genuine_folder
from .theirs import unpack


def check(report, inputs):
    place = inputs.place / "running"
    place.mkdir()
    cases = [
        ("busybox 1.37 to 1.38 with glibc", lambda: busybox(place, "glibc")),
        ("busybox 1.37 to 1.38 with musl", lambda: busybox(place, "musl")),
        ("alpine 3.19 to 3.20", lambda: alpine(place)),
    ]
    for what, make in cases:
        with report.check(f"the app runs as before on its new base: {what}"):
            possible()
            made = make()
            rebased = place / f"{made.name}-rebased"
            airbase("rebase", made.app, "--bases", made.old, "--onto", made.new, "-o", f"{rebased}:app")
            before, after = (output(layout, place / f"{made.name}-{name}") for name, layout in (("then", made.app), ("now", rebased)))
            same("what the app says", before[:-1], after[:-1])
            for line, version in zip((before[-1], after[-1]), made.versions):
                same(f"{version} in {line!r}", version in line, True)


def possible():
    if not genuine_folder():
        raise Unavailable("AIRBASE_REAL_IMAGES names no folder")
    if os.geteuid() != 0:
        raise Unavailable("only root may chroot")
    if platform.machine() != "x86_64":
        raise Unavailable(f"the images are for amd64, this machine is {platform.machine()}")


def output(layout, bundle):
    """What the app of a layout prints."""
    unpack(f"{layout}:app", bundle)
    lines = run("chroot", bundle / "rootfs", "/app/run").decode().splitlines()
    same("lines", lines[:3], ["app 7", "one", "two"])
    return lines
