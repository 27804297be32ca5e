"""Rows of a BigQuery subscription: which columns a table must have, and what of a message goes into them.

Source: https://cloud.google.com/pubsub/docs/bigquery
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from localcloud.pubsub.exports.destinations import Column, Unwritable
from localcloud.pubsub.exports.files import attributes
from localcloud.pubsub.messages import Message

DATA = {"data": ("BYTES", "STRING", "JSON")}
METADATA = {
    "subscription_name": ("STRING",),
    "message_id": ("STRING",),
    "publish_time": ("TIMESTAMP",),
    "attributes": ("JSON", "STRING"),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Row = dict[str, Any]


class BadMessage(ValueError):
    """A message that makes no row of this table."""


class Rows:
    """Messages as rows of one table, as its subscription wants them."""

    def __init__(self, config: Any, subscription: str, columns: Sequence[Column]) -> None:
        """Raises Unwritable for a table without the columns this takes."""
        self._subscription = subscription
        self._config = config
        self._columns = columns
        types = {column.name.lower(): column.type for column in columns}
        needed = ({} if config.use_table_schema else DATA) | (METADATA if config.write_metadata else {})
        for name, allowed in needed.items():
            if types.get(name) not in allowed:
                found = types.get(name, "not there")
                raise Unwritable("SCHEMA_MISMATCH", f"column {name} must be {' or '.join(allowed)}, but is {found}")
        self._data_type = types.get("data", "")

    def row(self, message: Message) -> Row:
        """As tabledata.insertAll takes it. Raises BadMessage."""
        content = message.decoded()
        row = self._payload(content.data) if self._config.use_table_schema else {"data": self._data(content.data)}
        return row | self._metadata(content) if self._config.write_metadata else row

    def _payload(self, data: bytes) -> Row:
        try:
            payload = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise BadMessage(f"the message is no JSON: {error}") from error
        if not isinstance(payload, dict):
            raise BadMessage("the message is no JSON object")
        return _converted(self._columns, payload)

    def _data(self, data: bytes) -> str:
        if self._data_type == "BYTES":
            return base64.b64encode(data).decode()
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise BadMessage(f"the message is no UTF-8, which column data wants: {error}") from error

    def _metadata(self, content: Any) -> Row:
        return {
            "subscription_name": self._subscription,
            "message_id": content.message_id,
            "publish_time": _rfc3339(content.publish_time.ToMicroseconds()),
            "attributes": orjson.dumps(attributes(content)).decode(),
        }


def _converted(columns: Sequence[Column], values: Mapping[str, Any]) -> Row:
    known = {column.name.lower(): column for column in columns}
    return {name: _value(known.get(name.lower()), value) for name, value in values.items()}


def _value(column: Column | None, value: Any) -> Any:
    """What insertAll would understand otherwise: whole numbers are microseconds, JSON columns take any JSON."""
    if column is None or value is None:
        return value
    if column.type == "JSON":
        return value if isinstance(value, str) else orjson.dumps(value).decode()
    if isinstance(value, list):
        return [_value(column, each) for each in value]
    if column.type == "RECORD" and isinstance(value, dict):
        return _converted(column.fields, value)
    if column.type == "TIMESTAMP" and isinstance(value, int) and not isinstance(value, bool):
        return _rfc3339(value)
    return value


def _rfc3339(micros: int) -> str:
    try:
        return f"{_EPOCH + timedelta(microseconds=micros):%Y-%m-%dT%H:%M:%S.%f}Z"
    except OverflowError as error:
        raise BadMessage(f"{micros} is no time in microseconds since 1970") from error
