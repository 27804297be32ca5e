"""A ledger in one file of this machine, for all directors that run on it; or in memory. Its clock is the machine's."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, astuple, fields
from datetime import UTC, datetime
from pathlib import Path

from director.errors import Busy, Superseded, Unavailable
from director.keys import Key
from director.ledger.ledger import Entry, Grant, Record, written_at

PATIENCE = 10.0  # seconds to wait for another process' write
_COLUMNS = tuple(field.name for field in fields(Record))
_TABLES = f"""
CREATE TABLE IF NOT EXISTS leases (scope TEXT PRIMARY KEY, holder TEXT, expires REAL, token INTEGER);
CREATE TABLE IF NOT EXISTS records (number INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT, {", ".join(_COLUMNS)});
CREATE INDEX IF NOT EXISTS records_of ON records (scope, number);
CREATE TABLE IF NOT EXISTS entries (
    scope TEXT, kind TEXT, name TEXT, made INTEGER, wanted TEXT, pending TEXT, action TEXT,
    PRIMARY KEY (scope, kind, name)
);
CREATE TABLE IF NOT EXISTS applied (scope TEXT PRIMARY KEY, document TEXT);
"""


class FileLedger:
    """An SQLite database; without a path one in memory, which ends with the process."""

    def __init__(self, path: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._alone = threading.Lock()
        self._where = str(path or "memory")
        with self._told():
            self._database = sqlite3.connect(
                path or ":memory:", timeout=PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._database.executescript(_TABLES)

    def close(self) -> None:
        self._database.close()

    def take(self, scope: str, holder: str, seconds: float) -> Grant:
        with self._transaction() as database:
            now = self._clock()
            row = database.execute("SELECT holder, expires, token FROM leases WHERE scope = ?", (scope,)).fetchone()
            if row and row[1] > now:
                raise Busy.held(scope, row[0], _moment(row[1]), row[1] - now)
            token = (row[2] if row else 0) + 1
            database.execute("REPLACE INTO leases VALUES (?, ?, ?, ?)", (scope, holder, now + seconds, token))
        return Grant(token, _moment(now + seconds))

    def renew(self, scope: str, token: int, seconds: float) -> None:
        with self._fenced(scope, token) as database:
            database.execute("UPDATE leases SET expires = ? WHERE scope = ?", (self._clock() + seconds, scope))

    def release(self, scope: str, token: int) -> None:
        with self._transaction() as database:
            database.execute("UPDATE leases SET expires = 0 WHERE scope = ? AND token = ?", (scope, token))

    def append(self, scope: str, record: Record, entry: Entry) -> None:
        with self._fenced(scope, record.token) as database:
            marks = ", ".join("?" * len(_COLUMNS))
            columns = ", ".join(_COLUMNS)
            values = (scope, *asdict(record).values())
            database.execute(f"INSERT INTO records (scope, {columns}) VALUES (?, {marks})", values)  # noqa: S608
            database.execute("REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", (scope, *record.key, *astuple(entry)))

    def entries(self, scope: str) -> Mapping[Key, Entry]:
        with self._transaction() as database:
            rows = database.execute(
                "SELECT kind, name, made, wanted, pending, action FROM entries WHERE scope = ?", (scope,)
            ).fetchall()
        return {(kind, name): Entry(bool(made), *rest) for kind, name, made, *rest in rows}

    def keep(self, scope: str, token: int, applied: str) -> None:
        with self._fenced(scope, token) as database:
            database.execute("REPLACE INTO applied VALUES (?, ?)", (scope, applied))

    def kept(self, scope: str) -> str | None:
        with self._transaction() as database:
            row = database.execute("SELECT document FROM applied WHERE scope = ?", (scope,)).fetchone()
        return str(row[0]) if row else None

    def records(self, scope: str) -> Sequence[Record]:
        with self._transaction() as database:
            columns = ", ".join(_COLUMNS)
            query = f"SELECT {columns} FROM records WHERE scope = ? ORDER BY number"  # noqa: S608
            return [Record(*row) for row in database.execute(query, (scope,))]

    def forget(self, scope: str, before: datetime, most: int) -> int:
        oldest = "SELECT number FROM records WHERE scope = ? AND at < ? ORDER BY number LIMIT ?"
        with self._transaction() as database:
            query = f"DELETE FROM records WHERE number IN ({oldest})"  # noqa: S608
            return database.execute(query, (scope, written_at(before), most)).rowcount

    @contextmanager
    def _fenced(self, scope: str, token: int) -> Iterator[sqlite3.Connection]:
        with self._transaction() as database:
            row = database.execute("SELECT holder, token FROM leases WHERE scope = ?", (scope,)).fetchone()
            if row is None or row[1] != token:
                raise Superseded.by(scope, row[0] if row else "nobody")
            yield database

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Alone in this process and among processes. What raises leaves nothing behind."""
        with self._told(), self._alone:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:  # SQLite ends some by itself, as where the disk is full
                    self._database.execute("ROLLBACK")
                raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise Unavailable(f"the journal {self._where} cannot be used: {error}; check the file") from error


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
