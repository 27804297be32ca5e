"""Versions in one file of this machine, for all directors that run on it; or in memory."""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, astuple, fields
from datetime import UTC, datetime
from pathlib import Path

from director.errors import Rejected, Unavailable
from director.versions.version import Added, Conflict, Contents, Version, absent

PATIENCE = 10.0  # seconds to wait for another process' write
_COLUMNS = ", ".join(field.name for field in fields(Version))
_TABLES = """
CREATE TABLE IF NOT EXISTS versions (
    number INTEGER PRIMARY KEY, at TEXT, who TEXT, comment TEXT, sha256 TEXT, hub TEXT, restores INTEGER
);
CREATE TABLE IF NOT EXISTS files (number INTEGER, name TEXT, text TEXT, PRIMARY KEY (number, name));
"""


class FileVersions:
    """An SQLite database that only its user may read; without a path one in memory, which ends with the process."""

    def __init__(self, path: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        """Raises Unavailable."""
        self._clock = clock
        self._alone = threading.Lock()
        self._where = str(path or "memory")
        with self._told():
            if path is not None:
                _make(path)
            self._database = sqlite3.connect(
                path or ":memory:", timeout=PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._database.executescript(_TABLES)

    def close(self) -> None:
        self._database.close()

    def current(self) -> Version | None:
        found = self.page(None, 1)
        return found[0] if found else None

    def find(self, number: int) -> Version:
        found = self.page(number + 1, 1)
        if not found or found[0].number != number:
            raise absent(number)
        return found[0]

    def contents(self, number: int) -> Contents:
        version = self.find(number)
        with self._transaction("DEFERRED") as database:
            texts = dict(database.execute("SELECT name, text FROM files WHERE number = ?", (number,)).fetchall())
        found = Contents(version.hub, texts)
        if version.hub not in texts or found.sha256 != version.sha256:
            raise Rejected(f"version {number} in {self._where} is not what was written there; restore the file")
        return found

    def page(self, before: int | None, size: int) -> Sequence[Version]:
        query = f"SELECT {_COLUMNS} FROM versions WHERE number < ? ORDER BY number DESC LIMIT ?"  # noqa: S608
        with self._transaction("DEFERRED") as database:
            rows = database.execute(query, (1 << 62 if before is None else before, size)).fetchall()
        return [Version(*row) for row in rows]

    def add(self, contents: Contents, expected: int, added: Added) -> Version:
        at = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        version = Version(expected + 1, at, **asdict(added), sha256=contents.sha256, hub=contents.hub)
        with self._transaction("IMMEDIATE") as database:
            row = database.execute(f"SELECT {_COLUMNS} FROM versions ORDER BY number DESC LIMIT 1").fetchone()  # noqa: S608
            current = Version(*row) if row else None
            if (current.number if current else 0) != expected:
                raise Conflict(expected, current)
            database.execute(f"INSERT INTO versions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", astuple(version))  # noqa: S608
            rows = [(version.number, name, contents.texts[name]) for name in contents.names]
            database.executemany("INSERT INTO files VALUES (?, ?, ?)", rows)
        return version

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[sqlite3.Connection]:
        """What raises leaves nothing behind."""
        with self._told(), self._alone:
            self._database.execute(f"BEGIN {kind}")
            try:
                yield self._database
            except BaseException:
                with suppress(sqlite3.Error):
                    self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(f"the store {self._where} cannot be used: {error}; check the file") from error


def _make(path: Path) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
