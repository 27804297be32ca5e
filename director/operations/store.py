"""Where operations are kept: an SQLite file, or memory that ends with the process. The oldest make room."""

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from director.errors import Unavailable

KEPT = 1_000  # operations
_TABLES = """
CREATE TABLE IF NOT EXISTS operations (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, dataflow TEXT, text TEXT, over INTEGER DEFAULT 0,
    key TEXT UNIQUE, body TEXT
);
CREATE TABLE IF NOT EXISTS steps (operation TEXT, text TEXT);
CREATE INDEX IF NOT EXISTS steps_of ON steps (operation);
"""


class OperationStore:
    """Operations as JSON texts, newest first. Every method raises Unavailable where the file cannot be used."""

    def __init__(self, path: Path | None = None, kept: int = KEPT) -> None:
        self._where = str(path or "memory")
        self._kept = kept
        self._lock = threading.Lock()
        with self._told():
            self._database = sqlite3.connect(path or ":memory:", check_same_thread=False)
            self._database.executescript(_TABLES)

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def add(self, operation: str, dataflow: str, text: str, key: str | None, body: str) -> None:
        with self._using() as database:
            database.execute(
                "INSERT INTO operations (id, dataflow, text, key, body) VALUES (?, ?, ?, ?, ?)",
                (operation, dataflow, text, key, body),
            )
            database.execute(
                "DELETE FROM operations WHERE over AND number <= (SELECT max(number) FROM operations) - ?",
                (self._kept,),
            )

    def step(self, operation: str, text: str) -> None:
        """What became of one resource; kept apart until the end, so that nothing long is written again and again."""
        with self._using() as database:
            database.execute("INSERT INTO steps VALUES (?, ?)", (operation, text))

    def change(self, operation: str, text: str) -> None:
        with self._using() as database:
            database.execute("UPDATE operations SET text = ? WHERE id = ?", (text, operation))

    def end(self, operation: str, text: str, forget_key: bool) -> None:
        with self._using() as database:
            database.execute("UPDATE operations SET text = ?, over = 1 WHERE id = ?", (text, operation))
            database.execute("DELETE FROM steps WHERE operation = ?", (operation,))
            if forget_key:
                database.execute("UPDATE operations SET key = NULL WHERE id = ?", (operation,))

    def find(self, operation: str) -> str | None:
        with self._using() as database:
            row = database.execute("SELECT text FROM operations WHERE id = ?", (operation,)).fetchone()
        return row[0] if row else None

    def by_key(self, key: str) -> tuple[str, str] | None:
        """The operation that was begun with the key, and the body it was begun with."""
        with self._using() as database:
            row: tuple[str, str] | None
            row = database.execute("SELECT text, body FROM operations WHERE key = ?", (key,)).fetchone()
        return row

    def unended(self) -> Sequence[tuple[str, Sequence[str]]]:
        """Those that never came to their end, each with its steps."""
        steps = "SELECT text FROM steps WHERE operation = ? ORDER BY rowid"
        with self._using() as database:
            rows = database.execute("SELECT id, text FROM operations WHERE NOT over ORDER BY number").fetchall()
            return [(text, [step for (step,) in database.execute(steps, (id_,))]) for id_, text in rows]

    def page(
        self, before: int | None, size: int, dataflows: Sequence[str], state: str | None
    ) -> Sequence[tuple[int, str]]:
        """Those of the dataflows, and in the state, if one is given, with their numbers."""
        query = (
            "SELECT number, text FROM operations WHERE dataflow IN (SELECT value FROM json_each(:dataflows)) "
            "AND (:before IS NULL OR number < :before) AND (:state IS NULL OR json_extract(text, '$.state') = :state) "
            "ORDER BY number DESC LIMIT :size"
        )
        given = {"dataflows": json.dumps(list(dataflows)), "before": before, "state": state, "size": size}
        with self._using() as database:
            return database.execute(query, given).fetchall()

    def states(self) -> dict[str, int]:
        query = "SELECT json_extract(text, '$.state'), count(*) FROM operations GROUP BY 1"
        with self._using() as database:
            return dict(database.execute(query).fetchall())

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """Each call is one transaction."""
        with self._told(), self._lock, self._database:
            yield self._database

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise Unavailable(f"the operations in {self._where} cannot be used: {error}; check the file") from error
