"""Who takes part in the benchmark, and what each does."""

import shutil
from pathlib import Path

# No other program asks whether the image still runs.
UNJUDGED = ["--verdict", "off", "--format", "json"]


class Contender:
    """A name, a program, and the command for a round; `prepare` removes what the round before left."""

    environment = None

    def __init__(self, name, program, command, prepare=lambda number: None):
        self.name, self.program, self.command, self.prepare = name, program, command, prepare


def shell(*commands):
    """Commands that run one after the other."""
    return ["sh", "-ec", "\n".join(commands)]


def archive_contenders(workload):
    """Work on the large archive."""
    place, archive, bases = workload.place, workload.archive, workload.bases
    out = place / "out.tar"
    registry = place / "regctl"

    def clean(_):
        out.unlink(missing_ok=True)

    def clean_regctl(_):
        """regctl works on layouts, so it has the bases in one already; that is not counted."""
        clean(_)
        shutil.rmtree(registry, ignore_errors=True)
        shutil.copytree(bases, registry)

    one, two = workload.halves
    rebase = ["airbase", "rebase", archive, "--from", f"{bases}:1", "--onto", f"{bases}:2", "-o", out, *UNJUDGED]
    regctl = shell(
        f"regctl image import ocidir://{registry}:app {archive}",
        f"regctl image mod ocidir://{registry}:app --create result --rebase-ref ocidir://{registry}:1,ocidir://{registry}:2",
        f"regctl image export ocidir://{registry}:result {out}",
    )
    return [
        Contender("openssl sha256", "openssl", lambda _: ["openssl", "sha256", archive]),
        Contender("two × openssl sha256", "openssl", lambda _: shell(f"openssl sha256 {one} & openssl sha256 {two}", "wait")),
        Contender("cp", "cp", lambda _: ["cp", archive, out], clean),
        Contender("airbase rebase", "airbase", lambda _: rebase, clean),
        Contender("regctl import, mod, export", "regctl", lambda _: regctl, clean_regctl),
        Contender("skopeo copy", "skopeo", lambda _: ["skopeo", "copy", "-q", f"oci-archive:{archive}", f"oci-archive:{out}"], clean),
        Contender("airbase fsck", "airbase", lambda _: ["airbase", "fsck", archive]),
        Contender("airbase inspect", "airbase", lambda _: ["airbase", "inspect", archive]),
        Contender("skopeo inspect", "skopeo", lambda _: ["skopeo", "inspect", f"oci-archive:{archive}"]),
    ]


def compressed_contenders(workload):
    """Work on what has to be inflated: the large archive inside gzip, and the layers of an image that compresses well."""
    zipped, bases, words = workload.zipped, workload.bases, workload.words
    out, unpacked = workload.place / "out.tar", workload.place / "unpacked"

    def clean(_):
        out.unlink(missing_ok=True)
        shutil.rmtree(unpacked, ignore_errors=True)

    def both(program):
        """A pass over each half of the layers, both at once: a core for each."""
        passes = [f"{{ for each in {half}; do gzip -dc $each | {program}; done }}" for half in workload.words_halves()]
        return shell(" & ".join(passes), "wait")

    rebase = ["airbase", "rebase", zipped, "--from", f"{bases}:1", "--onto", f"{bases}:2", "-o", out, *UNJUDGED]
    return [
        Contender("gzip -dc of the archive", "gzip", lambda _: shell(f"gzip -dc {zipped} | openssl sha256")),
        Contender("airbase rebase from gzip", "airbase", lambda _: rebase, clean),
        Contender("skopeo copy from gzip", "skopeo", lambda _: ["skopeo", "copy", "-q", f"oci-archive:{zipped}", f"oci-archive:{out}"], clean),
        Contender("two × gzip -dc", "gzip", lambda _: both("cat >/dev/null")),
        Contender("two × gzip -dc, sha256sum", "gzip", lambda _: both("sha256sum")),
        Contender("two × gzip -dc, openssl sha256", "openssl", lambda _: both("openssl sha256")),
        Contender("airbase fsck --level 3", "airbase", lambda _: ["airbase", "fsck", "--level", "3", words]),
        Contender("airbase fsck --level 4", "airbase", lambda _: ["airbase", "fsck", "--level", "4", words]),
        Contender("umoci raw unpack", "umoci", lambda _: ["umoci", "raw", "unpack", "--image", f"{words}:1", unpacked], clean),
    ]


def layout_contenders(workload):
    """One rebase among many images; a round takes another image and leaves its result there."""
    contenders = []
    for position, count in enumerate(workload.layouts):
        layout = workload.many(count)

        def named(number, layout=layout):
            where = ["--from", f"{layout}:os-1", "--onto", f"{layout}:os-2"]
            return ["airbase", "rebase", f"{layout}:app-{number}", *where, "--tag", f"new-{number}", *UNJUDGED]

        def found(number, layout=layout):
            app = f"{layout}:app-{number + 50}"
            return ["airbase", "rebase", app, "--onto", f"{layout}:os-2", "--tag", f"found-{number}", *UNJUDGED]

        contenders.append(Contender(f"airbase rebase among {count}", "airbase", named))
        contenders.append(Contender(f"airbase rebase among {count}, old base searched", "airbase", found))
        if position == 0:

            def regctl(number, layout=layout):
                refs = f"ocidir://{layout}:os-1,ocidir://{layout}:os-2"
                return ["regctl", "image", "mod", f"ocidir://{layout}:app-{number}", "--create", f"their-{number}", "--rebase-ref", refs]

            # It removes blobs that no manifest names when it is done, so it goes last.
            contenders.append(Contender(f"regctl image mod among {count}", "regctl", regctl))
    return contenders
