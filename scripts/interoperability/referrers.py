"""Referrers that airbase writes are found in registries, whoever pushes them, and come back into a layout unchanged.

A layout with an image for two platforms, SBOMs and statements on the index and on each platform, and signatures, is pushed to a
registry with the referrers API and to one without. What is found there, and what comes back, is held against the manifests.

The rules that a writer of referrers has to keep, and what shows that airbase does: checks by a part of their name, here and in
`visits`, `prepared` and `containerd`, and tests by their file in tests/it/referrers. That each of them is there is a check itself.

     1  entry and fallback tag, both        "oras-go and regctl see what airbase wrote"; vector.rs the_manifest_the_list_and_the_entries_are_these_bytes
     2  the list repeats type, annotations  "regctl finds by type and by annotation"; reading.rs every_form_is_found_examined_and_mended
     3  every size exact                    "a wrong size", "a subject of another size"; reading.rs what_cannot_be_mended_is_told_and_left
     4  the subject's media type            "a subject of another media type"; reading.rs what_cannot_be_mended_is_told_and_left
     5  no artifact manifests               "an artifact manifest"; reading.rs artifact_manifests_become_image_manifests
     6  a platform is an entry too          "oras-go is asked for a platform"; attach.rs every_platform_gets_its_own_and_an_entry
     7  containerd's hint, on the entry     "a referrer is no image"; vector.rs the_manifest_the_list_and_the_entries_are_these_bytes
     8  none in a single-image hand-over    "a hand-over without referrers"; copy.rs docker_gets_none_and_is_told_so
     9  order means nothing                 "the newest is found by its date"
    10  both forms are derived anew         "airbase sees what regctl and oras-go attach", "referrers come back by"
    11  what is gone and strangers leave    "a list with a stranger", "a list with one that is gone", "a referrer without its subject"
    12  tag by tag replaces the list        "a referrer that was there is", "the commands that airbase prepare prints"
    13  names, digests, one entry a name    "a name with a colon and slashes", "names are given once"
    14  nothing in unknown fields           "only members of the specification", "after a visit of"
"""

import contextlib
import re
from pathlib import Path

from . import prepared, visits
from .checks import Failed, Unavailable, airbase, run, same, seen
from .registry import Distribution, WithReferrers
from .statements import api_list, config_types, everyone_sees, names, oras_list, regctl_list, truth

CREATED = "org.opencontainers.image.created"
SBOM, SIGNATURE, STATEMENT = "application/spdx+json", "application/x-signature", "application/vnd.microsoft.artifact.lifecycle"


def written(place, image):
    """A layout with the image; on the index and on each platform an SBOM, its signature, and a statement on the life cycle."""
    place.mkdir()
    layout, sbom = place / "layout", place / "sbom.spdx.json"
    sbom.write_text('{"spdxVersion":"SPDX-2.3"}')
    airbase("copy", image, f"{layout}:app")
    date = ["-a", f"{CREATED}=2026-01-02T03:04:05Z"]
    sboms = airbase("attach", f"{layout}:app", sbom, "--type", SBOM, "--all", *date)["attached"]
    for each in sboms:
        airbase("attach", f"{layout}@{each['digest']}", "--type", SIGNATURE, *date)
    airbase("lifecycle", "set", f"{layout}:app", "--eol", "2026-01-01", "--reason", "a newer one is there", "--at", "2026-02-03T04:05:06Z")
    below = truth(layout)
    same("referrers", sum(map(len, below.values())), 3 * len(sboms))
    statements = [annotations for each in below.values() for kind, annotations in each.values() if kind == STATEMENT]
    same("statements", [each["vnd.microsoft.artifact.lifecycle.end-of-life.date"] for each in statements], ["2026-01-01"] * len(sboms))
    return layout


