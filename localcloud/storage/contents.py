"""The bytes of objects, in memory or one file each, under keys that nothing else uses.

A file is complete before a record names it, so a crash leaves at most files that no record names;
`keep_only` removes those at start-up.
"""

import os
import secrets
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Protocol

PIECE = 1 << 20


class Reader(Protocol):
    """Open content: it can be read to its end even when it is dropped meanwhile."""

    def at(self, start: int, length: int) -> bytes: ...
    def close(self) -> None: ...


class Contents(Protocol):
    def append(self, key: str, data: bytes) -> None: ...
    def size(self, key: str) -> int: ...
    def open(self, key: str) -> Reader: ...
    def copy(self, key: str) -> str: ...
    def drop(self, key: str) -> None: ...
    def keep_only(self, keys: Collection[str]) -> None: ...


def new_key() -> str:
    return secrets.token_hex(12)


def pieces(contents: Contents, key: str) -> Iterator[bytes]:
    """The content in order, a MiB at a time."""
    reader = contents.open(key)
    try:
        position = 0
        while piece := reader.at(position, PIECE):
            yield piece
            position += len(piece)
    finally:
        reader.close()


def join(contents: Contents, keys: Iterable[str]) -> str:
    """The key of new content: that of `keys`, one after the other."""
    joined = new_key()
    contents.append(joined, b"")
    for key in keys:
        for piece in pieces(contents, key):
            contents.append(joined, piece)
    return joined


class MemoryContents:
    """Contents that end with the process."""

    def __init__(self) -> None:
        self._parts: dict[str, list[bytes]] = {}

    def append(self, key: str, data: bytes) -> None:
        self._parts.setdefault(key, []).append(data)

    def size(self, key: str) -> int:
        return sum(map(len, self._parts.get(key, ())))

    def open(self, key: str) -> Reader:
        parts = self._parts[key]
        if len(parts) > 1:
            parts[:] = [b"".join(parts)]
        return _BytesReader(parts[0])

    def copy(self, key: str) -> str:
        twin = new_key()
        self._parts[twin] = list(self._parts[key])
        return twin

    def drop(self, key: str) -> None:
        self._parts.pop(key, None)

    def keep_only(self, keys: Collection[str]) -> None:
        for key in self._parts.keys() - set(keys):
            del self._parts[key]


class _BytesReader:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def at(self, start: int, length: int) -> bytes:
        return self._data[start : start + length]

    def close(self) -> None:
        return None


class FileContents:
    """Contents as files of one folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def append(self, key: str, data: bytes) -> None:
        with (self._folder / key).open("ab", buffering=0) as file:
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]

    def size(self, key: str) -> int:
        path = self._folder / key
        return path.stat().st_size if path.exists() else 0

    def open(self, key: str) -> Reader:
        return _FileReader(os.open(self._folder / key, os.O_RDONLY))

    def copy(self, key: str) -> str:
        twin = new_key()
        os.link(self._folder / key, self._folder / twin)  # contents never change once an object has them
        return twin

    def drop(self, key: str) -> None:
        (self._folder / key).unlink(missing_ok=True)

    def keep_only(self, keys: Collection[str]) -> None:
        for path in self._folder.iterdir():
            if path.name not in keys:
                path.unlink()


class _FileReader:
    def __init__(self, file: int) -> None:
        self._file = file

    def at(self, start: int, length: int) -> bytes:
        return os.pread(self._file, length, start)

    def close(self) -> None:
        os.close(self._file)
