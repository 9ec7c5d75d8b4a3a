"""What `airbase prepare` prints is what brings a layout to a registry: its commands are run, and what arrives under which digest,
and what a client leaves behind, is what the plan says. `airbase verify-sync` says so from a listing of the registry too."""

import json
import urllib.error
import urllib.request

from .checks import Failed, airbase, run, same
from .statements import INDEX, api_list

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def check(report, place, layout, registry):
    """The layout, with an image under a full name beside it, by the commands for each client to the registry."""
    kind = "api" if registry.has_api else "tags"
    source = place / f"prepared-{kind}"
    airbase("copy", f"{layout}:app", f"{source}:app")
    airbase("copy", f"{layout}:app", f"{source}:registry.example/group/tool:1", "--referrers", "none")
    for client in ("regctl", "oras", "skopeo"):
        with report.check(f"the commands that airbase prepare prints for {client} bring what it says to {registry.name}"):
            target = f"{registry.address}/prepared-{client}"
            plan = airbase("prepare", source, "--registry", target)
            pushes = [(push, each) for push in plan["pushes"] for each in push["clients"] if each["client"] == client]
            same("names", sorted(push["reference"] for push, _ in pushes), [f"{target}/group/tool:1", f"{target}:app"])
            for _, each in pushes:
                run(*spoken(each["command"], registry))
            saved, listing = place / f"plan-{kind}-{client}.json", place / f"listing-{kind}-{client}"
            saved.write_text(json.dumps(plan))
            listing.write_text("\n".join(listed(registry, {item["repository"] for item in plan["items"]})))
            # The same image in two repositories has its referrers in both.
            left = sorted([push["reference"].rsplit(":", 1)[0], digest] for push, each in pushes for digest in each["leaves"])
            same("whether it suffices", str(all(each["suffices"] for _, each in pushes)), str(not left))
            verified = airbase("verify-sync", saved, listing, expect=(1 if left else 0,))["items"]
            absent = [item["reference"].split("@") for item in verified if item["required"] and item["standing"] != "there"]
            same("what is left behind", str(sorted(absent)), str(left))


def spoken(command, registry):
    """The command for a registry without certificates. The oras program is not to be had everywhere: its library does the same."""
    program, *rest = command
    if program == "regctl":
        return [program, *registry.regctl, *rest]
    if program == "skopeo" and rest[0] == "copy":
        return [program, "copy", "-q", "--dest-tls-verify=false", *rest[1:]]
    if program == "oras" and rest[:3] == ["cp", "-r", "--from-oci-layout"] and len(rest) == 5:
        (layout, digest), (repository, tag) = rest[3].rsplit("@", 1), rest[4].rsplit(":", 1)
        return ["witness", "copy", f"oci:{layout}", digest, repository, tag]
    raise Failed(f"a command of another form: {command}")


def listed(registry, repositories):
    """Everything in the repositories that a tag leads to, as lines `DIGEST NAME`."""
    for repository in sorted(repositories):
        path = repository.removeprefix(f"{registry.address}/")
        waiting, known = [], set()
        for tag in asked(registry, f"{path}/tags/list")[0]["tags"]:
            _, digest = asked(registry, f"{path}/manifests/{tag}")
            yield f"{digest} {repository}:{tag}"
            waiting.append(digest)
        while waiting:
            digest = waiting.pop()
            if digest in known:
                continue
            known.add(digest)
            yield f"{digest} {repository}@{digest}"
            document, _ = asked(registry, f"{path}/manifests/{digest}")
            waiting += [child["digest"] for child in document.get("manifests", [])]
            try:
                waiting += api_list(registry, path, digest)
            except urllib.error.HTTPError as error:
                # Without the API most manifests have no list.
                if error.code != 404 or registry.has_api:
                    raise


def asked(registry, path):
    """A document of the registry and the digest that it gives for it."""
    request = urllib.request.Request(f"http://{registry.address}/v2/{path}", headers={"Accept": f"{INDEX}, {MANIFEST}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer), answer.headers.get("Docker-Content-Digest")