def check(report, inputs, messages):
    place = inputs.place / "referrers"
    place.mkdir()
    with report.check("each rule for a writer of referrers has a check or a test"):
        ruled()
    layout = written(place / "made", f"{inputs.several}:app")
    visits.check(report, inputs, place / "visits", layout, messages)
    for kind, more in ((WithReferrers, ()), (Distribution, (place / "distribution",))):
        with contextlib.ExitStack() as stack:
            try:
                registry = stack.enter_context(kind(messages, *more))
            except Unavailable as reason:
                report.miss(f"referrers in {kind.name}", reason)
                continue
            for pusher in (regctl_push, oras_push, skopeo_push):
                Trip(report, place, layout, registry, pusher).make()
            merging(report, place, layout, registry)
            prepared.check(report, place, layout, registry)
            if not registry.has_api:
                stopped(report, inputs, place, registry)


def ruled():
    """What the head of this module names is there."""
    here = Path(__file__).parent
    checks = "".join((here / f"{name}.py").read_text().split('"""', 2)[2] for name in ("referrers", "visits", "prepared", "containerd"))
    rules = re.findall(r"^ +(\d+)  .{36}(.+)$", __doc__, re.M)
    same("rules", [int(number) for number, _ in rules], list(range(1, 15)))
    for number, proofs in rules:
        for part in re.findall(r'"([^"]+)"', proofs):
            same(f"whether rule {number} has the check {part!r}", part in checks, True)
        for file, test in re.findall(r"(\w+\.rs) (\w+)", proofs):
            text = (here.parents[1] / "tests" / "it" / "referrers" / file).read_text()
            same(f"whether rule {number} has the test {test} in {file}", f"fn {test}()" in text, True)
        same(f"proofs of rule {number}", len(re.findall(r'"[^"]+"|\w+\.rs \w+', proofs)) > 0, True)


def regctl_push(layout, registry, repository):
    run("regctl", *registry.regctl, "image", "copy", "--referrers", f"ocidir://{layout}:app", f"{registry.address}/{repository}:app")


def oras_push(layout, registry, repository):
    run("witness", "copy", f"oci:{layout}", "app", f"{registry.address}/{repository}", "app")


def skopeo_push(layout, registry, repository):
    """Tag by tag, since skopeo knows nothing of referrers."""
    target = f"docker://{registry.address}/{repository}"
    for name in sorted(names(layout)):
        # skopeo 1.9 writes lists anew, without artifact types, and so can keep the digest of images only.
        keep = [] if name.startswith("sha256-") else ["--preserve-digests"]
        run("skopeo", "copy", "-q", "--all", *keep, "--dest-tls-verify=false", f"oci:{layout}:{name}", f"{target}:{name}")


PUSHERS = {regctl_push: "regctl", oras_push: "oras-go", skopeo_push: "skopeo, tag by tag"}


