"""The scripts that `airbase prepare --format sh` prints do what they promise, for each kind of input and each client.

A script that airbase calls enough (exit status 0) runs, and `airbase verify-sync` finds everything in the registry afterwards. One
that it does not call enough ends with another status than 0. Nothing else is right.
"""

import json
import os
import shutil
import subprocess
import tarfile
from contextlib import ExitStack

from support.oci import CONFIG, INDEX, LAYER, MANIFEST, REF_NAME, dump, layer, sha256

from .checks import Failed, Unavailable, run, text
from .others import message
from .registry import Distribution, WithReferrers

CLIENTS = ("regctl", "oras", "skopeo", "crane", "cosign")
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
EMPTY = "application/vnd.oci.empty.v1+json"


class Made:
    """A layout of any documents."""

    def __init__(self):
        self.blobs, self.entries, self.options = {}, [], []

    def put(self, content, media_type, **more):
        content = content if isinstance(content, bytes) else dump(content)
        self.blobs[sha256(content)] = content
        return {"mediaType": media_type, "digest": sha256(content), "size": len(content), **more}

    def image(self, word, manifest=MANIFEST, config=CONFIG, layers=LAYER, architecture="amd64"):
        made = layer({"app/word": word.encode() + architecture.encode()})
        settings = {"architecture": architecture, "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [made.diff_id]}}
        document = {"schemaVersion": 2, "mediaType": manifest, "config": self.put(settings, config), "layers": [self.put(made.content, layers)]}
        return self.put(document, manifest)

    def index(self, children, media_type=INDEX):
        return self.put({"schemaVersion": 2, "mediaType": media_type, "manifests": children}, media_type)

    def several(self, word, media_type=INDEX, **types):
        platforms = [{"os": "linux", "architecture": each} for each in ("amd64", "arm64")]
        return self.index([{**self.image(word, architecture=each["architecture"], **types), "platform": each} for each in platforms], media_type)

    def artifact(self, kind, config=EMPTY, content=b"content", subject=None):
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind, "config": self.put({}, config)}
        document["layers"] = [self.put(content, "application/octet-stream")]
        if subject:
            document["subject"] = {key: subject[key] for key in ("mediaType", "digest", "size")}
        return self.put(document, MANIFEST)

    def name(self, descriptor, name=None, **more):
        annotations = {**({REF_NAME: name} if name else {}), **more}
        self.entries.append({**descriptor, **({"annotations": annotations} if annotations else {})})

    def files(self):
        yield "oci-layout", b'{"imageLayoutVersion":"1.0.0"}'
        yield "index.json", dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": self.entries})
        for digest, content in self.blobs.items():
            yield f"blobs/{digest.replace(':', '/')}", content

    def write(self, path):
        for name, content in self.files():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
        return path


