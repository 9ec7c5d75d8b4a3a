"""A site on each side of a gap: a stick is filled, emptied, and pushed to a registry, and nothing is left behind without a word.

Images (genuine ones where they can be had), a chart, signatures, an SBOM, a collection and images that lost their name or never had one
go through `copy --all` into an archive and out of it, through `prepare`, and through the scripts that it prints, into a registry with
the referrers API and into one without. `verify-sync` finds all of it, and every digest that somebody pinned answers with what was said
of it.
"""

import contextlib
import json
import os
import shutil
import subprocess

from support.oci import Image, Layout, layer

from .checks import Unavailable, airbase, run, same, text
from .commands import Made, wrapped
from .inputs import busybox, genuine_folder, stacked
from .others import message
from .registry import Distribution, WithReferrers
from .statements import api_list

HOST = "registry.example"
LIFECYCLE = "application/vnd.microsoft.artifact.lifecycle"
CLIENTS = ("regctl", "oras")


class Outside:
    """The side that has everything: one layout, and the digests that are pinned somewhere, with the repository of each."""

    def __init__(self, place):
        self.layout, self.pinned = place / "outside", {}
        self.place = place
        self._apps()
        self._two_platforms()
        self._others()

    def _named(self, name):
        return airbase("inspect", f"{self.layout}:{name}", "--all")["sources"][0]["entries"][0]["digest"]

    def _apps(self):
        """Two apps on a base that was patched: a batch moves them and marks what they were."""
        genuine = busybox(self.place, "musl") if genuine_folder() else None
        old, new = (genuine.old, genuine.new) if genuine else self._made_bases()
        airbase("copy", old, f"{self.place / 'old'}:{HOST}/base/os:1")
        airbase("copy", new, f"{self.place / 'new'}:{HOST}/base/os:1")
        app = stacked(old)
        for number in (1, 2):
            layout = Layout(self.place / f"app{number}")
            layout.image("app", app.and_layers(layer({"app/number": b"%d" % number})))
            layout.write()
            airbase("copy", layout.path, f"{self.layout}:{HOST}/team/app{number}:1")
        before = {number: self._named(f"{HOST}/team/app{number}:1") for number in (1, 2)}
        bases = ["--bases", self.place / "new", "--bases", self.place / "old"]
        plan = run(os.environ["AIRBASE"], "batch", "plan", self.layout, *bases, "--allow-downgrade")
        (self.place / "plan.jsonl").write_bytes(plan)
        same("how many are moved", plan.count(b'"status":"move"'), 2)
        airbase("batch", "apply", self.place / "plan.jsonl", "-o", self.layout, "--supersede", "--eol", "2026-01-02")
        for number, digest in before.items():
            self.pinned[digest] = f"team/app{number}"

    def _made_bases(self):
        made = []
        for word in ("old", "new"):
            layout = Layout(self.place / f"made-{word}")
            layout.image("os", Image([layer({"etc/release": word.encode()})], created=f"202{4 if word == 'old' else 5}-01-01T00:00:00Z"))
            layout.write()
            made.append(layout.path)
        return made

    def _two_platforms(self):
        """An image for two platforms whose name another one takes."""
        name = f"{HOST}/team/tool:1"
        for number in (1, 2):
            layout = Layout(self.place / f"tool{number}")
            layout.index(name, [Image([layer({"tool": each.encode() + b"%d" % number})], architecture=each) for each in ("amd64", "arm64")])
            layout.write()
            more = ["--supersede", "--eol", "2026-01-02"] if number == 2 else []
            answer = airbase("copy", f"{layout.path}:{name}", f"{self.layout}:{name}", *more)
        for one in answer["superseded"]:
            self.pinned[one["digest"]] = "team/tool"

    def _others(self):
        """What is no image, what refers to one, and an image that never had a name."""
        app = f"{self.layout}:{HOST}/team/app1:1"
        (self.place / "sbom.json").write_text('{"spdxVersion": "SPDX-2.3"}')
        airbase("attach", app, self.place / "sbom.json", "--type", "application/spdx+json")
        sbom = next(one for one in airbase("referrers", app)["subjects"][0]["referrers"] if one["artifactType"] == "application/spdx+json")
        (self.place / "signature").write_text("signed")
        airbase("attach", f"{self.layout}@{sbom['digest']}", self.place / "signature", "--type", "application/x-signature")
        made = Made()
        made.name(made.artifact("application/x-chart", "application/vnd.cncf.helm.config.v1+json"), f"{HOST}/charts/c:1")
        signed = self._named(f"{HOST}/team/app2:1")
        made.name(made.artifact("application/x-sig"), f"{HOST}/team/app2:{signed.replace(':', '-')}.sig")
        # An image that never had a name.
        nameless = made.image("nameless")
        made.name(nameless)
        airbase("copy", "--all", made.write(self.place / "made"), self.layout)
        airbase("lifecycle", "set", f"{self.layout}@{nameless['digest']}", "--eol", "2026-01-02")
        self.pinned[nameless["digest"]] = "attic"
        airbase("collection", "create", f"{self.layout}:{HOST}/sets/all:1", app, f"{self.layout}:{HOST}/team/tool:1")


