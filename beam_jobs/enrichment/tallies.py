"""What is known of a device's numbers in one window: tallies, which add up in any order and grouping. Pure.

    Tally.of(a) + Tally.of(b) == Tally.of(a + b)

Sums are kept exactly, as a whole number of halves of halves: floating point would give another sum for another order,
and so another rollup for the same messages.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from beam_jobs.enrichment.windows import END, LATE, START
from bridge import envelope
from director.fields import pointer_parts

FARTHEST_AHEAD = 86_400  # seconds that a window may begin after its message was published, to be kept open for others
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_IDS = 1 << 128
_NOTHING = object()


class Reading(NamedTuple):
    """A number, when it was measured (microseconds since 1970), whether late, and its message's id as a number."""

    value: float
    at: int
    late: bool
    identity: int


@dataclass(frozen=True, slots=True)
class Tally:
    """Readings added up. `total` is their sum times 2 to the power of `places`, `ids` the sum of their identities."""

    count: int = 0
    late: int = 0
    total: int = 0
    places: int = 0
    least: float = math.inf
    greatest: float = -math.inf
    last: tuple[float, float] = (-math.inf, -math.inf)  # time and value; of several at one time the greatest
    ids: int = 0

    @classmethod
    def of(cls, readings: Sequence[Reading]) -> "Tally":
        if not readings:
            return cls()
        total, places = _exact([reading.value for reading in readings])
        return cls(
            count=len(readings),
            late=sum(reading.late for reading in readings),
            total=total,
            places=places,
            least=min(reading.value for reading in readings),
            greatest=max(reading.value for reading in readings),
            last=max((reading.at, reading.value) for reading in readings),
            ids=sum(reading.identity for reading in readings) % _IDS,
        )

    def __add__(self, other: "Tally") -> "Tally":
        places = max(self.places, other.places)
        return Tally(
            count=self.count + other.count,
            late=self.late + other.late,
            total=(self.total << places - self.places) + (other.total << places - other.places),
            places=places,
            least=min(self.least, other.least),
            greatest=max(self.greatest, other.greatest),
            last=max(self.last, other.last),
            ids=(self.ids + other.ids) % _IDS,
        )

    @property
    def sum(self) -> float | None:
        """The nearest floating-point number; None where there is none so large."""
        try:
            return self.total / (1 << self.places)
        except OverflowError:
            return None

    @property
    def mean(self) -> float:
        return self.total / (self.count << self.places)


class Group(NamedTuple):
    """What is added up together; window edges as the message has them.

    `keeps` is whether its window may wait for more: not where the message is late, nor where its clock runs so far
    ahead that a window would stay open for days.
    """

    device: str
    field: str
    start: str
    end: str
    keeps: bool


class Tallies:
    """Batches of enriched messages, added up by group. `fields` maps names to JSON pointers into payloads."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = {name: pointer_parts(pointer) for name, pointer in fields.items()}
        self.skipped = 0  # messages without a device or any number
        self.no_numbers = 0  # values that are there and are no finite numbers

    def of(self, batch: Sequence[bytes]) -> dict[Group, Tally]:
        groups: dict[Group, list[Reading]] = {}
        for raw in batch:
            message = envelope.parse(raw)
            found = dict(self._numbers(message))
            if not found:
                self.skipped += 1
                continue
            facts = message.attributes
            late = LATE in facts
            at = (envelope.moment(facts[envelope.TIME]) - EPOCH) // MICROSECOND
            identity = _identity(facts.get(envelope.ID) or message.message_id)
            keeps = not late and at < (message.publish_time.seconds + FARTHEST_AHEAD) * 1_000_000
            for name, value in found.items():
                group = Group(facts[envelope.SUBJECT], name, facts[START], facts[END], keeps)
                groups.setdefault(group, []).append(Reading(value, at, late, identity))
        return {group: Tally.of(readings) for group, readings in groups.items()}

    def _numbers(self, message: Any) -> Iterator[tuple[str, float]]:
        if not message.attributes.get(envelope.SUBJECT):
            return
        try:
            document = orjson.loads(message.data)
        except orjson.JSONDecodeError:
            return
        for name, parts in self._fields.items():
            value = _pointed(document, parts)
            number = _finite(value)
            if number is not None:
                yield name, number
            elif value is not None and value is not _NOTHING:
                self.no_numbers += 1


def pane_id(group: Group, tally: Tally) -> str:
    """The same for the same messages in the same window, in whatever order they came."""
    facts = [group.device, group.field, group.start, group.end, str(tally.count), f"{tally.ids:032x}"]
    return hashlib.sha256(orjson.dumps(facts)).hexdigest()[:32]


def _exact(values: Sequence[float]) -> tuple[int, int]:
    """The exact sum, as a whole number and the power of two that divides it."""
    ratios = [value.as_integer_ratio() for value in values]
    places = max(denominator.bit_length() for _, denominator in ratios) - 1
    return sum(numerator << places + 1 - denominator.bit_length() for numerator, denominator in ratios), places


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value + 0.0  # of two zeros, the one without a sign


def _identity(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest())


def _pointed(document: Any, parts: Sequence[str]) -> Any:
    for part in parts:
        if type(document) is dict:
            document = document.get(part, _NOTHING)
        elif type(document) is list and part.isdecimal() and int(part) < len(document):
            document = document[int(part)]
        else:
            return _NOTHING
    return document
