"""An archived message: one line of JSON that holds all of it, and the message again from its line.

    {"event_time": …, "attributes": {…}, "id": …, "message_id": …, "ordering_key": …, "payload": …, "publish_time": …,
     "v": 1}

`event_time` is `ce-time` in UTC with microseconds and stands first, so lines that are sorted as bytes are sorted by
event time. `id` is `ce-id`, or Pub/Sub's id where a message has none. The payload is text where it is UTF-8, else
`payload_base64`. `message_id` and `ordering_key` are left out where a message has none. The same message always gives
the same line.
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from google.protobuf.timestamp_pb2 import Timestamp

from beam_jobs.errors import CannotSucceed
from bridge import envelope

LINE_VERSION = 1
LARGE = 100_000  # bytes of a payload, from which on escapes in text may cost more than base64
_TIME = slice(15, 42)  # of a line: `{"event_time":"` goes before it
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Line(NamedTuple):
    """The line of a message, and what its place in the archive is found by."""

    json: bytes
    event_time: str  # as in the line
    attributes: Mapping[str, str]


def line(message: Any) -> Line:
    """The line of a `PubsubMessage`. Raises CannotSucceed where it has no usable event time."""
    return line_with(message, dict(message.attributes))


def line_with(message: Any, attributes: dict[str, str]) -> Line:
    """The same, of a message whose attributes somebody has read already."""
    event_time = _event_time(attributes.get(envelope.TIME, ""))
    message_id = message.message_id
    document = {
        "v": LINE_VERSION,
        "id": attributes.get(envelope.ID) or message_id,
        "publish_time": _publish_time(message.publish_time),
        "attributes": attributes,
    }
    if message_id:
        document["message_id"] = message_id
    if message.ordering_key:
        document["ordering_key"] = message.ordering_key
    start = b'{"event_time":"%b",' % event_time.encode()
    return Line(start + _with_payload(document, message.data)[1:], event_time, attributes)


def restored(json: bytes) -> bytes:
    """The serialised `PubsubMessage` whose line this is: payload, attributes, ordering key, id and publish time.

    Raises ValueError for what is no line, or one of another version.
    """
    document = read(json)
    block = envelope.data(payload_of(document))
    block += envelope.attributes(document["attributes"])
    if message_id := document.get("message_id", "").encode():
        block += b"\x1a" + envelope.length(len(message_id)) + message_id
    moment = Timestamp()
    moment.FromJsonString(document["publish_time"])
    time = moment.SerializeToString()
    block += b"\x22" + envelope.length(len(time)) + time if time else b""
    key = document.get("ordering_key", "")
    return block + envelope.ordering_key(key) if key else block


def read(json: bytes) -> dict[str, Any]:
    """What a line says. Raises ValueError for what is no line, or one of another version."""
    document = orjson.loads(json)
    if not isinstance(document, dict) or document.get("v") != LINE_VERSION:
        raise ValueError(f"no line of version {LINE_VERSION}: {json[:100]!r}")
    return document


def payload_of(document: Mapping[str, Any]) -> bytes:
    """The payload that a line holds."""
    if "payload" in document:
        return bytes(document["payload"], "utf-8")
    return base64.b64decode(document["payload_base64"])


def event_time_of(json: bytes) -> str:
    """The event time of a line, without reading the rest of it."""
    return json[_TIME].decode()


def _event_time(text: str) -> str:
    try:
        moment = envelope.moment(text)
    except ValueError as error:
        raise CannotSucceed(f"{envelope.TIME} {text!r}: {error}", "invalid_event_time") from error
    # How all of ours are written; [7] tells it from a date by weeks.
    if len(text) == 27 and text[7] == "-" and text[10] == "T" and text[19] == "." and text[26] == "Z":
        return text
    return envelope.timestamp(moment)


def _publish_time(moment: Any) -> str:
    """As protobuf's JSON has it: no digits behind the second, or three, six or nine."""
    second, nanos = _second(moment.seconds), moment.nanos
    if not nanos:
        return f"{second}Z"
    if nanos % 1_000_000 == 0:
        return f"{second}.{nanos // 1_000_000:03}Z"
    return f"{second}.{nanos // 1_000:06}Z" if nanos % 1_000 == 0 else f"{second}.{nanos:09}Z"


@lru_cache(1_024)
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]


def _with_payload(document: dict[str, Any], payload: bytes) -> bytes:
    try:
        document["payload"] = payload.decode()
    except UnicodeDecodeError:
        return _in_base64(document, payload)
    made = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    if len(payload) > LARGE and len(made) > 2 * len(
        payload
    ):  # mostly control characters, of which each takes six bytes
        del document["payload"]
        return _in_base64(document, payload)
    return made


def _in_base64(document: dict[str, Any], payload: bytes) -> bytes:
    document["payload_base64"] = base64.b64encode(payload).decode()
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
