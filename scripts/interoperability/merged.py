"""The files of an image as `airbase ls` shows them, against what unpackers make of the layers, path by path.

An overlay that buildah mounts is the measure. umoci unpacks into one tree, so it is asked only where no layer has an entry below
a link of a lower one. The images are made from a seed that is printed.
"""

import contextlib
import io
import os
import random
import shutil
import tarfile

from support.oci import Image, Layout, layer_of_tar

from .checks import Failed, Unavailable, airbase, run, text

SEEDS = range(12)
DIRECTORIES = ("usr", "usr/lib", "usr/bin", "etc", "opt", "opt/app")
LINKS = {"lib": "usr/lib", "bin": "/usr/bin", "cfg": "etc"}
NAMES = ("a", "b", "c", "d-x", "d.y")


def check(report, inputs):
    place = inputs.place / "merged"
    place.mkdir()
    for seed in SEEDS:
        # Entries below links and files of lower layers are for overlays alone.
        for through in (False, True):
            layout = place / f"image-{seed}{'-linked' if through else ''}"
            make(layout, random.Random(f"{seed} {through}"), through)
            with report.check(f"the merged view of seed {seed}{', through links' if through else ''} is that of an overlay mount"):
                compare(shown(layout), overlay(place / "storage", layout))
            if not through:
                with report.check(f"the merged view of seed {seed} is what umoci unpacks"):
                    compare(shown(layout), unpacked(place / f"umoci-{seed}", layout))


def make(path, chance, through):
    """A base with links to directories, and some layers that add, replace, hide and make opaque."""
    layers = [base()]
    for _ in range(chance.randint(1, 4)):
        layers.append(change(chance, through))
    image = Image([layer_of_tar(layer) for layer in layers], {"Cmd": ["/a"]})
    layout = Layout(path)
    layout.image("image", image)
    layout.write()


def base():
    with writing() as (archive, content):
        for name in DIRECTORIES:
            put(archive, name, tarfile.DIRTYPE)
        for directory in DIRECTORIES:
            for name in NAMES:
                put(archive, f"{directory}/{name}", tarfile.REGTYPE, f"base {directory} {name}")
        for name, target in LINKS.items():
            put(archive, name, tarfile.SYMTYPE, target)
    return content.getvalue()


def change(chance, through):
    """One layer. Each path comes once, and a directory is opaque or has members that are hidden, not both."""
    taken = set()
    with writing() as (archive, content):
        for number in range(chance.randint(1, 8)):
            places = [*DIRECTORIES, *(LINKS if through else ())]
            directory, name = chance.choice(places), chance.choice(NAMES)
            path = f"{directory}/{name}"
            if path in taken or directory in taken:
                continue
            taken.add(path)
            match chance.choice(("file", "file", "link", "whiteout", "opaque", "replace", "directory")):
                case "file":
                    put(archive, path, tarfile.REGTYPE, f"layer {number} {path}")
                case "link":
                    put(archive, path, tarfile.SYMTYPE, chance.choice(("a", "../etc/b", "/opt/app/c", "nowhere")))
                case "whiteout":
                    put(archive, f"{directory}/.wh.{name}", tarfile.REGTYPE)
                case "opaque" if directory in DIRECTORIES and not any(other.startswith(f"{directory}/") for other in taken - {path}):
                    put(archive, directory, tarfile.DIRTYPE)
                    put(archive, f"{directory}/.wh..wh..opq", tarfile.REGTYPE)
                    put(archive, f"{directory}/new", tarfile.REGTYPE, f"opaque {number}")
                    taken.add(directory)
                case "replace" if through and directory == "opt/app" and "opt" not in taken and not any(p.startswith("opt/app/") for p in taken - {path}):
                    put(archive, "opt/app", tarfile.REGTYPE, "no directory any more")
                    taken.add("opt/app")
                case "directory":
                    put(archive, path, tarfile.DIRTYPE)
                    put(archive, f"{path}/in", tarfile.REGTYPE, f"in {number}")
    return content.getvalue()


@contextlib.contextmanager
def writing():
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        yield archive, content


def put(archive, name, kind, content=""):
    member = tarfile.TarInfo(name)
    member.type, member.mode = kind, 0o755
    if kind == tarfile.SYMTYPE:
        member.linkname = content
        archive.addfile(member)
    else:
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content.encode()))


def shown(layout):
    """What airbase shows: paths with kind and size, and where links lead."""
    return {
        file["path"]: (file["kind"], file.get("link") or (file["size"] if file["kind"] == "file" else None))
        for file in airbase("ls", layout)["files"]
    }


def walked(root):
    found = {}
    for above, directories, files in os.walk(root):
        for name in [*directories, *files]:
            path = os.path.join(above, name)
            if not os.path.lexists(path):
                continue  # what an overlay hides in a directory of one layer alone is listed, and not there
            inner = os.path.relpath(path, root)
            if os.path.islink(path):
                found[inner] = ("symlink", os.readlink(path))
            elif os.path.isdir(path):
                found[inner] = ("directory", None)
            else:
                found[inner] = ("file", os.path.getsize(path))
    return found


def compare(shown, found):
    """Directories that no member brings are in the tree, and airbase does not list them."""
    extra = {path for path, (kind, _) in found.items() if kind == "directory" and path not in shown}
    differing = [path for path in sorted(shown.keys() | found.keys()) if path not in extra and shown.get(path) != found.get(path)]
    if differing:
        told = [f"{path}: {shown.get(path)} and {found.get(path)}" for path in differing[:5]]
        raise Failed(f"{len(differing)} paths differ: " + "; ".join(told))
    if not found:
        raise Failed("there is nothing to compare")


def overlay(storage, layout):
    """What buildah mounts."""
    if not shutil.which("buildah") or os.geteuid() != 0:
        raise Unavailable("buildah and root are needed")
    options = ["--root", storage / "root", "--runroot", storage / "run", "--storage-driver", "overlay"]
    try:
        container = text("buildah", *options, "from", "--pull=never", f"oci:{layout}:image")
    except Failed as reason:
        if "overlay" in str(reason) and "not supported" in str(reason):
            raise Unavailable(str(reason)) from None
        raise
    try:
        return walked(text("buildah", *options, "mount", container))
    finally:
        run("buildah", *options, "rm", container)
        run("buildah", *options, "rmi", "--all", "--force")


def unpacked(target, layout):
    run("umoci", "raw", "unpack", "--image", f"{layout}:image", target)
    return walked(target)
