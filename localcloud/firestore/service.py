"""Firestore's gRPC API on one machine."""

from collections.abc import Sequence
from pathlib import Path

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.firestore.admin import FirestoreAdmin
from localcloud.firestore.rpcs import FirestoreRpcs
from localcloud.firestore.store import Store
from localcloud.firestore.transactions import Transactions
from localcloud.operations import Operations
from localcloud.rest import RestService
from localcloud.rpc import RpcService


class Firestore:
    """`data` keeps documents over restarts; without it they are in memory. A database exists when it is named."""

    def __init__(self, clock: Clock, faults: Faults, operations: Operations, data: Path | None) -> None:
        self._store = Store(clock, data and data / "journal")
        self._rpcs = [
            FirestoreRpcs(self._store, Transactions(clock), faults),
            FirestoreAdmin(faults, clock, operations, self._store),
        ]

    def rpcs(self) -> Sequence[RpcService]:
        return self._rpcs

    def rests(self) -> Sequence[RestService]:
        return []

    async def run(self) -> None:
        return None

    def close(self) -> None:
        self._store.close()
