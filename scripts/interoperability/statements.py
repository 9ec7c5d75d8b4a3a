"""Who refers to what: as the blobs of a layout say it, and as each client and each registry lists it.

Everything is `{subject: {digest: (artifact type, annotations)}}`. What the blobs say is the truth that the lists are held against;
it is read here without any client.
"""

import json
import urllib.error
import urllib.request

from .checks import Failed, run, same

INDEX = "application/vnd.oci.image.index.v1+json"
REF_NAME = "org.opencontainers.image.ref.name"


def fallback_tag(digest):
    return digest.replace(":", "-")


def documents(layout):
    """Digests and content of the blobs that are manifests: JSON objects that say of what media type they are."""
    for path in sorted((layout / "blobs" / "sha256").iterdir()):
        content = path.read_bytes()
        if content[:1] == b"{" and "mediaType" in (document := json.loads(content)):
            yield f"sha256:{path.name}", document


def truth(layout):
    """What the manifests themselves say."""
    found = {}
    for digest, document in documents(layout):
        if subject := document.get("subject"):
            told = (document.get("artifactType") or document["config"]["mediaType"], document.get("annotations") or {})
            found.setdefault(subject["digest"], {})[digest] = told
    return found


def config_types(layout):
    """The truth, but for the artifact type the media type of the config: go-containerregistry's registry says that."""
    configs = {digest: document["config"]["mediaType"] for digest, document in documents(layout) if "subject" in document}
    return {
        subject: {digest: (configs[digest], annotations) for digest, (_, annotations) in below.items()}
        for subject, below in truth(layout).items()
    }


def index(layout):
    return json.loads((layout / "index.json").read_bytes())


def names(layout):
    """The names of a layout and what they stand for."""
    entries = [entry for entry in index(layout)["manifests"] if REF_NAME in entry.get("annotations", {})]
    return {entry["annotations"][REF_NAME]: entry["digest"] for entry in entries}


def told(descriptors):
    return {each["digest"]: (each.get("artifactType", ""), each.get("annotations") or {}) for each in descriptors or []}


def regctl_list(where, *options):
    """What regctl lists of `ocidir://LAYOUT@DIGEST` or `HOST/REPOSITORY@DIGEST`."""
    return told(json.loads(run("regctl", "artifact", "list", where, *options, "--format", "{{json .Descriptors}}")))


def oras_list(place, reference, *artifact_type):
    """What oras-go finds in `oci:LAYOUT` or `HOST/REPOSITORY`."""
    return told(json.loads(run("witness", "discover", place, reference, *artifact_type)))


def api_list(registry, repository, subject):
    """What the registry itself says: its referrers API, or where it has none the list under the fallback tag."""
    base = f"http://{registry.address}/v2/{repository}"
    try:
        with urllib.request.urlopen(f"{base}/referrers/{subject}", timeout=30) as answer:
            if not registry.has_api:
                raise Failed("it has a referrers API, which was not expected")
            return told(json.load(answer)["manifests"])
    except urllib.error.HTTPError as error:
        if registry.has_api or error.code != 404:
            raise
    request = urllib.request.Request(f"{base}/manifests/{fallback_tag(subject)}", headers={"Accept": INDEX})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return told(json.load(answer)["manifests"])


def everyone_sees(layout, wanted):
    """In a layout, regctl and oras-go list what the manifests say, with types and annotations."""
    same("subjects", sorted(truth(layout)), sorted(wanted))
    for subject, below in wanted.items():
        same(f"what regctl lists of {subject}", regctl_list(f"ocidir://{layout}@{subject}"), below)
        same(f"what oras-go finds of {subject}", oras_list(f"oci:{layout}", subject), below)
