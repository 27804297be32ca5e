"""A row is what the columns say, in BigQuery's protobuf types; what cannot be one says column, value and reason."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from beam_jobs.errors import CannotSucceed
from beam_jobs.warehouse.config import Column
from beam_jobs.warehouse.rows import RowEncoder
from bridge import envelope

NOW = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def row(payload: bytes, *columns: Column, **attributes: str) -> Any:
    """The row as BigQuery would read it, with the descriptor it is sent with."""
    encoder = RowEncoder(columns)
    message = envelope.parse(envelope.data(payload) + envelope.attributes(attributes))
    file = descriptor_pb2.FileDescriptorProto(name="r.proto", syntax="proto2", message_type=[encoder.descriptor])
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Row")).FromString(encoder.encode(message, NOW))


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        ("STRING", "text", "text"),
        ("STRING", 1.5, "1.5"),
        ("STRING", {"a": [1]}, '{"a":[1]}'),
        ("INT64", 7, 7),
        ("INT64", "7", 7),
        ("INT64", 7.0, 7),
        ("FLOAT64", 7, 7.0),
        ("FLOAT64", "7.5", 7.5),
        ("BOOL", True, True),
        ("BOOL", "false", False),
        ("TIMESTAMP", 1_594_598_424.5, 1_594_598_424_500_000),
        ("TIMESTAMP", "2020-07-13T02:00:24.5+02:00", 1_594_598_424_500_000),
        ("BYTES", "AP8=", b"\x00\xff"),
        ("JSON", {"b": None}, '{"b":null}'),
    ],
)
def test_values_become_what_the_column_says(kind: Any, value: Any, stored: Any) -> None:
    assert row(json.dumps({"x": value}).encode(), Column(name="c", type=kind, pointer="/x")).c == stored


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("INT64", "x"),
        ("INT64", 1.5),
        ("INT64", True),
        ("INT64", 2**63),
        ("FLOAT64", "nan"),
        ("FLOAT64", True),
        ("FLOAT64", []),
        ("BOOL", 1),
        ("TIMESTAMP", "2020-07-13"),
        ("TIMESTAMP", "soon"),
        ("TIMESTAMP", 1e14),
        ("TIMESTAMP", -1e14),
        ("BYTES", "%"),
        ("BYTES", 1),
    ],
)
def test_a_value_that_does_not_fit_names_column_value_and_type(kind: Any, value: Any) -> None:
    with pytest.raises(CannotSucceed) as caught:
        row(json.dumps({"x": value}).encode(), Column(name="reading", type=kind, pointer="/x"))
    assert caught.value.reason == "invalid_value"
    assert "column reading" in str(caught.value)
    assert kind in str(caught.value)


def test_columns_come_from_attributes_payload_envelope_and_constants() -> None:
    stored = row(
        b'{"a": {"b/c": 1}}',
        Column(name="id", type="STRING", attribute="ce-id"),
        Column(name="deep", type="INT64", pointer="/a/b~1c"),
        Column(name="now", type="TIMESTAMP", envelope="now"),
        Column(name="attributes", type="JSON", envelope="attributes"),
        Column(name="payload", type="JSON", envelope="payload"),
        Column(name="source", type="STRING", literal="fleet"),
        **{"ce-id": "7"},
    )
    assert (stored.id, stored.deep, stored.source) == ("7", 1, "fleet")
    assert stored.now == int(NOW.timestamp()) * 1_000_000 + 6
    assert json.loads(stored.attributes) == {"ce-id": "7"}
    assert json.loads(stored.payload) == {"a": {"b/c": 1}}


@pytest.mark.parametrize(
    ("pointer", "found"), [("/a/1/b", 7), ("/a/2", None), ("/a/x", None), ("/a/-", None), ("/n/x", None), ("/a~1b", 5)]
)
def test_pointers_go_through_objects_and_arrays(pointer: str, found: int | None) -> None:
    stored = row(b'{"a": [0, {"b": 7}], "n": 1, "a/b": 5}', Column(name="c", type="INT64", pointer=pointer))
    assert (stored.c if stored.HasField("c") else None) == found


def test_a_payload_that_is_no_json_is_kept_as_base64() -> None:
    assert row(b"\xff\x00", Column(name="payload", type="JSON", envelope="payload")).payload == '"/wA="'


def test_what_is_absent_is_null_unless_required() -> None:
    assert not row(b"{}", Column(name="c", type="INT64", pointer="/x")).HasField("c")
    assert not row(b"no json", Column(name="c", type="INT64", pointer="/x")).HasField("c")
    with pytest.raises(CannotSucceed, match="column c: REQUIRED"):
        row(b"{}", Column(name="c", type="INT64", mode="REQUIRED", pointer="/x"))
