"""Lines of a bundle, joined by folder before anything is shuffled or written. Pure; memory is bounded by a budget."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

LINE_BYTES = 64  # that a line takes in memory beyond its own, and what opening a folder takes
FOLDER_BYTES = 700


class Blob(NamedTuple):
    """Lines of one folder, each ended by a newline."""

    folder: str
    text: bytes


class Gathering:
    """Open folders and their lines.

    A blob has `most_lines` and `most_bytes` at most, unless one line alone is longer. Whenever all that is open takes
    more than `budget` bytes of memory, the folder open for longest goes first.
    """

    def __init__(self, most_lines: int, most_bytes: int, budget: int) -> None:
        self._most_lines = most_lines
        self._most_bytes = most_bytes
        self._budget = budget
        self._open: OrderedDict[str, _Folder] = OrderedDict()
        self.taken = 0

    def add(self, folder: str, line: bytes) -> Sequence[Blob]:
        """Blobs that are to go, usually none."""
        size = len(line) + 1
        found = self._open.get(folder)
        gone: tuple[Blob, ...] = ()
        if found is not None and found.octets + size > self._most_bytes:
            gone, found = (self._closed(folder, self._open.pop(folder)),), None
        if found is None:
            found = self._open[folder] = _Folder()
            self.taken += FOLDER_BYTES
        found.lines.append(line)
        found.octets += size
        self.taken += size + LINE_BYTES
        if found.octets >= self._most_bytes or len(found.lines) >= self._most_lines:
            return (*gone, self._closed(folder, self._open.pop(folder)))
        return (*gone, *self._over_budget()) if self.taken > self._budget else gone

    def rest(self) -> Iterator[Blob]:
        """All that is open, the oldest first."""
        while self._open:
            yield self._closed(*self._open.popitem(last=False))

    def _over_budget(self) -> Iterator[Blob]:
        while self.taken > self._budget and self._open:
            yield self._closed(*self._open.popitem(last=False))

    def _closed(self, folder: str, found: "_Folder") -> Blob:
        self.taken -= FOLDER_BYTES + found.octets + LINE_BYTES * len(found.lines)
        return Blob(folder, b"\n".join([*found.lines, b""]))


class _Folder:
    __slots__ = ("lines", "octets")

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.octets = 0
