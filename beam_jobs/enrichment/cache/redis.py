"""The layer that workers share: Redis or Valkey. Slow or gone, it is passed over within the timeout.

A value is  VERSION | time of reading, 16 digits | fresh until, 16 digits | record  with times in microseconds since
1970. A change leaves a marker: a value without a record, read at the time of the change. Both are written by one
script, atomic in the server, that keeps what was read later: so a late answer of one worker cannot undo what another
was told. What does not look like a value of ours is a miss, whoever wrote it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

from redis import Redis, RedisError

from beam_jobs.enrichment.cache.layers import ABSENT, Answer, Change, Entry, LayerUnavailable, Lifetimes
from beam_jobs.enrichment.cache.statistics import Statistics

VERSION = b"2:"
DIGITS = 16
HEADER = len(VERSION) + 2 * DIGITS
TIMEOUT_SECONDS = 0.05
MARKER_SECONDS = 600  # far longer than any answer is on its way
KEYS_PER_CALL = 1_000  # a script keeps the whole server busy

# ARGV: the version, then for each key its value and its seconds to live. Digits of one length compare as text.
KEEP_LATER = """
local version, refused = ARGV[1], 0
local read_at = function(value)
  return string.sub(value, 1, #version) == version and string.match(string.sub(value, #version + 1), '^%d+$')
    and #value == #version + 32 and string.sub(value, #version + 1, #version + 16)
end
for index, key in ipairs(KEYS) do
  local value, seconds = ARGV[2 * index], ARGV[2 * index + 1]
  local header = redis.pcall('GETRANGE', key, 0, #version + 31)
  local there = type(header) == 'string' and read_at(header)
  if there and there > read_at(string.sub(value, 1, #version + 32)) then
    refused = refused + 1
  else
    redis.call('SET', key, value, 'EX', seconds)
  end
end
return refused
"""


class RedisLayer:
    """Entries under `namespace:key`. `now` gives seconds since 1970, `spread` numbers from 0 to 1."""

    name = "redis"

    def __init__(
        self,
        client: Redis,
        namespace: str,
        lifetimes: Lifetimes,
        statistics: Statistics,
        now: Callable[[], float],
        spread: Callable[[], float],
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._lifetimes = lifetimes
        self._statistics = statistics
        self._now = now
        self._spread = spread
        self._keep_later = client.register_script(KEEP_LATER)

    def get(self, keys: Collection[str]) -> Answer:
        ordered = list(keys)
        try:
            values = self._client.mget([self._name(key) for key in ordered])
        except (RedisError, OSError) as error:
            raise LayerUnavailable(f"Redis: {error}") from error
        answer = Answer()
        now = _micros(self._now())
        for key, value in zip(ordered, values, strict=True):
            if value is not None:
                self._read(key, value, now, answer)
        return answer

    def put(self, entries: Mapping[str, Entry]) -> int:
        return self._write({key: self._value(entry) for key, entry in entries.items()})

    def change(self, change: Change) -> None:
        """Markers for the keys; what is stale beside them is the reader's to know."""
        self._write({key: (_header(floor, 0), MARKER_SECONDS) for key, floor in change.keys.items()})

    def _read(self, key: str, value: bytes, now: int, answer: Answer) -> None:
        times = value[len(VERSION) : HEADER]
        if not value.startswith(VERSION) or len(times) < 2 * DIGITS or not times.isdigit():
            self._statistics.count(self.name, "garbage")
            return
        if len(value) == HEADER:
            return  # a marker
        record = value[HEADER:]
        entry = Entry(ABSENT if record == ABSENT else record, int(times[:DIGITS]))
        if now < int(times[DIGITS:]):
            answer.entries[key] = entry
        elif not entry.absent:
            answer.stale[key] = entry

    def _value(self, entry: Entry) -> tuple[bytes, int]:
        """What to store, and the seconds after which the server may forget it."""
        seconds = self._lifetimes.of(entry, self._spread())
        kept = seconds if entry.absent else seconds + self._lifetimes.stale_seconds
        return _header(entry.read_at, _micros(self._now() + seconds)) + entry.record, max(1, round(kept))

    def _write(self, values: Mapping[str, tuple[bytes, int]]) -> int:
        keys = list(values)
        return sum(
            self._written({key: values[key] for key in keys[start : start + KEYS_PER_CALL]})
            for start in range(0, len(keys), KEYS_PER_CALL)
        )

    def _written(self, values: Mapping[str, tuple[bytes, int]]) -> int:
        arguments: Sequence[bytes | int] = [VERSION, *(part for value in values.values() for part in value)]
        try:
            return int(self._keep_later(keys=[self._name(key) for key in values], args=arguments))
        except (RedisError, OSError) as error:
            raise LayerUnavailable(f"Redis: {error}") from error

    def _name(self, key: str) -> str:
        return f"{self._namespace}:{key}"


def redis_client(url: str) -> Redis:
    """A client that gives up in time: a cache that makes callers wait is worse than none."""
    return Redis.from_url(url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, retry=None)


def _header(read_at: int, fresh_until: int) -> bytes:
    return VERSION + b"%016d%016d" % (read_at, fresh_until)


def _micros(seconds: float) -> int:
    return int(seconds * 1e6)
