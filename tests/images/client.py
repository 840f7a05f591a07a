"""An engine's client and a registry in memory: what the code that moves images asks of docker-py, and no more.

Each answers as Docker 20.10 does. An image is its labels and its architecture; an archive is a tar in the engine's layout.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from docker.errors import APIError, ImageNotFound

from harness.images import building
from harness.images.recipes import Recipe


@dataclass(frozen=True, kw_only=True)
class Image:
    """What is known of an image."""

    labels: Mapping[str, str]
    architecture: str = "amd64"


def image_of(recipe: Recipe, **changes: str) -> Image:
    """The image that building ``recipe`` makes."""
    return Image(labels={building.LABEL: recipe.name, "harness.recipe": recipe.digest, **changes})


@dataclass
class Client:
    """An engine, its client and the link to it in one."""

    images_here: dict[str, Image] = field(default_factory=dict)
    registry: dict[str, Image] = field(default_factory=dict)
    refuses: str = ""
    """What the registry says to everything; ``silent``: nothing, ever."""
    asked: list[str] = field(default_factory=list)
    """Verbs and names, in order."""
    broken_load: str = ""
    dies_after: int | None = None
    """Pieces of an archive until the engine goes away."""

    def api(self) -> Client:
        """Be the link as well."""
        return self

    def close(self) -> None:
        """Nothing is open."""

    def version(self) -> dict[str, str]:
        """Tell the processor."""
        return {"Arch": "amd64"}

    def inspect_image(self, name: str) -> dict[str, object]:
        """Know the images there are."""
        if name not in self.images_here:
            raise ImageNotFound("no such image")
        found = self.images_here[name]
        return {"Size": 7_000_000, "Config": {"Labels": dict(found.labels)}, "Architecture": found.architecture}

    def tag(self, name: str, repository: str, tag: str) -> None:
        """Give another name."""
        self.images_here[f"{repository}:{tag}"] = self.images_here[name]

    def remove_image(self, name: str) -> None:
        """Take a name off."""
        if name not in self.images_here:
            raise ImageNotFound("no such image")
        del self.images_here[name]

    def pull(self, repository: str, *, tag: str, **_options: object) -> Iterator[dict[str, object]]:
        """Answer as the registry would."""
        name = f"{repository}:{tag}"
        self.asked.append(f"pull {name}")
        if self._refused():
            yield {"error": self.refuses}
            return
        if name not in self.registry:
            yield {"error": f"manifest for {name} not found: manifest unknown: manifest unknown"}
            return
        yield {"status": "Downloading", "id": "l", "progressDetail": {"current": 1_000_000, "total": 7_000_000}}
        self.images_here[name] = self.registry[name]

    def push(self, repository: str, *, tag: str, **_options: object) -> Iterator[dict[str, object]]:
        """Take an image into the registry."""
        name = f"{repository}:{tag}"
        self.asked.append(f"push {name}")
        yield {"status": f"The push refers to repository [{repository}]"}
        if self._refused():
            yield {"error": self.refuses}
            return
        self.registry[name] = self.images_here[name]

    def inspect_distribution(self, name: str) -> dict[str, object]:
        """Say whether the registry has an image."""
        self.asked.append(f"ask {name}")
        if self._refused():
            raise APIError("refused", explanation=self.refuses)
        if name not in self.registry:
            raise APIError("no", explanation="manifest unknown: manifest unknown")
        return {}

    def build(self, *, tag: str, labels: Mapping[str, str], **_options: object) -> Iterator[dict[str, str]]:
        """Make an image."""
        self.asked.append(f"build {tag}")
        yield {"stream": "Step 1/1 : FROM x"}
        self.images_here[tag] = Image(labels=dict(labels))

    def prune_images(self, filters: object) -> None:
        """Have nothing to prune."""

    def images(self, filters: object) -> list[str]:
        """Have nothing that dangles."""
        return []

    def _refused(self) -> bool:
        if self.refuses == "silent":
            threading.Event().wait(5)
        return bool(self.refuses)

    def _url(self, path: str) -> str:
        return path

    def _get(self, url: str, *, params: Mapping[str, Sequence[str]], stream: bool, timeout: int) -> bytes:
        self.asked.append(f"get {url}")
        return archive({name: self.images_here[name] for name in params["names"]})

    def _stream_raw_result(self, response: bytes, *_: object) -> Iterator[bytes]:
        for number, start in enumerate(range(0, len(response), 1000)):
            if number == self.dies_after:
                raise ConnectionResetError("the engine went away")
            yield response[start : start + 1000]

    def load_image(self, data: Iterator[bytes]) -> Iterator[dict[str, str]]:
        """Take in what an archive holds."""
        self.asked.append("load")
        if self.broken_load:
            yield {"error": self.broken_load}
            return
        read = b"".join(data)
        for tag, image in contents(gzip.decompress(read) if read[:2] == b"\x1f\x8b" else read):
            self.images_here[tag] = image
            yield {"stream": f"Loaded image: {tag}"}


def archive(images: Mapping[str, Image], **changes: object) -> bytes:
    """What ``docker save`` writes: layers and descriptions under their digests, the manifest at the end."""
    members: dict[str, bytes] = {}
    manifest = []
    for name, image in images.items():
        layer = name.encode() * 2000
        described = {
            "architecture": image.architecture,
            "config": {"Labels": dict(image.labels)},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        } | changes
        config = json.dumps(described).encode()
        own = hashlib.sha256(config).hexdigest()
        members |= {f"{own[:12]}/layer.tar": layer, f"{own}.json": config}
        manifest.append({"Config": f"{own}.json", "RepoTags": [name], "Layers": [f"{own[:12]}/layer.tar"]})
    return packed(members | {"manifest.json": json.dumps(manifest).encode()})


def packed(members: Mapping[str, bytes]) -> bytes:
    """A tar of ``members``."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def contents(data: bytes) -> Iterator[tuple[str, Image]]:
    """The images in an archive."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        files = {member.name: found.read() for member in tar if (found := tar.extractfile(member))}
    for entry in json.loads(files["manifest.json"]):
        described = json.loads(files[entry["Config"]])
        for tag in entry["RepoTags"]:
            yield tag, Image(labels=described["config"]["Labels"], architecture=described["architecture"])


def other(image: Image, **changes: str) -> Image:
    """``image`` with other labels."""
    return replace(image, labels={**image.labels, **changes})
