"""Lines of one folder -> an object to be written. Pure, and the same for the same lines in whatever order.

An object's name and bytes follow from its content alone: writing the same lines again writes the same object.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import google_crc32c

from beam_jobs.archive.formats import FORMATS, FormatName, text_of
from beam_jobs.archive.lines import LINE_VERSION, event_time_of

LONGEST_FILE = 70  # bytes of an object's name behind its folder: time, hash, count, ending


@dataclass(frozen=True, slots=True)
class ArchiveObject:
    """An object to be written: its name, its content, and what its metadata says."""

    name: str
    content: bytes
    metadata: dict[str, str]
    content_type: str = "application/gzip"

    @property
    def crc32c(self) -> str:
        """As Cloud Storage tells it."""
        return base64.b64encode(google_crc32c.Checksum(self.content).digest()).decode()


def archive_object(folder: str, lines: Iterable[bytes], format_name: FormatName) -> ArchiveObject:
    """The object of `lines`, at least one; the same line twice is written once."""
    unique = sorted(set(lines))
    form = FORMATS[format_name]
    digest = hashlib.sha256(text_of(unique)).hexdigest()
    first, last = event_time_of(unique[0]), event_time_of(unique[-1])
    metadata = {
        "count": str(len(unique)),
        "min-event-time": first,
        "max-event-time": last,
        "line-version": str(LINE_VERSION),
        "sha256": digest,
    }
    start = first.replace(":", "").replace("-", "")[:15]
    name = f"{folder}/{start}Z-{digest[:16]}-{len(unique)}.{form.name}"
    return ArchiveObject(name, form.encode(unique), metadata, form.content_type)


def same_lines(one: ArchiveObject) -> bool:
    """Whether the content is the lines that the metadata speaks of."""
    form = FORMATS.get(cast(FormatName, one.name.rpartition("/")[2].partition(".")[2]))
    if form is None or "sha256" not in one.metadata:
        return False
    try:
        lines = form.decode(one.content)
    except Exception:  # whatever a library says of bytes that are not its own
        return False
    return hashlib.sha256(text_of(lines)).hexdigest() == one.metadata["sha256"]
