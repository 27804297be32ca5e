"""The enrichment of a batch: one lookup a device, one block a window, nothing serialised again."""

import hashlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from google.cloud import firestore

from beam_jobs.dead_letters import dead_letter
from beam_jobs.enrichment.cache.firestore import FirestoreSource
from beam_jobs.enrichment.cache.layers import ABSENT, UNAVAILABLE, Layer, Lookup
from beam_jobs.enrichment.cache.lru import LruLayer
from beam_jobs.enrichment.cache.redis import RedisLayer, redis_client
from beam_jobs.enrichment.config import EnrichmentConfig
from beam_jobs.errors import CannotSucceed
from beam_jobs.stages import Result, Stage
from bridge import envelope
from director.endpoints import credentials

STAGE = "enrichment"
CACHED_WINDOWS = 10_000


class Enricher:
    """Messages with `device.*`, `enrichment.status` and `window.*` appended."""

    def __init__(self, lookup: Lookup, config: EnrichmentConfig) -> None:
        self._lookup = lookup
        self._config = config
        self._windows = Windows(config.window_seconds)

    def __call__(self, batch: Sequence[bytes]) -> Result:
        key, parse = self._config.key, envelope.parse
        attributes = [parse(raw).attributes for raw in batch]
        records = self._lookup.records({one[key] for one in attributes if key in one})
        result = Result(done=0)
        for raw, one in zip(batch, attributes, strict=True):
            try:
                if one.get(envelope.SPEC_VERSION) != "1.0":
                    raise CannotSucceed(f"{envelope.SPEC_VERSION} is not 1.0", "unknown_version")
                record = records.get(one[key], UNAVAILABLE) if key in one else ABSENT
                result.messages.append(raw + record + self._windows.block(one.get(envelope.TIME, "")))
            except CannotSucceed as error:
                result.dead_letters.append(dead_letter(raw, STAGE, self._config.subscription, error))
        result.done = len(result.messages)
        return result


class Windows:
    """Encoded `window.start` and `window.end` of fixed windows in event time, one block for each window."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._blocks: dict[int, bytes] = {}

    def block(self, event_time: str) -> bytes:
        """Raises CannotSucceed where `event_time` is no RFC 3339 time."""
        try:
            number = int(envelope.moment(event_time).timestamp() // self._seconds)
            return self._blocks.get(number) or self._encoded(number)
        except ValueError as error:
            raise CannotSucceed(f"{envelope.TIME}: {error}", "invalid_event_time") from error

    def _encoded(self, number: int) -> bytes:
        """Raises ValueError where the window reaches outside the years 1 to 9999."""
        start, end = (_rfc3339(edge * self._seconds) for edge in (number, number + 1))
        if len(self._blocks) >= CACHED_WINDOWS:
            self._blocks.clear()
        block = self._blocks[number] = envelope.attributes({"window.start": start, "window.end": end})
        return block


def open_enricher(config: EnrichmentConfig) -> Stage:
    """The stage with its cache: process, then Redis where there is one, then Firestore."""
    layers: list[Layer] = [
        LruLayer(config.memory_entries, config.memory_seconds, config.absent_seconds, time.monotonic)
    ]
    if config.redis_url:
        client = redis_client(config.redis_url)
        layers.append(RedisLayer(client, _namespace(config), config.redis_seconds, config.absent_seconds))
    register = firestore.Client(project=config.project, credentials=credentials("firestore"))
    return Enricher(Lookup(layers, FirestoreSource(register, config.collection, config.fields)), config)


def _namespace(config: EnrichmentConfig) -> str:
    """Different for each way of encoding a record, so that workers with another mapping do not read ours."""
    mapping = hashlib.sha256(repr(sorted(config.fields.items())).encode()).hexdigest()[:8]
    return f"iot:{config.project or ''}:{config.collection}:{mapping}"


def _rfc3339(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
