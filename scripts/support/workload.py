"""The inputs of the benchmark."""

import multiprocessing
import os
import random
import resource
import shutil
import subprocess
import traceback
from pathlib import Path

from .oci import BASE_DIGEST, BASE_NAME, Image, Layout, layer, layer_of_words, random_layer

MB = 10**6

# Two layers of the base and three of the app. The largest is less than half of all, so that two cores can share the work.
BASE_LAYERS = (30 * MB, 90 * MB)
NEW_BASE_LAYERS = (35 * MB, 85 * MB)
APP_LAYERS = (120 * MB, 280 * MB, 400 * MB)

# What is inflated: the layers of two halves, so that two processes have the same to do.
INFLATED_HALVES = ((400 * MB, 100 * MB), (300 * MB, 200 * MB))


class Workload:
    """One large image in an archive, its old and its new base in a layout, an image that compresses well, and layouts of many
    small images."""

    def __init__(self, place, quick, tables):
        self.place, self.quick, self.tables = Path(place), quick, tables
        self.layouts = (100, 300) if quick else (1000, 10_000)

    def build(self):
        """Makes all of it, in a process of its own: what this one holds in memory would be counted for every child it starts."""
        child = os.fork()
        if child == 0:
            status = 1
            try:
                self._build()
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        if os.waitpid(child, 0)[1] != 0:
            raise SystemExit("the inputs could not be made")
        return self

    def _build(self):
        shrink = 100 if self.quick else 1
        if {"archive", "compressed"} & self.tables:
            self._large(shrink)
        if "archive" in self.tables:
            self._halves()
        if "compressed" in self.tables:
            self._compressed(shrink)
        if "layouts" in self.tables:
            for count in self.layouts:
                many_images(self.many(count), count)

    def _large(self, shrink):
        blobs = self.place / "layers"
        blobs.mkdir()

        def layers(sizes, seed):
            return [random_layer(blobs / f"{seed}-{number}", seed + number, size // shrink) for number, size in enumerate(sizes)]

        old = Image(layers(BASE_LAYERS, 100), {"Env": ["PATH=/usr/bin:/bin"]})
        new = Image(layers(NEW_BASE_LAYERS, 200), {"Env": ["PATH=/usr/bin:/bin", "LANG=C.UTF-8"]}, created="2024-03-03T00:00:00Z")
        app = old.and_layers(
            *layers(APP_LAYERS, 300),
            settings={"Cmd": ["/app"]},
            annotations={BASE_NAME: "site/os:1", BASE_DIGEST: old.digest},
        )
        (self.place / "output-bytes").write_text(str(sum(each.size for each in [*new.layers, *app.layers[2:]])))
        Layout(self.bases).image("1", old).image("2", new).write()
        Layout(self.place / "app").image("app", app).write().archive(self.archive)
        shutil.rmtree(self.place / "app")
        shutil.rmtree(blobs)

    def _compressed(self, shrink):
        with open(self.zipped, "wb") as target:
            subprocess.run(["gzip", "-1", "-c", self.archive], stdout=target, check=True)
        blobs = self.place / "words"
        blobs.mkdir()

        sizes = [size for half in INFLATED_HALVES for size in half]
        wanted = [(blobs / str(number), number, size // shrink) for number, size in enumerate(sizes)]
        with multiprocessing.Pool(2) as pool:
            made = pool.starmap(layer_of_words, wanted, chunksize=1)
        halves = [made[:2], made[2:]]
        image = Image(made)
        Layout(self.words).image("1", image).write()
        lists = [" ".join(str(self.words / "blobs" / "sha256" / each.digest[7:]) for each in half) for half in halves]
        (self.place / "words-halves").write_text("\n".join(lists))
        shutil.rmtree(blobs)

    @property
    def bases(self):
        return self.place / "bases"

    @property
    def archive(self):
        return self.place / "app.tar"

    @property
    def zipped(self):
        """The large archive in gzip."""
        return self.place / "app.tar.gz"

    @property
    def words(self):
        """A layout of one image that compresses well."""
        return self.place / "words-layout"

    def words_bytes(self):
        """What its layers inflate to."""
        return sum(sum(half) for half in INFLATED_HALVES) // (100 if self.quick else 1)

    def words_halves(self):
        """Its layers in two lists of equal content."""
        return (self.place / "words-halves").read_text().splitlines()

    @property
    def halves(self):
        return [self.place / "half.a", self.place / "half.b"]

    def many(self, count):
        return self.place / f"many-{count}"

    def archive_bytes(self):
        return self.archive.stat().st_size

    def output_bytes(self):
        """The layers of the rebased image; its documents are too small to count."""
        return int((self.place / "output-bytes").read_text())

    def own_mebibytes(self):
        """What this process had at most; a child begins with that."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024 + 1

    def _halves(self):
        """The bytes of the archive in two files, for two processes to hash."""
        half = self.archive_bytes() // 2
        for path, option in zip(self.halves, (f"-c{half}", f"-c+{half + 1}")):
            with open(path, "wb") as target:
                subprocess.run(["head" if option == f"-c{half}" else "tail", option, self.archive], stdout=target, check=True)


def many_images(path, count):
    """A layout of `count` small apps on one base; a newer base lies beside it."""
    numbers = random.Random(count)
    old = Image([layer({"etc/os-release": b"1\n"}), layer({"lib/a": numbers.randbytes(4000)})], {"Env": ["PATH=/bin"]})
    new = Image([layer({"etc/os-release": b"2\n"}), layer({"lib/a": numbers.randbytes(4000)})], {"Env": ["PATH=/bin"]})
    layout = Layout(path).image("os-1", old).image("os-2", new)
    for number in range(count - 2):
        app = layer({f"app/{number}": numbers.randbytes(2000)})
        layout.image(f"app-{number}", old.and_layers(app, settings={"Cmd": [f"/app/{number}"]}))
    layout.write()
