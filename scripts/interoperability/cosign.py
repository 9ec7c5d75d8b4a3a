"""cosign's signatures still hold after airbase copied the image with them and collected what nobody needs.

Not part of the run that every change must pass, since cosign takes minutes to build: `scripts/witnesses --cosign`, then
`scripts/interop --cosign`. The key is made here, and no transparency log or server of keys is asked.
"""

import os

from .checks import airbase, run, same, seen
from .registry import WithReferrers

# Where cosign keeps signatures and attestations: under tags made of the digest, or as bundles that refer to the image.
FORMS = {"under tags": [], "as bundles that refer to the image": ["--new-bundle-format"]}


def check(report, inputs, messages):
    place = inputs.place / "cosign"
    place.mkdir()
    os.environ["COSIGN_PASSWORD"] = "none of anybody's"
    run("cosign", "generate-key-pair", cwd=place)
    # A trusted root that trusts nobody: without one cosign would ask a server.
    (place / "root.json").write_text('{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}')
    (place / "predicate.json").write_text('{"built": "here"}')
    with WithReferrers(messages) as registry:
        for number, (form, options) in enumerate(FORMS.items()):
            for what, layout in (("one platform", inputs.single), ("two platforms", inputs.several)):
                with report.check(f"cosign verifies after airbase copy and gc, signatures {form}, {what}"):
                    carried(Cosign(place, options), registry, place / f"{number}-{what.split()[0]}", layout)
        with report.check("cosign verifies what it saved itself after airbase copy and gc"):
            saved(Cosign(place, []), registry, place / "saved", inputs.single)


class Cosign:
    def __init__(self, place, options):
        self.place, self.options = place, options

    def sign(self, image):
        signing = ["--key", self.place / "cosign.key", "--tlog-upload=false", "--allow-insecure-registry", "--yes", *self.options]
        run("cosign", "sign", *signing, image)
        run("cosign", "attest", *signing, "--type", "custom", "--predicate", self.place / "predicate.json", image)

    def verify(self, *image, expect=(0,)):
        checking = ["--key", self.place / "cosign.pub", "--insecure-ignore-tlog=true", "--allow-insecure-registry"]
        checking += ["--trusted-root", self.place / "root.json", *self.options]
        run("cosign", "verify", *checking, *image, expect=expect)
        run("cosign", "verify-attestation", *checking, "--type", "custom", *image, expect=expect)


def carried(cosign, registry, place, layout):
    """From a registry into a layout, through airbase, and into another repository."""
    place.mkdir()
    digest = seen(layout, "app")
    signed, arrived = (f"{registry.address}/{place.name}-{name}" for name in ("signed", "arrived"))
    regctl = ["regctl", *registry.regctl, "image", "copy"]
    run(*regctl, f"ocidir://{layout}:app", f"{signed}:app")
    cosign.sign(f"{signed}@{digest}")
    cosign.verify(f"{signed}@{digest}")
    # Without its signatures it is not verified.
    run(*regctl, f"ocidir://{layout}:app", f"{arrived}:app")
    cosign.verify(f"{arrived}@{digest}", expect=range(1, 256))
    run(*regctl, "--referrers", "--digest-tags", f"{signed}:app", f"ocidir://{place / 'layout'}:app")
    gone = airbase("copy", f"{place / 'layout'}:app", f"{place / 'copy'}:app")["referrers"]
    same("whether something went along", len(gone) > 1, True)
    airbase("gc", place / "copy", "--apply", "--grace", "0")
    airbase("doctor", place / "copy")
    run(*regctl, "--referrers", "--digest-tags", f"ocidir://{place / 'copy'}:app", f"{arrived}:app")
    cosign.verify(f"{arrived}@{digest}")


def saved(cosign, registry, place, layout):
    """A layout of cosign's own, whose entries have neither a name nor a subject."""
    remote = f"{registry.address}/saved"
    run("regctl", *registry.regctl, "image", "copy", f"ocidir://{layout}:app", f"{remote}:app")
    cosign.sign(f"{remote}@{seen(layout, 'app')}")
    run("cosign", "save", "--allow-insecure-registry", "--dir", place, f"{remote}:app")
    copy = place.with_name("saved-copy")
    airbase("copy", "--all", place, copy)
    airbase("gc", copy, "--apply", "--grace", "0")
    cosign.verify("--local-image", copy)
