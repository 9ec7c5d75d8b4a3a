"""Referrers in the layout itself: others see what airbase wrote, airbase sees what they write, and what it tells of them is so.

Where one client finds something and another does not, `airbase doctor` has to say just that of each, and with `--fix` both find it.
"""

import contextlib
import json
import shutil

from .checks import Failed, Unavailable, airbase, run, same, seen, sha256
from .others import message
from .statements import everyone_sees, fallback_tag, index, names, oras_list, regctl_list, truth

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
ARTIFACT_MANIFEST = "application/vnd.oci.artifact.manifest.v1+json"
SBOM, REPORT = "application/spdx+json", "application/x-report"
CREATED = "org.opencontainers.image.created"
# image-spec: descriptor.md, image-index.md.
DESCRIPTOR = {"mediaType", "digest", "size", "urls", "annotations", "data", "artifactType", "platform"}
INDEX = {"schemaVersion", "mediaType", "artifactType", "manifests", "subject", "annotations"}


def check(report, inputs, place, layout, messages):
    place.mkdir()
    if not shutil.which("witness"):
        report.miss("oras-go and regctl see what airbase wrote, and airbase what they write", message(messages, "witness"))
        return
    seen_by_all(report, layout)
    of_sha512(report, inputs, place)
    told_right(report, inputs, place)
    written_by_others(report, place, layout)
    visited(report, inputs, place, layout)
    collected(report, inputs, place, layout)
    handed_over(report, place, layout)


def copied(layout, target):
    return shutil.copytree(layout, target)


def edit(layout, change):
    """Changes the entries of index.json, which `change` gets and gives."""
    document = index(layout)
    document["manifests"] = change(document["manifests"])
    (layout / "index.json").write_text(json.dumps(document))


def store(layout, document):
    """Adds a blob; gives its descriptor."""
    content = json.dumps(document).encode()
    (layout / "blobs" / "sha256" / sha256(content)[7:]).write_bytes(content)
    return {"mediaType": document["mediaType"], "digest": sha256(content), "size": len(content)}


def read(layout, digest):
    return json.loads((layout / "blobs" / "sha256" / digest[7:]).read_bytes())


def blobs(layout):
    return {f"sha256:{path.name}" for path in (layout / "blobs" / "sha256").iterdir()}


def seen_by_all(report, layout):
    wanted = truth(layout)
    with report.check("oras-go and regctl see what airbase wrote, on the index, on platforms and on referrers"):
        everyone_sees(layout, wanted)
    subject = seen(layout, "app")
    with report.check("regctl finds by type and by annotation what airbase wrote"):
        of_type = {digest: told for digest, told in wanted[subject].items() if told[0] == SBOM}
        same("type", regctl_list(f"ocidir://{layout}@{subject}", "--filter-artifact-type", SBOM), of_type)
        same("type, oras-go", oras_list(f"oci:{layout}", subject, SBOM), of_type)
        date = "2026-02-03T04:05:06Z"
        of_date = {digest: told for digest, told in wanted[subject].items() if told[1][CREATED] == date}
        same("annotation", regctl_list(f"ocidir://{layout}@{subject}", "--filter-annotation", f"{CREATED}={date}"), of_date)
    with report.check("names are given once, and only members of the specification are used in index.json and in lists"):
        listed = [entry for entry in index(layout)["manifests"] if "org.opencontainers.image.ref.name" in entry.get("annotations", {})]
        same("names", len(names(layout)), len(listed))
        for document in [index(layout), *(read(layout, digest) for name, digest in names(layout).items() if name.startswith("sha256-"))]:
            same("members of the index", set(document) <= INDEX, True)
            same("members of descriptors", all(set(each) <= DESCRIPTOR for each in document["manifests"]), True)


def of_sha512(report, inputs, place):
    """The fallback tag keeps half of the digits of such a digest."""
    with report.check("oras-go and regctl see a referrer of an image whose digest is of sha512"):
        theirs, ours = copied(inputs.single, place / "sha512-theirs"), place / "sha512"
        run("regctl", "image", "mod", f"ocidir://{theirs}:app", "--create", "long", "--digest-algo", "sha512")
        airbase("copy", f"{theirs}:long", f"{ours}:app")
        made = airbase("attach", f"{ours}:app", "--type", REPORT)["attached"][0]
        same("the algorithm", made["subject"].split(":")[0], "sha512")
        everyone_sees(ours, truth(ours))
        same("subjects", list(truth(ours)), [made["subject"]])