def kinds():
    """The kinds of input, by what is odd about them."""
    made = {}

    def kind(what):
        made[what] = Made()
        return made[what]

    one = kind("an image")
    one.name(one.image("x"), "registry.example/x:1")
    names = kind("an image with three names")
    for name in ("registry.example/x:1", "registry.example/x:2", "team/y:1"):
        names.name(names.image("x"), name)
    digest = kind("a name with a digest")
    pinned = digest.image("pinned")
    digest.name(pinned, f"quay.io/a/pinned@{pinned['digest']}")
    docker = kind("Docker's media types")
    docker.name(docker.image("d", DOCKER, DOCKER_CONFIG, DOCKER_LAYER), "registry.example/d:1")
    listed = kind("Docker's manifest list")
    listed.name(listed.several("d", DOCKER_LIST, manifest=DOCKER, config=DOCKER_CONFIG, layers=DOCKER_LAYER), "registry.example/d:1")
    mixed = kind("an OCI index of Docker's manifests")
    mixed.name(mixed.several("d", manifest=DOCKER, config=DOCKER_CONFIG, layers=DOCKER_LAYER), "registry.example/d:1")
    nested = kind("an index in an index")
    nested.name(nested.index([nested.several("n")]), "registry.example/n:1")
    several = kind("two platforms with a referrer")
    top = several.several("m")
    several.name(top, "registry.example/m:1")
    several.name(several.artifact("application/x-report", subject=top))
    chart = kind("a chart")
    chart.name(chart.artifact("application/x-chart", "application/vnd.cncf.helm.config.v1+json"), "registry.example/charts/c:1")
    unnamed = kind("an image that lost its name, with a statement on it")
    old = unnamed.image("old")
    unnamed.name(old, **{"dev.airbase.former-names": "registry.example/app:1"})
    statement = unnamed.artifact("application/x-statement", subject=old)
    unnamed.name(statement)
    unnamed.name(unnamed.index([{**statement, "artifactType": "application/x-statement"}]), old["digest"].replace(":", "-"))
    unnamed.name(unnamed.image("new"), "registry.example/app:1")
    listed = kind("an image with a report on the list of its subject")
    top = listed.image("r")
    listed.name(top, "registry.example/r:1")
    report = listed.artifact("application/x-report", subject=top)
    signature = listed.artifact("application/x-signature", subject=report, content=b"signed")
    for subject, referrer, what in ((top, report, "application/x-report"), (report, signature, "application/x-signature")):
        listed.name(referrer, artifactType=what)
        listed.name(listed.index([{**referrer, "artifactType": what}]), subject["digest"].replace(":", "-"))
    platform = kind("a report on one platform")
    top = platform.several("p")
    platform.name(top, "registry.example/p:1")
    child = json.loads(platform.blobs[top["digest"]])["manifests"][1]
    report = platform.artifact("application/x-report", subject=child)
    platform.name(child)
    platform.name(report)
    platform.name(platform.index([{**report, "artifactType": "application/x-report"}]), child["digest"].replace(":", "-"))
    built = kind("an index with an attestation of BuildKit")
    runs = built.image("b")
    attestation = built.artifact("application/vnd.docker.attestation.manifest.v1+json")
    speaks = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": runs["digest"]}
    unknown = {"architecture": "unknown", "os": "unknown"}
    known = {"architecture": "amd64", "os": "linux"}
    built.name(built.index([{**runs, "platform": known}, {**attestation, "platform": unknown, "annotations": speaks}]), "registry.example/b:1")
    saved = kind("what cosign save wrote, into a repository that is named")
    saved.options = ["--unnamed-into", "attic"]
    signed = saved.image("saved")
    saved.name(signed, kind="dev.cosignproject.cosign/image")
    payload = dump({"critical": {"identity": {"docker-reference": ""}, "image": {"docker-manifest-digest": signed["digest"]}, "type": "cosign container image signature"}, "optional": None})
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": saved.put({}, CONFIG)}
    document["layers"] = [saved.put(payload, "application/vnd.dev.cosign.simplesigning.v1+json", annotations={"dev.cosignproject.cosign/signature": "bm9uZQ=="})]
    saved.name(saved.put(document, MANIFEST), kind="dev.cosignproject.cosign/sigs")
    cosign = kind("a tag of cosign")
    signed = cosign.image("signed")
    cosign.name(signed, "registry.example/s:1")
    cosign.name(cosign.artifact("application/x-sig"), f"registry.example/s:{signed['digest'].replace(':', '-')}.sig")
    foreign = kind("a layer kept elsewhere")
    image = json.loads(foreign.blobs[foreign.image("w")["digest"]])
    away = {"mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "digest": sha256(b"away"), "size": 4}
    image["layers"].insert(0, {**away, "urls": ["https://layers.example/1"]})
    config = {"architecture": "amd64", "os": "windows", "rootfs": {"type": "layers", "diff_ids": [sha256(b"a"), sha256(b"b")]}}
    image["config"] = foreign.put(config, CONFIG)
    foreign.name(foreign.put(image, MANIFEST), "registry.example/w:1")
    gone = kind("a layer that is missing")
    entry = gone.image("g")
    gone.name(entry, "registry.example/g:1")
    del gone.blobs[json.loads(gone.blobs[entry["digest"]])["layers"][0]["digest"]]
    return made


def wrapped(place, registry):
    """The clients under their names, told that the registry has no TLS; the scripts themselves stay as they were printed."""
    programs = place / "programs"
    programs.mkdir(exist_ok=True)
    for client, before, after in (("regctl", f'--host "reg={registry.address},tls=disabled"', ""), ("crane", "", "--insecure")):
        write(programs / client, f'exec {text("which", client)} {before} "$@" {after}')
    write(programs / "oras", f'verb=$1; shift; exec {text("which", "oras")} $verb --to-plain-http "$@"')
    if shutil.which("cosign"):
        write(programs / "cosign", f'verb=$1; shift; exec {text("which", "cosign")} $verb --allow-insecure-registry "$@"')
    write(programs / "skopeo", f'verb=$1; shift; exec {text("which", "skopeo")} $verb -q --dest-tls-verify=false "$@"')
    return programs


def write(path, line):
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def outcome(place, source, client, registry, repository, options):
    """Whether the script was called enough, how it ended, and whether everything is there."""
    arguments = [os.environ["AIRBASE"], "prepare", str(source), "--registry", f"{registry.address}/{repository}", "--client", client, *options]
    script = subprocess.run([*arguments, "--format", "sh"], capture_output=True, text=True)
    (place / "plan.json").write_bytes(run(*arguments, "--format", "json", expect=(0, 1)))
    programs = {**os.environ, "PATH": f"{wrapped(place, registry)}:{os.environ['PATH']}"}
    ended = subprocess.run(["sh", "-c", script.stdout], capture_output=True, text=True, env=programs)
    items = [item for item in json.loads((place / "plan.json").read_text())["items"] if item["required"]]
    heads = [text("regctl", *registry.regctl, "manifest", "head", item["reference"], expect=(0, 1)) or "-" for item in items]
    (place / "listing").write_text("".join(f"{head} {item['reference']}\n" for head, item in zip(heads, items)))
    verified = subprocess.run([os.environ["AIRBASE"], "verify-sync", place / "plan.json", place / "listing"], capture_output=True)
    return script.returncode == 0, ended.returncode, verified.returncode == 0, ended.stderr.strip()[-300:]


def judged(place, source, client, registry, repository, options=()):
    """`all of it`, or `announced`.

    Raises Failed for a script that does not do what it promises.
    """
    enough, ended, there, said = outcome(place, source, client, registry, repository, options)
    if (enough, ended, there) == (True, 0, True):
        return "all of it"
    if not enough and ended != 0:
        return "announced"
    raise Failed(f"called {'enough' if enough else 'not enough'}, ended with {ended}, {'all' if there else 'not all'} is there: {said}")


def sources(place):
    """Each kind as a directory and as an archive."""
    for number, (what, made) in enumerate(kinds().items()):
        layout = made.write(place / f"in{number}")
        archive = place / f"in{number}.tar"
        with tarfile.open(archive, "w") as packed:
            packed.add(layout, ".")
        yield what, "layout", layout, made.options
        yield what, "archive", archive, made.options


def check(report, inputs, registry, messages):
    place = inputs.place / "commands"
    place.mkdir()
    clients = [client for client in CLIENTS if shutil.which(client)]
    for client in sorted(set(CLIENTS) - set(clients)):
        with report.check(f"scripts of prepare for {client}"):
            raise Unavailable(message(messages, client))
    with ExitStack() as servers:
        places = [("crane's registry", registry)]
        for where, server in (
            ("distribution", lambda: Distribution(messages, inputs.place / "commands-registry")),
            (WithReferrers.name, lambda: WithReferrers(messages)),
        ):
            with report.check(f"{where} for the scripts of prepare"):
                places.append((where, servers.enter_context(server())))
        for number, (what, form, source, options) in enumerate(sources(place)):
            for where, server in places:
                with report.check(f"scripts of prepare: {what}, {form}, {where}"):
                    for client in clients:
                        judged(place, source, client, server, f"{client}/{number}", options)
