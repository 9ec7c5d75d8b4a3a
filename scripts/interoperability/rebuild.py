"""A rebase gives what a build of the same Dockerfile on the new base gives, or says where it may not.

buildah builds with `--format docker`, since its OCI form drops HEALTHCHECK, SHELL and ONBUILD.
"""

import json
import os
import shutil
import tarfile

from .checks import Unavailable, airbase, run, same, text
from .dockerfiles import BUILDER_LABEL, LIVE, PAIRS, VOLATILE, differences


def check(report, inputs):
    place = inputs.place / "rebuild"
    builder = Builder(place)
    for pair in (pair for pair in PAIRS if pair.name in LIVE):
        with report.check(f"as buildah would build it on the new base: {pair.name}"):
            if not shutil.which("buildah"):
                raise Unavailable("buildah is not installed")
            if os.geteuid() != 0:
                raise Unavailable("only root may build with chroot isolation")
            built = builder.pair(pair)
            out = place / f"{pair.name}.tar"
            where = ["--from", built["old"], "--onto", built["new"], "-o", f"docker-archive:{out}"]
            report_of_it = airbase("rebase", built["app"], *where)
            differing = differences(config(out), config(built["rebuilt"]))
            found = (differing, unreported(differing, report_of_it))
            same("fields that differ, and those that are not reported", found, (pair.differs, []))


def unreported(differing, report):
    """The fields of which the report does not say that a rebuild may give them another value."""
    told = [decision["field"] for platform in report["platforms"] for decision in platform["decisions"] if decision["kind"] != "from-base"]
    findings = [finding for platform in report["platforms"] for finding in platform["findings"]]
    derived = [finding["message"].split()[0] for finding in findings if finding["code"] == "config.derived"]
    triggers = any(finding["code"] == "config.onbuild" for finding in findings)
    return [field for field in differing if field not in told and field not in derived and not triggers]


def config(archive):
    """The config of the one image of a docker-archive."""
    with tarfile.open(archive) as members:
        read = lambda name: json.load(members.extractfile(name))
        return read(read("manifest.json")[0]["Config"])


class Builder:
    """Builds Dockerfiles of settings, in a store of its own."""

    def __init__(self, place):
        self.place, self.context = place, place / "context"
        self.context.mkdir(parents=True)
        for name in ("old", "new", "app"):
            (self.context / name).write_text(f"{name}\n")
        self.images = {}

    def buildah(self, *arguments):
        store = ["--root", self.place / "store", "--runroot", self.place / "run", "--storage-driver", "vfs"]
        return run("buildah", *store, *arguments)

    def version(self):
        return text("buildah", "--version")

    def build(self, dockerfile, tag):
        (self.place / "Dockerfile").write_text(dockerfile + "\n")
        options = ["--quiet", "--format", "docker", "--isolation", "chroot", "--pull-never", "--timestamp", "0"]
        self.buildah("bud", *options, "--file", self.place / "Dockerfile", "--tag", tag, self.context)
        return tag

    def base(self, dockerfile):
        """Builds a base once."""
        if dockerfile not in self.images:
            self.images[dockerfile] = self.build(dockerfile, f"localhost/base:{len(self.images) + 2}")
        self.buildah("tag", self.images[dockerfile], "localhost/base:1")
        return self.images[dockerfile]

    def pair(self, pair):
        """The four images of a pair, as docker-archives."""
        images = {}
        for base, app in (("old", "app"), ("new", "rebuilt")):
            images[base] = self.base(getattr(pair, base))
            images[app] = self.build(pair.app, f"localhost/{app}:{pair.name}")
        archives = {}
        for role, image in images.items():
            archives[role] = self.place / f"{pair.name}-{role}.tar"
            self.buildah("push", "--quiet", image, f"docker-archive:{archives[role]}:localhost/{role}:{pair.name}")
        return archives


def recorded(document):
    """A config without what is another on each run, and without the flags that say nothing."""
    settings = {}
    for field, value in document["config"].items():
        if field == "Labels":
            value = {key: text for key, text in (value or {}).items() if not BUILDER_LABEL.match(key)}
        if field not in VOLATILE and value not in (False, "", None):
            settings[field] = value
    history = [{key: entry[key] for key in ("created_by", "empty_layer") if key in entry} for entry in document["history"]]
    kept = {key: document[key] for key in ("architecture", "os", "author") if key in document}
    return {**kept, "config": settings, "history": history, "layers": len(document["rootfs"]["diff_ids"])}
