"""One export subscription at work: messages leased, written, and acknowledged once they are there."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from localcloud.pubsub.exchange import Exchange
from localcloud.pubsub.exports import files, settings
from localcloud.pubsub.exports.destinations import Buckets, Tables, Unavailable, Unwritable
from localcloud.pubsub.exports.rows import BadMessage, Rows
from localcloud.pubsub.lanes import Delivery, Holder
from localcloud.pubsub.resources import Subscription

log = logging.getLogger(__name__)

MOST_ROWS, MOST_ROW_BYTES = 500, 4 << 20  # of one insert
MOST_AT_ONCE = 1000
LOOK = 0.05  # seconds between looks at the age of an open file
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds, while a destination does not answer

T = TypeVar("T")


class Leases:
    """The messages an export holds. A lease ends with its message, not with time: nobody else may take it."""

    def __init__(self, exchange: Exchange, subscription: Subscription) -> None:
        self._exchange = exchange
        self._holder = Holder()
        self.subscription = subscription

    def take(self, most: int, size: int) -> list[Delivery]:
        return self._exchange.take(self.subscription, most, size, self._holder, math.inf)

    def done(self, deliveries: Sequence[Delivery]) -> None:
        self._exchange.acknowledge(self.subscription, [each.ack_id for each in deliveries])

    def failed(self, deliveries: Sequence[Delivery]) -> None:
        """Counts as a delivery that failed: tried again as the retry policy says, or given up to the dead letters."""
        self._exchange.extend(self.subscription, [each.ack_id for each in deliveries], 0)

    def tell(self, state: str) -> None:
        self._exchange.set_export_state(self.subscription, state)

    @property
    def now(self) -> float:
        return self._exchange.clock.monotonic()

    @property
    def time(self) -> float:
        return self._exchange.clock.time()


class TableExport:
    """Rows as soon as there are messages, those that wait together in one insert."""

    def __init__(self, leases: Leases, tables: Tables) -> None:
        self._leases = leases
        self._tables = tables
        self._known: tuple[bytes, Rows] | None = None  # for settings, as long as nothing goes wrong

    async def run(self) -> None:
        with self._leases.subscription.bell.listen() as rung:
            while True:
                rung.clear()
                while taken := self._leases.take(MOST_ROWS, MOST_ROW_BYTES):
                    await self._write(taken)
                await rung.wait()

    async def _write(self, taken: Sequence[Delivery]) -> None:
        name = self._leases.subscription.name
        try:
            refused = await _patiently(name, lambda: self._refused(taken))
        except Unwritable as error:
            self._known = None
            log.warning("%s: %d messages not written: %s: %s", name, len(taken), error.why, error)
            self._leases.tell(error.why)
            self._leases.failed(taken)
            return
        for index, why in refused.items():
            log.warning("%s: message %d not written: %s", name, taken[index].message.number, why)
        if refused:
            self._known = None  # the table may have changed
        self._leases.tell("ACTIVE")
        self._leases.done([each for index, each in enumerate(taken) if index not in refused])
        self._leases.failed([taken[index] for index in refused])

    async def _refused(self, taken: Sequence[Delivery]) -> Mapping[int, str]:
        """Writes what makes a row; answers with why others do not, by index."""
        config = self._leases.subscription.config.bigquery_config
        rows = await self._rows(config)
        refused: dict[int, str] = {}
        good: dict[int, Any] = {}
        for index, delivery in enumerate(taken):
            try:
                good[index] = rows.row(delivery.message)
            except BadMessage as error:
                refused[index] = str(error)
        if good:
            drop = config.drop_unknown_fields
            errors = await self._tables.insert(settings.table(config), list(good.values()), drop)
            places = list(good)
            refused |= {places[index]: why for index, why in errors.items()}
        return refused

    async def _rows(self, config: Any) -> Rows:
        settled = config.SerializeToString()
        if self._known is None or self._known[0] != settled:
            columns = await self._tables.columns(settings.table(config))
            self._known = settled, Rows(config, self._leases.subscription.name, columns)
        return self._known[1]


class BucketExport:
    """One file at a time, finished when it holds enough messages or bytes, or is old enough."""

    def __init__(self, leases: Leases, buckets: Buckets) -> None:
        self._leases = leases
        self._buckets = buckets
        self._file: list[Delivery] = []
        self._next: list[Delivery] = []  # what would have made the file too large
        self._size = 0
        self._begun = 0.0

    async def run(self) -> None:
        with self._leases.subscription.bell.listen() as rung:
            while True:
                rung.clear()
                self._fill()
                if self._finished():
                    await self._write()
                elif not rung.is_set():
                    await _rung(rung, LOOK if self._file else None)

    @property
    def _config(self) -> Any:
        return self._leases.subscription.config.cloud_storage_config

    def _fill(self) -> None:
        while not self._full() and (taken := self._leases.take(self._room(), self._bytes_room())):
            if self._file and sum(each.size for each in taken) > self._bytes_room():
                self._next = taken
            else:
                self._add(taken)

    def _add(self, taken: list[Delivery]) -> None:
        if not self._file:
            self._begun = self._leases.now
        self._file += taken
        self._size += sum(each.size for each in taken)

    def _full(self) -> bool:
        return bool(self._next) or self._room() <= 0 or self._bytes_room() <= 0

    def _room(self) -> int:
        return min(MOST_AT_ONCE, (self._config.max_messages or 1 << 62) - len(self._file))

    def _bytes_room(self) -> int:
        return (self._config.max_bytes or 1 << 62) - self._size

    def _finished(self) -> bool:
        old = self._leases.now - self._begun >= self._config.max_duration.ToNanoseconds() / 1e9
        return bool(self._file) and (old or self._full())

    async def _write(self) -> None:
        name, config = self._leases.subscription.name, self._config
        title = files.name(config, self._leases.time - (self._leases.now - self._begun))
        file, early = self._file, self._next
        self._file, self._next, self._size = [], [], 0
        if early:
            self._add(early)
        content, media_type = await asyncio.to_thread(files.content, config, name, [each.message for each in file])
        try:
            await _patiently(name, lambda: self._buckets.write(config.bucket, title, content, media_type))
        except Unwritable as error:
            log.warning("%s: a file of %d messages not written: %s: %s", name, len(file), error.why, error)
            self._leases.tell(error.why)
            self._leases.failed(file)
        else:
            self._leases.tell("ACTIVE")
            self._leases.done(file)


async def _rung(bell: asyncio.Event, seconds: float | None) -> None:
    try:
        async with asyncio.timeout(seconds):
            await bell.wait()
    except TimeoutError:
        pass  # time to look at the file's age


async def _patiently(name: str, call: Callable[[], Awaitable[T]]) -> T:
    """Until the destination answers, with growing pauses: what passes by itself is no failed delivery."""
    pause = FIRST_PAUSE
    while True:
        try:
            return await call()
        except Unavailable as error:
            log.warning("%s: its destination does not answer, tried again in %g s: %s", name, pause, error)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
