"""An append-only file of records: what was answered as done is there again after kill -9.

A record is `u32 length, u32 crc32, body`. Appending is one write to the operating system, which keeps it when the
process dies (not when the machine loses power: this is a stand-in, not a database). A torn last record is cut off.
"""

import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

_HEAD = struct.Struct("<II")


class Journal:
    """Records in the order they were appended."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._records, sound = _read(path)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        os.ftruncate(self._file, sound)
        os.lseek(self._file, sound, os.SEEK_SET)
        self.size = sound

    def replay(self) -> Iterator[bytes]:
        """What an earlier process left, once."""
        records, self._records = self._records, []
        yield from records

    def append(self, body: bytes) -> None:
        record = _HEAD.pack(len(body), zlib.crc32(body)) + body
        _write_all(self._file, record)
        self.size += len(record)

    def rewrite(self, bodies: Iterable[bytes]) -> None:
        """Replaces everything by `bodies`; a crash on the way leaves either the old records or the new."""
        fresh = self.path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        journal = Journal(fresh)
        for body in bodies:
            journal.append(body)
        fresh.replace(self.path)
        os.close(self._file)
        self._file, self.size = journal._file, journal.size

    def close(self) -> None:
        os.close(self._file)


def _read(path: Path) -> tuple[list[bytes], int]:
    if not path.exists():
        return [], 0
    content = path.read_bytes()
    records, position = [], 0
    while position + _HEAD.size <= len(content):
        length, crc = _HEAD.unpack_from(content, position)
        body = content[position + _HEAD.size : position + _HEAD.size + length]
        if len(body) < length or zlib.crc32(body) != crc:
            break
        records.append(body)
        position += _HEAD.size + length
    return records, position


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
