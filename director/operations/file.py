"""Operations in an SQLite file, for the directors of one machine, or in memory, which ends with the process."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from director.errors import Unavailable
from director.operations.store import CANCELLING, RUNNING, Filter, Kept, Known, New, Pulse

KEPT = 1_000  # operations; the oldest make room
PATIENCE = 10.0  # seconds to wait for another process' write
LAYOUT = 2  # of the tables
_TABLES = """
CREATE TABLE IF NOT EXISTS operations (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, dataflow TEXT, request TEXT, text TEXT, state TEXT,
    over INTEGER DEFAULT 0, began REAL, expires REAL
);
CREATE INDEX IF NOT EXISTS running ON operations (over, expires);
CREATE TABLE IF NOT EXISTS keys (key TEXT PRIMARY KEY, operation TEXT, body TEXT, again INTEGER, crashes INTEGER);
CREATE INDEX IF NOT EXISTS key_of ON keys (operation);
CREATE TABLE IF NOT EXISTS steps (operation TEXT, text TEXT);
CREATE INDEX IF NOT EXISTS steps_of ON steps (operation);
"""


class FileOperations:
    """Its clock is the machine's."""

    def __init__(self, path: Path | None = None, kept: int = KEPT, clock: Callable[[], float] = time.time) -> None:
        self._where = str(path or "memory")
        self._kept = kept
        self._clock = clock
        self._alone = threading.Lock()
        with self._told():
            self._database = sqlite3.connect(
                path or ":memory:", timeout=PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._lay_out()

    def close(self) -> None:
        with self._alone:
            self._database.close()

    def add(self, new: New, seconds: float) -> Known | None:
        with self._transaction() as database:
            known = self._known(database, new.key) if new.key else None
            if known and not (known.again and known.body == new.body):
                return known
            now = self._clock()
            database.execute(
                "INSERT INTO operations (id, dataflow, request, text, state, began, expires) VALUES (?,?,?,?,?,?,?)",
                (new.id, new.dataflow, new.request_id, new.text, RUNNING, now, now + seconds),
            )
            if new.key:
                crashes = known.crashes if known else 0
                database.execute("REPLACE INTO keys VALUES (?, ?, ?, 0, ?)", (new.key, new.id, new.body, crashes))
            newest = "SELECT max(number) FROM operations"
            self._forget(database, f"over AND number <= ({newest}) - ?", (self._kept,))
        return None

    def beat(self, operation: str, steps: Sequence[str], seconds: float) -> Pulse:
        with self._transaction() as database:
            row = database.execute("SELECT state, over FROM operations WHERE id = ?", (operation,)).fetchone()
            if row is None or row[1]:
                return "lost"
            expires = self._clock() + seconds
            database.execute("UPDATE operations SET expires = ? WHERE id = ?", (expires, operation))
            database.executemany("INSERT INTO steps VALUES (?, ?)", [(operation, step) for step in steps])
        return "cancel" if row[0] == CANCELLING else "held"

    def cancel(self, operation: str) -> None:
        with self._transaction() as database:
            database.execute("UPDATE operations SET state = ? WHERE id = ? AND NOT over", (CANCELLING, operation))

    def end(self, operation: str, text: str, state: str, again: bool) -> bool:
        with self._transaction() as database:
            ended = database.execute(
                "UPDATE operations SET text = ?, state = ?, over = 1 WHERE id = ? AND NOT over",
                (text, state, operation),
            )
            if not ended.rowcount:
                return False
            database.execute("DELETE FROM steps WHERE operation = ?", (operation,))
            if again:
                database.execute(
                    "UPDATE keys SET again = 1, crashes = crashes + ? WHERE operation = ?",
                    (state == "interrupted", operation),
                )
        return True

    def find(self, operation: str) -> Kept | None:
        with self._transaction() as database:
            return self._one(database, operation)

    def known(self, key: str) -> Known | None:
        with self._transaction() as database:
            return self._known(database, key)

    def abandoned(self) -> Sequence[Kept]:
        with self._transaction() as database:
            rows = database.execute(
                "SELECT id FROM operations WHERE NOT over AND expires <= ? ORDER BY number", (self._clock(),)
            ).fetchall()
            return [kept for (id_,) in rows if (kept := self._one(database, id_))]

    def page(self, before: int | None, size: int, asked: Filter) -> Sequence[Kept]:
        query = (
            "SELECT id, number, text, state FROM operations "
            "WHERE dataflow IN (SELECT value FROM json_each(:dataflows)) "
            "AND (:before IS NULL OR number < :before) AND (:state IS NULL OR state = :state) "
            "AND (:request IS NULL OR request = :request) ORDER BY number DESC LIMIT :size"
        )
        given = {
            "dataflows": json.dumps(list(asked.dataflows)), "state": asked.state, "request": asked.request_id,
            "before": before, "size": size,
        }  # fmt: skip
        with self._transaction() as database:
            return [Kept(*row) for row in database.execute(query, given)]

    def states(self) -> dict[str, int]:
        with self._transaction() as database:
            return dict(database.execute("SELECT state, count(*) FROM operations GROUP BY 1").fetchall())

    def prune(self, before: datetime, most: int) -> int:
        oldest = "SELECT number FROM operations WHERE over AND began < ? ORDER BY number LIMIT ?"
        with self._transaction() as database:
            return self._forget(database, f"number IN ({oldest})", (before.timestamp(), most))

    def _forget(self, database: sqlite3.Connection, which: str, given: tuple[float, ...]) -> int:
        ids = f"SELECT id FROM operations WHERE {which}"  # noqa: S608
        database.execute(f"DELETE FROM keys WHERE operation IN ({ids})", given)  # noqa: S608
        return database.execute(f"DELETE FROM operations WHERE {which}", given).rowcount  # noqa: S608

    def _one(self, database: sqlite3.Connection, operation: str) -> Kept | None:
        row = database.execute("SELECT id, number, text, state FROM operations WHERE id = ?", (operation,)).fetchone()
        steps = database.execute("SELECT text FROM steps WHERE operation = ? ORDER BY rowid", (operation,)).fetchall()
        return replace(Kept(*row), steps=tuple(text for (text,) in steps)) if row else None

    def _known(self, database: sqlite3.Connection, key: str) -> Known | None:
        row = database.execute("SELECT operation, body, again, crashes FROM keys WHERE key = ?", (key,)).fetchone()
        kept = self._one(database, row[0]) if row else None
        return Known(kept, row[1], bool(row[2]), row[3]) if kept else None

    def _lay_out(self) -> None:
        [version] = self._database.execute("PRAGMA user_version").fetchone()
        [tables] = self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and version != LAYOUT:
            raise sqlite3.DatabaseError("it was written by another version of the director; name another file")
        self._database.executescript(_TABLES)
        self._database.execute(f"PRAGMA user_version = {LAYOUT}")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Alone in this process and among processes. What raises leaves nothing behind."""
        with self._told(), self._alone:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise Unavailable(f"the operations in {self._where} cannot be used: {error}; check the file") from error
