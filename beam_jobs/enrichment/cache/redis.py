"""The layer that workers share: Redis or Valkey. Slow or gone, it is passed over within the timeout."""

from collections.abc import Collection, Mapping

from redis import Redis, RedisError

from beam_jobs.enrichment.cache.layers import ABSENT, LayerUnavailable

VERSION = b"1:"  # before every value: what does not start with it is a miss, whoever wrote it
TIMEOUT_SECONDS = 0.1


class RedisLayer:
    """Records under `namespace:key`, for `seconds` (absent ones for `absent_seconds`)."""

    name = "redis"

    def __init__(self, client: Redis, namespace: str, seconds: int, absent_seconds: int) -> None:
        self._client = client
        self._namespace = namespace
        self._seconds = seconds
        self._absent_seconds = absent_seconds

    def get(self, keys: Collection[str]) -> dict[str, bytes]:
        ordered = list(keys)
        try:
            values = self._client.mget([self._name(key) for key in ordered])
        except RedisError as error:
            raise LayerUnavailable(str(error)) from error
        return {
            key: value[len(VERSION) :]
            for key, value in zip(ordered, values, strict=True)
            if value is not None and value.startswith(VERSION)
        }

    def put(self, records: Mapping[str, bytes]) -> None:
        try:
            with self._client.pipeline(transaction=False) as pipeline:
                for key, record in records.items():
                    seconds = self._absent_seconds if record == ABSENT else self._seconds
                    pipeline.set(self._name(key), VERSION + record, ex=seconds)
                pipeline.execute()
        except RedisError as error:
            raise LayerUnavailable(str(error)) from error

    def _name(self, key: str) -> str:
        return f"{self._namespace}:{key}"


def redis_client(url: str) -> Redis:
    """A client that gives up in time: a cache that makes callers wait is worse than none."""
    return Redis.from_url(url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, retry=None)