# How a layout with one image and one report on it can be listed in another way: what it is, and how it is made of one that
# airbase wrote, whose image, report and list of reports are given.
def entry_alone(layout, image, referrer):
    edit(layout, lambda entries: [entry for entry in entries if entry["digest"] != names(layout)[fallback_tag(image)]])


def list_alone(layout, image, referrer):
    edit(layout, lambda entries: [entry for entry in entries if entry["digest"] != referrer])


def blob_alone(layout, image, referrer):
    entry_alone(layout, image, referrer)
    list_alone(layout, image, referrer)


def relisted(layout, image, change):
    """Changes the list under the fallback tag."""
    tag = fallback_tag(image)
    old = names(layout)[tag]
    document = read(layout, old)
    document["manifests"] = change(document["manifests"])
    new = store(layout, document)
    edit(layout, lambda entries: [{**entry, **new} if entry["digest"] == old else entry for entry in entries])


def bare_list(layout, image, referrer):
    relisted(layout, image, lambda children: [{key: child[key] for key in ("mediaType", "digest", "size")} for child in children])


def wrong_size(layout, image, referrer):
    edit(layout, lambda entries: [{**entry, "size": 7} if entry["digest"] == referrer else entry for entry in entries])


def stranger(layout, image, referrer):
    size = (layout / "blobs" / "sha256" / image[7:]).stat().st_size
    relisted(layout, image, lambda children: [*children, {"mediaType": MANIFEST, "digest": image, "size": size}])


def gone(layout, image, referrer):
    relisted(layout, image, lambda children: [*children, {"mediaType": MANIFEST, "digest": sha256(b"gone"), "size": 4}])


def replaced(layout, image, referrer, change):
    """Another manifest in the place of the report, in the entry and in the list."""
    document = read(layout, referrer)
    change(document)
    new = store(layout, document)
    (layout / "blobs" / "sha256" / referrer[7:]).unlink()
    relisted(layout, image, lambda children: [{**child, **new} for child in children])
    edit(layout, lambda entries: [{**entry, **new} if entry["digest"] == referrer else entry for entry in entries])


def other_subject_type(layout, image, referrer):
    replaced(layout, image, referrer, lambda document: document["subject"].update(mediaType=DOCKER_MANIFEST))


def other_subject_size(layout, image, referrer):
    replaced(layout, image, referrer, lambda document: document["subject"].update(size=7))


def artifact_manifest(layout, image, referrer):
    def change(document):
        subject, artifact_type = document["subject"], document["artifactType"]
        document.clear()
        document.update(mediaType=ARTIFACT_MANIFEST, artifactType=artifact_type, blobs=[], subject=subject)

    replaced(layout, image, referrer, change)


FORMS = {
    "an entry alone": entry_alone,
    "a list alone": list_alone,
    "a blob alone": blob_alone,
    "a list without types": bare_list,
    "a wrong size": wrong_size,
    "a list with a stranger": stranger,
    "a list with one that is gone": gone,
    "a subject of another media type": other_subject_type,
    "a subject of another size": other_subject_size,
    "an artifact manifest": artifact_manifest,
}
# What a subject is stands in the manifest, whose digest it is part of; what is not there is not proven to refer to nothing.
NOT_MENDED = (other_subject_type, other_subject_size, gone)


def with_report(inputs, place):
    """A layout with an image and a report on it; the digests of both."""
    airbase("copy", f"{inputs.single}:app", f"{place}:app")
    made = airbase("attach", f"{place}:app", "--type", REPORT, "-a", f"{CREATED}=2026-01-02T03:04:05Z", "-a", "team=red")
    return place, seen(place, "app"), made["attached"][0]["digest"]


def broken(inputs, place, form):
    """A layout with a report that is listed in that form, and the digest of the image."""
    layout, image, referrer = with_report(inputs, place)
    FORMS[form](layout, image, referrer)
    return layout, image