class Trip:
    """One client brings the layout to one registry; others look for the statements there and bring them back."""

    def __init__(self, report, place, layout, registry, pusher):
        self.report, self.layout, self.registry, self.push = report, layout, registry, pusher
        self.wanted = truth(layout)
        self.repository = f"referrers/{pusher.__name__}".replace("_", "-")
        self.place = place / f"{'api' if registry.has_api else 'tags'}-{pusher.__name__}"
        self.what = f"pushed by {PUSHERS[pusher]} to {registry.name}"

    def make(self):
        with self.report.check(f"an image with referrers is {self.what}"):
            self.push(self.layout, self.registry, self.repository)
        remote = f"{self.registry.address}/{self.repository}"
        readers = {
            "regctl": lambda subject: regctl_list(f"{remote}@{subject}", *self.registry.regctl),
            "oras-go": lambda subject: oras_list(remote, subject),
            "the registry's own answer": lambda subject: api_list(self.registry, self.repository, subject),
        }
        for name, reader in readers.items():
            with self.report.check(f"referrers are found by {name}, {self.what}"):
                for subject, below in self.told().items():
                    same(f"referrers of {subject}", self.comparable(reader(subject)), below)
        self.place.mkdir()
        with self.report.check(f"referrers come back by regctl, {self.what}"):
            back = self.place / "regctl"
            run("regctl", *self.registry.regctl, "image", "copy", "--referrers", f"{remote}:app", f"ocidir://{back}:app")
            self.unchanged(back)
        with self.report.check(f"referrers come back by oras-go, {self.what}"):
            back = self.place / "oras"
            run("witness", "copy", remote, "app", f"oci:{back}", "app")
            self.unchanged(back)

    def told(self):
        """What the registry is to say: go-containerregistry's puts the config's media type for the artifact type."""
        wanted = config_types(self.layout) if self.registry.has_api else self.wanted
        return {subject: self.comparable(below) for subject, below in wanted.items()}

    def comparable(self, below):
        """skopeo 1.9 leaves the artifact types out of the lists that it writes."""
        if self.push is skopeo_push and not self.registry.has_api:
            return {digest: annotations for digest, (_, annotations) in below.items()}
        return below

    def unchanged(self, back):
        """Every manifest is there, and with the missing form written again the layout is what it was."""
        same("digest", seen(back, "app"), seen(self.layout, "app"))
        same("statements", truth(back), self.wanted)
        # Neither client brings back both forms.
        airbase("doctor", back, expect=(1,))
        airbase("doctor", back, "--fix")
        airbase("doctor", back)
        same("names", names(back), names(self.layout))
        everyone_sees(back, self.wanted)
        same("what holds of the image", *(airbase("lifecycle", "show", f"{each}:app")["subjects"] for each in (self.layout, back)))


def merging(report, place, layout, registry):
    """What a registry knew already of the image is still there after the image came with referrers of its own, but for skopeo
    and a registry without the API: there the list is a tag like any other."""
    subject = seen(layout, "app")
    for pusher, name in PUSHERS.items():
        kept = registry.has_api or pusher is not skopeo_push
        with report.check(f"a referrer that was there is {'kept' if kept else 'lost'} when {name} pushes to {registry.name}"):
            repository = f"known/{pusher.__name__}".replace("_", "-")
            remote = f"{registry.address}/{repository}"
            plain = place / f"plain-{'api' if registry.has_api else 'tags'}-{pusher.__name__}"
            airbase("copy", f"{layout}:app", f"{plain}:app", "--referrers", "none")
            run("regctl", *registry.regctl, "image", "copy", f"ocidir://{plain}:app", f"{remote}:app")
            run("witness", "attach", remote, "app", "application/x-theirs")
            (theirs,) = api_list(registry, repository, subject)
            pusher(layout, registry, repository)
            found = set(api_list(registry, repository, subject))
            same("whether ours are there", set(truth(layout)[subject]) <= found, True)
            same("whether theirs is there", str(theirs in found), str(kept))


def stopped(report, inputs, place, registry):
    """Forms in a layout for which a client leaves the image at home; with the layout mended it arrives."""
    artifact, gone = "an artifact manifest", "a list with one that is gone"
    for form, pusher in ((artifact, regctl_push), (artifact, oras_push), (gone, regctl_push)):
        with report.check(f"{form} stops {PUSHERS[pusher]} on the way to {registry.name}, and mended the image arrives"):
            here = place / f"stopped-{form.split()[-1]}-{pusher.__name__}"
            layout, image = visits.broken(inputs, here, form)
            repository = here.name.replace("_", "-")
            try:
                pusher(layout, registry, repository)
            except Failed:
                if form == gone:
                    # Whoever knows that it is not coming back takes it off the list.
                    airbase("detach", f"{layout}:app", visits.sha256(b"gone"))
                else:
                    airbase("doctor", layout, "--fix")
                pusher(layout, registry, repository)
                same("reports", len(api_list(registry, repository, image)), 1)
            else:
                raise Failed("it arrives unmended")
