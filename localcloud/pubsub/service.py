"""Pub/Sub on one machine: the doors, the state behind them, and the passing of time."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.journal import Journal
from localcloud.pubsub.compaction import records_of
from localcloud.pubsub.exchange import Exchange
from localcloud.pubsub.exports.destinations import Destinations
from localcloud.pubsub.exports.service import Exports
from localcloud.pubsub.history import History
from localcloud.pubsub.ledger import Durable, Forgetful, Ledger
from localcloud.pubsub.policies import IamPolicy
from localcloud.pubsub.publisher import Publisher
from localcloud.pubsub.records import Stored
from localcloud.pubsub.schemas.door import SchemaService
from localcloud.pubsub.subscriber import Subscriber
from localcloud.rest import RestService
from localcloud.rpc import RpcService

TICK = 0.05  # seconds


class PubSub:
    """`data` is the folder that keeps topics, subscriptions and messages over restarts; None keeps them in memory.

    Export subscriptions write to `destinations`. A restart ends all leases: what is unacknowledged is delivered again
    at once, with attempts counted from one.
    """

    def __init__(self, clock: Clock, faults: Faults, data: Path | None, destinations: Destinations) -> None:
        ledger, stored = _opened(data)
        self._faults = faults
        self._ledger = ledger
        self._exchange = Exchange(clock, ledger, stored)
        self._history = History(self._exchange, stored)
        self._exports = Exports(self._exchange, destinations)
        self._compact()

    def rpcs(self) -> Sequence[RpcService]:
        return [
            Publisher(self._faults, self._exchange, self._history),
            Subscriber(self._faults, self._exchange, self._history, self._exports),
            SchemaService(self._faults, self._exchange),
            IamPolicy(self._faults, self._exchange),
        ]

    def rests(self) -> Sequence[RestService]:
        return []

    async def run(self) -> None:
        try:
            while True:
                await asyncio.sleep(TICK)
                self._exchange.tick()
                self._history.tick()
                self._exports.tick()
                self._compact()
        finally:
            await self._exports.stop()

    def close(self) -> None:
        self._ledger.close()

    def _compact(self) -> None:
        self._ledger.compact_if_large(lambda: records_of(self._exchange, self._history))


def _opened(data: Path | None) -> tuple[Ledger, Stored]:
    if data is None:
        return Forgetful(), Stored()
    journal = Journal(data / "journal")
    return Durable(journal), Stored(journal.replay())
