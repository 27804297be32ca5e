"""Messages to archive, and what an archive holds of them."""

from collections import Counter
from typing import Any

from beam_jobs.archive import manifest
from beam_jobs.archive.config import ArchiveConfig
from beam_jobs.archive.formats import FORMATS, Format
from beam_jobs.archive.lines import read
from bridge import envelope

FACTS = {"ce-specversion": "1.0", "ce-time": "2026-01-02T03:04:05.000000Z"}


def config(bucket: str = "bucket", **given: Any) -> ArchiveConfig:
    edges = {"subscription": "projects/p/subscriptions/s", "dead_letter_topic": "projects/p/topics/dead"}
    return ArchiveConfig(bucket=bucket, **(edges | given))


def message(identity: str, payload: bytes = b"{}", **attributes: str) -> bytes:
    """A serialised one; `__` in names stands for a dot and `_` for a dash."""
    given = {name.replace("__", ".").replace("_", "-"): value for name, value in attributes.items()}
    return envelope.data(payload) + envelope.attributes(FACTS | {"ce-id": identity} | given)


def format_of(name: str) -> Format:
    return next(form for form in FORMATS.values() if name.endswith(f".{form.name}"))


class Archived:
    """What is in a bucket."""

    def __init__(self, bucket: Any, prefix: str = "archive") -> None:
        blobs = list(bucket.list_blobs())
        content = {blob.name: blob.download_as_bytes(raw_download=True) for blob in blobs}
        listed = {name for name in content if name.startswith(f"{prefix}/{manifest.FOLDER}/")}
        self.all = content
        self.blobs = {blob.name: blob for blob in blobs if blob.name not in listed}
        self.lines = {name: format_of(name).decode(content[name]) for name in self.blobs}
        self.entries = [one for name in sorted(listed) for one in manifest.decode(content[name])]

    @property
    def ids(self) -> Counter[str]:
        return Counter(read(line)["id"] for lines in self.lines.values() for line in lines)

    def proved(self) -> None:
        """Each object is listed as it is, and nothing else is."""
        listed = manifest.union(self.entries)
        assert listed.keys() == self.blobs.keys()
        for name, blob in self.blobs.items():
            one = listed[name]
            assert (one.bytes, one.crc32c, one.count) == (blob.size, blob.crc32c, len(self.lines[name]))