def told_right(report, inputs, place):
    for number, (form, make) in enumerate(FORMS.items()):
        with report.check(f"what airbase doctor tells of oras-go and regctl is so, and mended they see it: {form}"):
            layout, image = broken(inputs, place / f"form-{number}", form)
            (told,) = [each for each in airbase("doctor", layout, expect=(0, 1))["referrers"] if each["subject"] == image]
            digest = told["digest"]
            same("whether oras-go sees it", str(sees(lambda: oras_list(f"oci:{layout}", "app"), digest)), str(told["seenBy"]["oras"]))
            same("whether regctl sees it", str(sees(lambda: regctl_list(f"ocidir://{layout}:app"), digest)), str(told["seenBy"]["regctl"]))
            if make in NOT_MENDED:
                airbase("doctor", layout, "--fix", expect=(1,))
                continue
            airbase("doctor", layout, "--fix", *(["--adopt"] if make is blob_alone else []))
            airbase("doctor", layout)
            # The artifact manifest is still among the blobs, and its image manifest is another one.
            wanted = {image: {d: t for d, t in truth(layout)[image].items() if make is not artifact_manifest or d != digest}}
            same("reports", len(wanted[image]), 1)
            same("what regctl lists", regctl_list(f"ocidir://{layout}:app"), wanted[image])
            same("what oras-go finds", oras_list(f"oci:{layout}", "app"), wanted[image])
    with report.check("oras-go is asked for a platform: it answers where the platform is an entry, and airbase doctor sees to that"):
        layout = place / "platform"
        airbase("copy", f"{inputs.several}:app", f"{layout}:app")
        made = airbase("attach", f"{layout}:app", "--type", REPORT, "--platform", "linux/arm64")["attached"][0]
        everyone_sees(layout, truth(layout))
        edit(layout, lambda entries: [entry for entry in entries if entry["digest"] != made["subject"]])
        same("whether oras-go answers", str(sees(lambda: oras_list(f"oci:{layout}", made["subject"]), made["digest"])), "False")
        airbase("doctor", layout, "--fix")
        everyone_sees(layout, truth(layout))


def sees(ask, digest):
    """Whether a client finds it. One that refuses the layout finds nothing."""
    try:
        return digest in ask()
    except Failed:
        return False


def written_by_others(report, place, layout):
    with report.check("airbase sees what regctl and oras-go attach, and mended both see all of it"):
        visited_by_both = copied(layout, place / "attached")
        subject = seen(visited_by_both, "app")
        known = set(truth(visited_by_both)[subject])
        (place / "text").write_text("a report")
        put = ["--artifact-type", "application/x-regctl", "--annotation", "by=regctl", "-f", place / "text"]
        run("regctl", "artifact", "put", "--subject", f"ocidir://{visited_by_both}:app", *put)
        run("witness", "attach", f"oci:{visited_by_both}", "app", "application/x-oras", "by=oras-go")
        wanted = truth(visited_by_both)
        same("new ones", len(set(wanted[subject]) - known), 2)
        found = airbase("referrers", f"{visited_by_both}:app")["subjects"][0]["referrers"]
        same("what airbase finds", {each["digest"]: (each["artifactType"], each["annotations"]) for each in found}, wanted[subject])
        airbase("doctor", visited_by_both, expect=(1,))
        airbase("doctor", visited_by_both, "--fix")
        airbase("doctor", visited_by_both)
        everyone_sees(visited_by_both, wanted)
    with report.check("the newest is found by its date, whatever the order"):
        dated = copied(layout, place / "dated")
        made = {}
        for day in ("03", "09", "06"):
            date = f"{CREATED}=2026-03-{day}T00:00:00Z"
            made[day] = airbase("attach", f"{dated}:app", "--type", REPORT, "-a", date)["attached"][0]["digest"]
        newest, wanted = ["--filter-artifact-type", REPORT, "--latest"], [made[day] for day in ("09", "06", "03")]
        same("from the newest", list(regctl_list(f"ocidir://{dated}:app", *newest)), wanted)
        carried = place / "dated-carried"
        run("witness", "copy", f"oci:{dated}", "app", f"oci:{carried}", "app")
        airbase("doctor", carried, "--fix")
        same("from the newest after a copy", list(regctl_list(f"ocidir://{carried}:app", *newest)), wanted)
    with report.check("an image under a name with a colon and slashes: clients take its digest"):
        named = place / "named"
        airbase("copy", f"{layout}:app", f"{named}:registry.example/team/app:1")
        everyone_sees(named, truth(layout))


