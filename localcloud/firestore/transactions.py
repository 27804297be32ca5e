"""Transactions: what they read is checked again when they commit, and whoever read something else is aborted.

Source: https://cloud.google.com/firestore/docs/transaction-data-contention
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc

from localcloud.clock import Clock
from localcloud.firestore.database import Committed, Database, Entry
from localcloud.firestore.messages import micros
from localcloud.firestore.query import Query
from localcloud.firestore.turns import Turns
from localcloud.firestore.views import AsOf, Present, View
from localcloud.firestore.writes import target
from localcloud.rpc import RpcError, invalid_argument

_IDLE = 60.0  # seconds after which a transaction that nobody uses is over
_REMEMBERED = 10_000  # transactions that are over, for late rollbacks

Version = int  # microseconds; 0 is a document that does not exist


@dataclass(slots=True)
class Transaction:
    """`as_of` is the time of all its reads when it only reads."""

    id: bytes
    database: Database
    as_of: int | None
    used: float
    documents: dict[str, Version] = field(default_factory=dict)
    queries: list[tuple[Query, list[tuple[str, Version]]]] = field(default_factory=list)

    def saw(self, name: str, entry: Entry | None) -> None:
        self.documents.setdefault(name, entry.updated if entry else 0)

    def saw_results(self, query: Query, entries: Sequence[Entry]) -> None:
        self.queries.append((query, _versions(entries)))

    def is_current(self) -> bool:
        """Whether everything it read is still so."""
        present = Present(self.database)
        return all(
            version == (entry.updated if (entry := present.get(name)) else 0)
            for name, version in self.documents.items()
        ) and all(_versions(query.run(present)) == seen for query, seen in self.queries)


class Transactions:
    """Every method raises RpcError when Firestore would refuse."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._active: dict[bytes, Transaction] = {}
        self._over: dict[bytes, None] = {}
        self._turns = Turns(clock.monotonic)

    def begin(self, database: Database, options: Any) -> Transaction:
        self._forget_idle()
        as_of = None
        if options.WhichOneof("mode") == "read_only":
            as_of = read_time(options.read_only, database)
        transaction = Transaction(secrets.token_bytes(16), database, as_of, self._clock.monotonic())
        self._active[transaction.id] = transaction
        return transaction

    def get(self, key: bytes, database: Database) -> Transaction:
        transaction = self._active.get(key)
        if transaction is None or transaction.database is not database or self._is_idle(transaction):
            raise invalid_argument("The referenced transaction has expired or is no longer valid.")
        transaction.used = self._clock.monotonic()
        return transaction

    async def before_reading(self, transaction: Transaction, names: Sequence[str]) -> None:
        """Waits for the transaction's turn on those of the documents that are contended for."""
        if transaction.as_of is None:
            await self._turns.take(transaction.id, names)
            transaction.used = self._clock.monotonic()

    def view(self, transaction: Transaction) -> View:
        if transaction.as_of is None:
            return Present(transaction.database)
        return AsOf(transaction.database, transaction.as_of)

    def commit(self, transaction: Transaction, writes: Sequence[Any]) -> Committed:
        """Ends the transaction, whatever comes of it."""
        try:
            if transaction.as_of is not None and writes:
                raise invalid_argument("Cannot modify entities in a read-only transaction.")
            if self._turns.others_hold(map(target, writes), transaction.id) or not transaction.is_current():
                self._turns.contended(transaction.documents)
                raise RpcError(
                    grpc.StatusCode.ABORTED,
                    "Aborted due to cross-transaction contention. This occurs when multiple transactions attempt "
                    "to access the same data, requiring Firestore to abort at least one.",
                )
            return transaction.database.commit(writes)
        finally:
            self._end(transaction)

    def roll_back(self, key: bytes, database: Database) -> None:
        """Harmless when the transaction is over already."""
        if key not in self._over:
            self._end(self.get(key, database))

    def _end(self, transaction: Transaction) -> None:
        self._active.pop(transaction.id, None)
        self._turns.free(transaction.id)
        self._over[transaction.id] = None
        if len(self._over) > _REMEMBERED:
            del self._over[next(iter(self._over))]

    def _is_idle(self, transaction: Transaction) -> bool:
        return self._clock.monotonic() - transaction.used > _IDLE

    def _forget_idle(self) -> None:
        for transaction in [one for one in self._active.values() if self._is_idle(one)]:
            self._end(transaction)


def read_time(selector: Any, database: Database) -> int:
    """The microsecond that a message with `read_time` asks for, or now."""
    return micros(selector.read_time) if selector.HasField("read_time") else database.now()


def _versions(entries: Sequence[Entry]) -> list[tuple[str, Version]]:
    return [(entry.name, entry.updated) for entry in entries]
