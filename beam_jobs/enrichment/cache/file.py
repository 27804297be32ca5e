"""A register in a file beside the job, read again when it changes: YAML, ids to documents; or JSON lines with an `id`.

For registers that fit into memory. A file that cannot be read leaves the documents it had before in force.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import orjson

from beam_jobs.enrichment.cache.layers import ABSENT, Entry, LayerUnavailable
from beam_jobs.enrichment.cache.records import Records
from director.strict import read

log = logging.getLogger(__name__)

KEY = "id"  # of a JSON line

Version = tuple[int, int, int]


class FileSource:
    """Documents of the file at `path` by id. `now` gives seconds since 1970."""

    name = "file"

    def __init__(self, path: Path, records: Records, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._records = records
        self._now = now
        self._register: tuple[Version, Mapping[str, Any]] | None = None
        self._lock = threading.Lock()

    def fetch(self, keys: Collection[str]) -> dict[str, Entry]:
        read_at = int(self._now() * 1e6)
        with self._lock:
            documents = self._current()
        return {key: Entry(self._record(documents.get(key)), read_at) for key in keys}

    def _record(self, document: Mapping[str, Any] | None) -> bytes:
        return ABSENT if document is None else self._records.block(document)

    def _current(self) -> Mapping[str, Any]:
        known = self._register
        try:
            version = _version(self._path)
            if known is None or known[0] != version:
                known = self._register = version, _documents(self._path)
                log.info("read %d devices from %s", len(known[1]), self._path)
        except (OSError, ValueError) as error:
            if known is None:
                raise LayerUnavailable(f"no register in {self._path}: {error}") from error
            log.error("keeping the register read before from %s: %s", self._path, error)
        return known[1]


def _version(path: Path) -> Version:
    """What differs once the file was written or replaced."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _documents(path: Path) -> Mapping[str, Any]:
    """Raises ValueError where the file holds anything but documents by id, saying where."""
    documents = _of_lines(path) if path.suffix == ".jsonl" else read(path).data
    if not isinstance(documents, dict):
        raise ValueError("is not a mapping of device ids to documents")
    for key, document in documents.items():
        if not isinstance(document, dict):
            raise ValueError(f"{key!r} is no document; write a mapping of fields to values")
    return documents


def _of_lines(path: Path) -> dict[str, Any]:
    documents: dict[str, Any] = {}
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    document = orjson.loads(line)
                    documents[str(document[KEY])] = document
                except (ValueError, KeyError, TypeError) as error:
                    raise ValueError(f"line {number} is no JSON object with an {KEY!r}: {error!r}") from error
    return documents
