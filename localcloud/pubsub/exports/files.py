"""Files of a Cloud Storage subscription: what they are called, and what is in them.

Source: https://cloud.google.com/pubsub/docs/create-cloudstorage-subscription
"""

import io
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import fastavro

from localcloud.pubsub.messages import Message

DEFAULT_FORMAT = "YYYY-MM-DDThh:mm:ss+00:00"
_MATCHERS = {
    "YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d", "hh": "%H", "mm": "%M", "ss": "%S",
    "T": "T", "Z": "Z", "+00:00": "+00:00",
}  # fmt: skip
_TOKEN = re.compile(r"YYYY|YY|MM|DD|hh|mm|ss|T|Z|\+00:00|[-_:/]")
_ONE_OF_EACH = (("YYYY", "YY"), ("MM",), ("DD",), ("hh",), ("mm",), ("ss",))
_AT_MOST_ONE = (("T",), ("Z", "+00:00"))

_DATA = {"name": "data", "type": "bytes"}
_BARE = fastavro.parse_schema(
    {"type": "record", "namespace": "com.google.pubsub", "name": "PubsubMessage", "fields": [_DATA]}
)
_WITH_METADATA = fastavro.parse_schema(
    {
        "type": "record",
        "namespace": "com.google.pubsub",
        "name": "PubsubMessageWithMetadata",
        "fields": [
            {"name": "subscription_name", "type": "string"},
            {"name": "message_id", "type": "string"},
            {"name": "publish_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            {"name": "attributes", "type": {"type": "map", "values": "string"}},
            _DATA,
        ],
    }
)


def check_datetime_format(text: str) -> None:
    """Raises ValueError for a format that is none; empty is the default one."""
    tokens = _tokens(text or DEFAULT_FORMAT)
    for choices in _ONE_OF_EACH:
        if sum(tokens.count(each) for each in choices) != 1:
            raise ValueError(f"it needs {' or '.join(choices)}, once")
    for choices in _AT_MOST_ONE:
        if sum(tokens.count(each) for each in choices) > 1:
            raise ValueError(f"it may have {' or '.join(choices)} only once")


def name(config: Any, seconds: float) -> str:
    """Of a file begun at `seconds` since 1970: unlike any other."""
    tokens = _tokens(config.filename_datetime_format or DEFAULT_FORMAT)
    separator = "" if tokens[-1] not in _MATCHERS else "_"
    moment = datetime.fromtimestamp(seconds, UTC)
    text = "".join(moment.strftime(_MATCHERS.get(token, token)) for token in tokens)
    return f"{config.filename_prefix}{text}{separator}{secrets.token_hex(6)}{config.filename_suffix}"


def content(config: Any, subscription: str, messages: Iterable[Message]) -> tuple[bytes, str]:
    """The bytes of a file, and their media type."""
    if config.WhichOneof("output_format") == "text_config":
        return b"\n".join(message.decoded().data for message in messages), "text/plain"
    return _avro(config.avro_config.write_metadata, subscription, messages), "application/avro"


def attributes(message: Any) -> dict[str, str]:
    """All that metadata tells beyond id and time: the attributes, and among them the ordering key if there is one."""
    ordering = {"ordering_key": message.ordering_key} if message.ordering_key else {}
    return {**message.attributes, **ordering}


def _avro(with_metadata: bool, subscription: str, messages: Iterable[Message]) -> bytes:
    contents = (message.decoded() for message in messages)
    file = io.BytesIO()
    if with_metadata:
        fastavro.writer(file, _WITH_METADATA, _records(subscription, contents))
    else:
        fastavro.writer(file, _BARE, ({"data": each.data} for each in contents))
    return file.getvalue()


def _records(subscription: str, contents: Iterable[Any]) -> Iterator[dict[str, Any]]:
    for each in contents:
        yield {
            "subscription_name": subscription,
            "message_id": each.message_id,
            "publish_time": each.publish_time.ToMicroseconds(),
            "attributes": attributes(each),
            "data": each.data,
        }


def _tokens(text: str) -> Sequence[str]:
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != text:
        raise ValueError(f"{text!r} has other parts than YYYY, MM, DD, hh, mm, ss, T, Z, +00:00 and -_:/")
    return tokens
