"""The enrichment of a batch: one lookup a device, one block a window, nothing serialised again."""

import time
from collections.abc import Callable, Mapping, Sequence

from apache_beam.metrics import Metrics

from beam_jobs.dead_letters import dead_letter
from beam_jobs.enrichment.cache.chain import open_lookup
from beam_jobs.enrichment.cache.layers import ABSENT, UNAVAILABLE
from beam_jobs.enrichment.cache.lookup import Lookup
from beam_jobs.enrichment.cache.statistics import report
from beam_jobs.enrichment.config import EnrichmentConfig
from beam_jobs.enrichment.invalidation import listen
from beam_jobs.enrichment.keys import attribute_key, payload_key
from beam_jobs.enrichment.windows import Windows
from beam_jobs.errors import CannotSucceed, RetryLater
from beam_jobs.stages import NAMESPACE, Result, Stage
from bridge import envelope

STAGE = "enrichment"
CLOCK_SKEW_SECONDS = 10  # by which Pub/Sub's clock may be ahead of ours

_Read = tuple[bytes, str, bytes]  # a message, its device's key, the block of its window


class Enricher:
    """Messages with `device.*`, `enrichment.status` and `window.*` appended."""

    not_found = Metrics.counter(NAMESPACE, "not_found")
    unavailable = Metrics.counter(NAMESPACE, "unavailable")

    def __init__(self, lookup: Lookup, config: EnrichmentConfig, clock: Callable[[], float] = time.time) -> None:
        self._lookup = lookup
        self._clock = clock
        self._config = config
        self._key_of = attribute_key(config.key) if config.key_pointer is None else payload_key(config.key_pointer)
        self._windows = Windows(config.window_seconds, config.allowed_lateness_seconds, config.on_late)

    def __call__(self, batch: Sequence[bytes]) -> Result:
        """Raises RetryLater where a device cannot be looked up and the policy is to hold."""
        dead_letters: list[bytes] = []
        read = self._read(batch, dead_letters)
        records = self._records({key for _, key, _ in read})
        forwarded = self._forwarded(read, records, dead_letters)
        messages = [raw + records[key] + block for raw, key, block in forwarded]
        report(self._lookup.statistics)
        return Result(len(messages), messages, dead_letters)

    def _read(self, batch: Sequence[bytes], dead_letters: list[bytes]) -> list[_Read]:
        """Each message with its device and the block of its window.

        A parsed message is let go before the next one: it then takes its place in memory, which halves the cost.
        """
        parse, key_of, window_of = envelope.parse, self._key_of, self._windows.of
        version, event_time = envelope.SPEC_VERSION, envelope.TIME
        now = self._clock()
        surely_published = now + CLOCK_SKEW_SECONDS
        read: list[_Read] = []
        for raw in batch:
            message = parse(raw)
            attributes = message.attributes
            try:
                if attributes[version] != "1.0":
                    raise CannotSucceed(f"{version} is not 1.0", "unknown_version")
                window = window_of(attributes[event_time])
                if window.closes > surely_published:
                    block = window.block
                else:
                    block = self._windows.block(window, message.publish_time.seconds or now)
                read.append((raw, key_of(message, attributes), block))
            except CannotSucceed as error:
                dead_letters.append(self._dead(raw, error))
        return read

    def _dead(self, raw: bytes, error: CannotSucceed) -> bytes:
        return dead_letter(raw, STAGE, self._config.subscription, error)

    def _records(self, keys: set[str]) -> dict[str, bytes]:
        """A record for each key, if only one that says there is none."""
        named = keys - {""}
        records = self._lookup.records(named)
        if len(records) < len(named) and self._config.on_unavailable == "hold":
            raise RetryLater(f"{len(named) - len(records)} devices cannot be looked up; holding {STAGE}")
        if len(records) < len(keys):
            records = dict.fromkeys(keys, UNAVAILABLE) | records
            if "" in keys:
                records[""] = ABSENT
        return records

    def _forwarded(self, read: list[_Read], records: Mapping[str, bytes], dead_letters: list[bytes]) -> list[_Read]:
        """What goes on, though its device may have no record."""
        lacking = {key: one for key, one in records.items() if one is ABSENT or one is UNAVAILABLE}
        if not lacking:
            return read
        forwarded = []
        for one in read:
            try:
                if one[1] in lacking:
                    self._without_record(lacking[one[1]])
                forwarded.append(one)
            except CannotSucceed as error:
                dead_letters.append(self._dead(one[0], error))
        return forwarded

    def _without_record(self, record: bytes) -> None:
        if record is ABSENT:
            self.not_found.inc()
            if self._config.on_missing == "dead_letter":
                raise CannotSucceed("the register knows no such device", "device_unknown")
        else:
            self.unavailable.inc()
            if self._config.on_unavailable == "dead_letter":
                raise CannotSucceed("the register did not answer", "enrichment_unavailable")


def open_enricher(config: EnrichmentConfig) -> Stage:
    """The stage with its cache, which hears of changes from now on."""
    lookup = open_lookup(config)
    if config.invalidation_topic is not None:
        listen(config.invalidation_topic, config.register_name, lookup)
    return Enricher(lookup, config)
