"""Texts that wait to be read: in memory while all of them fit there together, else in one file without a name.

The file has places for pages, and a page that was read leaves its place to the next: the file is as large as what
waited in it at one time, and one descriptor is enough for any number of texts.
"""

from collections import deque
from tempfile import TemporaryFile
from typing import BinaryIO

Page = bytes | tuple[int, int]
"""Itself, or its place in the file and its length."""
Kept = deque[Page]


class Spill:
    """`memory` bytes of pages at most are in memory, each of `page` bytes."""

    def __init__(self, memory: int, page: int) -> None:
        self._memory, self._page = memory, page
        self._file: BinaryIO | None = None
        self._free: list[int] = []
        self._places = 0

    def keep(self, text: bytes) -> Kept:
        """Raises OSError where the disk is full."""
        return deque(self._put(text[start : start + self._page]) for start in range(0, len(text), self._page))

    def take(self, kept: Kept) -> bytes:
        """The next page of it, b"" at the end."""
        if not kept:
            return b""
        page = kept.popleft()
        found = page if isinstance(page, bytes) else self._read(*page)
        self._forget(page)
        return found

    def drop(self, kept: Kept) -> None:
        """Nobody takes the rest of it."""
        while kept:
            self._forget(kept.popleft())

    @property
    def size(self) -> int:
        """Bytes that the file may have."""
        return self._places * self._page

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _put(self, page: bytes) -> Page:
        if len(page) <= self._memory:
            self._memory -= len(page)
            return page
        if self._file is None:
            self._file = TemporaryFile()  # noqa: SIM115 - closed with this
        if not self._free:
            self._free.append(self._places)
            self._places += 1
        place = self._free.pop()
        self._file.seek(place * self._page)
        self._file.write(page)
        return place, len(page)

    def _read(self, place: int, length: int) -> bytes:
        assert self._file is not None  # noqa: S101 - somebody wrote there
        self._file.seek(place * self._page)
        return self._file.read(length)

    def _forget(self, page: Page) -> None:
        if isinstance(page, bytes):
            self._memory += len(page)
        else:
            self._free.append(page[0])
