"""All databases, and the journal in which their documents outlive the process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from localcloud.clock import Clock
from localcloud.firestore.database import Changes, Database, entry_of
from localcloud.firestore.messages import CommitRequest, Document, length_delimited
from localcloud.firestore.names import check_database, database_of
from localcloud.journal import Journal

_SMALLEST_TO_COMPACT = 16 << 20  # bytes


class Store:
    """`path` None keeps nothing. A database exists as soon as it is named."""

    def __init__(self, clock: Clock, path: Path | None) -> None:
        self._clock = clock
        self._databases: dict[str, Database] = {}
        self._journal = Journal(path) if path else None
        if self._journal:
            self._restore(self._journal)
            self._compact(self._journal)

    def database(self, name: str) -> Database:
        """Raises RpcError when it is no name of a database."""
        database = self._databases.get(name)
        if database is None:
            database = Database(check_database(name), self._clock, self._record)
            self._databases[name] = database
        return database

    def close(self) -> None:
        if self._journal:
            self._journal.close()

    def _record(self, changes: Changes) -> None:
        if self._journal:
            if self._journal.size > self._compact_at:
                self._compact(self._journal)
            self._journal.append(_encoded(changes))

    def _restore(self, journal: Journal) -> None:
        for record in journal.replay():
            for name, document in _decoded(record).items():
                entry = None if document is None else entry_of(document)
                self.database(database_of(name)).apply({name: entry})
        for database in self._databases.values():
            database.restored()

    def _compact(self, journal: Journal) -> None:
        journal.rewrite(self._snapshot())
        self._compact_at = max(_SMALLEST_TO_COMPACT, 4 * journal.size)

    def _snapshot(self) -> Iterator[bytes]:
        for database in self._databases.values():
            for name, entry in database.entries.items():
                yield _encoded({name: entry})


def _encoded(changes: Changes) -> bytes:
    """The bytes of a CommitRequest whose writes lead to the changes; documents come encoded as they are."""
    writes = (
        length_delimited(1, entry.encoded) if entry else length_delimited(2, name.encode())
        for name, entry in changes.items()
    )
    return b"".join(length_delimited(2, write) for write in writes)


def _decoded(record: bytes) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for write in CommitRequest.FromString(record).writes:
        if write.WhichOneof("operation") == "delete":
            changes[write.delete] = None
        else:
            document = Document()
            document.CopyFrom(write.update)
            changes[document.name] = document
    return changes
