"""The enrichment of a batch: one lookup a device, one block a window, nothing serialised again."""

import time
from collections.abc import Sequence

from apache_beam.metrics import Metrics

from beam_jobs.dead_letters import dead_letter
from beam_jobs.enrichment.cache.chain import open_lookup
from beam_jobs.enrichment.cache.layers import ABSENT, UNAVAILABLE
from beam_jobs.enrichment.cache.lookup import Lookup
from beam_jobs.enrichment.cache.statistics import report
from beam_jobs.enrichment.config import EnrichmentConfig
from beam_jobs.enrichment.invalidation import listen
from beam_jobs.enrichment.keys import attribute_keys, payload_keys
from beam_jobs.enrichment.windows import Windows
from beam_jobs.errors import CannotSucceed, RetryLater
from beam_jobs.stages import NAMESPACE, Result, Stage
from bridge import envelope

STAGE = "enrichment"


class Enricher:
    """Messages with `device.*`, `enrichment.status` and `window.*` appended."""

    not_found = Metrics.counter(NAMESPACE, "not_found")
    unavailable = Metrics.counter(NAMESPACE, "unavailable")

    def __init__(self, lookup: Lookup, config: EnrichmentConfig) -> None:
        self._lookup = lookup
        self._config = config
        self._keys = attribute_keys(config.key) if config.key_pointer is None else payload_keys(config.key_pointer)
        self._windows = Windows(config.window_seconds, config.allowed_lateness_seconds, config.on_late, time.time)

    def __call__(self, batch: Sequence[bytes]) -> Result:
        """Raises RetryLater where a device cannot be looked up and the policy is to hold."""
        messages = [envelope.parse(raw) for raw in batch]
        attributes = [message.attributes for message in messages]
        keys = self._keys(messages, attributes)
        records = self._records(set(keys))
        result = Result(done=0)
        for raw, message, key, one in zip(batch, messages, keys, attributes, strict=True):
            try:
                if one[envelope.SPEC_VERSION] != "1.0":
                    raise CannotSucceed(f"{envelope.SPEC_VERSION} is not 1.0", "unknown_version")
                record = records[key]
                if record is ABSENT or record is UNAVAILABLE:
                    self._without_record(record)
                result.messages.append(raw + record + self._windows.block(one[envelope.TIME], message))
            except CannotSucceed as error:
                result.dead_letters.append(dead_letter(raw, STAGE, self._config.subscription, error))
        result.done = len(result.messages)
        report(self._lookup.statistics)
        return result

    def _records(self, keys: set[str]) -> dict[str, bytes]:
        """A record for each key, if only one that says there is none."""
        keys.discard("")
        known = self._lookup.records(keys)
        if len(known) < len(keys) and self._config.on_unavailable == "hold":
            raise RetryLater(f"{len(keys) - len(known)} devices cannot be looked up; holding {STAGE}")
        return dict.fromkeys(keys - known.keys(), UNAVAILABLE) | {"": ABSENT} | known

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