def visited(report, inputs, place, layout):
    wanted = truth(layout)
    visits = {
        "skopeo": lambda here: run("skopeo", "copy", "-q", f"oci:{inputs.single}:old", f"oci:{here}:other"),
        "regctl": lambda here: run("regctl", "image", "copy", f"ocidir://{inputs.single}:old", f"ocidir://{here}:other"),
        "umoci": lambda here: run("umoci", "new", "--image", f"{here}:other"),
        "oras-go": lambda here: run("witness", "copy", f"oci:{inputs.single}", "old", f"oci:{here}", "other"),
    }
    for client, visit in visits.items():
        with report.check(f"nothing is lost or hidden after a visit of {client}"):
            here = copied(layout, place / f"visited-{client}")
            visit(here)
            same("whether it wrote", "other" in names(here), True)
            airbase("doctor", here)
            everyone_sees(here, wanted)


def reachable(layout):
    """Everything that index.json leads to."""
    found, waiting = set(), list(index(layout)["manifests"])
    while waiting:
        each = waiting.pop()
        if each["digest"] in found:
            continue
        found.add(each["digest"])
        if each["mediaType"].endswith(("manifest.v1+json", "index.v1+json")):
            document = read(layout, each["digest"])
            waiting += document.get("manifests", []) + document.get("layers", [])
            waiting += [document["config"]] if "config" in document else []
    return found


def collected(report, inputs, place, layout):
    collectors = {
        "umoci gc": lambda here: run("umoci", "gc", "--layout", here),
        "regctl, which collects when it writes,": lambda here: run(
            "regctl", "image", "copy", f"ocidir://{inputs.single}:old", f"ocidir://{here}:other"
        ),
        "airbase gc": lambda here: airbase("gc", here, "--apply", "--grace", "0"),
    }
    replaced_lists = blobs(layout) - reachable(layout)
    for number, (name, collect) in enumerate(collectors.items()):
        with report.check(f"{name} takes the lists that were replaced and nothing else"):
            same("whether all of them are lists", all("manifests" in read(layout, digest) for digest in replaced_lists), True)
            here = copied(layout, place / f"collected-{number}")
            collect(here)
            same("what went", blobs(layout) - blobs(here), replaced_lists)
            airbase("doctor", here)
            everyone_sees(here, truth(layout))
        with report.check(f"a referrer that nothing lists is {'kept' if 'airbase' in name else 'lost'}: {name}"):
            here, image = broken(inputs, place / f"unlisted-{number}", "a blob alone")
            collect(here)
            same("whether it is there", str(image in truth(here)), str("airbase" in name))
    with report.check("umoci gc stops at a referrer without its subject until airbase gc was there"):
        here, _, _ = with_report(inputs, place / "dangling")
        run("skopeo", "copy", "-q", f"oci:{inputs.single}:old", f"oci:{here}:other")
        airbase("rm", f"{here}:app")
        airbase("gc", here, "--apply", "--grace", "30d")
        # umoci takes the subject for a part of the referrer, and the subject is young and so still there: without it, it stops.
        (here / "blobs" / "sha256" / seen(inputs.single, "app")[7:]).unlink()
        run("umoci", "gc", "--layout", here, expect=(1,))
        airbase("gc", here, "--apply", "--grace", "0")
        run("umoci", "gc", "--layout", here)
        airbase("doctor", here)


def handed_over(report, place, layout):
    with report.check("a hand-over without referrers has one entry, which skopeo takes without a name"):
        run("skopeo", "inspect", "--raw", f"oci:{layout}", expect=(1,))
        alone = place / "alone"
        airbase("copy", f"{layout}:app", f"{alone}:app", "--referrers", "none")
        same("digest", sha256(run("skopeo", "inspect", "--raw", f"oci:{alone}")), seen(layout, "app"))