def check(report, inputs, messages):
    place = inputs.place / "across"
    place.mkdir()
    inside = place / "inside"
    with report.check("across the gap: a layout with everything in it is copied onto a stick and off it again"):
        outside = Outside(place)
        stick = place / "stick.tar"
        airbase("copy", "--all", outside.layout, stick)
        airbase("copy", "--all", stick, inside)
        run(os.environ["AIRBASE"], "fsck", stick, inside, "--level", "3")
        same("what the index lists", listed(inside), listed(outside.layout))
    if not inside.is_dir():
        return
    for kind, more in ((WithReferrers, ()), (Distribution, (place / "distribution",))):
        with contextlib.ExitStack() as stack:
            try:
                registry = stack.enter_context(kind(messages, *more))
            except Unavailable as reason:
                report.miss(f"across the gap, {kind.name}", reason)
                continue
            for client in CLIENTS:
                if not shutil.which(client):
                    report.miss(f"across the gap by {client}", message(messages, client))
                    continue
                with report.check(f"across the gap: {client} brings all that prepare says to {registry.name}, and pinned digests answer"):
                    arrives(place, inside, client, registry, outside.pinned)


def listed(layout):
    """The entries, in any order: what a name says, and what has none."""
    entries = json.loads((layout / "index.json").read_bytes())["manifests"]
    return sorted(json.dumps(entry, sort_keys=True) for entry in entries)


def arrives(place, inside, client, registry, pinned):
    kind = "api" if registry.has_api else "tags"
    ship, target = place / f"ship-{kind}-{client}", f"{registry.address}/{client}"
    options = ["--registry", target, "--unnamed-into", "attic"]
    # Registries collect what has no tag.
    options += ["--keep-tag", "retired-{digest12}"]
    airbase("prepare", inside, *options, "-o", ship)
    plan = airbase("prepare", ship, *options, "--client", client, expect=(0, 1))
    (place / "plan.json").write_text(json.dumps(plan))
    script = run(os.environ["AIRBASE"], "prepare", ship, *options, "--client", client, "--format", "sh", expect=(0, 1))
    programs = {**os.environ, "PATH": f"{wrapped(place, registry)}:{os.environ['PATH']}"}
    ended = subprocess.run(["sh"], input=script, capture_output=True, env=programs)
    leaves = {digest for push in plan["pushes"] for each in push["clients"] if each["client"] == client for digest in each["leaves"]}
    same("whether the script says that it is not enough", (ended.returncode, client == "oras"), (1 if leaves else 0, bool(leaves)))
    required = [item for item in plan["items"] if item["required"]]
    lines = [f"{text('regctl', *registry.regctl, 'manifest', 'head', item['reference'], expect=(0, 1)) or '-'} {item['reference']}" for item in required]
    (place / "listing").write_text("\n".join(lines))
    verified = airbase("verify-sync", place / "plan.json", place / "listing", expect=(0, 1))
    absent = {item["digest"] for item in verified["items"] if item["required"] and item["standing"] != "there"}
    same("what is not there", str(sorted(absent)), str(sorted(leaves)))
    for digest, repository in pinned.items():
        place = f"{target}/{repository}"
        same(f"whether {digest} is promised", [item["digest"] for item in required if (item["repository"], item["digest"]) == (place, digest)], [digest])
        of = [item for item in required if item.get("subject") == digest and item["repository"] == place]
        promised = {item["digest"] for item in of if item.get("artifactType") == LIFECYCLE}
        same(f"what {repository}@{digest} answers", sorted(promised & set(api_list(registry, f"{client}/{repository}", digest))), sorted(promised))
