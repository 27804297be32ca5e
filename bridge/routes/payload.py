"""What a route reads of each message: size, schema, id, event time. Prepared once for each route.

A JSON payload is parsed only where the route asks for something in it, and once.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from bridge.envelope import moment, timestamp
from bridge.errors import CannotSucceed
from bridge.routes.model import IdSource, Treatment
from bridge.routes.schemas import PayloadSchema
from director.fields import pointer_parts

LONGEST_ID = 256  # characters
_POSITION = re.compile(r"0|[1-9][0-9]{0,9}")


class Payload:
    """The bytes of a message, and the JSON document they are: parsed when first asked for."""

    __slots__ = ("_document", "content")

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._document: Any = None

    def at(self, parts: Sequence[tuple[str, int]]) -> Any:
        """What the parts of a JSON pointer lead to; None where that is nothing, or the payload is no JSON."""
        try:
            found = self.document()
        except orjson.JSONDecodeError:
            return None
        for key, position in parts:
            if type(found) is dict:
                found = found.get(key)
            elif type(found) is list and 0 <= position < len(found):
                found = found[position]
            else:
                return None
        return found

    def document(self) -> Any:
        """Raises orjson.JSONDecodeError."""
        if self._document is None:
            self._document = orjson.loads(self.content)
        return self._document


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message says something: in the user property so named, or at a place of its JSON payload."""

    property: str | None
    parts: tuple[tuple[str, int], ...]
    spelled: str

    @classmethod
    def of(cls, source: IdSource) -> "Place":
        if source.pointer is None:
            return cls(source.property, (), f"user property {source.property!r}")
        parts = pointer_parts(source.pointer)
        positions = (int(part) if _POSITION.fullmatch(part) else -1 for part in parts)
        return cls(None, tuple(zip(parts, positions, strict=True)), f"payload {source.pointer}")

    def given(self, payload: Payload, user: Sequence[tuple[str, str]]) -> Any:
        if self.property is None:
            return payload.at(self.parts)
        for name, value in user:
            if name == self.property:
                return value
        return None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one route reads of its messages; as it stands, nothing."""

    least: int = 0
    most: int | None = None
    truncates: bool = False
    schema: PayloadSchema | None = None
    own_id: Place | None = None
    own_time: Place | None = None
    time_format: str = ""
    substitutes: bool = False
    ignores_retained: bool = False

    @classmethod
    def of(cls, treatment: Treatment) -> "Reading":
        return cls(
            least=treatment.min_payload_bytes,
            most=treatment.max_payload_bytes,
            truncates=treatment.on_oversize == "truncate",
            schema=treatment.json_schema,
            own_id=Place.of(treatment.id) if treatment.id else None,
            own_time=Place.of(treatment.event_time) if treatment.event_time else None,
            time_format=treatment.event_time.format if treatment.event_time else "",
            substitutes=treatment.on_invalid == "substitute",
            ignores_retained=treatment.on_retained == "ignore",
        )

    @property
    def plain(self) -> bool:
        """Whether a message need not be looked at at all."""
        return replace(self, substitutes=False) == NOTHING

    def check(self, payload: Payload) -> None:
        """Raises CannotSucceed for a payload of a size or form that this route does not take."""
        size = len(payload.content)
        if size < self.least:
            raise CannotSucceed("too_small", f"{size} bytes; this route takes {self.least} at least")
        if self.most is not None and size > self.most and not self.truncates:
            raise CannotSucceed("too_large", f"{size} bytes; this route takes {self.most} at most")
        if self.schema:
            _fits(payload, self.schema)

    def id(self, payload: Payload, user: Sequence[tuple[str, str]]) -> str | None:
        """The id that the message gives itself, None where one is to be minted. Raises CannotSucceed."""
        if self.own_id is None:
            return None
        given = self.own_id.given(payload, user)
        if type(given) is int or (type(given) is str and 0 < len(given) <= LONGEST_ID):
            return str(given)
        if self.substitutes:
            return None
        raise CannotSucceed("invalid_id", f"no usable id at {self.own_id.spelled}")

    def time(self, payload: Payload, user: Sequence[tuple[str, str]]) -> str | None:
        """When the message says its event was, None where the time of receipt holds. Raises CannotSucceed."""
        if self.own_time is None:
            return None
        try:
            return event_time(self.own_time.given(payload, user), self.time_format)
        except (TypeError, ValueError, OverflowError, OSError) as error:
            if self.substitutes:
                return None
            problem = f"no time as {self.time_format} at {self.own_time.spelled}"
            raise CannotSucceed("invalid_event_time", problem) from error


NOTHING = Reading()


def event_time(given: Any, form: str) -> str:
    """RFC 3339 in UTC. Raises TypeError, ValueError, OverflowError or OSError for what is no time of that form."""
    if form == "rfc3339":
        return timestamp(moment(given))
    if isinstance(given, bool):
        raise TypeError("a truth value is no time")
    fraction, whole = math.modf(float(given) / (1_000 if form == "unix_ms" else 1))
    microseconds = round(fraction * 1_000_000)
    if not 0 <= microseconds < 1_000_000:
        whole, microseconds = whole + microseconds // 1_000_000, microseconds % 1_000_000
    return f"{_second(whole)}{microseconds:06d}Z"


@lru_cache(4_096)
def _second(unix: float) -> str:
    """RFC 3339 up to the fraction: messages of one second share it. Raises ValueError, OverflowError, OSError."""
    return timestamp(datetime.fromtimestamp(unix, UTC))[:20]


def _fits(payload: Payload, schema: PayloadSchema) -> None:
    try:
        document = payload.document()
    except orjson.JSONDecodeError as error:
        raise CannotSucceed("invalid_json", f"the payload is no JSON: {error}") from error
    fault = schema.fault(document)
    if fault is not None:
        raise CannotSucceed("schema_violation", fault)
