"""Tables whose every change is on disk before it is seen."""

from collections.abc import Iterable
from pathlib import Path

from localcloud.journal import Journal
from localcloud.storage.model import Change, decode, encode
from localcloud.storage.tables import Tables

_SMALLEST_TO_COMPACT = 16 << 20  # bytes


class Ledger:
    """`path` None keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self.tables = Tables()
        self._journal = Journal(path) if path else None
        if self._journal:
            for record in self._journal.replay():
                self._apply(decode(record))
            self._compact(self._journal)

    def commit(self, *changes: Change) -> None:
        """All of the changes or, when the disk refuses them, none."""
        if self._journal:
            self._journal.append(encode(changes))
        self._apply(changes)
        if self._journal and self._journal.size > self._compact_at:
            self._compact(self._journal)

    def close(self) -> None:
        if self._journal:
            self._journal.close()

    def _apply(self, changes: Iterable[Change]) -> None:
        for change in changes:
            self.tables.apply(change)

    def _compact(self, journal: Journal) -> None:
        journal.rewrite(encode([change]) for change in self.tables.changes())
        self._compact_at = max(_SMALLEST_TO_COMPACT, 4 * journal.size)
