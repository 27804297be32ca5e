"""Envelopes -> objects: groups, lines, names, compression. Pure, and the same for the same messages.

A line is the whole envelope as JSON; the payload is text where it is UTF-8, base64 elsewhere, so its bytes come back
exactly. An object's name and bytes follow from its content alone (a hash of the sorted lines, no time of compression):
writing the same batch again writes the same object.
"""

import base64
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from isal import igzip

from beam_jobs.errors import CannotSucceed
from bridge import envelope

LINE_VERSION = 1
GZIP_LEVEL = 2
UNKNOWN = "unknown"
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
LONGEST_KEY_VALUE = 100


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """An archived message: what it is sorted by, and its JSON."""

    event_time: str
    id: str
    json: bytes


@dataclass(frozen=True, slots=True)
class ArchiveObject:
    """An object to be written: its name, its compressed lines, and what its metadata says."""

    name: str
    content: bytes
    metadata: dict[str, str]


def line(message: Any) -> Line:
    """The line of a `PubsubMessage`. Raises CannotSucceed where it has no usable event time."""
    attributes = dict(message.attributes)
    event_time = attributes.get(envelope.TIME, "")
    try:
        moment = envelope.moment(event_time)
    except ValueError as error:
        raise CannotSucceed(f"{envelope.TIME} {event_time!r}: {error}", "invalid_event_time") from error
    identity = attributes.get(envelope.ID) or message.message_id
    document = {
        "v": LINE_VERSION,
        "id": identity,
        "event_time": event_time,
        "publish_time": message.publish_time.ToJsonString(),
        "attributes": attributes,
        **_payload(message.data),
    }
    if message.ordering_key:
        document["ordering_key"] = message.ordering_key
    return Line(envelope.timestamp(moment), identity, orjson.dumps(document, option=orjson.OPT_SORT_KEYS))


def partition(message: Any, archived: Line, keys: Sequence[str]) -> str:
    """The part of an object's name that says what belongs together: event date in UTC, then each key's value."""
    parts = [f"date={archived.event_time[:10]}"]
    parts += [f"{key.rsplit('.', 1)[-1]}={_safe(message.attributes.get(key, ''))}" for key in keys]
    return "/".join(parts)


def objects(prefix: str, lines: Iterable[tuple[str, Line]]) -> list[ArchiveObject]:
    """One object for each partition of `lines`."""
    groups: dict[str, list[Line]] = defaultdict(list)
    for place, one in lines:
        groups[place].append(one)
    return [_object(f"{prefix}/{place}", sorted(group)) for place, group in sorted(groups.items())]


def _object(folder: str, lines: Sequence[Line]) -> ArchiveObject:
    text = b"\n".join([one.json for one in lines]) + b"\n"
    digest = hashlib.sha256(text).hexdigest()
    first = lines[0].event_time.replace(":", "").replace("-", "")[:15]
    name = f"{folder}/{first}Z-{digest[:16]}-{len(lines)}.jsonl.gz"
    metadata = {
        "count": str(len(lines)),
        "min-event-time": lines[0].event_time,
        "max-event-time": lines[-1].event_time,
        "line-version": str(LINE_VERSION),
        "sha256": digest,
    }
    return ArchiveObject(name, igzip.compress(text, GZIP_LEVEL, mtime=0), metadata)


def _payload(payload: bytes) -> dict[str, str]:
    try:
        return {"payload": payload.decode()}
    except UnicodeDecodeError:
        return {"payload_base64": base64.b64encode(payload).decode()}


def _safe(value: str) -> str:
    """A path segment that cannot leave its folder: other characters become `_`, told apart by a short hash."""
    if not value:
        return UNKNOWN
    plain = _UNSAFE.sub("_", value)[:LONGEST_KEY_VALUE]
    if plain == value:
        return plain
    return f"{plain}-{hashlib.sha256(value.encode()).hexdigest()[:8]}"
