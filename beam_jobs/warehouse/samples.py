"""Sample messages from files: one JSON payload a line, or lines of the archive, whose payloads are taken out."""

import base64
import gzip
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import orjson

_ARCHIVED = {"v", "id", "attributes", "publish_time"}  # of every line of the archive


@dataclass(slots=True)
class Samples:
    """Payloads that are JSON, and how many were not."""

    documents: list[Any] = field(default_factory=list)
    others: int = 0

    def add(self, line: bytes) -> None:
        try:
            document = orjson.loads(line)
            if isinstance(document, dict) and document.keys() >= _ARCHIVED:
                document = orjson.loads(_payload(document))
            self.documents.append(document)
        except ValueError:
            self.others += 1


def read(path: Path, most: int) -> Samples:
    """The first `most` lines of a file, plain or gzip; `-` is standard input. Raises OSError."""
    samples = Samples()
    for line in _lines(path):
        if len(samples.documents) + samples.others >= most:
            break
        if line.strip():
            samples.add(line)
    return samples


def _lines(path: Path) -> Iterator[bytes]:
    if str(path) == "-":
        yield from sys.stdin.buffer
        return
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        readable: BinaryIO | gzip.GzipFile = gzip.GzipFile(fileobj=file) if packed else file
        yield from readable


def _payload(line: dict[str, Any]) -> bytes:
    if "payload" in line:
        return str(line["payload"]).encode()
    return base64.b64decode(str(line.get("payload_base64", "")))
