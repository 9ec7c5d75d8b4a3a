"""Makes images: layers, configs, manifests, layouts and archives, written straight from the image specification.

Nothing here calls airbase, and everything is the same on every run: layers come from a seed, dates are fixed.
"""

import gzip
import hashlib
import io
import json
import random
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
REF_NAME = "org.opencontainers.image.ref.name"
BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"

CHUNK = 1 << 17


def sha256(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def dump(document):
    return json.dumps(document, separators=(",", ":")).encode()


@dataclass
class Layer:
    digest: str
    size: int
    diff_id: str
    content: bytes | Path

    def descriptor(self):
        return {"mediaType": LAYER, "digest": self.digest, "size": self.size}


@dataclass
class Image:
    """One image of one platform; `history` may be None, as some builders leave it out."""

    layers: list
    settings: dict = field(default_factory=dict)
    annotations: dict = field(default_factory=dict)
    architecture: str = "amd64"
    created: str = "2024-01-01T00:00:00Z"
    history: list | None = None

    def __post_init__(self):
        if self.history is None:
            self.history = [{"created": self.created, "created_by": f"layer {each.diff_id[7:15]}"} for each in self.layers]

    def and_layers(self, *layers, settings=None, annotations=None):
        """The image that a builder makes of this one by adding layers."""
        entries = [{"created": "2024-02-02T00:00:00Z", "created_by": f"app {each.diff_id[7:15]}"} for each in layers]
        return Image(
            [*self.layers, *layers],
            {**self.settings, **(settings or {})},
            annotations or {},
            self.architecture,
            "2024-02-02T00:00:00Z",
            [*self.history, *entries],
        )

    @property
    def platform(self):
        return {"architecture": self.architecture, "os": "linux"}

    def config(self):
        return dump(
            {
                "created": self.created,
                **self.platform,
                "config": self.settings,
                "rootfs": {"type": "layers", "diff_ids": [each.diff_id for each in self.layers]},
                "history": self.history,
            }
        )

    def manifest(self):
        config = self.config()
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": sha256(config), "size": len(config)},
            "layers": [each.descriptor() for each in self.layers],
        }
        if self.annotations:
            document["annotations"] = self.annotations
        return dump(document)

    @property
    def digest(self):
        return sha256(self.manifest())


def layer(files, executable=()):
    """A small layer: names and their content."""
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o755 if name in executable else 0o644
            archive.addfile(member, io.BytesIO(content))
    return layer_of_tar(inner.getvalue())


def layer_of_tar(content):
    """A layer of this archive."""
    blob = gzip.compress(content, mtime=0)
    return Layer(sha256(blob), len(blob), sha256(content), blob)


def layer_of_file(path):
    """A layer from a gzipped tar that exists."""
    blob = Path(path).read_bytes()
    return Layer(sha256(blob), len(blob), sha256(gzip.decompress(blob)), blob)


class _Hashed(io.RawIOBase):
    """A file that hashes what is written to it."""

    def __init__(self, target):
        self.target, self.hash, self.length = target, hashlib.sha256(), 0

    def writable(self):
        return True

    def write(self, content):
        self.hash.update(content)
        self.length += len(content)
        return self.target.write(content)


def random_layer(path, seed, size):
    """A large layer of `size` random bytes in one file, gzipped without compressing; only a chunk is in memory at a time."""
    numbers = random.Random(seed)
    with open(path, "wb") as target:
        outer = _Hashed(target)
        with gzip.GzipFile(filename="", mode="wb", compresslevel=0, fileobj=outer, mtime=0) as zipped:
            inner = _Hashed(zipped)
            member = tarfile.TarInfo(f"data/{seed}")
            member.size = size
            inner.write(member.tobuf(tarfile.USTAR_FORMAT))
            for start in range(0, size, CHUNK):
                inner.write(numbers.randbytes(min(CHUNK, size - start)))
            inner.write(bytes(-size % 512 + 1024))
    return Layer("sha256:" + outer.hash.hexdigest(), outer.length, "sha256:" + inner.hash.hexdigest(), Path(path))


class Words:
    """Content that compresses as programs and texts do, to about 60 %: slices of a pool that is half words and half numbers. A slice
    is farther from its like than deflate looks back."""

    POOL = 24 << 20

    def __init__(self, seed):
        self.numbers = random.Random(seed)
        known = [bytes(self.numbers.choices(range(97, 123), k=self.numbers.randint(2, 11))) for _ in range(6000)]
        pool = bytearray()
        while len(pool) < self.POOL:
            pool += b" ".join(self.numbers.choices(known, k=400)) + b"\n"
            pool += b"".join(number.to_bytes(4, "little") for number in self.numbers.choices(range(1 << 14), k=600))
        self.pool = bytes(pool)

    def content(self, size):
        parts = []
        while size > 0:
            length = min(size, self.numbers.randint(2000, 9000))
            start = self.numbers.randrange(len(self.pool) - length)
            parts.append(self.pool[start : start + length])
            size -= length
        return b"".join(parts)


def layer_of_words(path, seed, size):
    """A layer of files of about 64 KiB, `size` bytes before it is compressed as gzip does it by default."""
    words = Words(seed)
    with open(path, "wb") as target:
        outer = _Hashed(target)
        with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=outer, mtime=0) as zipped:
            inner = _Hashed(zipped)
            number = 0
            while inner.length < size - 1024:
                content = words.content(min(words.numbers.randint(1 << 10, 1 << 17), size - inner.length))
                member = tarfile.TarInfo(f"layer-{seed}/{number // 100}/{number}")
                member.size = len(content)
                inner.write(member.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % 512))
                number += 1
            inner.write(bytes(1024))
    return Layer("sha256:" + outer.hash.hexdigest(), outer.length, "sha256:" + inner.hash.hexdigest(), Path(path))


class Layout:
    """An image layout directory that is written once."""

    def __init__(self, path):
        self.path, self.entries = Path(path), []
        self.blobs = self.path / "blobs" / "sha256"
        self.blobs.mkdir(parents=True)

    def blob(self, content):
        digest = sha256(content)
        (self.blobs / digest[7:]).write_bytes(content)
        return digest

    def store(self, image):
        """Writes the blobs of an image; gives its descriptor."""
        for each in image.layers:
            target = self.blobs / each.digest[7:]
            if isinstance(each.content, bytes):
                if not target.exists():
                    target.write_bytes(each.content)
            elif not target.exists():
                target.hardlink_to(each.content)
        self.blob(image.config())
        manifest = image.manifest()
        return {"mediaType": MANIFEST, "digest": self.blob(manifest), "size": len(manifest)}

    def image(self, name, image):
        self.entries.append({**self.store(image), "annotations": {REF_NAME: name}})
        return self

    def index(self, name, images):
        """Images of several platforms under one name."""
        children = [{**self.store(image), "platform": image.platform} for image in images]
        document = dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": children})
        entry = {"mediaType": INDEX, "digest": self.blob(document), "size": len(document)}
        self.entries.append({**entry, "annotations": {REF_NAME: name}})
        return self

    def write(self):
        (self.path / "index.json").write_bytes(dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": self.entries}))
        (self.path / "oci-layout").write_bytes(b'{"imageLayoutVersion":"1.0.0"}')
        return self

    def archive(self, path):
        """Packs it: an oci-archive."""
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
            for name in ["oci-layout", "index.json", *sorted(str(each.relative_to(self.path)) for each in self.blobs.iterdir())]:
                archive.add(self.path / name, name)
