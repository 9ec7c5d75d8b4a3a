"""The procedure of the articles on patching images, end to end: a second revision takes the name of the first, whose node pinned it.

airbase does on disk, in one command, what the articles do in a registry with several: the name moves, and the old image and each of its platforms are
marked. oras, or its library where the program is not there, then finds the statement by the pinned digest: in the layout, and in a
registry with the referrers API and in one without, to which it pushed it by that digest. What comes back is denied and traced as before.
"""

import contextlib
import json
import shutil

from support.oci import Image, Layout, layer

from .checks import Failed, Unavailable, airbase, run, same
from .registry import Distribution, WithReferrers
from .statements import api_list, oras_list, told

NAME = "registry.example/flasksample:1.0"
TYPE, KEY = "application/vnd.microsoft.artifact.lifecycle", "vnd.microsoft.artifact.lifecycle.end-of-life.date"
REASON = "openssl is patched in the next revision"


def revision(number, created):
    """One revision for two platforms, with the annotations of the article: created, version, revision."""
    annotations = {
        "org.opencontainers.image.created": created,
        "org.opencontainers.image.version": "1.0",
        "org.opencontainers.image.revision": str(number),
    }
    layers = [layer({"etc/release": b"1"}), layer({"app/app.py": b"print(%d)" % number})]
    return [Image(layers, {}, annotations, architecture, created) for architecture in ("amd64", "arm64")]


class Oras:
    """The program where it is there; else oras-go, the library that it is made of."""

    def __init__(self):
        self.name = "oras" if shutil.which("oras") else "oras-go"
        if self.name == "oras-go" and not shutil.which("witness"):
            raise Unavailable("neither oras nor its library is there")

    def in_layout(self, layout, digest):
        if self.name == "oras-go":
            return oras_list(f"oci:{layout}", digest, TYPE)
        return self.discovered("--oci-layout", f"{layout}@{digest}")

    def in_registry(self, registry, repository, digest):
        place = f"{registry.address}/{repository}"
        # go-containerregistry's puts the media type of the config for the artifact type, so it is not asked for one.
        only = [] if registry.has_api else [TYPE]
        if self.name == "oras-go":
            return oras_list(place, digest, *only)
        return self.discovered("--plain-http", f"{place}@{digest}", only=only)

    def discovered(self, *where, only=(TYPE,)):
        wanted = [part for artifact_type in only for part in ("--artifact-type", artifact_type)]
        answer = json.loads(run("oras", "discover", "--format", "json", *wanted, *where))
        return told(answer.get("referrers") or answer.get("manifests"))

    def push(self, layout, digest, registry, repository):
        """By hand, by the digest that is pinned: the image has no name any longer."""
        place = f"{registry.address}/{repository}"
        if self.name == "oras-go":
            run("witness", "copy", f"oci:{layout}", digest, place, digest)
        else:
            run("oras", "cp", "-r", "--from-oci-layout", "--to-plain-http", f"{layout}@{digest}", f"{place}@{digest}")

    def pull(self, registry, repository, digest, layout):
        place = f"{registry.address}/{repository}"
        if self.name == "oras-go":
            run("witness", "copy", place, digest, f"oci:{layout}", digest)
        else:
            run("oras", "cp", "-r", "--from-plain-http", "--to-oci-layout", f"{place}@{digest}", f"{layout}@{digest}")


def check(report, inputs, messages):
    place = inputs.place / "article"
    place.mkdir()
    site, build = place / "site", place / "build"
    first, second = revision(1, "2023-07-07T10:00:00Z"), revision(2, "2023-07-10T10:00:00Z")
    for where, images in ((site, first), (build, second)):
        layout = Layout(where)
        layout.index(NAME, images)
        layout.write()
    old = named(site, NAME)
    new = named(build, NAME)
    pinned = [old, *(image.digest for image in first)]
    with report.check("the article: one command moves the name and marks who had it"):
        answer = airbase("copy", f"{build}:{NAME}", f"{site}:{NAME}", "--supersede", "--eol", "2023-07-10", "--reason", REASON)
        same("who lost the name", answer["taken"], [{"name": NAME, "digest": old}])
        same("who is marked", sorted(one["digest"] for one in answer["superseded"]), sorted(pinned))
        same("what the name stands for", named(site, NAME), new)
        judged("the layout", site, pinned, old, new)
    try:
        oras = Oras()
    except Unavailable as reason:
        return report.miss("the article, by oras", reason)
    with report.check(f"the article: {oras.name} finds the statements by the pinned digests in the layout"):
        for digest in pinned:
            marked(oras.in_layout(site, digest))
    for kind, more in ((WithReferrers, ()), (Distribution, (place / "distribution",))):
        with contextlib.ExitStack() as stack:
            try:
                registry = stack.enter_context(kind(messages, *more))
            except Unavailable as reason:
                report.miss(f"the article in {kind.name}", reason)
                continue
            with report.check(f"the article: {oras.name} brings the old image to {registry.name} by its digest, and finds the statements there"):
                oras.push(site, old, registry, "team/flasksample")
                oras.push(site, new, registry, "team/flasksample")
                for digest in pinned:
                    marked(oras.in_registry(registry, "team/flasksample", digest), typed=not registry.has_api)
                    marked(api_list(registry, "team/flasksample", digest), typed=not registry.has_api)
            with report.check(f"the article: what {oras.name} brings back from {registry.name} is denied and traced"):
                back = place / f"back-{'api' if registry.has_api else 'tags'}"
                oras.pull(registry, "team/flasksample", old, back)
                oras.pull(registry, "team/flasksample", new, back)
                judged(registry.name, back, pinned, old, new)


def named(layout, name):
    """What a name stands for, read from index.json without any client."""
    entries = json.loads((layout / "index.json").read_bytes())["manifests"]
    (entry,) = [entry for entry in entries if entry.get("annotations", {}).get("org.opencontainers.image.ref.name") == name]
    return entry["digest"]


def marked(found, typed=True):
    """There is one statement, and it says when the life of the image ended."""
    same("how many statements were found", [annotations.get(KEY) for _, annotations in found.values()], ["2023-07-10"])
    if typed:
        same("their type", [kind for kind, _ in found.values()], [TYPE])


def judged(where, layout, pinned, old, new):
    """The gate denies the old image and each of its platforms and nothing else; each of them is traced to what follows it."""
    denied = airbase("lifecycle", "check", layout, expect=(1,))
    stopped = sorted(item["digest"] for item in denied["items"] if item["denied"])
    same(f"what is denied in {where}", stopped, sorted(pinned))
    for digest in pinned:
        alone = airbase("lifecycle", "check", f"{layout}@{digest}", expect=(1,))
        same(f"whether {digest} is denied in {where}", str(any(item["denied"] for item in alone["items"])), "True")
        result = airbase("lifecycle", "trace", digest, layout)["result"]
        if digest == old:
            same(f"where {digest} leads in {where}", result["digest"], new)
        elif result["digest"] == digest:
            raise Failed(f"{digest} leads nowhere in {where}")
