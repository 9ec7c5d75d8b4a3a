"""What `airbase prepare` prints is what the clients do, and `airbase verify-sync` tells what arrived.

A collection of two images with statements on them is pushed with the commands of its own plan, and what each client says of the
registry is held against the plan. Collections are copied by the clients as the indexes that they are.
"""

import json

from .checks import Failed, airbase, run, same, seen, text

DATE = ["-a", "org.opencontainers.image.created=2026-01-02T03:04:05Z"]


def made(place, inputs):
    """A layout with an image for two platforms, one for one platform, a signed report on the first, and a collection of both."""
    layout = place / "layout"
    airbase("copy", f"{inputs.several}:app", f"{layout}:team/several:1")
    airbase("copy", f"{inputs.single}:app", f"{layout}:team/single:1")
    report = airbase("attach", f"{layout}:several:1", "--type", "application/x-report", *DATE)["attached"][0]["digest"]
    airbase("attach", f"{layout}@{report}", "--type", "application/x-signature", *DATE)
    airbase("collection", "create", f"{layout}:team/suite:1", f"{layout}:several:1", f"{layout}:single:1")
    return layout


def check(report, inputs, registry):
    place = inputs.place / "plans"
    place.mkdir()
    layout = made(place, inputs)
    whole = f"{registry.address}/whole"
    plan = planned(place / "whole.json", layout, whole)
    with report.check("what nobody pushed is told"):
        same("standings", standings(place, plan, asked(registry, plan), 1), {"missing"})
    with report.check("what is pushed with regctl's commands of a plan arrives"):
        for command in commands(plan, "regctl"):
            run(command[0], *registry.regctl, *command[1:])
        same("standings", standings(place, plan, asked(registry, plan), 0), {"there"})
    with report.check("the listings of clients tell of a plan what they can"):
        listed(place, plan, registry, whole)
    with report.check("what is pushed with skopeo's commands of a plan without referrers arrives"):
        bare = planned(place / "bare.json", layout, f"{registry.address}/bare", "--profile", "runtime")
        for command in commands(bare, "skopeo"):
            run(*command[:2], "-q", "--dest-tls-verify=false", *command[2:])
        same("standings", standings(place, bare, asked(registry, bare), 0), {"there"})
    with report.check("what is pushed with crane's command of a plan arrives"):
        airbase("copy", f"{layout}:single:1", place / "one")
        one = planned(place / "one.json", place / "one", f"{registry.address}/one")
        for command in commands(one, "crane"):
            run(*command, "--insecure")
        same("standings", standings(place, one, asked(registry, one), 0), {"there"})
    with report.check("skopeo reads what is prepared for a runtime"):
        loaded(place, layout)
    with report.check("collections are copied by regctl, crane and skopeo"):
        copied(place, layout, inputs, registry, whole)


def planned(path, layout, registry, *more):
    plan = airbase("prepare", layout, "--registry", registry, *more)
    path.write_text(json.dumps(plan))
    plan["file"] = path
    return plan


def commands(plan, client):
    """The commands of a client, each of which must be enough."""
    found = [each["command"] for push in plan["pushes"] for each in push["clients"] if each["client"] == client]
    enough = [each["suffices"] for push in plan["pushes"] for each in push["clients"] if each["client"] == client]
    same(f"whether {client} suffices", enough, [True] * len(plan["pushes"]))
    return found


def asked(registry, plan):
    """The lines that regctl gives for everything that must be there."""
    lines = []
    for item in (item for item in plan["items"] if item["required"]):
        found = text("regctl", *registry.regctl, "manifest", "head", item["reference"], expect=(0, 1))
        lines.append(f"{found or '-'} {item['reference']}")
    return lines


def standings(place, plan, lines, status):
    listing = place / "listing"
    listing.write_text("\n".join(lines))
    verified = airbase("verify-sync", plan["file"], listing, expect=(status,))
    return {item["standing"] for item in verified["items"] if item["required"]}


def listed(place, plan, registry, whole):
    """Each client's answer, as it prints it, proves what stands in it."""
    name = f"{whole}/team/several:1"
    referrer = next(item for item in plan["items"] if item["kind"] == "referrer")
    answers = {
        "crane-digest": (text("crane", "digest", "--insecure", "--full-ref", name), None, None),
        "regctl-head": (text("regctl", *registry.regctl, "manifest", "head", name), name, name),
        "regctl-artifacts": (
            text("regctl", *registry.regctl, "artifact", "list", name, "--format", "{{json .}}"), None, referrer["reference"]),
        "skopeo-inspect": (text("skopeo", "inspect", "--tls-verify=false", f"docker://{name}"), name, name),
    }
    for client, (answer, told, proven) in answers.items():
        path = place / client
        path.write_text(answer)
        given = f"{told}={path}" if told else path
        verified = airbase("verify-sync", plan["file"], given, expect=(1,))
        there = [item["reference"] for item in verified["items"] if item["standing"] == "there"]
        if proven:
            same(f"what {client} proves", proven in there, True)
    tags = place / "skopeo-tags"
    tags.write_text(text("skopeo", "list-tags", "--tls-verify=false", f"docker://{whole}/team/several"))
    refused = airbase("verify-sync", plan["file"], tags, expect=(2,))
    same("a list of tags", refused["error"]["code"], "sync.listing")


def loaded(place, layout):
    archive = place / "run.tar"
    airbase("prepare", f"{layout}:single:1", "--registry", "registry.site", "--profile", "runtime", "-o", archive)
    # The library that podman loads with; its store would outlive this.
    digest = text("skopeo", "inspect", "--format", "{{.Digest}}", f"oci-archive:{archive}")
    same("the digest", digest, seen(layout, "team/single:1"))


def copied(place, layout, inputs, registry, whole):
    suite = seen(layout, "team/suite:1")
    run("regctl", "image", "copy", "--referrers", f"ocidir://{layout}@{suite}", f"ocidir://{place}/rows:suite")
    same("the collection", seen(place / "rows", "suite"), suite)
    same("its referrers", airbase("collection", "check", f"{place}/rows:suite")["referrers"], 2)
    run("crane", "copy", "--insecure", f"{whole}/team/suite:1", f"{whole}/again:1")
    same("the collection", text("crane", "digest", "--insecure", f"{whole}/again:1"), suite)
    # skopeo copies no index within an index, and the plan says so.
    plan = airbase("prepare", f"{layout}:team/suite:1", "--registry", whole)
    same("skopeo's command", [each["command"] for each in plan["pushes"][0]["clients"] if each["client"] == "skopeo"], [[]])
    try:
        run("skopeo", "copy", "-q", "--all", "--preserve-digests", f"oci:{layout}:team/suite:1", f"oci:{place}/nested:suite")
    except Failed:
        pass
    else:
        raise Failed("skopeo copies an index within an index by now: prepare must say so")
    flat = place / "flat"
    for name, source in (("one:1", "old"), ("two:1", "app")):
        airbase("copy", f"{inputs.single}:{source}", f"{flat}:{name}")
    airbase("collection", "create", f"{flat}:suite", f"{flat}:one:1", f"{flat}:two:1")
    run("skopeo", "copy", "-q", "--all", "--preserve-digests", f"oci:{flat}:suite", f"oci:{place}/theirs:suite")
    same("the collection", airbase("collection", "check", f"{place}/theirs:suite")["digest"], seen(flat, "suite"))
